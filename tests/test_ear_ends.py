"""Ends of utterances, heard by the whole ear with real recognisers: plausible, committed, and gone on with."""

from dataclasses import replace

import numpy as np
import pytest
from helpers_ear import Listener, Notebook, of, say, silence, with_noise

from device import values as v
from device.config import Config
from device.ear.recognisers import open_recogniser
from device.ear.recognisers.messages import RecogniserSettings
from device.engines import InProcessDoor
from device.values import RATE_HZ, ms, samples


def edges(clip):
    """First and last loud sample of a clip."""
    loud = np.flatnonzero(np.abs(clip) > 10 ** (-30 / 20) * np.abs(clip).max())
    return int(loud[0]), int(loud[-1])


def trimmed(text, voice="flite:slt"):
    clip = say(text, voice)
    first, last = edges(clip)
    return clip[first : last + 1]


@pytest.fixture(scope="module", params=["pocketsphinx", "vosk"])
def door(request):
    model = "vosk-tiny-en" if request.param == "vosk" else ""
    config = Config(recogniser=type(Config().recogniser)(engine=request.param, model=model))
    door = open_recogniser(config, in_process=True)
    yield door
    door.close()


class Conversing:
    """What a conversation does with ends: finalises at each, and listens to who begins to speak."""

    def __init__(self, door, config=None):
        self.listener = Listener(door, wake=[], config=config)
        self.listener.on_event = self._react
        self.utterance = 0
        self.listener.hear(with_noise(silence(0.5)))
        self.open = False

    def _react(self, event):
        ear = self.listener.ear
        match event:
            case v.SpeechBegan(onset=onset) if not self.open:
                self.utterance += 1
                self.open = True
                start = onset - samples(300)
                ear.execute(v.Listen(self.utterance, start, start))
            case v.Endpoint(utterance=utterance):
                self.open = False
                ear.execute(v.Finalise(utterance))

    def hear(self, *parts, tail=1.8):
        """Clips and pauses in s; returns the events, and the position after the last clip."""
        sound = np.concatenate([silence(part) if isinstance(part, float) else part for part in parts])
        end = self.listener.position + len(sound)
        return self.listener.hear(with_noise(np.concatenate((sound, silence(tail))))), end


@pytest.mark.parametrize("text", ["volume up", "what time is it"])
def test_a_local_command_ends_within_0_3_s_and_was_plausible_before(door, text):
    events, end = Conversing(door).hear(trimmed(text))
    (endpoint,) = of(v.Endpoint, events)
    assert ms(endpoint.position - end) <= 360
    plausible = of(v.PlausibleEnd, events)
    assert plausible
    assert all(p.position <= endpoint.position and p.utterance == endpoint.utterance for p in plausible)
    (final,) = of(v.Final, events)
    assert final.intent is not None
    partials = [p for p in of(v.Partial, events) if p.text == final.text]
    assert partials[-1].intent == final.intent


def test_partials_that_are_no_command_have_no_intent(door):
    events, _ = Conversing(door).hear(trimmed("turn the volume up"))
    halves = [p for p in of(v.Partial, events) if p.text in ("turn", "turn the", "turn the volume")]
    assert halves
    assert all(p.intent is None for p in halves)


def test_half_a_command_is_waited_for(door):
    events, end = Conversing(door).hear(trimmed("turn the volume"), 0.7, trimmed("up"))
    (endpoint,) = of(v.Endpoint, events)
    assert endpoint.position > end


def test_who_goes_on_after_the_end_begins_to_speak_again_and_is_remembered(door):
    conversing = Conversing(door)
    habits = conversing.listener.ear.habits
    before = habits.pause
    events, end = conversing.hear(trimmed("what time is it"), 0.6, trimmed("volume up"))
    ends = of(v.Endpoint, events)
    assert [e.utterance for e in ends] == [1, 2]
    assert ends[0].position < end - samples(600)
    assert ends[1].last > ends[0].last + samples(600)
    assert len(of(v.SpeechBegan, events)) == len(of(v.SpeechEnded, events)) == 2
    assert habits.pause > before


def test_what_is_over_sooner_than_the_gate_closes_still_begins_anew():
    config = Config(endpointing=type(Config().endpointing)(min_ms=100))
    conversing = Conversing(InProcessDoor("recogniser", "test_ear_ends:make_knowing", None), config)
    events, _ = conversing.hear(trimmed("volume up"), 0.16, trimmed("volume up"))
    assert len(of(v.Endpoint, events)) == 2
    assert len(of(v.SpeechBegan, events)) == len(of(v.SpeechEnded, events)) == 2


def test_over_a_reply_a_hard_word_ends_after_the_fixed_silence_and_no_end_is_plausible():
    listener = Listener(InProcessDoor("recogniser", "test_ear_ends:make_stopping", None), wake=[])
    listener.hear(with_noise(silence(0.5)))
    listener.ear.execute(v.Listen(1, RATE_HZ // 4, RATE_HZ // 4, "over"))
    events = listener.hear(with_noise(np.concatenate((trimmed("stop"), silence(1)))))
    (endpoint,) = of(v.Endpoint, events)
    assert endpoint.position - endpoint.last == samples(Config().endpointing.silence_ms)
    assert of(v.PlausibleEnd, events) == []


def test_words_of_a_pre_roll_that_is_still_caught_up_with_are_no_end():
    """Heard again from its onset, a sentence begins with its first word, long after it was over."""
    listener = Listener(InProcessDoor("recogniser", "test_ear_ends:make_slow_reader", None), wake=[])
    listener.hear(
        with_noise(np.concatenate((silence(0.5), trimmed("tell me a story about lighthouses"), silence(0.3))))
    )
    listener.ear.execute(v.Listen(1, RATE_HZ // 4, RATE_HZ // 4))
    events = listener.hear(with_noise(silence(1)))
    kinds = [(type(e), e.text if isinstance(e, v.Partial) else "") for e in events]
    assert kinds.index((v.PlausibleEnd, "")) > kinds.index((v.Partial, "tell me a story"))
    assert len(of(v.PlausibleEnd, events)) == len(of(v.Endpoint, events)) == 1


class Knowing(Notebook):
    """A recogniser that knows from the start that it is a command."""

    def handle(self, message):
        return [
            v.Partial(
                r.position,
                r.utterance,
                "volume up",
                (),
                accepted=True,
                free=False,
                intent=v.Intent("volume_up"),
            )
            if isinstance(r, v.Partial)
            else r
            for r in super().handle(message)
        ]


class Stopping(Notebook):
    """Hears nothing but "stop"."""

    def handle(self, message):
        return [replace(r, text="stop") if isinstance(r, v.Partial) else r for r in super().handle(message)]


class SlowReader(Notebook):
    """A word for every half second of sound."""

    def handle(self, message):
        words = ["tell", "me", "a", "story"]
        return [
            replace(r, text=" ".join(words[: 1 + int(r.text) // 5000])) if isinstance(r, v.Partial) else r
            for r in super().handle(message)
        ]


make_stopping, make_slow_reader = Stopping, SlowReader


def make_knowing(settings: RecogniserSettings | None):
    return Knowing(settings)
