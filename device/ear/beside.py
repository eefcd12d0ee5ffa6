"""Who speaks beside the talker: a television that goes on must not keep his sentence open. Pure."""

from __future__ import annotations

from collections import deque

from device.ear.background import loud_part
from device.values import samples

BESIDE_DB = 8.0
"""So far below the talker's loud frames are those of a television that is 10 dB below him, but for single ones; hence
three of five."""
LOUD_HITS, LOUD_WINDOW = 3, 5
BESIDE = samples(1200)
"""Speech that is all that quiet for this long is not the talker's: he has finished."""


class Beside:
    """``follow`` every frame of speech; ``last`` is the sample after the last one that was as loud as the talker."""

    def __init__(self) -> None:
        self.last = 0
        self._levels: list[float] = []
        self._talker_db = float("-inf")
        self._recent: deque[bool] = deque(maxlen=LOUD_WINDOW)

    def follow(self, end: int, level_db: float | None) -> None:
        """A frame of speech that ends before ``end``; ``level_db`` None: not known, taken for the talker's."""
        if level_db is not None:
            self._levels.append(level_db)
            if len(self._levels) % 10 == 0:
                self._talker_db = loud_part(self._levels)
        self._recent.append(level_db is None or level_db > self._talker_db - BESIDE_DB)
        if self._recent[-1] and sum(self._recent) >= min(LOUD_HITS, len(self._recent)):
            self.last = end

    def goes_on(self, end: int) -> bool:
        """Whether what is spoken up to ``end`` has not been the talker for ``BESIDE``."""
        return end - self.last >= BESIDE
