"""Percentiles of any number of durations in bounded memory, mergeable over minutes and devices. Pure.

Source: C. Masson, J. E. Rim, H. K. Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error
guarantees", PVLDB 12 (2019): counts in buckets whose limits grow by the same factor, so that a quantile is right to
``ACCURACY`` of itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

ACCURACY = 0.01
"""Largest error of a quantile, as a part of it: at 1 s one step of the device."""
LEAST_MS, MOST_MS = 1.0, 600_000.0
"""What is shorter counts as 0, what is longer as this: 668 buckets at most."""

_GROWTH = math.log((1 + ACCURACY) / (1 - ACCURACY))
_NONE = -1
"""Bucket of everything below ``LEAST_MS``."""


class Sketch:
    """``buckets``: how many durations fell into each; bucket i >= 0 holds those in (g**(i-1), g**i] ms, with
    g = (1 + ACCURACY) / (1 - ACCURACY), bucket -1 those below 1 ms."""

    def __init__(self, buckets: Mapping[int, int] | None = None) -> None:
        self.buckets: dict[int, int] = dict(buckets or {})

    @property
    def n(self) -> int:
        return sum(self.buckets.values())

    def add(self, duration_ms: float) -> None:
        """Count one duration; negative ones count as 0. Raises ``ValueError`` for what is no number."""
        if math.isnan(duration_ms):
            raise ValueError("a duration of nan ms cannot be counted: it must be a number")
        bucket = _NONE
        if duration_ms >= LEAST_MS:
            bucket = math.ceil(math.log(min(duration_ms, MOST_MS)) / _GROWTH)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1

    def merge(self, other: Sketch) -> None:
        """Add all that ``other`` counted: the same as if it had been counted here."""
        for bucket, count in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + count

    def quantile(self, share: float) -> float | None:
        """The duration in ms that a ``share`` (0..1) of all does not exceed (nearest rank); None when there are none."""
        if not 0 <= share <= 1:
            raise ValueError(f"a quantile of {share} is asked for: it must lie within 0..1")
        rank = max(1, math.ceil(share * self.n))
        for bucket in sorted(self.buckets):
            rank -= self.buckets[bucket]
            if rank <= 0:
                # the middle of the bucket, by relative error
                return 0.0 if bucket == _NONE else math.exp(bucket * _GROWTH) * (1 - ACCURACY)
        return None
