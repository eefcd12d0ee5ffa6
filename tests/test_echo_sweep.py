"""The sweep finds delay, drift, loss and distortion of an echo path, and says when there is none to find."""

from __future__ import annotations

import numpy as np
import pytest
from helpers_audio import db, speech_like, steps

from device.audio import AudioEngine
from device.audio.backends.room import RoomBackend, RoomSettings
from device.audio.levels import rms_db
from device.audio.measure import ProbeRun, SweepRun, drive
from device.audio.probe import compare, probe
from device.audio.room.convolver import convolve
from device.audio.sweep import BEFORE, TAKE, EchoPath, Take, analyse, sweep
from device.values import RATE_HZ, samples


def measured(level_dbfs: float = -20.0, talker_db: float | None = None, volume: int = 70, **room) -> EchoPath:
    backend = RoomBackend(RoomSettings(**room))
    if talker_db is not None:
        backend.say(speech_like(6.0, seed=1), 0, gain_db=talker_db)
    run = SweepRun(AudioEngine(backend, volume=volume), level_dbfs=level_dbfs)
    drive(run._engine, run)
    assert run.path is not None and not run.slips
    return run.path


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
def test_a_sweep_has_the_level_that_was_asked_for_and_no_click(rate_hz):
    x = sweep(rate_hz, -20.0)
    assert len(x) == rate_hz // 2
    assert rms_db(x) == pytest.approx(-20.0, abs=0.5)
    assert abs(x[0]) < 1e-3 and abs(x[-1]) < 1e-3
    spectrum = np.abs(np.fft.rfft(x)) ** 2
    f = np.fft.rfftfreq(len(x), 1 / rate_hz)
    assert spectrum[(f > 140) & (f < 7200)].sum() > 0.999 * spectrum.sum()


def test_a_rate_that_cannot_carry_the_sweep_is_refused():
    with pytest.raises(ValueError, match="8000 Hz"):
        sweep(8_000, -20.0)


@pytest.mark.parametrize("distortion", ["none", "soft", "clip"])
@pytest.mark.parametrize(("delay_ms", "ppm"), [(0, 0), (40, 50), (150, -50), (40, 200), (150, -200)])
def test_delay_and_drift_are_found_exactly(delay_ms, ppm, distortion):
    path = measured(echo_delay_ms=delay_ms, drift_ppm=ppm, distortion=distortion, seed=3)
    assert path.sure
    # the second sweep leaves 3.35 s after the start: by then the drift has moved the echo
    expected = delay_ms - (3.35 + 0.5) * ppm * 1e-3
    assert path.delay_ms == pytest.approx(expected, abs=0.1)
    assert path.drift_ppm == pytest.approx(ppm, abs=0.5)


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_the_playback_rate_does_not_matter(rate_hz):
    path = measured(playback_rate_hz=rate_hz, drift_ppm=100)
    assert path.drift_ppm == pytest.approx(100, abs=1)
    assert path.delay_ms == pytest.approx(40 - 0.385, abs=1.5 if rate_hz != RATE_HZ else 0.1)


def test_noise_19_db_below_the_echo_does_not_mislead_it():
    hiss = np.random.default_rng(0).standard_normal(RATE_HZ).astype(np.float32)
    path = measured(noise=hiss, snr_db=19, drift_ppm=50)  # the sweep is as loud as the talker would be
    assert path.sure and path.snr_db == pytest.approx(19, abs=4)
    assert path.drift_ppm == pytest.approx(50, abs=3)
    assert path.loss_db == pytest.approx(measured(drift_ppm=50).loss_db, abs=1)


def test_the_loss_follows_the_loudness_of_the_echo_and_not_that_of_the_sweep():
    plain, loud, quiet = measured(), measured(level_dbfs=-14), measured(volume=50)
    assert plain.loss_db == pytest.approx(0, abs=2)
    assert loud.loss_db == pytest.approx(plain.loss_db, abs=0.5)
    assert quiet.loss_db == pytest.approx(plain.loss_db, abs=0.5)


def test_distortion_is_told_apart_by_its_harmonics():
    none, soft = measured(distortion="none"), measured(distortion="soft")
    assert none.nonlinearity_db < -45
    assert -35 < soft.nonlinearity_db < -20


def test_a_loudspeaker_that_clips_shows_at_the_level_at_which_it_clips():
    assert (
        measured(-10, distortion="clip").nonlinearity_db
        > measured(-20, distortion="clip").nonlinearity_db + 6
    )


def test_a_known_distortion_is_measured_to_a_decibel():
    """A second harmonic of 3 %: x + k x^2 of a sine of amplitude a has k a / 2 of it."""
    x = np.zeros(TAKE, np.float32)
    x[BEFORE : BEFORE + RATE_HZ // 2] = sweep(RATE_HZ, -23.0)
    a = 10 ** (-20 / 20)  # amplitude of the sweep
    mic = x + 0.06 / a * x**2
    path = analyse([Take(0, x, mic, mic)])
    assert path.nonlinearity_db == pytest.approx(20 * np.log10(0.03), abs=1)


def test_a_muted_loudspeaker_is_nothing_heard_and_a_muted_volume_nothing_played():
    silent = np.random.default_rng(0).normal(0, 1e-3, TAKE).astype(np.float32)
    x = np.zeros(TAKE, np.float32)
    x[BEFORE : BEFORE + RATE_HZ // 2] = sweep(RATE_HZ, -30.0)
    path = analyse([Take(0, x, silent, silent), Take(TAKE, x, silent[::-1].copy(), silent)])
    assert path.played and not path.heard and path.delay_ms is None
    assert path.noise_dbfs == pytest.approx(-60, abs=2)
    dead = np.zeros(TAKE, np.float32)
    assert not analyse([Take(0, x, dead, dead)]).heard
    assert not measured(volume=0).played


def test_a_measurement_says_itself_in_one_line():
    assert str(EchoPath(played=True, noise_dbfs=-60)) == "nothing heard, noise at -60 dBFS"
    told = str(measured(drift_ppm=50))
    assert (
        told.startswith("delay 39.8 ms, drift 50.0 ppm, loss -0 dB, harmonics -27 dB")
        and "likeness 1.00" in told
    )


@pytest.mark.parametrize("talker_db", [0, 10])
def test_a_measurement_that_somebody_talks_into_is_not_believed(talker_db):
    assert not measured(talker_db=talker_db).sure


@pytest.mark.parametrize("ppm", [0, 100])
def test_the_response_predicts_the_echo_that_follows(ppm):
    """What a canceller can be seeded with: convolved with the reference, moved by the drift since, it is the echo."""
    engine = AudioEngine(RoomBackend(RoomSettings(distortion="none", drift_ppm=ppm, seed=5)), echo="none")
    run = SweepRun(engine)
    drive(engine, run)
    response = run.path.response
    assert response.dtype == np.float32 and len(response) == samples(750)
    begin = engine.position
    engine.mixer.play(probe(RATE_HZ, -20)[: RATE_HZ // 4])
    steps(engine, 30)
    n = engine.position - begin
    reference, mic = engine.reference.read(begin, n).samples, engine.mic.read(begin, n).samples
    since = (begin + n / 2 - run.path.position) * ppm * 1e-6
    turn = np.exp(2j * np.pi * np.fft.rfftfreq(2 * len(response)) * since)
    response = np.fft.irfft(np.fft.rfft(response, 2 * len(response)) * turn)[: len(response)]
    rest = mic - convolve(reference, response.astype(np.float32))[:n]
    in_band = np.abs(np.fft.rfftfreq(n, 1 / RATE_HZ) - 3100) < 2800
    rest, mic = (np.fft.rfft(x)[in_band] for x in (rest, mic))
    assert db(np.vdot(rest, rest).real / np.vdot(mic, mic).real) < -20


def test_takes_of_another_length_are_refused():
    short = np.zeros(100, np.float32)
    with pytest.raises(ValueError, match=str(TAKE)):
        analyse([Take(0, short, short, short)])
    with pytest.raises(ValueError, match="at least one"):
        SweepRun(AudioEngine(RoomBackend()), sweeps=9)


# ------------------------------------------------------------------ running in an engine


def test_the_canceller_does_not_learn_from_a_sweep_and_learns_again_afterwards():
    engine = AudioEngine(RoomBackend())
    run = SweepRun(engine)
    drive(engine, run)
    assert engine.counters["canceller_adapted"] == 0 and engine.learning
    assert run.path.erle_db == pytest.approx(0, abs=0.1)


def test_a_cancelled_measurement_falls_silent_and_gives_no_result():
    engine = AudioEngine(RoomBackend())
    run = SweepRun(engine)
    for _ in range(60):
        engine.capture()
        run.step()
        engine.render()
    assert not engine.learning and 0 < run.progress < 1
    run.cancel()
    steps(engine, 10)
    assert not engine.mixer.sounding and engine.learning and not run.done


def test_a_slip_of_playback_against_capture_is_noticed():
    engine = AudioEngine(RoomBackend())
    run = SweepRun(engine)
    k = 0
    while not run.done:
        engine.capture()
        run.step()
        k += 1
        if not 150 < k < 160:  # the machine was busy
            engine.render()
    assert run.slips and run.path.drift_ppm is None
    assert run.path.sure and run.path.delay_ms == pytest.approx(40, abs=0.1)


# ------------------------------------------------------------------ the probe


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_the_probe_has_its_level_and_the_bandwidth_of_speech(rate_hz):
    x = probe(rate_hz, -20.0)
    assert rms_db(x) == pytest.approx(-20.0, abs=0.3)
    spectrum = np.abs(np.fft.rfft(x)) ** 2
    f = np.fft.rfftfreq(len(x), 1 / rate_hz)
    assert spectrum[f > 6100].sum() < 1e-4 * spectrum.sum()
    assert spectrum[f > 1000].sum() > 0.1 * spectrum.sum()


def test_the_probe_finds_what_the_canceller_takes_away():
    engine = AudioEngine(RoomBackend(RoomSettings(distortion="none")))
    run = ProbeRun(engine)
    drive(engine, run)
    assert run.check.software and run.check.loss_db == pytest.approx(0, abs=2)
    assert run.check.erle_db > 18
    assert run.check.snr_db == pytest.approx(42, abs=3)


def test_a_probe_that_was_not_played_or_not_heard_says_so():
    rng = np.random.default_rng(0)
    hiss = (rng.standard_normal(RATE_HZ) * 1e-3).astype(np.float32)
    nothing = np.zeros(RATE_HZ, np.float32)
    assert not compare(nothing, hiss, hiss, hiss).played
    loud = (rng.standard_normal(RATE_HZ) * 0.05).astype(np.float32)
    check = compare(loud, hiss, hiss, hiss[::-1])
    assert check.played and check.snr_db == -120 and check.loss_db > 40
