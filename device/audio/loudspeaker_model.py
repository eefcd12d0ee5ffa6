"""What the loudspeaker makes of the signal before the room: a memoryless curve, learned while it plays.

    reference x --> x + c2 x^2 + c3 x^3 --> Canceller

A. Stenger and W. Kellermann, "Adaptation of a memoryless preprocessor for nonlinear acoustic echo cancelling", Signal
Processing 80 (2000): a cone that does not move straight leaves an echo that no linear filter takes away. The learned
room response tells what x^2 and x^3 would be at the microphone; how much of them the canceller's output holds is a
least-squares problem with three unknowns, solved once a second.

In the simulated room steady ERLE rises from 24.7 to 26.5 dB with the soft loudspeaker and from 16 to 25 dB with the one
that clips; with a linear one it stays as it is (29 dB).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from device.values import RATE_HZ

from .backends import Samples

BAND_HZ = (150, 7000)
LEAST_GAIN = 0.02
"""The share of the output's power that the curve must explain: less is chance."""
STEP = 0.5
RIDGE = 1e-3
STEEPEST = 1.5
"""The cubic part stays below this share of the linear one at the loudest sample: beyond, the curve would fold back."""
GROWTH = 1.05
"""Louder than what was learned from, by more than this, the curve goes on straight."""


class LoudspeakerModel:
    """``bend`` each block before the canceller; ``study`` now and then."""

    def __init__(self) -> None:
        self.square = self.cube = 0.0
        self._limit = 0.0
        self._distortion = 0.0

    @property
    def distortion_db(self) -> float | None:
        """Power of what the curve adds, relative to the signal, dB; None while it adds nothing."""
        return 10 * float(np.log10(self._distortion)) if self._distortion > 0 else None

    def bend(self, reference: Samples) -> Samples:
        """The reference as the loudspeaker plays it: float32, any length."""
        if not self._limit:
            return reference
        x = np.clip(reference, -self._limit, self._limit)
        curve = x * np.float32(self.cube)
        curve += np.float32(self.square)
        x *= x
        curve *= x
        curve += reference
        return curve

    def study(self, reference: Samples, clean: Samples, response: Samples) -> Iterator[None]:
        """Learn from 1 s: the reference as it was read, what the canceller left, and the path it knows.

        A generator of short pieces of work (one FFT of 32768 each, 0.3 ms), so that no 10 ms step has to do all of it.
        """
        size = 1 << int(np.ceil(np.log2(len(reference) + len(response))))
        low, high = (round(hz * size / RATE_HZ) for hz in BAND_HZ)
        path = np.fft.rfft(response, size)
        path[:low] = 0
        path[high:] = 0
        yield
        spectrum = np.fft.rfft(clean, size)
        spectrum[:low] = 0
        spectrum[high:] = 0
        target = np.fft.irfft(spectrum, size)[len(response) : len(reference)]
        yield
        limit = float(np.abs(reference).max()) * GROWTH
        x = np.clip(reference, -limit, limit)
        columns = []
        for signal in (reference, x * x, x * x * x):
            spectrum = np.fft.rfft(signal, size)
            yield
            spectrum *= path
            columns.append(np.fft.irfft(spectrum, size)[len(response) : len(reference)])
            yield
        self._solve(np.stack(columns, axis=1), target, reference, limit)

    def _solve(self, columns: NDArray[np.float32], target: Samples, reference: Samples, limit: float) -> None:
        scale = np.sqrt(np.mean(columns**2, axis=0)) + 1e-12
        columns = columns / scale
        gram = columns.T @ columns
        gram += RIDGE * len(target) * np.eye(3, dtype=np.float32)
        share = np.linalg.solve(gram, columns.T @ target)
        rest = target - columns @ share
        before = float(target @ target)
        if before <= 0 or 1 - float(rest @ rest) / before < LEAST_GAIN:
            return
        square, cube = (STEP * share / scale)[1:]
        self._limit = max(limit, self._limit)
        most = STEEPEST / self._limit
        self.square = float(np.clip(self.square + square, -most / 2, most / 2))
        self.cube = float(np.clip(self.cube + cube, -most / self._limit, most / self._limit))
        added = self.bend(reference) - reference
        straight = float(reference @ added) / (float(reference @ reference) + 1e-12)
        added -= np.float32(straight) * reference
        self._distortion = float(added @ added) / (float(reference @ reference) + 1e-12)
