"""Which reply has the loudspeaker: one at a time, each with exactly one ending, local sentences queued behind it.

    none ──begin──► begun ──ReplyStarted──► audible ──ReplyEnded──► none
                      └───────cancel───────────┴──► cutting ──ReplyCut (or ReplyEnded, or 1 s)──► none

The next reply begins only after the last one's ending, because only that tells what was heard of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from device.conversation.timing import NEVER, Timing
from device.values import Cancel, Command, ReplyBegin, ReplyFinish, ReplyText, Say

__all__ = ["Reply", "Speaking"]


@dataclass(slots=True)
class Reply:
    """One thing that is said, from ``Say`` or ``ReplyBegin`` to its one ending."""

    id: int
    turn: int | None = None
    """The turn it answers; None for a local sentence."""
    question: str = ""
    """What the user asked in that turn."""
    audible: bool = False
    expect: bool = False
    """It asks the user something."""
    cut: str | None = None
    """Why it was cancelled, once it was."""
    cut_due: int = NEVER


class Speaking:
    """Who has the loudspeaker, and which local sentences wait for it."""

    def __init__(self, emit: Callable[[Command], None], timing: Timing) -> None:
        self._emit, self._timing = emit, timing
        self.reply: Reply | None = None
        self.queue: list[tuple[str, bool]] = []
        """Local sentences that wait for the loudspeaker, with whether they ask something."""
        self._count = 0

    @property
    def active(self) -> bool:
        """A reply has begun and was not cancelled; perhaps it is not audible yet."""
        return self.reply is not None and self.reply.cut is None

    @property
    def cutting(self) -> bool:
        """A cancelled reply has not told yet what was heard of it."""
        return self.reply is not None and self.reply.cut is not None

    def enqueue(self, text: str, expect: bool = False) -> None:
        self.queue.append((text, expect))

    def say_next(self) -> None:
        text, expect = self.queue.pop(0)
        self.reply = self._new()
        self.reply.expect = expect
        self._emit(Say(self.reply.id, text))

    def begin(self, turn: int, question: str) -> None:
        self.reply = self._new()
        self.reply.turn, self.reply.question = turn, question
        self._emit(ReplyBegin(self.reply.id))

    def answers(self, turn: int) -> bool:
        """Whether the active reply is the answer to ``turn``."""
        return self.reply is not None and self.reply.cut is None and self.reply.turn == turn

    def text(self, text: str) -> None:
        if self.reply is not None and text:
            self._emit(ReplyText(self.reply.id, text))

    def finish(self, expect: bool) -> None:
        if self.reply is not None:
            self.reply.expect = expect
            self._emit(ReplyFinish(self.reply.id))

    def cancel(self, now: int, reason: str) -> Reply | None:
        """Cancel the active reply and forget the queue; the reply, or None if there was none."""
        self.queue.clear()
        if self.reply is None or self.reply.cut is not None:
            return None
        self.reply.cut, self.reply.cut_due = reason, now + self._timing.cut
        self._emit(Cancel(self.reply.id))
        return self.reply

    # ------------------------------------------------------------------ what the mouth says

    def started(self, reply: int) -> None:
        if self.reply is not None and self.reply.id == reply:
            self.reply.audible = True

    def ended(self, reply: int) -> Reply | None:
        """The reply's ending has come; None for one that has had its ending."""
        if self.reply is None or self.reply.id != reply:
            return None
        found, self.reply = self.reply, None
        return found

    # ------------------------------------------------------------------ time

    def due(self) -> int:
        return self.reply.cut_due if self.reply is not None else NEVER

    def tick(self, now: int) -> None:
        if now >= self.due():
            self.reply = None

    def _new(self) -> Reply:
        self._count += 1
        return Reply(self._count)
