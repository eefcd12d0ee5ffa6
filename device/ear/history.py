"""What each of the latest frames was: speech or not, delivered or missing. By capture position, like the ring."""

from __future__ import annotations

from device.values import FRAME

_SPEECH, _MISSING = 1, 2


class FrameHistory:
    """Flags of the last ``frames`` frames. Positions outside are neither speech nor missing."""

    def __init__(self, frames: int) -> None:
        self._flags = bytearray(frames)
        self._first: int | None = None  # position of the very first frame: fixes the frame grid
        self._count = 0  # frames ever written

    @property
    def end(self) -> int:
        """Position after the newest frame."""
        return 0 if self._first is None else self._first + self._count * FRAME

    def write(self, position: int, speech: bool, missing: bool) -> None:
        """The next frame; after a jump of the position everything older is forgotten."""
        if self._first is None or position != self.end:
            self._first, self._count = position, 0
        self._flags[self._count % len(self._flags)] = speech * _SPEECH | missing * _MISSING
        self._count += 1

    def mark_speech(self, start: int, end: int) -> None:
        """Call frames speech after the fact: a detector that needs five frames knows of the first four only then."""
        for position in range(self.floor(start), end, FRAME):
            index = self._index(position)
            if index is not None and not self._flags[index] & _MISSING:
                self._flags[index] |= _SPEECH

    def floor(self, position: int) -> int:
        """The first sample of the frame that holds ``position``."""
        first = self._first or 0
        return first + (position - first) // FRAME * FRAME

    def speech(self, position: int) -> bool:
        index = self._index(position)
        return index is not None and bool(self._flags[index] & _SPEECH)

    def missing(self, position: int) -> bool:
        index = self._index(position)
        return index is not None and bool(self._flags[index] & _MISSING)

    def _index(self, position: int) -> int | None:
        if self._first is None:
            return None
        frame = (position - self._first) // FRAME
        if not max(0, self._count - len(self._flags)) <= frame < self._count:
            return None
        return frame % len(self._flags)
