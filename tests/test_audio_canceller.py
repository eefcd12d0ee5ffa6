"""The echo canceller in the simulated room: what it removes, what it leaves, when it rests."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from helpers_audio import db, joined, power, speech_like, steps

from device.audio import AudioEngine
from device.audio.backends.room import RoomBackend, RoomSettings
from device.audio.canceller import Canceller
from device.audio.erle import ErleMeter
from device.values import FRAME, RATE_HZ


def conversation(seconds: float, *, echo="software", play=True, say_at: float | None = None, **settings):
    """A reply of ``seconds`` in a room, with a talker from ``say_at`` seconds on; (engine, frames)."""
    room = RoomBackend(RoomSettings(**settings))
    engine = AudioEngine(room, echo=echo)
    engine.start()
    if play:
        engine.mixer.speech.begin(1)
        engine.mixer.speech.write(speech_like(seconds, seed=5))
        engine.mixer.speech.finish()
    if say_at is not None:
        room.say(speech_like(seconds - say_at, seed=9), int(say_at * RATE_HZ))
    return engine, steps(engine, int(seconds * 100))


@functools.cache
def base_case():
    return conversation(10.0)


def part(frames, name, first_s, last_s):
    return joined(frames, name)[int(first_s * RATE_HZ) : int(last_s * RATE_HZ)]


def erle(frames, first_s, last_s):
    return db(power(part(frames, "mic", first_s, last_s)) / power(part(frames, "clean", first_s, last_s)))


def test_after_six_seconds_of_playback_the_echo_is_20_db_lower():
    _, frames = base_case()
    assert erle(frames, 6, 10) > 20


def test_the_meter_says_what_the_canceller_does():
    engine, frames = base_case()
    assert engine.erle_db == pytest.approx(erle(frames, 7, 10), abs=2.5)
    assert not frames[50].converged
    assert frames[-1].converged


@pytest.mark.parametrize(
    ("settings", "least_db"),
    [
        ({"echo_delay_ms": 0}, 19),
        ({"echo_delay_ms": 150}, 19),
        ({"echo_delay_ms": 240}, 18),
        ({"distortion": "none"}, 22),
        ({"distortion": "clip"}, 15),
        ({"rt60_s": 0.6}, 17),
    ],
)
def test_other_rooms_and_loudspeakers_cost_some_of_it(settings, least_db):
    _, frames = conversation(8.0, **settings)
    assert erle(frames, 5, 8) > least_db


def test_a_talker_10_db_below_the_echo_comes_out_of_it_at_his_own_level():
    settings = {"ser_db": -10.0, "distortion": "none"}
    _, alone = conversation(10.0, play=False, say_at=6.0, **settings)
    _, both = conversation(10.0, say_at=6.0, **settings)
    talker, mic, clean = part(alone, "mic", 7, 10), part(both, "mic", 7, 10), part(both, "clean", 7, 10)

    def talker_to_rest(x):
        gain = float(x @ talker) / float(talker @ talker)
        return db(power(gain * talker) / power(x - gain * talker)), 20 * np.log10(abs(gain))

    before, _ = talker_to_rest(mic)
    after, level = talker_to_rest(clean)
    assert before < -6
    assert after > 5
    assert abs(level) < 1.0


def test_a_talker_does_not_spoil_what_was_learned():
    engine, _ = conversation(10.0, say_at=6.0)
    alone = conversation(8.0)[1]
    engine.mixer.speech.begin(2)
    engine.mixer.speech.write(speech_like(2.0, seed=6))
    engine.mixer.speech.finish()
    steps(engine, 60)
    after = steps(engine, 120)
    assert db(power(joined(after, "mic")) / power(joined(after, "clean"))) > erle(alone, 6, 8) - 5


def test_without_playback_the_canceller_rests_and_passes_the_microphone_through():
    engine, frames = conversation(1.0, play=False, say_at=0.2)
    assert engine.counters["canceller_adapted"] == 0
    np.testing.assert_array_equal(joined(frames, "mic"), joined(frames, "clean"))
    assert not any(f.playing for f in frames)


def test_echo_none_hands_the_microphone_on_untouched():
    engine, frames = conversation(1.0, echo="none")
    np.testing.assert_array_equal(joined(frames, "mic"), joined(frames, "clean"))
    assert frames[-1].playing and not frames[-1].converged
    assert "canceller_adapted" not in engine.counters


def test_a_missing_microphone_does_not_unlearn_the_echo_path():
    room = RoomBackend(RoomSettings())
    engine = AudioEngine(room)
    engine.mixer.speech.begin(1)
    engine.mixer.speech.write(speech_like(12.0, seed=5))

    def fault(k):
        if k == 600:
            room.unplug()
        if k == 800:
            room.plug()

    frames = steps(engine, 1000, fault)
    assert not part(frames, "clean", 6, 8).any()
    assert erle(frames, 8.3, 10) > 18


@pytest.mark.parametrize("ser_db", [0.0, 10.0, 20.0])
def test_a_loud_talker_is_not_taken_for_a_jump_of_the_path(ser_db):
    engine, _ = conversation(9.0, say_at=4.0, ser_db=ser_db)
    counters = engine.counters
    assert counters["canceller_resets"] == counters["canceller_changes"] == counters["delay_jumps"] == 0


def test_the_canceller_stays_in_single_precision():
    canceller = Canceller()
    clean = canceller.step(np.zeros(FRAME, np.float32), np.ones(FRAME, np.float32))
    assert clean.dtype == np.float32
    assert {canceller._w.dtype, canceller._x.dtype} == {np.dtype(np.complex64)}
    assert {canceller._p.dtype, canceller._near.dtype} == {np.dtype(np.float32)}


def test_the_meter_leaves_a_talker_out_who_fills_a_third_of_the_time():
    meter = ErleMeter()
    for second in range(6):
        for k in range(100):
            meter.playing(1e-3, 1e-3 if second >= 3 and k < 33 else 1e-5)
    assert meter.erle_db == pytest.approx(20, abs=0.1)


def test_a_playback_lost_in_the_noise_counts_as_cancelled():
    meter = ErleMeter()
    for _ in range(200):
        meter.quiet(1e-6)
    for _ in range(200):
        meter.playing(1.3e-6, 1.1e-6)
    assert meter.erle_db < 2 and meter.converged
