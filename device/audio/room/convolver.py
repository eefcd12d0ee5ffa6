"""Convolution with a long response, 10 ms at a time and without delay (uniformly partitioned overlap-save).

T. G. Stockham, "High-speed convolution and correlation", AFIPS 1966; the partitioning is that of the canceller.
"""

from __future__ import annotations

import numpy as np

from device.audio.backends import Samples
from device.values import FRAME


class Convolver:
    """``step`` takes and returns 160 samples; nothing is computed while the response has nothing left to sound."""

    def __init__(self, response: Samples) -> None:
        p = self._partitions = -(-len(response) // FRAME)
        self.change(response)
        self._x = np.zeros((2 * p, FRAME + 1), np.complex64)
        self._newest = 0
        self._input = np.zeros(2 * FRAME, np.float32)
        self._products = np.zeros_like(self._h)
        self._silent_blocks = p + 1
        self._zeros = np.zeros(FRAME, np.float32)

    def change(self, response: Samples) -> None:
        """Another response from the next block on, also for the sound that is still in the room; what is longer than
        the first response is cut off."""
        p = self._partitions
        padded = np.zeros(p * FRAME, np.float32)
        padded[: len(response)] = response[: p * FRAME]
        self._h = np.fft.rfft(padded.reshape(p, FRAME), n=2 * FRAME, axis=1).astype(np.complex64)

    def step(self, block: Samples) -> Samples:
        """10 ms in, the same 10 ms with the response out (float32, 160 samples each)."""
        p = self._partitions
        self._silent_blocks = 0 if block.any() else self._silent_blocks + 1
        if self._silent_blocks > p + 1:
            return self._zeros
        self._newest = k = (self._newest - 1) % p
        self._input[:FRAME] = self._input[FRAME:]
        self._input[FRAME:] = block
        self._x[k] = self._x[k + p] = np.fft.rfft(self._input)
        np.multiply(self._x[k : k + p], self._h, out=self._products)
        return np.fft.irfft(self._products.sum(axis=0), n=2 * FRAME)[FRAME:].astype(np.float32, copy=False)


def convolve(samples: Samples, response: Samples) -> Samples:
    """A whole clip at once: float32, ``len(samples) + len(response) - 1`` samples."""
    n = len(samples) + len(response) - 1
    size = 1 << max(1, (n - 1).bit_length())
    return np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(response, size), size)[:n].astype(np.float32)
