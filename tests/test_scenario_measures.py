"""Measures are taken at the loudspeaker, from what was said and what sounded."""

import numpy as np

from device.scenario.expectations import Happened
from device.scenario.measures import Cut, Sound, measure
from device.scenario.timing import Span

S = 16_000
LINE = {"cut": Span(2 * S, 2 * S, 3 * S)}


def sound(gain: list[tuple[float, float]], seconds: float = 6.0) -> Sound:
    """``gain``: (from this second on, linear gain of the reply)."""
    blocks = int(seconds * 100)
    track = np.zeros(blocks, np.float32)
    for start, value in gain:
        track[round(start * 100) :] = value
    rng = np.random.default_rng(1)
    played = np.repeat(track, 160) * rng.standard_normal(blocks * 160).astype(np.float32) * 0.1
    return Sound(mic=played * 0.5, clean=played * 0.05, played=played, gain=track)


def test_duck_and_stop_count_from_the_talkers_first_sample_to_the_loudspeaker():
    happened = [Happened("duck", int(2.06 * S), "", "cut"), Happened("hold", int(2.25 * S), "", "cut")]
    out = measure(happened, LINE, sound([(0, 1.0), (2.08, 0.126), (2.29, 0.0)]))
    assert out.duck_ms == [80.0] and out.stop_ms == [290.0]
    assert out.resume_ms == [] and out.false_ducks == 0


def test_a_stop_that_nothing_had_to_stop_is_not_measured():
    happened = [Happened("cancel", int(2.5 * S), "", "cut")]
    assert measure(happened, LINE, sound([(0, 0.0)])).stop_ms == []


def test_resume_counts_from_the_talkers_last_sample_to_full_gain():
    happened = [Happened("hold", int(2.2 * S), "", "cut"), Happened("resume", int(3.3 * S), "", "cut")]
    out = measure(happened, LINE, sound([(0, 1.0), (2.23, 0.0), (3.35, 0.3), (3.36, 1.0)]))
    assert out.resume_ms == [360.0]


def test_voice_to_voice_is_from_the_last_sample_to_the_first_of_the_reply():
    happened = [Happened("reply_start", int(3.9 * S), "It is nine.", "cut")]
    assert measure(happened, LINE, sound([])).voice_to_voice_ms == [900.0]


def test_a_duck_while_nobody_speaks_is_false():
    happened = [Happened("duck", at, "", "") for at in (S, int(2.1 * S), int(3.4 * S), 5 * S)]
    assert measure(happened, LINE, sound([(0, 1.0)])).false_ducks == 2


def test_erle_is_the_echo_that_the_canceller_took_away():
    assert measure([], LINE, sound([(0, 1.0)])).erle_db == 20.0
    assert measure([], LINE, sound([(0, 0.0)])).erle_db is None, "nothing was played"


def test_the_worst_account_of_what_was_heard_is_reported():
    cuts = [Cut(1, claimed=5, played=5.3), Cut(2, claimed=4, played=6.0)]
    assert measure([], LINE, sound([]), cuts).heard_error_words == -2.0
    assert measure([], LINE, sound([])).heard_error_words is None
