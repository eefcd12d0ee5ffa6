"""How often nobody in particular may make the device write to its card: a few dozen times at once, then seldom. Pure."""

from __future__ import annotations

AT_ONCE = 100
EVERY_S = 2.0
"""A card takes some 10,000 to 100,000 writes of one place; one in two seconds is what a flood for a week comes to."""


class Allowance:
    """Of changes that nobody signed. ``now_s`` is monotonic."""

    def __init__(self) -> None:
        self._left, self._at_s = float(AT_ONCE), 0.0

    def left(self, now_s: float) -> bool:
        """Whether there is one left."""
        self._left = min(float(AT_ONCE), self._left + max(0.0, now_s - self._at_s) / EVERY_S)
        self._at_s = now_s
        return self._left >= 1.0

    def take(self, now_s: float) -> bool:
        """Take one; False where there is none left."""
        if not self.left(now_s):
            return False
        self._left -= 1.0
        return True
