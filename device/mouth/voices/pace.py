"""Is a voice fast enough? Pure: compute times in, one decision out.

A voice slower than speech leaves gaps between clauses, and a single slow clause (another program had the processor)
is no reason to speak with another voice: the real-time factor is that of the last few clauses together. Back again takes
two measurements that are clearly below the limit, so that a machine on the edge does not change its voice all the time.
"""

from __future__ import annotations

from collections import deque

CLAUSES = 4
"""How many of the last clauses count."""
BACK = 0.75
"""A slow voice is fast again below this share of the limit ..."""
BACK_CLAUSES = 2
"""... over so many of the last clauses."""


class Pace:
    """``slowest_rtf``: compute time per second of speech above which a voice is too slow."""

    def __init__(self, slowest_rtf: float) -> None:
        self._slowest = slowest_rtf
        self._recent: deque[tuple[float, float]] = deque((), CLAUSES)
        self.slow = False
        self.rtf: float | None = None
        """Real-time factor of the last clauses; None before the first."""

    def note(self, compute_s: float, sound_s: float) -> bool:
        """A clause of ``sound_s`` seconds took ``compute_s``; True when this changes ``slow``."""
        if sound_s <= 0:
            return False
        self._recent.append((compute_s, sound_s))
        self.rtf = sum(compute for compute, _ in self._recent) / sum(sound for _, sound in self._recent)
        if self.slow:
            recovers = len(self._recent) == BACK_CLAUSES and self.rtf <= BACK * self._slowest
            if recovers:
                self.slow = False
                self._recent = deque(self._recent, CLAUSES)
            return recovers
        self.slow = self.rtf > self._slowest
        if self.slow:
            self._recent = deque((), BACK_CLAUSES)
        return self.slow
