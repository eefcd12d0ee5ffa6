"""Levels in eight bands of the voice: what the barge-in detector looks at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from device.audio.backends import Samples
from device.values import FRAME, RATE_HZ

EDGES_HZ = (100, 300, 600, 1000, 1500, 2200, 3200, 4500, 7000)
BANDS = len(EDGES_HZ) - 1
SILENCE_DB = -110.0

_SIZE = 2 * FRAME
_WINDOW = np.hanning(_SIZE).astype(np.float32)
_EDGE_BINS = np.array([-(-hz * _SIZE // RATE_HZ) for hz in EDGES_HZ])
_COUNTS = np.diff(_EDGE_BINS)
# A bin of windowed white noise of variance s^2 has the power s^2 * sum(w^2), so a band of it reads 20 log10(s) dBFS.
_SCALE = (1.0 / (_COUNTS * float(np.sum(_WINDOW**2)))).astype(np.float32)
_STARTS = 2 * (_EDGE_BINS[:-1] - _EDGE_BINS[0])
_TEN = np.float32(10)
_FLOOR = np.float32(10 ** (SILENCE_DB / 10))

Levels = NDArray[np.float32]
"""One level per band, dBFS, float32 of shape (BANDS,) or (signals, BANDS); never below ``SILENCE_DB``."""


class BandMeter:
    """Levels of several signals, 10 ms at a time, over windows of 20 ms (Hann)."""

    def __init__(self, signals: int) -> None:
        self._last = np.zeros((signals, _SIZE), np.float32)
        self._windowed = np.zeros((signals, _SIZE), np.float32)

    def step(self, *frames: Samples) -> Levels:
        """Levels of the 20 ms that end with these frames (float32 of ``FRAME``, one per signal): (signals, BANDS)."""
        self.skip(*frames)
        np.multiply(self._last, _WINDOW, out=self._windowed)
        spectrum = np.fft.rfft(self._windowed, axis=1)[:, _EDGE_BINS[0] : _EDGE_BINS[-1]]
        # real and imaginary parts side by side: their squares add up like those of any two bins
        power = np.square(spectrum.astype(np.complex64, copy=False).view(np.float32))
        levels: Levels = np.add.reduceat(power, _STARTS, axis=1)
        levels *= _SCALE
        levels += _FLOOR
        np.log10(levels, out=levels)
        levels *= _TEN
        return levels

    def skip(self, *frames: Samples) -> None:
        """Remember these frames without measuring."""
        last = self._last
        last[:, :FRAME] = last[:, FRAME:]
        for k, frame in enumerate(frames):
            last[k, FRAME:] = frame
