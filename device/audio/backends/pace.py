"""The sample clock tied to the machine's monotonic clock, for backends that have no card to pace them."""

from __future__ import annotations

import time
from collections.abc import Callable

from device.values import RATE_HZ


class Pacer:
    """Capture position 0 is ``start()``; position p is due p / 16000 seconds later.

    ``clock`` returns seconds and never goes back, ``sleep`` waits for some.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._origin: float | None = None

    def start(self) -> None:
        self._origin = self._clock()

    @property
    def started(self) -> bool:
        return self._origin is not None

    def late_s(self, position: int) -> float:
        """How long ago ``position`` was due (negative: still to come)."""
        return self._clock() - (self._origin or 0.0) - position / RATE_HZ

    def wait(self, position: int, timeout_s: float) -> bool:
        """Sleep until ``position`` is due; False when that takes longer than ``timeout_s``."""
        left = -self.late_s(position)
        if left > timeout_s:
            self._sleep(max(0.0, timeout_s))
            return False
        if left > 0:
            self._sleep(left)
        return True
