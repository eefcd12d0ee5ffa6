"""Which utterance is being recognised: every ``Listen`` gets exactly one ``Finalise`` or ``Discard``, one at a time.

none ──listen──► open ──finalise──► awaited ──Final, or 2 s──► none
                  └────discard────► none
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from device.conversation.timing import NEVER, Timing
from device.values import Command, Discard, Finalise, Listen, ListenMode, Partial

__all__ = ["Hearing", "Purpose", "Utterance"]


class Purpose(Enum):
    """Why we listen; it decides what the words may do (``meaning``)."""

    WAKE = "after the wake word"
    FOLLOW_UP = "after a reply, without wake word"
    EXPECTED = "after a reply that asked something"
    INTERRUPT = "the utterance that has taken the floor"
    OVER = "over playback, not yet known whether it takes the floor"
    STOP_ONLY = "over playback where only 'stop' may act: the canceller still learns, it is echo, or the owner wants it"
    THINKING = "before the answer to the last question is audible: the user goes on"
    LATE = "the same, too long after the question to belong to it: commands only"


_MODES: dict[Purpose, ListenMode] = {
    Purpose.OVER: "over",
    Purpose.STOP_ONLY: "over",
    Purpose.LATE: "commands",
}


@dataclass(slots=True)
class Utterance:
    """One ``Listen``; positions in samples."""

    id: int
    start: int
    after: int
    purpose: Purpose
    mode: ListenMode
    due: int
    """While open: when it is ended here. While awaited: when its Final is given up."""
    limit: int
    """The ``due`` of an open utterance while somebody speaks."""
    quiet: int
    """... and how long after he has stopped, by the rules under which it was opened."""
    heard: str = ""
    """The newest accepted partial text."""
    partial: Partial | None = None
    """... and all that came with it."""
    spoke: bool = False
    """Somebody has spoken since ``after``."""
    last: int = -1
    """Last sample of that speech, when known."""
    stopped: bool = False
    """It began with "stop", which was obeyed at once; more may follow."""


class Hearing:
    """At most one open utterance, and those whose ``Final`` is on its way."""

    def __init__(self, emit: Callable[[Command], None], timing: Timing) -> None:
        self._emit, self._timing = emit, timing
        self.open: Utterance | None = None
        self._awaited: dict[int, Utterance] = {}
        self._count = 0

    def reconfigure(self, timing: Timing) -> None:
        """Other times, for the utterances to come."""
        self._timing = timing

    @property
    def busy(self) -> bool:
        """Words may still come that change what is said next."""
        waiting = self._awaited.values() if self.open is None else (self.open, *self._awaited.values())
        return any(utterance.purpose is not Purpose.LATE for utterance in waiting)

    @property
    def addressed(self) -> bool:
        """Somebody speaks to the device, or has, and the last word on it is on its way."""
        waiting = self._awaited.values() if self.open is None else (self.open, *self._awaited.values())
        return any(utterance.purpose not in (Purpose.LATE, Purpose.STOP_ONLY) for utterance in waiting)

    @property
    def awaiting(self) -> bool:
        """The last word on an earlier utterance is on its way."""
        return bool(self._awaited)

    def listen(self, start: int, after: int, purpose: Purpose, mode: ListenMode | None = None) -> Utterance:
        """Open an utterance; one that is open is discarded first. ``mode`` None: the one that suits ``purpose``."""
        self.discard()
        self._count += 1
        start, after = max(0, start), max(0, after)
        limit = after + (self._timing.going_on if purpose is Purpose.THINKING else self._timing.longest)
        mode = mode or _MODES.get(purpose, "free")
        self.open = Utterance(self._count, start, after, purpose, mode, limit, limit, self._timing.quiet)
        self._emit(Listen(self._count, start, after, mode))
        return self.open

    def listen_again(self, utterance: Utterance, purpose: Purpose) -> None:
        """Hear ``utterance`` once more from its first sample, now taking down every word: nothing of it is lost."""
        again = self.listen(utterance.start, utterance.after, purpose, "free")
        again.heard, again.spoke, again.stopped = utterance.heard, utterance.spoke, utterance.stopped

    def finalise(self, now: int) -> None:
        if self.open is not None:
            utterance, self.open = self.open, None
            utterance.due = now + self._timing.final
            self._awaited[utterance.id] = utterance
            self._emit(Finalise(utterance.id))

    def discard(self) -> None:
        if self.open is not None:
            self._emit(Discard(self.open.id))
            self.open = None

    def drop(self) -> None:
        """Discard what is open and take no Final of anything before."""
        self.discard()
        self._awaited.clear()

    def takes_floor(self, stop: bool) -> None:
        """What was said over the reply has interrupted it.

        What only a few words were listened for in is heard again from its onset; after ``stop`` alone not before more
        follows: another hearing could only make something else of it.
        """
        if self.open is None or self.open.purpose not in (Purpose.OVER, Purpose.STOP_ONLY, Purpose.INTERRUPT):
            return
        self.open.purpose = Purpose.INTERRUPT
        self.open.stopped |= stop
        if self.open.mode == "over" and not stop:
            self.listen_again(self.open, Purpose.INTERRUPT)

    def joins(self, utterance: Utterance) -> None:
        """The open utterance goes on with ``utterance``: should it be heard again, then from the first sample of both."""
        if self.open is not None and self.open.purpose is Purpose.OVER and self.open.mode == "over":
            self.open.start, self.open.after = utterance.start, utterance.after

    def reply_over(self) -> None:
        """Nothing plays any more: what is being said over it is heard again, every word of it."""
        if self.open is not None and self.open.purpose is Purpose.OVER and self.open.mode == "over":
            self.listen_again(self.open, Purpose.OVER)

    def doubt(self) -> None:
        """What is heard over the reply is probably its own echo: from now on hard words only."""
        if self.open is not None and self.open.purpose is Purpose.OVER:
            self.open.purpose = Purpose.STOP_ONLY

    def goes_on(self) -> None:
        """The utterance before was acted upon; the one that is open already only continues it."""
        if self.open is not None and self.open.purpose is not Purpose.LATE:
            self.open.purpose = Purpose.THINKING
            self.open.limit = self.open.after + self._timing.going_on
            self.open.due = min(self.open.due, self.open.limit)

    def drop_unasked(self) -> None:
        """What is said over a reply is heard anew, as a barge-in."""
        if self.open is not None and self.open.purpose in (Purpose.LATE, Purpose.STOP_ONLY):
            self.discard()

    # ------------------------------------------------------------------ what the ear says

    def find(self, utterance: int) -> Utterance | None:
        """The utterance of that number, open or awaited; None for one that is no longer wanted."""
        if self.open is not None and self.open.id == utterance:
            return self.open
        return self._awaited.get(utterance)

    def finished(self, utterance: int) -> Utterance | None:
        """Its Final has come; an engine that gives it unasked still gets the one ending that each Listen has."""
        if self.open is not None and self.open.id == utterance:
            found = self.open
            self.discard()
            return found
        return self._awaited.pop(utterance, None)

    def speech_began(self, onset: int) -> None:
        if self.open is not None:
            self.open.due = self.open.limit
            if onset > self.open.after:
                self.open.spoke = True

    def speech_ended(self, now: int, last: int) -> None:
        """The ear's endpointing ends the utterance soon; ``due`` is only the net below it."""
        if self.open is not None and self._beyond_wake_word(self.open, last):
            self.open.spoke, self.open.last = True, last
            self.open.due = min(self.open.limit, now + self.open.quiet)

    def endpoint(self, now: int, utterance: int, last: int) -> bool:
        """The ear commits to the end of the open utterance; False when it means another one."""
        if self.open is None or self.open.id != utterance:
            return False
        if self._beyond_wake_word(self.open, last):
            self.open.spoke = True
        self.open.last = last
        self.finalise(now)
        return True

    def _beyond_wake_word(self, utterance: Utterance, last: int) -> bool:
        slack = self._timing.wake_slack if utterance.purpose is Purpose.WAKE else 0
        return last > utterance.after + slack

    # ------------------------------------------------------------------ time

    def due(self) -> int:
        due = self.open.due if self.open is not None else NEVER
        return min(due, *(u.due for u in self._awaited.values())) if self._awaited else due

    def tick(self, now: int) -> list[Utterance]:
        """End what is overdue; returns the utterances whose Final never came."""
        if self.open is not None and now >= self.open.due:
            self.finalise(now)
        lost = [u for u in self._awaited.values() if now >= u.due]
        for utterance in lost:
            del self._awaited[utterance.id]
        return lost
