"""The simulated room: the same for the same seed, with levels, delays and faults as they were asked for."""

from __future__ import annotations

import numpy as np
import pytest
from helpers_audio import db, joined, power, speech_like, steps

from device.audio import AudioEngine
from device.audio.backends.pace import Pacer
from device.audio.backends.room import RoomBackend, RoomSettings
from device.audio.levels import active_rms, clip_edges
from device.audio.room.acoustics import random_geometry, response
from device.audio.room.convolver import Convolver, convolve
from device.audio.room.loudspeaker import NOMINAL_RMS, Cone, FractionalReader
from device.audio.wav import write_wav
from device.errors import AudioError
from device.values import FRAME, RATE_HZ, samples


def dbfs(x: np.ndarray) -> float:
    return 20 * np.log10(active_rms(x) + 1e-9)


def record(room: RoomBackend, n: int, playback: np.ndarray | None = None) -> np.ndarray:
    """The microphone over ``n`` steps while ``playback`` (at the room's rate) is played."""
    block, out = room.playback_rate_hz // 100, []
    for k in range(n):
        out.append(room.capture().samples)
        piece = np.zeros(block, np.float32)
        if playback is not None:
            given = playback[k * block : (k + 1) * block]
            piece[: len(given)] = given
        room.play(piece)
    return np.concatenate(out)


def arrival(mic: np.ndarray, played: np.ndarray) -> int:
    """By how many samples ``mic`` is later than ``played``."""
    size = 2 * len(mic)
    cross = np.fft.irfft(np.fft.rfft(mic, size) * np.conj(np.fft.rfft(played, size)), size)
    return int(np.argmax(np.abs(cross[: len(mic)])))


def test_the_same_seed_gives_the_same_sound_and_another_gives_another():
    def run(seed):
        room = RoomBackend(RoomSettings(seed=seed, drift_ppm=30, noise=speech_like(1.0, 3)))
        room.say(speech_like(0.5, 1), 2000)
        return record(room, 100, speech_like(1.0) * 0.3)

    np.testing.assert_array_equal(run(4), run(4))
    assert not np.array_equal(run(4), run(5))


def test_a_nominal_reply_arrives_as_an_echo_of_minus_26_dbfs():
    for seed in (0, 1, 2):
        engine = AudioEngine(RoomBackend(RoomSettings(seed=seed)), volume=70)
        engine.mixer.speech.begin(1)
        engine.mixer.speech.write(speech_like(4.0, level_dbfs=-20))
        assert dbfs(joined(steps(engine, 400), "mic")[3200:]) == pytest.approx(-26, abs=2.5)


@pytest.mark.parametrize("ser_db", [-10.0, 0.0, 10.0])
def test_a_talker_arrives_at_the_level_that_was_asked_for_whatever_the_clip(ser_db):
    for level in (-40, -10):
        room = RoomBackend(RoomSettings(ser_db=ser_db))
        room.say(speech_like(3.0, level_dbfs=level), 0, gain_db=-3)
        assert dbfs(record(room, 300)) == pytest.approx(-26 + ser_db - 3, abs=0.6)


def test_a_talker_begins_where_he_was_told_and_the_edges_are_told_back():
    clip = np.concatenate((np.zeros(800, np.float32), speech_like(0.5), np.zeros(1600, np.float32)))
    room = RoomBackend(RoomSettings(rt60_s=0.1))
    first, last = room.say(clip, 4000)
    assert 4800 <= first < 4800 + samples(100)
    assert 4800 + RATE_HZ // 2 - samples(300) < last < 4800 + RATE_HZ // 2
    mic = record(room, 100)
    assert np.abs(mic[: first - 80]).max() < 0.005
    assert power(mic[first : first + 400]) > 30 * power(mic[:4000])


def test_a_talker_in_the_past_speaks_now():
    room = RoomBackend(RoomSettings())
    record(room, 10)
    first, _ = room.say(speech_like(0.3), 0)
    assert first >= 1600


def test_two_talkers_stand_in_different_places_and_can_speak_at_once():
    def hear(talkers):
        room = RoomBackend(RoomSettings())
        for talker in talkers:
            room.say(speech_like(1.0, seed=1), 1600, talker=talker)
        return record(room, 120)

    one, two, both = hear([0]), hear([1]), hear([0, 1])
    assert power(one - two) > 0.1 * power(one)
    silence = hear([])
    np.testing.assert_allclose(both, one + two - silence, atol=1e-6)


def test_noise_is_looped_and_lies_snr_db_below_the_talker(tmp_path):
    hiss = np.random.default_rng(0).standard_normal(8000).astype(np.float32) * 0.1
    write_wav(tmp_path / "hiss.wav", hiss)
    for noise in (hiss, tmp_path / "hiss.wav"):
        mic = record(RoomBackend(RoomSettings(noise=noise, snr_db=15)), 200)
        assert dbfs(mic) == pytest.approx(-26 - 15, abs=0.5)


def test_a_silent_room_is_not_digitally_silent():
    assert 20 * np.log10(record(RoomBackend(RoomSettings()), 100).std()) == pytest.approx(-68, abs=0.5)


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
@pytest.mark.parametrize("delay_ms", [0, 40, 150])
def test_the_echo_arrives_after_the_delay_that_was_asked_for(delay_ms, rate_hz):
    room = RoomBackend(
        RoomSettings(echo_delay_ms=delay_ms, rt60_s=0.2, distortion="none", playback_rate_hz=rate_hz)
    )
    played = speech_like(1.0) * 0.3
    at_rate = np.repeat(played, rate_hz // RATE_HZ)
    late = arrival(record(room, 120, at_rate), np.pad(played, (0, 120 * FRAME - len(played))))
    output = FRAME + 2 * FRAME
    assert late - output == pytest.approx(samples(delay_ms), abs=24 if rate_hz != RATE_HZ else 4)


@pytest.mark.parametrize("ppm", [200, -200])
def test_drift_moves_the_echo_by_so_many_samples_a_second(ppm):
    room = RoomBackend(RoomSettings(drift_ppm=ppm, rt60_s=0.1, distortion="none"))
    played = np.random.default_rng(0).standard_normal(20 * RATE_HZ).astype(np.float32) * 0.05
    mic = record(room, 2000, played)

    def late(first):
        return arrival(mic[first : first + RATE_HZ], played[first : first + RATE_HZ])

    moved = late(RATE_HZ) - late(18 * RATE_HZ)
    assert moved == pytest.approx(17 * RATE_HZ * ppm * 1e-6, abs=3)


def test_a_drift_that_swings_moves_the_echo_away_and_back_within_a_minute():
    room = RoomBackend(RoomSettings(drift_swing_ppm=100, rt60_s=0.1, distortion="none"))
    played = np.zeros(62 * RATE_HZ, np.float32)
    burst = np.random.default_rng(0).standard_normal(RATE_HZ).astype(np.float32) * 0.05
    for second in (1, 30, 60):
        played[second * RATE_HZ : (second + 1) * RATE_HZ] = burst
    mic = record(room, 6200, played)
    late = [
        arrival(mic[s * RATE_HZ :][: 2 * RATE_HZ], played[s * RATE_HZ :][: 2 * RATE_HZ]) for s in (1, 30, 60)
    ]
    assert late[0] - late[1] == pytest.approx(RATE_HZ * 100e-6 * 60 / np.pi, abs=2)
    assert late[2] == pytest.approx(late[0], abs=2)


def test_a_loudspeaker_that_is_moved_sounds_from_elsewhere_at_once():
    played = np.random.default_rng(0).standard_normal(RATE_HZ).astype(np.float32) * 0.05
    rooms = [RoomBackend(RoomSettings(seed=4)) for _ in range(2)]
    before = [record(room, 50, played) for room in rooms]
    rooms[1].move_loudspeaker(99)
    after = [record(room, 50, played) for room in rooms]
    assert np.array_equal(*before)
    assert (after[0] - after[1]).std() > 0.3 * after[0].std()
    assert after[1].std() == pytest.approx(after[0].std(), rel=0.5)


def test_a_clip_arrives_at_the_microphone_as_the_room_says_it_will():
    room, clip = RoomBackend(RoomSettings(seed=4)), speech_like(0.5)
    wet = room.at_microphone(clip, gain_db=3, talker=1)
    room.say(clip, 10 * FRAME, gain_db=3, talker=1)
    mic = record(room, 100)
    heard = mic[10 * FRAME :][: len(wet)]
    assert np.abs(heard - wet[: len(heard)]).std() < 2e-3 < wet.std()


def test_a_drift_that_empties_or_fills_the_cards_buffer_is_an_underrun_or_overrun():
    for ppm, counter in ((500, "underruns"), (-500, "overruns")):
        room = RoomBackend(RoomSettings(drift_ppm=ppm))
        record(room, 2500)
        assert room.counters[counter] == 1


def test_steps_without_a_block_are_an_underrun_and_playback_goes_on_later():
    room = RoomBackend(RoomSettings())
    room.capture()
    assert room.play(np.zeros(FRAME, np.float32)) == 480
    for _ in range(20):
        room.capture()
    leaves = room.play(np.zeros(FRAME, np.float32))
    assert leaves == room.position + 2 * FRAME
    assert room.counters["underruns"] == 1


def test_an_unplugged_microphone_is_missing_and_positions_go_on():
    room = RoomBackend(RoomSettings())
    record(room, 5)
    room.unplug()
    captured = [room.capture() for _ in range(3)]
    assert [c.position for c in captured] == [800, 960, 1120]
    assert all(c.missing and not c.samples.any() for c in captured)
    assert "unplugged" in room.problem and room.counters["missing_frames"] == 3
    room.plug()
    assert not room.capture().missing and room.problem is None


def test_a_paced_room_hands_out_frames_when_they_are_due_and_the_same_ones():
    class Clock:
        now = 0.0

        def __call__(self):
            return self.now

        def sleep(self, seconds):
            self.now += seconds

    clock = Clock()
    paced = RoomBackend(RoomSettings(realtime=True), Pacer(clock, clock.sleep))
    free = RoomBackend(RoomSettings())
    paced.start()
    assert paced.capture() is None
    assert not paced.wait(0.004)
    for _ in range(5):
        assert paced.wait(0.02)
        np.testing.assert_array_equal(paced.capture().samples, free.capture().samples)
    assert clock.now == pytest.approx(0.05)
    clock.now += 0.1
    assert paced.capture() is not None and paced.counters["late_callbacks"] == 1


def test_impossible_rooms_are_refused_with_every_fault_at_once():
    with pytest.raises(
        AudioError, match=r"rt60_s is 9, allowed is 0.1..1.5; .*drift_ppm.*distortion is 'fuzz'"
    ):
        RoomSettings(rt60_s=9, drift_ppm=1e6, distortion="fuzz")
    with pytest.raises(AudioError, match="holds no sound"):
        RoomBackend(RoomSettings()).say(np.zeros(1000, np.float32), 0)
    with pytest.raises(AudioError, match="noise holds no sound"):
        RoomBackend(RoomSettings(noise=np.zeros(1000, np.float32)))


# --------------------------------------------------------------------------- the physics


@pytest.mark.parametrize("rt60_s", [0.2, 0.4, 0.6])
def test_the_response_decays_with_the_reverberation_time(rt60_s):
    geometry = random_geometry(1)
    h = response(geometry, geometry.size * 0.8, rt60_s).astype(np.float64)
    decay = 10 * np.log10(np.cumsum(h[::-1] ** 2)[::-1] / np.sum(h**2))  # Schroeder's backward integration
    t5, t25 = np.argmax(decay < -5) / RATE_HZ, np.argmax(decay < -25) / RATE_HZ
    assert 3 * (t25 - t5) == pytest.approx(rt60_s, rel=0.35)


def test_the_direct_sound_comes_first_and_fastest():
    geometry = random_geometry(2)
    h = response(geometry, geometry.loudspeaker, 0.4)
    assert np.argmax(np.abs(h)) == 0
    assert np.abs(h[0]) > 3 * np.abs(h[1:]).max()


def test_convolving_in_blocks_is_convolving():
    rng = np.random.default_rng(0)
    h, x = rng.standard_normal(1234).astype(np.float32), rng.standard_normal(4800).astype(np.float32)
    convolver = Convolver(h)
    out = np.concatenate([convolver.step(x[k : k + FRAME]) for k in range(0, 4800, FRAME)])
    expected = np.convolve(x.astype(np.float64), h)
    np.testing.assert_allclose(out, expected[:4800], atol=2e-3)
    np.testing.assert_allclose(convolve(x, h), expected, atol=2e-3)
    tail = np.concatenate([convolver.step(np.zeros(FRAME, np.float32)) for _ in range(12)])
    np.testing.assert_allclose(tail[:1233], expected[4800:], atol=2e-3)
    assert not tail[1920 - 160 :].any()


@pytest.mark.parametrize(
    ("kind", "least", "most"), [("none", -201, -80), ("soft", -40, -10), ("clip", -20, -3)]
)
def test_a_loudspeaker_distorts_as_much_as_it_says_and_keeps_the_level(kind, least, most):
    x = speech_like(3.0, level_dbfs=-26)
    y = np.concatenate([Cone(kind).step(x[k : k + FRAME]) for k in range(0, len(x), FRAME)])
    gain = float(x @ y) / float(x @ x)
    assert least < db(power(y - gain * x) / power(gain * x)) < most
    assert y.std() == pytest.approx(x.std(), rel=0.25)
    assert pytest.approx(10 ** (-26 / 20)) == NOMINAL_RMS


def test_reading_between_samples_delays_a_tone_by_the_fraction():
    t = np.arange(1000)
    tone = np.sin(2 * np.pi * 1234 * t / RATE_HZ).astype(np.float32)
    got = FractionalReader().read(tone, 300.37, 1.0001)
    at = 300.37 + np.arange(FRAME) * 1.0001
    np.testing.assert_allclose(got, np.sin(2 * np.pi * 1234 * at / RATE_HZ), atol=1e-3)


def test_the_edges_of_a_clip_are_its_blocks_within_30_db_of_the_loudest():
    clip = np.zeros(1600, np.float32)
    clip[400:800] = 0.5
    clip[1200:1280] = 0.5 * 10 ** (-35 / 20)
    assert clip_edges(clip) == (400, 799)
    assert clip_edges(np.zeros(100, np.float32)) == (0, 99)
