"""May the user speak without saying the wake word, until when, and what is expected of them?

closed ──Wake──► open(WAKE) ──────────┐
closed ──reply ended──► open(FOLLOW_UP or EXPECTED) ──┼──► closed: a turn, a command, "stop", or time over
closed ──reply interrupted──► open(INTERRUPT) ────────┘
"""

from __future__ import annotations

from collections.abc import Callable

from device.conversation.hearing import Purpose
from device.conversation.timing import NEVER, Timing
from device.values import Command, Earcon

__all__ = ["Attention"]


class Attention:
    """Open until a position, for a purpose; after a wake word with a chime if the user waits for one."""

    def __init__(self, emit: Callable[[Command], None], timing: Timing) -> None:
        self._emit, self._timing = emit, timing
        self.is_open = False
        self.deaf = False
        """The microphone is closed by hand: nobody is asked to speak."""
        self.purpose = Purpose.FOLLOW_UP
        self._until = NEVER
        self._chime_at = NEVER
        self._wake_end = 0

    def reconfigure(self, timing: Timing) -> None:
        """Other times; attention that is open ends when it would have, unless new words keep it alive."""
        self._timing = timing

    def open(self, purpose: Purpose, now: int, length: int) -> None:
        """Attend for ``length`` samples from ``now``; no length, no attention."""
        self.close()
        if length > 0 and not self.deaf:
            self.is_open, self.purpose, self._until = True, purpose, now + length

    def wake(self, now: int, end: int, chime: bool) -> None:
        """Attend after a wake word that ended at ``end``.

        The chime waits: over "wake word, command" in one breath it would fall into the command.
        """
        self.open(Purpose.WAKE, now, self._timing.attention)
        self._wake_end = end
        if chime:
            self._chime_at = end + self._timing.chime

    def close(self) -> None:
        self.is_open = False
        self._until = self._chime_at = NEVER

    # ------------------------------------------------------------------ what the ear says meanwhile

    def speech_began(self, onset: int) -> None:
        if onset > self._wake_end:
            self._chime_at = NEVER

    def speech_ended(self, last: int) -> None:
        if last > self._wake_end + self._timing.wake_slack:
            self._chime_at = NEVER

    def words(self, now: int) -> None:
        """The recogniser hears new words: they keep attention alive."""
        self._chime_at = NEVER
        if self.is_open:
            self._until = max(self._until, now + self._timing.attention)

    # ------------------------------------------------------------------ time

    def due(self) -> int:
        return min(self._until, self._chime_at)

    def tick(self, now: int, speech: bool) -> bool:
        """True when attention has run out; ``speech``: the VAD is open right now (then the chime waits on)."""
        if now >= self._chime_at and not speech:
            self._chime_at = NEVER
            self._emit(Earcon("attend"))
        return now >= self._until
