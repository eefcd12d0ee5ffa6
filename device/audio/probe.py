"""Noise with the spectrum of speech, to see what a canceller takes away. Pure.

A sweep has one frequency at a time, which shows the echo path best and teaches a canceller nothing; a canceller, ours or
a device's own, must be judged with a sound that is as broad as speech and long enough to learn from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from device.values import RATE_HZ, samples

from .backends import Samples
from .levels import db_to_gain, power_db

PROBE_S = 5.0
JUDGED = samples(2000)
"""The end of the probe, over which the levels are taken."""
FADE_S = 0.1


@dataclass(frozen=True, slots=True)
class Check:
    """Levels over the last 2 s of a probe, the noise before it taken off."""

    played: bool
    loss_db: float = 0.0
    """[dB] Playback over its echo at the microphone; at least this, where the noise hides the rest."""
    clean_loss_db: float = 0.0
    """[dB] The same after the engine's canceller."""
    snr_db: float = -120.0
    """[dB] Echo over noise at the microphone; -120 where the noise hides it."""
    software: bool = False
    """Whether our canceller worked meanwhile."""

    @property
    def erle_db(self) -> float:
        """[dB] What the engine's canceller took away."""
        return self.clean_loss_db - self.loss_db


def probe(rate_hz: int, level_dbfs: float) -> Samples:
    """5 s of noise, float32 at ``rate_hz``, flat from 150 to 500 Hz and falling by 6 dB an octave to 6 kHz: about as
    long-term speech (Byrne et al., JASA 96, 1994). ``level_dbfs`` is its RMS; the same every time."""
    n = round(PROBE_S * rate_hz)
    f = np.fft.rfftfreq(n, 1 / rate_hz)
    shape = np.where((f > 150) & (f < 6000), np.minimum(1.0, 500 / np.maximum(f, 1.0)), 0.0)
    x = np.fft.irfft(np.fft.rfft(np.random.default_rng(7).standard_normal(n)) * shape, n)
    x *= db_to_gain(level_dbfs) / float(np.sqrt(np.square(x).mean()))
    ramp = np.minimum(np.arange(n), np.arange(n)[::-1]) / (FADE_S * rate_hz)
    return (np.clip(x, -1, 1) * np.minimum(ramp, 1.0)).astype(np.float32)


def compare(reference: Samples, mic: Samples, clean: Samples, noise: Samples, software: bool = True) -> Check:
    """Recordings of the judged part (float32, same positions) and ``noise``, the microphone before the probe."""
    played = _power(reference)
    if played < 1e-8:
        return Check(played=False)
    floor = _power(noise)
    echo, rest = _power(mic) - floor, _power(clean) - floor
    # what noise hides is at most a tenth of it: the noise itself varies by so much between two spans
    least = max(0.1 * floor, 1e-12)
    loss, clean_loss = (power_db(played) - power_db(max(x, least)) for x in (echo, rest))
    snr = power_db(echo) - power_db(max(floor, 1e-12)) if echo > least else -120.0
    return Check(True, loss, clean_loss, snr, software)


def _power(x: Samples) -> float:
    return float(np.square(x, dtype=np.float64).mean()) if len(x) else 0.0


PROBE = round(PROBE_S * RATE_HZ)
"""Length of the probe in samples of the capture clock."""
