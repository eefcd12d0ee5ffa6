"""Endpointing, the plain one: the user has finished when nobody has spoken for ``silence_ms``.

Pure: one call per frame with what the frame was, in capture positions.
"""

from __future__ import annotations

from collections import deque

from device.config import Config
from device.ear.background import loud_part
from device.values import FRAME, RATE_HZ, samples

WAKE_TAIL = samples(200)
"""Speech this shortly after the end of a wake word is the word dying away: that end is an estimate that leans to the
early side, rooms ring and the VAD hangs on. Of 119 real "alexa" said alone 16 % still leave a rest that counts as
speech (32 % at 120 ms); of 77 commands said in one breath with it none is missed."""
BESIDE_DB = 8.0
"""So far below the talker's loud frames are those of a television that is 10 dB below him, but for single ones; hence
three of five."""
LOUD_HITS, LOUD_WINDOW = 3, 5
BESIDE = samples(1200)
"""Speech that is all that quiet for this long is not the talker's: he has finished."""
LEAST = samples(100)
"""Less speech than this is a click, not an utterance."""


class Endpointing:
    """Decides once when the utterance whose words count from position ``after`` on is over.

    ``silence_ms`` after the last speech, never while a frame is speech, never before any speech was heard (whoever
    waits for somebody to begin has a timer of his own), but at the latest ``max_s`` after the speech began, and 1.2 s
    after the last frames within 8 dB of the talker's level: what goes on then is somebody else.
    ``tail`` samples after ``after`` do not count either: ``WAKE_TAIL`` where a wake word ended there.
    """

    def __init__(self, config: Config, after: int, tail: int = 0) -> None:
        self._silence = samples(config.endpointing.silence_ms)
        self._longest = round(config.endpointing.max_s * RATE_HZ)
        self._counts_from = after + tail
        self._heard = 0  # samples of speech that count
        self._began = self._last = self._loud = 0
        self._levels: list[float] = []
        self._talker_db = float("-inf")
        self._recent: deque[bool] = deque(maxlen=LOUD_WINDOW)
        self._done = False

    @property
    def heard_speech(self) -> bool:
        """Whether anything has been said in this utterance."""
        return self._heard >= LEAST

    def step(
        self, position: int, speech: bool, level_db: float | None = None, commit: bool = True
    ) -> int | None:
        """One frame, of ``level_db`` where that is known; returns the position after the last speech when the utterance
        is over, once.

        With ``commit`` False (frames of the pre-roll) it only takes note.
        """
        if self._done:
            return None
        end = position + FRAME
        if speech and end > self._counts_from:
            if not self._heard:
                self._began = position
            self._heard += FRAME
            self._last = end
            self._follow_talker(end, level_db)
        elif self._heard and not self.heard_speech and end - self._last >= self._silence:
            self._heard = 0  # a click, and nothing came of it
        if not self.heard_speech or not commit:
            return None
        if (not speech and end - self._last >= self._silence) or end - self._began >= self._longest:
            self._done = True
            return self._last
        if speech and end - self._loud >= BESIDE:
            self._done = True
            return self._loud
        return None

    def _follow_talker(self, end: int, level_db: float | None) -> None:
        if level_db is not None:
            self._levels.append(level_db)
            if len(self._levels) % 10 == 0:
                self._talker_db = loud_part(self._levels)
        self._recent.append(level_db is None or level_db > self._talker_db - BESIDE_DB)
        if self._recent[-1] and sum(self._recent) >= min(LOUD_HITS, len(self._recent)):
            self._loud = end
