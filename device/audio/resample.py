"""From the playback rate down to 16 kHz, 10 ms at a time and at once.

A streaming library resampler hands its output over late and unevenly (soxr 1.1 from 48 kHz: up to 37 ms), which is
longer than the loudspeaker takes to play: the reference would arrive after its own echo. Ten milliseconds hold a
whole number of samples at every rate that we use, so the same 160 filter phases serve every block and the
resampler is one product with a fixed matrix. Its output waits for 0.9 ms of input, no more.

The filter is a Kaiser-windowed sinc (beta 8, -80 dB; Oppenheim and Schafer, "Discrete-Time Signal Processing"),
flat up to 7 kHz.
"""

from __future__ import annotations

import numpy as np

from device.errors import AudioError
from device.values import FRAME, RATE_HZ

from .backends import Samples

LOOKAHEAD_S = 0.0009


class BlockDecimator:
    """10 ms blocks of ``rate_hz`` in, 160 samples of 16 kHz out, ``delay`` output samples late (a constant).

    Raises AudioError for a rate below 16 kHz or not a multiple of 100.
    """

    def __init__(self, rate_hz: int) -> None:
        if rate_hz < RATE_HZ or rate_hz % 100:
            raise AudioError(
                f"playback rate {rate_hz} Hz cannot be used: it must be a multiple of 100 and at least {RATE_HZ}"
            )
        self._n = rate_hz // 100
        half = round(LOOKAHEAD_S * rate_hz)
        # Output m of a block lies `delay` output samples back, so that its filter ends within the block.
        self.delay = int(np.ceil((half + 1) * RATE_HZ / rate_hz))
        self._history = 2 * half + int(np.ceil(self.delay * rate_hz / RATE_HZ))
        centre = self._history + (np.arange(FRAME) - self.delay) * (rate_hz / RATE_HZ)
        offset = np.arange(self._history + self._n)[None, :] - centre[:, None]
        cutoff = 0.94 * RATE_HZ / rate_hz  # of half the input rate
        window = np.i0(8.0 * np.sqrt(np.clip(1 - (offset / (half + 1)) ** 2, 0, None))) / np.i0(8.0)
        taps = np.sinc(cutoff * offset) * window * (np.abs(offset) <= half)
        self._taps = (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)
        self._line = np.zeros(self._history + self._n, np.float32)

    def reset(self) -> None:
        """Forget the past, as after a long silence."""
        self._line[:] = 0.0

    def step(self, block: Samples) -> Samples:
        """One block in, 160 samples out; output sample 0 belongs ``delay`` samples before the block's start."""
        self._line[: self._history] = self._line[self._n :]
        self._line[self._history :] = block
        return self._taps @ self._line
