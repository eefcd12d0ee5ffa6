"""How often nobody in particular may make the device do something that costs: a few dozen times at once, then seldom. Pure."""

from __future__ import annotations


class Allowance:
    """``at_once``, and then one more every ``every_s`` seconds. ``now_s`` is monotonic."""

    def __init__(self, at_once: int, every_s: float) -> None:
        self._most, self._every_s = float(at_once), every_s
        self._left, self._at_s = self._most, 0.0

    def left(self, now_s: float) -> bool:
        """Whether there is one left."""
        self._left = min(self._most, self._left + max(0.0, now_s - self._at_s) / self._every_s)
        self._at_s = now_s
        return self._left >= 1.0

    def take(self, now_s: float, cost: float = 1.0) -> bool:
        """Take one, or what is left of ``cost``; False where there is none left."""
        if not self.left(now_s):
            return False
        self._left -= min(cost, self._left)
        return True
