"""Who was talking before the reply began, a television say, does not interrupt it, unless it gets louder.

Pure: levels and flags in, decisions out. Speech in the quiet just before a playback, not counting the talker who is being
answered, sets a level. Speech over that playback which stays within 6 dB of it is passed over: its ``BargeIn`` gets score
0, so only "stop" acts. The talker whom the device answers is at least 10 dB louder than what runs beside him, so he stands
out; who does while a passed-over voice goes on gets a ``BargeIn`` of his own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from device.values import FRAME, BargeIn, samples

LOUDER_DB = 6.0
"""Between a voice that goes on, whose own loud moments are within 4 dB of each other, and one 10 dB louder."""
LOUD_PART = 0.9
"""A voice is as loud as this part of its frames is not."""
BEFORE_FRAMES, LEAST_FRAMES = 300, 20
SPEECH_PART = 0.3
"""Of the frames before the playback that are speech where somebody talks steadily, pauses for breath included."""
AFTER_TALKER = samples(300)
"""The end of a talker's speech is known to this much, and rooms ring."""
PAUSE = samples(1000)
"""A shorter gap in the playback is a pause of the same reply: who talks in it may be the interruption."""
REMEMBERED = samples(10_000)
"""After the playback: as long as an answer may be followed up without a wake word."""
HITS, WINDOW = 5, 8


class Background:
    """``step`` every frame; ``judge`` each ``BargeIn``; ``answered`` when the talker's sentence has ended."""

    def __init__(self) -> None:
        self.level_db: float | None = None
        """Level of who was talking before the present playback began; None: nobody."""
        self._before: deque[tuple[int, float | None]] = deque(maxlen=BEFORE_FRAMES)
        self._recent: deque[float] = deque(maxlen=WINDOW)
        self._others_from = 0
        self._playing_until = -PAUSE
        self._passed_over = False

    def answered(self, last: int) -> None:
        """The speech up to ``last`` was said to the device: what is spoken after it is somebody else's."""
        self._others_from = max(self._others_from, last + AFTER_TALKER)

    def step(self, position: int, level_db: float, speech: bool, playing: bool) -> None:
        """One frame of the echo-free sound: its RMS level, and whether it sounds like speech."""
        self._recent.append(level_db)
        if playing:
            if position - self._playing_until >= PAUSE:
                self.level_db = self._level_before()
                self._before.clear()
            self._playing_until = position + FRAME
            return
        self._before.append((position, level_db if speech else None))
        if position - self._playing_until >= REMEMBERED:
            self.level_db = None

    def judge(self, event: BargeIn) -> BargeIn:
        """The event, with score 0 where it is no louder than who was talking before."""
        self._passed_over = event.score > 0 and self.level_db is not None and not self._louder()
        return replace(event, score=0.0) if self._passed_over else event

    def rises(self, position: int, active: bool, score: float) -> BargeIn | None:
        """Somebody louder has joined the voice that was passed over, or it has got louder; ``active``: it goes on."""
        self._passed_over = self._passed_over and active
        if not self._passed_over or not self._louder():
            return None
        self._passed_over = False
        return BargeIn(position + FRAME, max(0, position - (WINDOW - 1) * FRAME), score)

    def onset(self, position: int, onset: int) -> int | None:
        """Since when somebody speaks in a pause of the playback or just after it, where the speech began at ``onset``:
        who is louder than what goes on since then is told from it only now. None: it is still only that."""
        if self.level_db is None:
            return onset
        return max(onset, position - (WINDOW - 1) * FRAME) if self._louder() else None

    def _louder(self) -> bool:
        assert self.level_db is not None
        return sum(level > self.level_db + LOUDER_DB for level in self._recent) >= HITS

    def _level_before(self) -> float | None:
        levels = [level for position, level in self._before if position >= self._others_from]
        spoken = [level for level in levels if level is not None]
        if len(spoken) < max(LEAST_FRAMES, SPEECH_PART * len(levels)):
            return None
        level_db = loud_part(spoken)
        # as loud as the talker it is a cough or a door: beside a voice like that he would not stand out any more
        talker = [level for at, level in self._before if level is not None and at < self._others_from]
        return None if talker and level_db > loud_part(talker) - LOUDER_DB else level_db


def loud_part(levels_db: Sequence[float]) -> float:
    """The level that nine tenths of ``levels_db`` do not exceed."""
    return sorted(levels_db)[int(LOUD_PART * (len(levels_db) - 1))]
