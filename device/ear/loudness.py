"""How loud the talker is: where his voice has faded, and who goes on beside him. Pure."""

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
BREATH = samples(100)
"""Of a pause no more than this counts among it: a talker who searches for a word is not somebody else when he goes on."""
FADED_DB = 25.0
"""What is so far below is the room, or the end of a breath: a VAD hangs on up to 0.14 s behind the last sound in a room
with 0.2 s of reverberation, the level 0.06 s."""


class Loudness:
    """``follow`` every frame of speech."""

    def __init__(self) -> None:
        self.talker_until = 0
        """The sample after the last speech that was as loud as the talker."""
        self.sound_until = 0
        """The sample after the last speech that was more than his voice dying away."""
        self._end = self._beside = 0
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
        self._beside += min(end - self._end, BREATH)
        self._end = end
        if self._recent[-1] and sum(self._recent) >= min(LOUD_HITS, len(self._recent)):
            self.talker_until, self._beside = end, 0
        if level_db is None or level_db > self._talker_db - FADED_DB:
            self.sound_until = end

    @property
    def beside(self) -> bool:
        """Whether what is spoken has not been the talker for ``BESIDE``."""
        return self._beside >= BESIDE
