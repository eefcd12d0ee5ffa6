"""By how much two clocks differ: the slope of the echo's delay over time.

A microphone and a loudspeaker with a crystal each drift apart: at 50 ppm the echo moves by 0.8 samples a second, which
costs a linear canceller 10 dB, at 200 ppm 18 dB. Delays are measured every half second while something plays; their
slope is the median of the slopes of all pairs (H. Theil, "A rank-invariant method of linear and polynomial regression
analysis", 1950; P. K. Sen, JASA 63, 1968), which three wrong measurements of ten do not move.
"""

from __future__ import annotations

from collections import deque
from itertools import combinations
from statistics import median
from typing import NamedTuple

from device.values import samples

MEMORY = samples(10_000)
"""Older measurements are forgotten: a clock that warms up changes by 20 ppm in minutes."""
LEAST, LEAST_SPAN = 4, samples(1500)
SETTLED = 8
APART = samples(900)
"""Pairs closer together than this share most of their sound."""
SPREAD = 10.0
"""Samples by which half of the measurements may lie off the line; beyond, they are of no line."""
MOST_PPM = 1000.0
"""A slope beyond this is no crystal: the device lies about its rate."""


class _Point(NamedTuple):
    position: float
    delay: float


class DriftTracker:
    """Delays in, parts per million out. Pure; positions and delays in samples.

    ``ppm`` is None until four delays over 1.5 s are known. Positive: the loudspeaker's clock is faster, the delay
    shrinks.
    """

    def __init__(self) -> None:
        self._points: deque[_Point] = deque()
        self.ppm: float | None = None

    @property
    def settled(self) -> bool:
        """Whether ``ppm`` is of more than its first measurements."""
        return len(self._points) >= SETTLED

    def add(self, position: float, delay: float) -> None:
        """``delay`` was measured around ``position``."""
        self._points.append(_Point(position, delay))
        while self._points[0].position < position - MEMORY and len(self._points) > LEAST:
            self._points.popleft()
        if len(self._points) >= LEAST and position - self._points[0].position >= LEAST_SPAN:
            slopes = [
                (b.delay - a.delay) / (b.position - a.position)
                for a, b in combinations(self._points, 2)
                if b.position - a.position >= APART
            ]
            slope = median(slopes)
            rest = [p.delay - slope * (p.position - position) for p in self._points]
            middle = median(rest)
            if median(abs(r - middle) for r in rest) <= SPREAD:
                self.ppm = -1e6 * slope

    def delay_at(self, position: float) -> float:
        """Where the line through the measurements lies at ``position`` (the median of what each of them says)."""
        slope = -(self.ppm or 0.0) * 1e-6
        recent = list(self._points)[-6:]
        return median(p.delay + slope * (position - p.position) for p in recent)

    def restart(self) -> None:
        """The delay has jumped: what was measured before says nothing about it, but the clocks are the same."""
        self._points.clear()
