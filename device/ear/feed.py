"""One utterance on its way from the ring to the recogniser.

Listen(start) ──► Begin, then 20 ms pieces from ``start`` on: the pre-roll faster than real time, at most 100 ms
                  of sound per step, then as it comes ──► Finalise: the rest, End ──► Final
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from device.audio.backends import Samples
from device.audio.levels import to_int16
from device.ear.history import FrameHistory
from device.ear.recognisers.messages import Audio, Begin, Drop, End
from device.engines import EngineDoor
from device.values import FRAME, Listen

if TYPE_CHECKING:
    from device.audio import Ring

PIECES_PER_STEP = 5
"""A second of pre-roll is caught up with in 0.11 s; more at once would be one long step (and one deaf engine)."""


def to_pcm(block: Samples) -> bytes:
    """Float32 in [-1, 1] (clipped) as int16 little-endian."""
    pcm: bytes = to_int16(block).tobytes()
    return pcm


class UtteranceFeed:
    """Feeds one utterance. ``door`` None: there is no recogniser, nothing is sent.

    ``sound`` may end a frame before the history: what is not there yet is waited for, after ``finalise`` too.
    """

    def __init__(self, command: Listen, sound: Ring, history: FrameHistory, door: EngineDoor | None) -> None:
        self.utterance = command.utterance
        self._command, self._sound, self._history, self._door = command, sound, history, door
        self._cursor = history.floor(max(0, command.start))
        self._until: int | None = None  # Finalise: audio before this position still belongs to it
        self._begun = self._ended = False

    @property
    def position(self) -> int:
        """Up to here the engine has the sound."""
        return self._cursor

    @property
    def ended(self) -> bool:
        """Everything was handed over, End included: only the Final is missing."""
        return self._ended

    def finalise(self) -> None:
        """No more audio than there is now."""
        if self._until is None:
            self._until = self._history.end

    def drop(self) -> None:
        if self._door is not None and self._begun:
            self._door.send(Drop(self.utterance))

    def feed(self) -> None:
        """Hand over what is due in this step. What the engine refuses is offered again in the next one."""
        if self._door is None or self._ended or not self._begin(self._door):
            return
        pieces = PIECES_PER_STEP if self._until is None else 1 << 30
        while pieces and (piece := self._next()) is not None:
            if not self._door.send(piece):
                return
            self._cursor = piece.position + len(piece.pcm) // 2
            pieces -= 1
        if self._until is not None and pieces and self._sound.end >= self._until:
            self._ended = self._door.send(End(self.utterance))

    def _begin(self, door: EngineDoor) -> bool:
        if not self._begun:
            self._cursor = max(self._cursor, self._history.floor(self._sound.start + FRAME - 1))
            command = self._command
            self._begun = door.send(Begin(self.utterance, self._cursor, command.after, command.mode))
        return self._begun

    def _next(self) -> Audio | None:
        """The next 20 ms, or 10 ms before missing frames (which are left out) and at the end."""
        history, end = self._history, self._history.end if self._until is None else self._until
        while self._cursor < end and history.missing(self._cursor):
            self._cursor += FRAME
        second = self._cursor + FRAME
        frames = 1 if history.missing(second) or (self._until is not None and second >= end) else 2
        if self._cursor + frames * FRAME > min(end, self._sound.end):
            return None
        block = self._sound.read(self._cursor, frames * FRAME)
        if block.lost:  # the engine was stuck for longer than the ring remembers
            self._cursor = history.floor(block.position + FRAME - 1)
            return self._next()
        return Audio(self.utterance, self._cursor, to_pcm(block.samples))
