"""What left the loudspeaker, and when it began to be audible."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from device.audio import Backend, Samples
from device.scenario.recorder import WatchedBackend
from device.values import FRAME, samples

AUDIBLE = 1e-3
"""Amplitude (-60 dBFS) above which a sample counts, as for the mouth."""
PAUSE = samples(600)
"""Sound after so much silence, or of another reply, is a new onset; between two clauses there is less."""


@dataclass(frozen=True, slots=True)
class Onset:
    """From ``position`` on something was audible: ``reply``, or (None) an earcon."""

    position: int
    reply: int | None


class ListenedBackend(WatchedBackend):
    """Notes each onset of sound at the loudspeaker, to the sample."""

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend)
        self.onsets: list[Onset] = []
        self._until = -PAUSE
        self._reply: int | None = None

    def play(self, block: Samples) -> int:
        position = super().play(block)
        loud = np.flatnonzero(np.abs(block) > AUDIBLE)
        if len(loud) and self.mixer is not None:
            speech = self.mixer.speech
            reply = speech.reply if speech.span[1] else None
            first = position + int(loud[0]) * FRAME // len(block)
            if first - self._until >= PAUSE or reply != self._reply:
                self.onsets.append(Onset(first, reply))
            self._until, self._reply = position + FRAME, reply
        return position

    def flush(self, abort: bool = True) -> int | None:
        silent_from = super().flush(abort)
        if silent_from is not None:  # what never left was never heard
            self.onsets = [onset for onset in self.onsets if onset.position < silent_from]
            self._until = min(self._until, silent_from)
        return silent_from

    def reached(self, reply: int) -> int:
        """How many track samples of ``reply`` have left, or are bound to leave."""
        return max((one.first + one.count for one in self.left if one.reply == reply), default=0)
