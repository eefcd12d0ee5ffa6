"""An imperfect loudspeaker: a cone that does not move straight, and a clock that is not ours."""

from __future__ import annotations

from typing import Literal

import numpy as np

from device.audio.backends import Samples
from device.values import FRAME

Distortion = Literal["none", "soft", "clip"]

NOMINAL_RMS = 10 ** (-26 / 20)
"""Active level of a reply at the loudspeaker: -20 dBFS from the voice, less 6 dB at volume 70."""
NOMINAL_PEAK = NOMINAL_RMS * 10 ** (18 / 20)
"""Speech peaks about 18 dB above its active level."""


class Cone:
    """Memoryless distortion, as in the usual echo-canceller simulations: an asymmetric sigmoid (Comminiello et al.,
    IEEE Trans. ASLP 21, 2013), ``clip`` with a hard limit at half the nominal peak before it.

    Speech at ``NOMINAL_RMS`` keeps its level; louder playback is distorted more, as a small loudspeaker does.
    """

    def __init__(self, kind: Distortion) -> None:
        self._kind = kind
        self._gain = np.float32(1.0)
        if kind != "none":  # the amplitudes of speech are distributed about as Laplace's
            speech = np.random.default_rng(0).laplace(0, NOMINAL_RMS / np.sqrt(2), 50_000).astype(np.float32)
            self._gain = np.float32(NOMINAL_RMS / self.step(speech).std())

    def step(self, block: Samples) -> Samples:
        if self._kind == "none":
            return block
        y = block * np.float32(1 / NOMINAL_PEAK)
        if self._kind == "clip":
            y = np.clip(y, -0.5, 0.5) * np.float32(2)
        y = np.clip(y, -2.5, 2.5)
        b = np.float32(1.5) * y - np.float32(0.3) * y**2
        steep = np.where(b > 0, np.float32(1.2), np.float32(0.9))
        return (np.float32(2) / (np.float32(1) + np.exp(-steep * b)) - np.float32(1)) * self._gain


class FractionalReader:
    """Reads a line of samples at a fractional position: a 32-tap windowed sinc, 1024 positions between samples
    (J. O. Smith, "Digital Audio Resampling", CCRMA 1984)."""

    HALF = 16
    STEPS = 1024

    def __init__(self) -> None:
        fraction = np.arange(self.STEPS + 1)[:, None] / self.STEPS
        offset = fraction - np.arange(-self.HALF + 1, self.HALF + 1)[None, :]
        window = np.cos(np.pi * offset / (2 * self.HALF)) ** 2
        self._table = (np.sinc(offset) * window).astype(np.float32)

    @property
    def margin(self) -> int:
        """Samples needed before the first and after the last position."""
        return self.HALF

    def read(self, line: Samples, start: float, step: float) -> Samples:
        """160 samples of ``line`` at ``start``, ``start + step``, ... (``HALF`` more on either side must exist)."""
        at = start + np.arange(FRAME) * step
        whole = np.floor(at).astype(np.int64)
        rows = self._table[np.rint((at - whole) * self.STEPS).astype(np.int64)]
        windows = np.lib.stride_tricks.sliding_window_view(line, 2 * self.HALF)
        return np.einsum("nt,nt->n", windows[whole - self.HALF + 1], rows)
