"""Log-mel features of the last 8 s of speech, as the encoder of Whisper wants them. Pure.

    8 s, zeros in front ─► mean 0, variance 1 ─► frames of 25 ms every 10 ms, Hann ─► power ─► 80 mel bands
    ─► log10, at most 8 below the greatest ─► (x + 4) / 4

Source: Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision" (2022), section 2.2; mel scale and
area-normalised filters of Slaney, "Auditory Toolbox" (1998), as whisper's own filter bank has them. Normalising the
waveform first is what Smart Turn v3 was trained with.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from device.values import RATE_HZ

SECONDS = 8
WINDOW = SECONDS * RATE_HZ
"""Samples that count."""
HOP = 160
BANDS, FRAMES = 80, WINDOW // HOP
_FFT = 400
_TOP_HZ = 8000.0
_LEAST_POWER = 1e-10
_LEAST_VARIANCE = 1e-7


def log_mel(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The features of ``samples`` (one dimension, 16 kHz, full scale 1.0): float32 of shape (80, 800).

    Only the last 8 s count; shorter sound gets zeros in front, so the last column is always the newest 10 ms.
    """
    window = np.zeros(WINDOW, np.float32)
    if len(samples):
        newest = samples[-WINDOW:]
        window[-len(newest) :] = newest
    window -= window.mean()
    window /= np.sqrt(window.var() + _LEAST_VARIANCE)
    padded = np.pad(window, _FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::HOP][:FRAMES]
    spectrum = np.fft.rfft(frames * _hann(), axis=1)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    mel = np.log10(np.maximum(_filters() @ power.T, _LEAST_POWER))
    mel = np.maximum(mel, mel.max() - 8.0)
    features: NDArray[np.float32] = ((mel + 4.0) / 4.0).astype(np.float32)
    return features


@functools.cache
def _hann() -> NDArray[np.float64]:
    """The periodic window, (400,)."""
    return np.hanning(_FFT + 1)[:-1]


@functools.cache
def _filters() -> NDArray[np.float64]:
    """Triangles of equal area, (80, 201): band by FFT bin."""
    edges = _mel_to_hz(np.linspace(0.0, _hz_to_mel(_TOP_HZ), BANDS + 2))
    bins = np.linspace(0.0, RATE_HZ / 2, _FFT // 2 + 1)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
    return np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (high - low))


_HZ_PER_MEL = 200.0 / 3
_BREAK_HZ = 1000.0
"""Linear below, logarithmic above: 27 mels for a factor of 6.4."""
_LOG_STEP = np.log(6.4) / 27


def _hz_to_mel(hz: float) -> float:
    if hz < _BREAK_HZ:
        return hz / _HZ_PER_MEL
    return float(_BREAK_HZ / _HZ_PER_MEL + np.log(hz / _BREAK_HZ) / _LOG_STEP)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    above = mel - _BREAK_HZ / _HZ_PER_MEL
    return np.where(above < 0, mel * _HZ_PER_MEL, _BREAK_HZ * np.exp(np.maximum(above, 0) * _LOG_STEP))
