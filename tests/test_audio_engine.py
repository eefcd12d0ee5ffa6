"""The engine: positions that never stop, a reference that lies where it left, an account of what was played."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from helpers_audio import ScriptedCard, joined, speech_like, steps

from device.audio import AudioEngine, Captured, open_backend
from device.audio.backends.none import NoneBackend
from device.audio.backends.pace import Pacer
from device.audio.backends.room import RoomBackend, RoomSettings
from device.audio.resample import BlockDecimator
from device.config.schema import AudioSection, Config
from device.errors import AudioError
from device.values import FRAME, RATE_HZ


def noise(seed: int, n: int = FRAME) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(n) * 0.05).astype(np.float32)


def frames_at(positions) -> list[Captured]:
    return [Captured(p, noise(k)) for k, p in enumerate(positions)]


def drain(engine: AudioEngine) -> list:
    frames = []
    while (frame := engine.capture()) is not None:
        frames.append(frame)
        engine.render()
    return frames


def test_frames_follow_one_another_and_the_rings_hold_them():
    card = ScriptedCard(frames_at(range(0, 1600, 160)))
    engine = AudioEngine(card)
    given = np.concatenate([c.samples for c in card.frames])
    frames = drain(engine)
    assert [f.position for f in frames] == list(range(0, 1600, 160))
    assert engine.position == engine.mic.end == engine.clean.end == 1600
    np.testing.assert_array_equal(engine.mic.read(0, 1600).samples, given)
    assert engine.reference.end >= 1600


def test_a_gap_in_the_capture_becomes_frames_marked_missing():
    engine = AudioEngine(ScriptedCard(frames_at([0, 160, 800, 960])))
    frames = drain(engine)
    assert [f.position for f in frames] == list(range(0, 1120, 160))
    assert [f.missing for f in frames] == [False, False, True, True, True, False, False]
    assert engine.counters["missing_frames"] == 3
    assert not frames[3].mic.any()


def test_a_card_that_repeats_or_shifts_positions_is_counted_and_never_shifts_ours():
    engine = AudioEngine(ScriptedCard(frames_at([0, 160, 0, 331, 480])))
    frames = []
    for _ in range(5):
        frame = engine.capture()
        if frame:
            frames.append(frame)
    assert [f.position for f in frames] == [0, 160, 320, 480]
    assert engine.counters["position_faults"] == 2


def test_a_frame_of_nonsense_is_a_missing_frame():
    bad = np.full(FRAME, np.nan, np.float32)
    engine = AudioEngine(ScriptedCard([Captured(0, noise(0)), Captured(160, bad), Captured(320, noise(1))]))
    frames = drain(engine)
    assert [f.missing for f in frames] == [False, True, False]
    assert engine.counters["bad_frames"] == 1
    assert np.isfinite(engine.clean.read(0, 480).samples).all()


def test_the_reference_is_what_was_played_at_the_position_where_it_left():
    card = ScriptedCard(frames_at(range(0, 16000, 160)))
    engine = AudioEngine(card, volume=100)
    engine.mixer.play(noise(3, 800), gain_db=0)
    frames = drain(engine)
    played = np.concatenate(card.blocks)
    reference = joined(frames, "reference")
    first_left = FRAME + 2 * FRAME  # rendered after the first frame, 20 ms of output latency
    np.testing.assert_array_equal(reference[first_left:], played[: len(reference) - first_left])
    assert not reference[:first_left].any()


@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 32_000])
def test_a_reference_from_another_rate_stays_aligned_and_arrives_in_time(rate_hz):
    card = ScriptedCard(frames_at(range(0, RATE_HZ, 160)))
    card.playback_rate_hz = rate_hz
    engine = AudioEngine(card, volume=100)
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(rate_hz // 2) / rate_hz)
    engine.mixer.play(tone.astype(np.float32))
    reference = joined(drain(engine), "reference")
    start = 3 * FRAME
    at = np.arange(FRAME, 4000)
    expected = 0.3 * np.sin(2 * np.pi * 440 * at / RATE_HZ)
    np.testing.assert_allclose(reference[start + at], expected, atol=2e-3)
    assert engine.counters["reference_late"] == 0


def test_the_decimator_keeps_speech_and_removes_what_would_alias():
    for rate_hz in (44_100, 48_000):
        n, decimator = rate_hz // 100, BlockDecimator(rate_hz)
        t = np.arange(rate_hz) / rate_hz

        def level(hz, t=t, n=n, decimator=decimator):
            tone = np.sin(2 * np.pi * hz * t).astype(np.float32)
            out = np.concatenate([decimator.step(tone[k * n : (k + 1) * n]) for k in range(100)])
            return 20 * np.log10(out[1600:].std() * np.sqrt(2) + 1e-9)

        assert abs(level(300)) < 0.1 and abs(level(6000)) < 0.5
        assert level(9500) < -50


def test_a_reference_with_holes_and_overlaps_is_counted_and_realigned():
    leaves = [480, 640, 1600, 1760, 1200, 1360, 10**9]
    card = ScriptedCard(frames_at(range(0, 4000, 160)), leaves=list(leaves))
    engine = AudioEngine(card, volume=100)
    engine.mixer.play(np.ones(10 * FRAME, np.float32) * 0.1)
    drain(engine)
    counters = engine.counters
    assert counters["reference_gaps"] >= 1
    assert counters["reference_overlaps"] >= 1
    assert counters["position_faults"] == 1
    assert engine.reference.end < 10 * RATE_HZ
    assert not engine.reference.read(800, 800).samples[: 1600 - 800 - 1].any()


def test_timestamps_that_wobble_by_less_than_a_millisecond_do_not_move_the_reference():
    wobble = np.random.default_rng(0).integers(-8, 9, 60)
    leaves = [int(480 + 160 * k + wobble[k]) for k in range(60)]
    first = leaves[0]
    card = ScriptedCard(frames_at(range(0, 60 * 160, 160)), leaves=leaves)
    engine = AudioEngine(card, volume=100)
    sound = noise(1, 40 * FRAME)
    engine.mixer.play(sound)
    reference = joined(drain(engine), "reference")
    np.testing.assert_array_equal(reference[first : first + 4000], sound[:4000])
    assert engine.counters["reference_gaps"] == engine.counters["reference_overlaps"] == 0


def test_playing_covers_the_playback_and_300_ms_of_its_echo():
    card = ScriptedCard(frames_at(range(0, 2 * RATE_HZ, 160)))
    engine = AudioEngine(card, volume=100)
    engine.mixer.play(noise(2, 20 * FRAME))
    playing = [f.playing for f in drain(engine)]
    assert playing.index(True) == 3
    assert sum(playing) == 20 + 29
    assert not playing[-1]


def test_the_played_log_knows_when_each_sample_of_the_reply_left():
    engine = AudioEngine(RoomBackend(RoomSettings()))
    speech = engine.mixer.speech
    speech.begin(3)
    speech.write(speech_like(1.0))
    speech.finish()
    steps(engine, 50)
    assert engine.played.reply == 3
    assert engine.played.first == FRAME + 2 * FRAME
    assert engine.played.at(engine.position) == engine.position - engine.played.first
    assert engine.played.leaves_at(1000) == engine.played.first + 1000
    heard = speech.stop()
    steps(engine, 10)
    assert engine.played.at(engine.position) == heard


def test_a_duck_reaches_the_reference_30_ms_after_it_was_asked_for():
    engine = AudioEngine(RoomBackend(RoomSettings()), volume=100)
    engine.mixer.speech.begin(1)
    engine.mixer.speech.write(np.full(RATE_HZ, 0.2, np.float32))
    steps(engine, 20)
    engine.capture()
    asked = engine.position
    engine.mixer.speech.duck(-20)
    engine.render()
    steps(engine, 10)
    after = engine.reference.read(asked, 6 * FRAME).samples
    np.testing.assert_allclose(after[: 2 * FRAME], 0.2, rtol=1e-3)  # the 20 ms that the card holds
    np.testing.assert_allclose(after[3 * FRAME :], 0.02, rtol=1e-2)


def test_the_tap_gets_microphone_and_playback_of_the_same_positions():
    engine = AudioEngine(ScriptedCard(frames_at(range(0, 1600, 160))))
    taken = []
    engine.tap = lambda position, mic, played: taken.append((position, mic, played))
    frames = drain(engine)
    assert [t[0] for t in taken] == [f.position for f in frames]
    np.testing.assert_array_equal(taken[4][1], frames[4].mic)
    np.testing.assert_array_equal(taken[4][2], frames[4].reference)


def test_a_playback_rate_that_cannot_be_used_is_refused_with_the_rate():
    card = ScriptedCard([])
    card.playback_rate_hz = 8_000
    with pytest.raises(AudioError, match="8000 Hz"):
        AudioEngine(card)
    with pytest.raises(ValueError, match="'webrtc'"):
        AudioEngine(ScriptedCard([]), echo="webrtc")


# --------------------------------------------------------------------------- no sound at all


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_without_a_sound_device_positions_follow_the_clock_and_frames_are_missing():
    clock = Clock()
    backend = NoneBackend(Pacer(clock, clock.sleep))
    engine = AudioEngine(backend)
    assert engine.capture() is None
    engine.start()
    clock.now += 0.0999
    frames = drain(engine)
    assert [f.position for f in frames] == list(range(0, 9 * 160, 160))
    assert all(f.missing for f in frames)
    assert engine.wait(1.0) and clock.now == pytest.approx(100.1)
    assert not engine.wait(0.0) or engine.capture() is not None
    assert engine.problem is None  # its owner chose it: nothing is wrong


def test_without_a_sound_device_a_reply_still_takes_its_time():
    clock = Clock()
    engine = AudioEngine(NoneBackend(Pacer(clock, clock.sleep)))
    engine.start()
    speech = engine.mixer.speech
    speech.begin(1)
    speech.write(speech_like(0.5))
    speech.finish()
    clock.now += 0.4
    drain(engine)
    assert not speech.finished
    clock.now += 0.2
    drain(engine)
    assert speech.finished
    assert engine.played.at(engine.position) == RATE_HZ // 2


def test_the_configuration_names_the_backend():
    assert isinstance(open_backend(Config(audio=AudioSection(backend="none"))), NoneBackend)
    paced = open_backend(Config(audio=AudioSection(backend="room")))
    assert isinstance(paced, RoomBackend) and paced.settings.realtime
    lock_step = open_backend(Config(), RoomSettings(seed=4))
    assert isinstance(lock_step, RoomBackend) and lock_step.settings.seed == 4


def test_the_audio_room_loads_neither_soxr_nor_a_backend_it_does_not_use():
    code = (
        "import sys, device.audio; "
        "print([m for m in ('soxr', 'scipy', 'pyaudio', 'device.audio.backends.room') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_a_microphone_that_is_closed_by_hand_is_not_heard_even_where_the_device_cannot_close_it():
    card = ScriptedCard(frames_at(range(0, 4800, 160)))
    engine = AudioEngine(card)
    frames = [engine.capture() for _ in range(10)]
    engine.close_mic(True)
    assert engine.mic_closed
    frames += [engine.capture() for _ in range(10)]
    engine.close_mic(False)
    frames += drain(engine)
    assert [frame.missing for frame in frames] == [False] * 10 + [True] * 10 + [False] * 10
    assert not engine.mic.read(1600, 1600).samples.any() and not engine.clean.read(1600, 1600).samples.any()
    assert [frame.position for frame in frames] == list(range(0, 4800, 160))
    assert engine.counters["closed_frames"] == engine.counters["missing_frames"] == 10
    assert engine.problem is None and not engine.health.problems
