"""The 10 ms raised-cosine ramp that keeps every change of gain from clicking."""

from __future__ import annotations

import numpy as np

from .backends import Samples


def raised_cosine(n: int) -> Samples:
    """``n`` gains that rise from just above 0 to just below 1; the full 0 and 1 lie one sample outside.

    So each of the ``n`` samples of a fade-out is still (a little) audible and the next one is silent, which makes
    "where did it fall silent" an exact sample. The steepest step is ``max_step(n)``.
    """
    return (0.5 - 0.5 * np.cos(np.pi * np.arange(1, n + 1) / (n + 1))).astype(np.float32)


def max_step(n: int) -> float:
    """Largest difference between neighbouring gains of ``raised_cosine(n)``, its ends included."""
    return float(np.sin(np.pi / (2 * (n + 1))))
