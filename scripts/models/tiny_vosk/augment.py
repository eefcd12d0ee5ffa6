"""What happens to clean speech on its way: reverberation, microphone colour, level, noise, other voices."""

from __future__ import annotations

import numpy as np
from scipy.signal import fftconvolve, lfilter

RATE_HZ = 16_000


def noise(r: np.random.Generator, n: int) -> np.ndarray:
    """``n`` samples of white, coloured, fan-like or hum-and-click noise, RMS 1."""
    kind = r.random()
    w = np.asarray(r.standard_normal(n))
    if kind < 0.35:
        pass
    elif kind < 0.7:  # pink to brown
        w = lfilter([1], [1, -r.uniform(0.8, 0.99)], w)
    elif kind < 0.85:  # band noise with slow modulation (fan, tap)
        a, f = r.uniform(0.3, 0.95), r.uniform(0.05, 0.9)
        w = lfilter([1], [1, -2 * a * np.cos(np.pi * f), a * a], w)
        w *= 1 + 0.6 * np.sin(2 * np.pi * r.uniform(0.3, 4) * np.arange(n) / RATE_HZ)
    else:  # hum plus clicks
        t = np.arange(n) / RATE_HZ
        f0 = r.choice([50, 60, 100, 120])
        w = 0.2 * w + sum(np.sin(2 * np.pi * f0 * h * t) / h for h in range(1, 8))
        for _ in range(int(n / RATE_HZ * r.uniform(0, 3))):
            i = int(r.integers(0, n))
            m = min(n - i, int(r.integers(20, 400)))
            w[i : i + m] += r.uniform(2, 10) * r.standard_normal(m) * np.exp(-np.arange(m) / (m / 4))
    return w / (np.sqrt(np.mean(w**2)) + 1e-9)


def room(r: np.random.Generator, rt60_s: float, tail_gain: float) -> np.ndarray:
    """A room response: the direct path (1.0 at sample 0) and an exponentially decaying tail of white noise.

    ``tail_gain`` 0.05 at ``rt60_s`` 0.35 gives about as much reverberant as direct energy.
    """
    n = int(rt60_s * RATE_HZ)
    h = r.standard_normal(n) * np.exp(-6.9 * np.arange(n) / n) * tail_gain
    h[: int(r.integers(8, 60))] = 0
    h[0] = 1
    return h


def reverberate(x: np.ndarray, response: np.ndarray) -> np.ndarray:
    return fftconvolve(x, response)[: len(x)]


def colour(r: np.random.Generator, x: np.ndarray) -> np.ndarray:
    """A cheap microphone: one random pole and zero."""
    return lfilter([1, r.uniform(-0.5, 0.5)], [1, r.uniform(-0.4, 0.4)], x)


def rms(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(x)))) if len(x) else 0.0
