"""Endpointing, the plain one: the user has finished when nobody has spoken for ``silence_ms``.

Pure: one call per frame with what the frame was, in capture positions.
"""

from __future__ import annotations

from device.config import Config
from device.values import FRAME, RATE_HZ, samples

WAKE_TAIL = samples(200)
"""Speech this shortly after the end of a wake word is the word dying away: that end is an estimate that leans to the
early side, rooms ring and the VAD hangs on. Of 119 real "alexa" said alone 16 % still leave a rest that counts as
speech (32 % at 120 ms); of 77 commands said in one breath with it none is missed."""
LEAST = samples(100)
"""Less speech than this is a click, not an utterance."""


class Endpointing:
    """Decides once when the utterance whose words count from position ``after`` on is over.

    ``silence_ms`` after the last speech, never while a frame is speech, never before any speech was heard (whoever
    waits for somebody to begin has a timer of his own), but at the latest ``max_s`` after the speech began.
    ``tail`` samples after ``after`` do not count either: ``WAKE_TAIL`` where a wake word ended there.
    """

    def __init__(self, config: Config, after: int, tail: int = 0) -> None:
        self._silence = samples(config.endpointing.silence_ms)
        self._longest = round(config.endpointing.max_s * RATE_HZ)
        self._counts_from = after + tail
        self._heard = 0  # samples of speech that count
        self._began = self._last = 0
        self._done = False

    @property
    def heard_speech(self) -> bool:
        """Whether anything has been said in this utterance."""
        return self._heard >= LEAST

    def step(self, position: int, speech: bool, commit: bool = True) -> int | None:
        """One frame; returns the position after the last speech when the utterance is over, once.

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
        elif self._heard and not self.heard_speech and end - self._last >= self._silence:
            self._heard = 0  # a click, and nothing came of it
        if not self.heard_speech or not commit:
            return None
        if (not speech and end - self._last >= self._silence) or end - self._began >= self._longest:
            self._done = True
            return self._last
        return None
