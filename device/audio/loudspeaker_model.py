"""What the loudspeaker makes of the signal before the room: a memoryless curve, learned while it plays.

    reference x --> x + a |x| + b x^2 + c x^3 --> Canceller

A. Stenger and W. Kellermann, "Adaptation of a memoryless preprocessor for nonlinear acoustic echo cancelling", Signal
Processing 80 (2000): a cone that does not move straight leaves an echo that no linear filter takes away. |x|: it moves
more easily one way than the other; x^2: the same, growing with the stroke; x^3: it comes to its end. The learned room
response tells what each of them would be at the microphone; how much of them the canceller's output holds is a
least-squares problem with four unknowns, solved once a second.

The simulated loudspeaker is memoryless too, so what it gains there is the most that can be had: steady ERLE from 24.7 to
31.5 dB with the soft loudspeaker, from 16 to 27 dB with the one that clips; with a straight one it stays as it is.
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
STEEPEST = np.array([0.4, 0.8, 1.5])
"""Each term stays below this share of the straight one at the loudest sample: a curve that folds back was learned from
something else than a loudspeaker."""
GROWTH = 1.05
"""Louder than what was learned from, by more than this, the curve goes on straight."""


def _terms(x: Samples) -> tuple[Samples, Samples, Samples]:
    square = x * x
    return np.abs(x), square, square * x


class LoudspeakerModel:
    """``bend`` each block before the canceller; ``study`` now and then. ``curve``: a, b and c."""

    def __init__(self) -> None:
        self.curve = np.zeros(3)
        self._limit = np.float32(0.0)
        self._distortion = 0.0
        self.idle = 0
        """Studies in a row that found nothing to learn."""

    @property
    def distortion_db(self) -> float | None:
        """Power of what the curve adds to the signal, relative to it, dB; None while it adds nothing."""
        return 10 * float(np.log10(self._distortion)) if self._distortion > 0 else None

    def bend(self, reference: Samples) -> Samples:
        """The reference as the loudspeaker plays it: float32, any length."""
        if not self._limit:
            return reference
        x = np.minimum(reference, self._limit)
        np.maximum(x, -self._limit, out=x)
        a, b, c = (np.float32(v) for v in self.curve)
        curve = x * c
        curve += b
        curve *= x
        curve *= x
        np.abs(x, out=x)
        x *= a
        curve += x
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
        columns = []
        for signal in (reference, *_terms(reference)):
            spectrum = np.fft.rfft(signal, size)
            yield
            spectrum *= path
            columns.append(np.fft.irfft(spectrum, size)[len(response) : len(reference)])
            yield
        self._solve(np.stack(columns, axis=1), target, reference)

    def _solve(self, columns: NDArray[np.float32], target: Samples, reference: Samples) -> None:
        scale = np.sqrt(np.mean(columns**2, axis=0)) + 1e-12
        columns = columns / scale
        gram = columns.T @ columns
        gram += RIDGE * len(target) * np.eye(4, dtype=np.float32)
        share = np.linalg.solve(gram, columns.T @ target)
        rest = target - columns @ share
        before = float(target @ target)
        if before <= 0 or 1 - float(rest @ rest) / before < LEAST_GAIN:
            self.idle += 1
            return
        self.idle = 0
        self._limit = max(self._limit, np.float32(GROWTH * np.abs(reference).max()))
        most = STEEPEST / np.array([1, self._limit, self._limit**2])
        self.curve = np.clip(self.curve + STEP * (share / scale)[1:], -most, most)
        added = self.bend(reference) - reference
        energy = float(reference @ reference) + 1e-12
        added -= np.float32(float(reference @ added) / energy) * reference
        self._distortion = float(added @ added) / energy
