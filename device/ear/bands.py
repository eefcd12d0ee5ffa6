"""Levels in six bands of the voice: what the barge-in detector looks at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from device.audio.backends import Samples
from device.values import FRAME, RATE_HZ

EDGES_HZ = (300, 600, 1000, 1500, 2200, 3200, 4500)
"""Below 300 Hz lies the room's rumble, above 4500 Hz small loudspeakers distort more than people talk."""
BANDS = len(EDGES_HZ) - 1
SILENCE_DB = -110.0

_SIZE = 2 * FRAME
_WINDOW = np.hanning(_SIZE).astype(np.float32)
_EDGE_BINS = np.array([-(-hz * _SIZE // RATE_HZ) for hz in EDGES_HZ])
_COUNTS = np.diff(_EDGE_BINS)
# A bin of windowed white noise of variance s^2 has the power s^2 * sum(w^2), so a band of it reads 20 log10(s) dBFS.
_SCALE = (1.0 / (_COUNTS * float(np.sum(_WINDOW**2)))).astype(np.float32)
_FLOOR = np.float32(10 ** (SILENCE_DB / 10))

Levels = NDArray[np.float32]
"""One level per band, dBFS, float32 of shape (BANDS,); never below ``SILENCE_DB``."""


def band_levels(previous: Samples, current: Samples) -> Levels:
    """Levels of the 20 ms that end with ``current``: two adjoining float32 frames of ``FRAME`` samples, Hann window.

    18 us here: cheap enough for two of them per 10 ms while something plays, too dear for every idle frame.
    """
    spectrum = np.fft.rfft(np.concatenate((previous, current)) * _WINDOW)[_EDGE_BINS[0] : _EDGE_BINS[-1]]
    power = spectrum.real**2 + spectrum.imag**2
    sums = np.add.reduceat(power, _EDGE_BINS[:-1] - _EDGE_BINS[0])
    levels: Levels = (10 * np.log10(sums * _SCALE + _FLOOR)).astype(np.float32)
    return levels
