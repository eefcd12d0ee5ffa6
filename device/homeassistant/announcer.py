"""When to tell Home Assistant about the device. Pure.

the message has changed ─────────────► at once (and the link says it again on every new connection)
Home Assistant has started (birth) ──► after 0-10 s, so that a house full of devices does not answer in one instant
discovery is switched off ───────────► an empty message, once: Home Assistant removes the device
"""

from __future__ import annotations

from collections.abc import Callable

from device.values import RATE_HZ

SPREAD_S = 10


class Announcer:
    """``step`` it every 10 ms. ``chance`` gives numbers from 0 to 1 and spreads the devices of a house.

    Until it is told what to say it says nothing. An empty message is said, too, at a start: who has switched discovery off before
    wants the device gone.
    """

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._message: bytes | None = None
        self._said: bytes | None = None
        self._births = 0
        self._again_at: int | None = None

    def tell(self, message: bytes) -> None:
        """What to say from now on (``announcement.message``); empty: nothing, and take back what was said."""
        self._message = message

    def step(self, position: int, births: int) -> bytes | None:
        """What to publish now (retained); None: nothing. ``births`` counts how often Home Assistant has started."""
        if births != self._births:
            self._births = births
            if self._again_at is None and self._message:
                self._again_at = position + round(self._chance() * SPREAD_S * RATE_HZ)
        again = self._again_at is not None and position >= self._again_at
        if not again and self._said == self._message:
            return None
        self._again_at = None
        self._said = self._message
        return self._message
