"""The echo canceller finds the echo by itself: delay, drifting clocks, jumps, pauses, loudspeakers, other rooms."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from helpers_audio import db, joined, power, speech_like, steps
from hypothesis import given, settings
from hypothesis import strategies as st

from device.audio import AudioEngine, Ring
from device.audio.alignment import AlignedReference
from device.audio.backends.room import RoomBackend, RoomSettings
from device.audio.delay import Delay, gcc_phat
from device.audio.drift import DriftTracker
from device.audio.echo import EchoCanceller, cancel_recording
from device.audio.follower import DelayFollower
from device.audio.loudspeaker_model import LoudspeakerModel
from device.audio.room.acoustics import Geometry, random_geometry, response
from device.audio.room.convolver import convolve
from device.values import FRAME, RATE_HZ


@functools.cache
def recording(seconds=14.0, say_at=None, **settings):
    """(microphone, what left the loudspeaker) of a reply in a room."""
    room = RoomBackend(RoomSettings(**settings))
    engine = AudioEngine(room, echo="none")
    engine.mixer.speech.begin(1)
    engine.mixer.speech.write(speech_like(seconds + 1, seed=5))
    if say_at is not None:
        room.say(speech_like(seconds - say_at, seed=9), int(say_at * RATE_HZ))
    frames = steps(engine, int(seconds * 100))
    return joined(frames, "mic"), joined(frames, "reference")


def erle(mic, clean, first_s, last_s):
    part = slice(int(first_s * RATE_HZ), int(last_s * RATE_HZ))
    return db(power(mic[part]) / power(clean[part]))


@pytest.mark.parametrize("delay_ms", [0, 40, 150, 240])
def test_the_delay_is_found_without_a_hint(delay_ms):
    mic, reference = recording(6.0, echo_delay_ms=delay_ms)
    clean, canceller = cancel_recording(mic, reference)
    assert canceller.delay_ms == pytest.approx(delay_ms, abs=0.1)
    assert erle(mic, clean, 4, 6) > 17


@pytest.mark.parametrize("ppm", [50, -50, 200, -200])
def test_two_clocks_are_followed_and_cost_nothing(ppm):
    mic, reference = recording(drift_ppm=ppm)
    clean, canceller = cancel_recording(mic, reference)
    assert canceller.drift_ppm == pytest.approx(ppm, abs=2)
    alike = recording()
    assert erle(mic, clean, 10, 14) > erle(alike[0], cancel_recording(*alike)[0], 10, 14) - 3


def test_one_clock_is_not_resampled():
    mic, reference = recording()
    _, canceller = cancel_recording(mic, reference)
    assert abs(canceller.drift_ppm) < 1
    assert canceller._aligned.ppm == 0.0
    assert canceller._aligned.offset(0) == int(canceller._aligned.offset(0))


def test_clocks_that_drift_apart_during_a_pause_are_caught_within_the_next_half_second():
    mic, reference = recording(24.0, drift_ppm=200)
    pause = slice(10 * RATE_HZ, 19 * RATE_HZ)
    room_tone = np.random.default_rng(0).normal(0, 4e-4, len(mic)).astype(np.float32)
    mic, reference = mic.copy(), reference.copy()
    mic[pause], reference[pause] = room_tone[pause], 0
    ring = Ring(len(reference) + RATE_HZ)
    ring.write(reference)
    canceller, clean = EchoCanceller(ring), mic.copy()
    for at in range(0, len(mic), FRAME):
        if not pause.start + RATE_HZ // 2 <= at < pause.stop:  # the engine lets it rest
            clean[at : at + FRAME] = canceller.step(at, mic[at : at + FRAME])
    assert erle(mic, clean, 19.6, 20.6) > 18
    assert canceller.counters["canceller_resets"] == 0


@pytest.mark.parametrize("shift", [40, 160, -160])
def test_an_echo_that_jumps_is_cancelled_again_within_a_second(shift):
    geometry = random_geometry(1)
    path = np.concatenate((np.zeros(640, np.float32), response(geometry, geometry.loudspeaker, 0.4)))
    x = speech_like(10.0, seed=3, level_dbfs=-26)
    n, jump = len(x), 7 * RATE_HZ
    echo = np.concatenate((convolve(x, path)[:jump], convolve(x, np.roll(path, shift))[jump:n]))
    echo += np.random.default_rng(0).normal(0, 4e-4, n).astype(np.float32)
    clean, canceller = cancel_recording(echo, x)
    assert erle(echo, clean, 6.0, 7.0) > 22
    assert erle(echo, clean, 7.0, 7.2) < 10
    assert canceller.counters["delay_jumps"] == 1
    assert canceller.counters["canceller_resets"] == 0, "what was learned fits again"
    assert erle(echo, clean, 8.0, 10.0) > 21


def test_a_loudspeaker_that_was_moved_is_learned_anew_within_three_seconds():
    here = random_geometry(1)
    there = Geometry(here.size, here.mic, here.mic + (here.loudspeaker - here.mic)[[1, 0, 2]] * [1, -1, 1])
    x = speech_like(14.0, seed=3, level_dbfs=-26)
    n, moved = len(x), 7 * RATE_HZ
    first, second = (convolve(x, response(here, g.loudspeaker, 0.4))[:n] for g in (here, there))
    echo = np.concatenate((first[:moved], second[moved:]))
    echo += np.random.default_rng(0).normal(0, 4e-4, n).astype(np.float32)
    clean, canceller = cancel_recording(echo, x)
    assert erle(echo, clean, 7.0, 7.2) < 12
    assert erle(echo, clean, 10.0, 14.0) > 19
    assert canceller.counters["canceller_changes"] + canceller.counters["canceller_resets"] >= 1


@pytest.mark.parametrize("ser_db", [-10.0, 0.0, 5.0])
def test_a_talker_changes_neither_delay_nor_drift_nor_path(ser_db):
    mic, reference = recording(14.0, say_at=6.0, ser_db=ser_db, drift_ppm=50, seed=2)
    _, canceller = cancel_recording(mic, reference)
    counters = canceller.counters
    assert counters["canceller_changes"] == counters["canceller_resets"] == counters["delay_jumps"] == 0
    assert canceller.drift_ppm == pytest.approx(50, abs=3)


def test_a_loudspeaker_that_distorts_is_modelled_and_gains_by_it(monkeypatch):
    mic, reference = recording(distortion="clip")
    clean, canceller = cancel_recording(mic, reference)
    assert canceller.distortion_db > -30
    monkeypatch.setattr(LoudspeakerModel, "study", lambda *_: iter(()))
    plain, canceller = cancel_recording(mic, reference)
    assert canceller.distortion_db is None
    assert erle(mic, clean, 10, 14) > erle(mic, plain, 10, 14) + 3


def test_a_straight_loudspeaker_is_left_straight():
    mic, reference = recording(distortion="none")
    clean, canceller = cancel_recording(mic, reference)
    assert canceller.distortion_db is None
    assert erle(mic, clean, 10, 14) > 26


def test_tones_tell_no_delay_and_lead_nobody_astray():
    t = np.arange(12 * RATE_HZ) / RATE_HZ
    note = np.array([440.0, 554.0, 659.0, 880.0])[(t * 4).astype(int) % 4]
    x = (0.1 * np.sin(2 * np.pi * np.cumsum(note) / RATE_HZ)).astype(np.float32)
    geometry = random_geometry(4)
    echo = convolve(
        np.concatenate((np.zeros(640, np.float32), x)), response(geometry, geometry.loudspeaker, 0.4)
    )
    echo = echo[: len(x)] + np.random.default_rng(0).normal(0, 4e-4, len(x)).astype(np.float32)
    clean, canceller = cancel_recording(echo, x)
    assert canceller.delay_ms is None and canceller.drift_ppm is None
    assert canceller.counters["delay_jumps"] == 0
    assert erle(echo, clean, 6, 12) > 12


def test_a_seeded_canceller_cancels_from_the_first_word():
    geometry = random_geometry(1)
    path = np.concatenate((np.zeros(1600, np.float32), response(geometry, geometry.loudspeaker, 0.4)))
    x = speech_like(3.0, seed=3, level_dbfs=-26)
    echo = convolve(x, path)[: len(x)] + np.random.default_rng(0).normal(0, 4e-4, len(x)).astype(np.float32)
    ring = Ring(4 * RATE_HZ)
    ring.write(x)
    canceller, clean = EchoCanceller(ring), np.zeros_like(echo)
    canceller.seed(path)
    for at in range(0, len(echo) - FRAME + 1, FRAME):
        clean[at : at + FRAME] = canceller.step(at, echo[at : at + FRAME])
    assert erle(echo, clean, 0.2, 1.2) > 20
    assert canceller.delay_ms == pytest.approx(100, abs=0.1)


# ---------------------------------------------------------------------- the parts


def test_the_reference_is_read_between_samples_as_a_sine_says():
    t = np.arange(2 * RATE_HZ) / RATE_HZ
    ring = Ring(2 * RATE_HZ)
    ring.write(np.sin(2 * np.pi * 3000 * t).astype(np.float32))
    aligned = AlignedReference(ring)
    aligned.steer(0, 200.0, jump=100.3)
    for position in range(RATE_HZ, RATE_HZ + 50 * FRAME, FRAME):
        at = position + np.arange(FRAME)
        wanted = np.sin(2 * np.pi * 3000 * (at - (100.3 - 200e-6 * at)) / RATE_HZ)
        assert db(power(aligned.read(position) - wanted) / power(wanted)) < -60


def test_before_the_first_and_after_the_last_known_sample_there_is_silence():
    ring = Ring(1000)
    ring.write(np.ones(400, np.float32))
    aligned = AlignedReference(ring)
    aligned.steer(0, 0.0, jump=50)
    assert aligned.read(0).tolist() == [0.0] * 50 + [1.0] * 110
    assert aligned.read(320).tolist() == [1.0] * 130 + [0.0] * 30


@pytest.mark.parametrize("delay", [-200, 0, 640, 3999])
def test_gcc_phat_finds_the_delay_of_noise(delay):
    x = np.random.default_rng(1).standard_normal(24_000).astype(np.float32)
    found = gcc_phat(x[4000:20000], x[4000 - delay : 20000 - delay], -320, 4000)
    assert found.samples == pytest.approx(delay, abs=0.01)
    assert found.quality > 30 and found.coverage > 0.9


def test_gcc_phat_doubts_what_has_nothing_in_common():
    rng = np.random.default_rng(1)
    for _ in range(20):
        a, b = rng.standard_normal((2, 8000)).astype(np.float32)
        assert gcc_phat(a, b, -320, 4000).quality < 12


def test_the_drift_is_the_slope_and_three_wrong_of_ten_do_not_move_it():
    rng, tracker = np.random.default_rng(3), DriftTracker()
    for k in range(20):
        at = k * 8000
        wrong = 80.0 if k % 10 in (3, 5, 9) else 0.0
        tracker.add(at, 640 - 200e-6 * at + rng.normal(0, 0.02) + wrong)
    assert tracker.ppm == pytest.approx(200, abs=4)
    assert tracker.settled


# ---------------------------------------------------------------------- where the reference is read: pure decisions


class Clocks:
    """An echo whose delay moves as two clocks do, and a follower that is told what would be measured."""

    def __init__(self, delay: float, ppm: float) -> None:
        self.follower, self.delay, self.ppm = DelayFollower(), delay, ppm
        self.read_back, self.rate, self.position, self.moves = 0.0, 0.0, 0, []

    def look(self, seconds=0.5, noise=0.0, quality=40.0, coverage=0.9):
        step = round(seconds * RATE_HZ)
        self.position += step
        self.delay -= step * self.ppm * 1e-6
        self.read_back -= step * self.rate * 1e-6
        seen = Delay(self.delay - self.read_back + noise, quality, coverage)
        steer = self.follower.measured(self.position, self.position, seen, (self.read_back, self.read_back))
        if steer is not None:
            self.read_back += steer.jump
            self.rate = steer.ppm
            self.moves.append(steer)
        return steer

    @property
    def off(self) -> float:
        """Where the echo lies after the reference as it is read."""
        return self.delay - self.read_back


@given(
    delay=st.floats(-300, 3900),
    ppm=st.floats(-400, 400),
    noises=st.lists(st.floats(-0.1, 0.1), min_size=40, max_size=40),
)
@settings(max_examples=60, deadline=None)
def test_wherever_the_echo_lies_it_is_brought_near_and_held_there(delay, ppm, noises):
    clocks = Clocks(delay, ppm)
    for noise in noises:
        clocks.look(noise=noise)
    held = clocks.off
    assert 0 < held < 300
    for noise in noises:
        clocks.look(noise=noise)
        assert abs(clocks.off - held) < 3
    assert clocks.follower.ppm == pytest.approx(ppm, abs=8)
    assert clocks.follower.jumps == 0


@given(jump=st.sampled_from([-160.0, -20.0, 20.0, 160.0, 800.0]), ppm=st.floats(-100, 100))
@settings(max_examples=30, deadline=None)
def test_a_jump_is_believed_at_the_second_sight_and_a_single_wrong_delay_never(jump, ppm):
    clocks = Clocks(640, ppm)
    for _ in range(24):
        clocks.look()
    held = clocks.off
    assert clocks.look(noise=jump) is None and clocks.follower.unsure
    clocks.look()
    assert abs(clocks.off - held) < 2 and clocks.follower.jumps == 0
    clocks.delay += jump
    clocks.look()
    clocks.look(0.15)
    assert abs(clocks.off - held) < 2 and clocks.follower.jumps == 1


@pytest.mark.parametrize("doubtful", [{"quality": 9.0}, {"coverage": 0.2}])
def test_what_is_no_echo_moves_nothing(doubtful):
    clocks = Clocks(640, 0)
    for _ in range(10):
        assert clocks.look(**doubtful) is None
    assert clocks.read_back == 0 and clocks.follower.ppm is None
