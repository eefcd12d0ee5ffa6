"""One button, what it means. Pure: levels with positions in, gestures out.

    down ── nothing yet, but a ``DOWN`` ends at once what sounds
      └─ up after < hold       PRESS
         up after < long hold  HOLD
         up after < 30 s       LONG_HOLD
         later                 nothing: it is stuck, or somebody sits on it

Only letting go acts, so a button that is stuck does nothing at all; the lights say meanwhile what letting go will do (``held``).
"""

from __future__ import annotations

import enum

from device.values import RATE_HZ

STUCK = 30 * RATE_HZ
"""Longer than the longest hold that can be configured (15 s), with time to spare."""


class Gesture(enum.Enum):
    DOWN = "down"
    PRESS = "press"
    HOLD = "hold"
    LONG_HOLD = "long_hold"


class Button:
    """``move`` with every change, ``held`` at any time. ``hold``, ``long_hold``: samples; may be changed at any time.

    Before it was seen up once it counts as stuck: whoever holds it through a start means nothing by it.
    """

    def __init__(self, hold: int, long_hold: int) -> None:
        self.hold, self.long_hold = hold, long_hold
        self._since: int | None = None
        self._seen_up = False

    def move(self, down: bool, position: int) -> Gesture | None:
        """It is ``down``, or up, since ``position``."""
        if not down:
            since, self._since, self._seen_up = self._since, None, True
            return None if since is None else self._gesture(position - since)
        if self._since is not None or not self._seen_up:
            return None
        self._since = position
        return Gesture.DOWN

    def held(self, position: int) -> Gesture | None:
        """What letting it go now would mean, where that is HOLD or LONG_HOLD."""
        gesture = None if self._since is None else self._gesture(position - self._since)
        return gesture if gesture is not Gesture.PRESS else None

    def stuck(self, position: int) -> bool:
        """Whether it has been down for so long that it means nothing."""
        return self._since is not None and position - self._since >= STUCK

    def _gesture(self, length: int) -> Gesture | None:
        if length >= STUCK:
            return None
        if length >= self.long_hold:
            return Gesture.LONG_HOLD
        return Gesture.HOLD if length >= self.hold else Gesture.PRESS
