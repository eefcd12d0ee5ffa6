"""The reference at the microphone's clock: read ``offset`` samples back, at a rate that is a few ppm off.

    Ring reference --position - offset(position)--> 32-tap windowed sinc --> 160 samples

``offset`` grows or shrinks linearly with time, by the clocks' difference. Between samples the reference is interpolated
by a windowed sinc (J. O. Smith, "Digital Audio Resampling", CCRMA 1984). Within one frame the fraction moves by less
than 0.1 samples, so one filter for its beginning and one for its end, cross-faded, are as good as one per sample (error
below -80 dB) and cost two correlations.
"""

from __future__ import annotations

import numpy as np

from device.values import FRAME

from .backends import Samples
from .ring import Ring

HALF = 16
STEPS = 512
_GUARD = 0.25
"""The table also covers fractions a little below 0 and above 1, for frames in which the fraction wraps."""


def _table() -> Samples:
    fraction = np.linspace(-_GUARD, 1 + _GUARD, round(STEPS * (1 + 2 * _GUARD)) + 1)[:, None]
    offset = fraction - np.arange(-HALF + 1, HALF + 1)[None, :]
    window = np.cos(np.pi * np.clip(offset / (2 * HALF), -0.5, 0.5)) ** 2
    return (np.sinc(offset) * window).astype(np.float32)


_TABLE = _table()
_FADE_IN = ((np.arange(FRAME) + 0.5) / FRAME).astype(np.float32)


def _taps(fraction: float) -> Samples:
    """Interpolation filter for a place ``fraction`` of a sample after a whole one (-0.25..1.25)."""
    at = (fraction + _GUARD) * STEPS
    k = int(at)
    return _TABLE[k] + np.float32(at - k) * (_TABLE[k + 1] - _TABLE[k])


class AlignedReference:
    """Reads ``ring`` (float32, 16 kHz) by capture position.

    ``offset(position)``: samples by which the reference is read back; ``ppm``: how fast that shrinks.
    """

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._anchor, self._offset, self._slope = 0, 0.0, 0.0

    @property
    def ppm(self) -> float:
        return -self._slope * 1e6

    def offset(self, position: float) -> float:
        """How far back the sample for capture ``position`` is read."""
        return self._offset + self._slope * (position - self._anchor)

    def steer(self, position: int, ppm: float, jump: float = 0.0) -> None:
        """From ``position`` on the offset shrinks by ``ppm``, after a step of ``jump`` samples."""
        self._offset = self.offset(position) + jump
        self._anchor, self._slope = position, -ppm * 1e-6

    def read(self, position: int) -> Samples:
        """The 160 samples that belong to capture ``position``: float32; zeros where nothing is known."""
        start = position - self.offset(position)
        step = FRAME * -self._slope
        whole = int(np.floor(start))
        fraction = start - whole
        if fraction == 0.0 and step == 0.0:
            return self._span(whole, FRAME)
        line = self._span(whole - HALF + 1, FRAME + 2 * HALF - 1)
        first = np.correlate(line, _taps(fraction), "valid")
        if step == 0.0:
            return first
        last = np.correlate(line, _taps(fraction + step), "valid")
        last -= first
        last *= _FADE_IN
        last += first
        return last

    def _span(self, first: int, n: int) -> Samples:
        """Samples ``first .. first + n`` of the ring, zeros outside."""
        if first >= 0:
            block = self._ring.read(first, n)
            if len(block.samples) == n:
                return block.samples
        else:
            block = self._ring.read(0, max(0, first + n))
        span = np.zeros(n, np.float32)
        at = block.position - first
        span[at : at + len(block.samples)] = block.samples
        return span
