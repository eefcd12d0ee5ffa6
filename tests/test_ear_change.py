"""Other wake words, thresholds and sensitivities while the ear listens: real models, synthetic talkers, lock-step."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
from helpers_ear import Listener, of, say, silence, with_noise

from device.config import Config, parse
from device.ear.barge_in import bar_of
from device.ear.spotting import FRAMES_PER_STEP, WARM_UP, Spotters, load_spotters
from device.values import FRAME, RATE_HZ, StopHeard, Wake, samples

LEAD_S = 2.5
"""Before the word: so much the models want to have heard, whoever they are."""


@functools.cache
def sound(text: str = "alexa", voice: str = "flite:slt") -> np.ndarray:
    return with_noise(np.concatenate((silence(LEAD_S), say(text, voice), silence(1.2))))


def config(*words: str, **wake: Any) -> Config:
    return parse({"wake": {"words": list(words)} | wake})


def across(old: Config, new: Config, at: int, text: str = "alexa", voice: str = "flite:slt") -> Listener:
    """An ear that hears ``text`` and gets ``new`` in place of ``old`` at position ``at``."""
    ear, clip, at = Listener(config=old), sound(text, voice), at // FRAME * FRAME
    ear.hear(clip[:at])
    other = (old.wake.words, old.wake.stop) != (new.wake.words, new.wake.stop)
    ear.ear.reconfigure(new, load_spotters(new) if other else None)
    ear.hear(clip[at:])
    return ear


def moments(text: str = "alexa", voice: str = "flite:slt") -> list[int]:
    """Every 100 ms of the word, from before its first sound until after it was decided."""
    first, last = round(LEAD_S * RATE_HZ), round(LEAD_S * RATE_HZ) + len(say(text, voice))
    return [*range(first - samples(100), last + samples(200), samples(100))]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (config("okay_nabu"), config("alexa")),
        (config("alexa"), config("alexa", "okay_nabu")),
        (config("alexa", threshold=0.9), config("alexa", "okay_nabu", threshold=0.3)),
        (config("alexa", threshold=0.3), config("alexa", "okay_nabu", threshold=0.9)),
    ],
    ids=["another word", "a word more", "a lower threshold too", "a higher one"],
)
def test_a_wake_word_said_across_the_change_wakes_once_whenever_in_the_word_the_change_comes(old, new):
    for at in moments():
        woken = of(Wake, across(old, new, at).events)
        assert [wake.word for wake in woken] == ["alexa"], f"changed {at / RATE_HZ - LEAD_S:.2f} s into it"


@pytest.mark.parametrize("voice", ["flite:awb", "espeak:en-gb"])
def test_other_talkers_are_heard_across_a_change_as_well(voice):
    for at in moments(voice=voice)[::2]:
        woken = of(Wake, across(config("okay_nabu"), config("alexa"), at, voice=voice).events)
        assert [wake.word for wake in woken] == ["alexa"]


def test_a_threshold_alone_changes_in_the_middle_of_a_word():
    for at in moments()[::2]:
        ear = across(config("alexa", threshold=0.99), config("alexa", threshold=0.3), at)
        assert len(of(Wake, ear.events)) == 1 and not ear.ear.changing_words


@pytest.mark.parametrize("thresholds", [(0.95, 0.1), (0.1, 0.95)])
def test_it_wakes_once_where_old_and_new_words_would_decide_at_different_moments(thresholds):
    old, new = config("alexa", threshold=thresholds[0]), config("alexa", "okay_nabu", threshold=thresholds[1])
    decided = [of(Wake, across(one, one, FRAME).events)[0].position for one in (old, new)]
    assert decided[0] != decided[1]
    for at in range(min(decided) - samples(120), max(decided) + 2 * FRAME, 2 * FRAME):
        assert len(of(Wake, across(old, new, at).events)) == 1, f"decided {decided}, changed {at}"


def test_the_end_of_the_word_is_known_as_well_as_without_a_change():
    alexa = config("alexa")
    (usual,) = of(Wake, across(alexa, alexa, FRAME).events)
    for at in moments():
        (wake,) = of(Wake, across(config("okay_nabu"), alexa, at).events)
        assert abs(wake.end - usual.end) <= samples(40)


def test_a_word_that_means_nothing_any_more_stops_to_wake_within_a_tenth_of_a_second():
    assert WARM_UP / FRAME / FRAMES_PER_STEP <= 10
    before = round(LEAD_S * RATE_HZ)
    assert of(Wake, across(config("alexa"), config("okay_nabu"), before).events) == []


def test_what_was_said_long_before_the_change_wakes_nobody():
    clip = np.concatenate((sound(), silence(0.5)))
    ear = Listener(config=config("okay_nabu"))
    ear.hear(clip)
    ear.ear.reconfigure(config("alexa"), load_spotters(config("alexa")))
    ear.hear(with_noise(silence(1)))
    assert of(Wake, ear.events) == [] and not ear.ear.changing_words


def test_two_changes_in_a_row_end_with_the_last_and_no_word_is_lost():
    for at in moments():
        ear, clip, at = Listener(config=config("okay_nabu")), sound(), at // FRAME * FRAME
        ear.hear(clip[:at])
        for words in (("hey_jarvis",), ("alexa",)):
            ear.ear.reconfigure(config(*words), load_spotters(config(*words)))
            ear.hear(clip[at : at + 2 * FRAME])
            at += 2 * FRAME
        ear.hear(clip[at:])
        assert [wake.word for wake in of(Wake, ear.events)] == ["alexa"]


def test_a_wake_word_becomes_the_word_that_stops_without_a_restart():
    new = config("okay_nabu", stop="alexa")
    for at in moments():
        events = across(config("alexa"), new, at).events
        heard = [event for event in events if isinstance(event, Wake | StopHeard)]
        assert [event.word for event in heard] == ["alexa"], "as the one or as the other"


def test_frames_that_are_missing_while_new_words_catch_up_are_no_matter():
    ear = Listener(config=config("okay_nabu"))
    clip = sound()
    ear.hear(clip[: samples(1500)], missing=lambda at: at % samples(300) == 0)
    ear.ear.reconfigure(config("alexa"), load_spotters(config("alexa")))
    ear.hear(clip[samples(1500) :], missing=lambda at: at < samples(1600))
    assert [wake.word for wake in of(Wake, ear.events)] == ["alexa"]


def test_the_spotter_of_stop_keeps_what_it_has_heard_when_only_wake_words_change():
    ear = Listener(config=config("okay_nabu"))
    spotter = ear.ear._spotting.spotters.stop
    ear.hear(sound()[: samples(500)])
    new = config("alexa", stop_threshold=0.7)
    ear.ear.reconfigure(new, load_spotters(new))
    ear.hear(sound()[samples(500) :])
    assert ear.ear._spotting.spotters.stop is spotter and spotter.threshold == 0.7


def test_no_spotter_of_stop_is_left_when_it_is_not_wanted_and_one_is_there_again_when_it_is():
    ear = Listener(config=config("alexa"))
    for stop, there in (("", False), ("auto", True)):
        new = config("alexa", stop=stop)
        ear.ear.reconfigure(new, load_spotters(new))
        ear.hear(silence(0.5))
        assert (ear.ear._spotting.spotters.stop is not None) is there


def test_an_ear_without_any_word_gets_some():
    ear = Listener(wake=(), config=config("alexa", stop=""))
    assert ear.ear._spotting.spotters == Spotters(None, None)
    ear.hear(sound()[: samples(1000)])
    ear.ear.reconfigure(config("alexa"), load_spotters(config("alexa")))
    ear.hear(sound()[samples(1000) :])
    assert [wake.word for wake in of(Wake, ear.events)] == ["alexa"]


def test_sensitivity_changes_the_bar_and_not_what_has_added_up():
    ear = Listener(config=parse({"barge_in": {"sensitivity": 0.2}}))
    assert ear.ear._barge_in._bar == bar_of(0.2)
    ear.ear.reconfigure(parse({"barge_in": {"sensitivity": 0.9}}))
    assert ear.ear._barge_in._bar == bar_of(0.9)
