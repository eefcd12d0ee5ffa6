"""Which reply has the loudspeaker: one at a time, each with exactly one ending, local sentences queued behind it.

    none ──begin──► begun ──ReplyStarted──► audible ──ReplyEnded──► none
      │               └───────cancel───────────┴──► cutting ──ReplyCut (or ReplyEnded, or 1 s)──► none
      └─adopt─► waiting (behind its gate) ──release──► begun

The next reply begins only after the last one's ending, because only that tells what was heard of it. A reply that was prepared
on a guess (``gate``) waits behind its gate beside that order, until the floor is free.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from device.conversation.timing import NEVER, Timing
from device.values import Cancel, Command, Release, ReplyBegin, ReplyFinish, ReplyText, Say

__all__ = ["Reply", "Speaking"]


@dataclass(slots=True)
class Reply:
    """One thing that is said, from ``Say`` or ``ReplyBegin`` to its one ending."""

    id: int
    turn: int | None = None
    """The turn it answers; None for a local sentence."""
    question: str = ""
    """What the user asked in that turn."""
    text: str = ""
    """All that the mouth was given of it."""
    before: str = ""
    """What was heard of the same answer already: it was interrupted, and goes on here."""
    finished: bool = False
    """The mouth was given all of it."""
    audible: bool = False
    expect: bool = False
    """It asks the user something."""
    repeats: bool = False
    """It says again what was said before."""
    notes: list[str] = field(default_factory=list)
    """Backchannels that were said over it."""
    cut: str | None = None
    """Why it was cancelled, once it was."""
    cut_due: int = NEVER


class Speaking:
    """Who has the loudspeaker, and which local sentences wait for it."""

    def __init__(self, emit: Callable[[Command], None], timing: Timing) -> None:
        self._emit, self._timing = emit, timing
        self.reply: Reply | None = None
        self.waiting: Reply | None = None
        """Prepared and wanted: it sounds as soon as the floor is free."""
        self.queue: list[tuple[str, bool, bool]] = []
        """Local sentences that wait for the loudspeaker, with whether they ask something, and whether they repeat."""
        self._count = 0

    @property
    def active(self) -> bool:
        """A reply has begun and was not cancelled; perhaps it is not audible yet."""
        return self.reply is not None and self.reply.cut is None

    @property
    def cutting(self) -> bool:
        """A cancelled reply has not told yet what was heard of it."""
        return self.reply is not None and self.reply.cut is not None

    def mint(self, turn: int | None = None, question: str = "") -> Reply:
        """A reply with a number of its own, which nobody has begun yet."""
        self._count += 1
        return Reply(self._count, turn, question)

    def enqueue(self, text: str, expect: bool = False, repeats: bool = False) -> None:
        self.queue.append((text, expect, repeats))

    def say_next(self) -> None:
        self.say_now(*self.queue.pop(0))

    def say_now(self, text: str, expect: bool = False, repeats: bool = False) -> Reply:
        """``text`` is the next reply."""
        self.reply = reply = self.mint()
        reply.text, reply.finished = text, True
        reply.expect, reply.repeats = expect, repeats
        self._emit(Say(reply.id, text))
        return reply

    def begin(self, turn: int | None, question: str, before: str = "", whole: bool = False) -> None:
        """A reply begins; ``before``: it goes on with an answer of which that much was heard; ``whole``: all of it follows."""
        self.reply = self.mint(turn, question)
        self.reply.before = before
        self._emit(ReplyBegin(self.reply.id, turn=turn, whole=whole))

    def adopt(self, reply: Reply) -> None:
        """``reply``, begun behind its gate, is wanted."""
        self.waiting = reply

    def release(self) -> None:
        """The floor is free for the reply that waits."""
        if self.waiting is not None:
            self.reply, self.waiting = self.waiting, None
            self._emit(Release(self.reply.id))

    def drop_waiting(self) -> Reply | None:
        """The answer that waits is not wanted any more; None where none waits, or a sentence of our own."""
        waiting = self.waiting
        if waiting is None or waiting.turn is None:
            return None
        self._emit(Cancel(waiting.id))
        self.waiting = None
        return waiting

    def answers(self, turn: int) -> bool:
        """Whether the reply that is spoken, or waits, is the answer to ``turn``."""
        reply = self._growing
        return reply is not None and reply.turn == turn

    def text(self, text: str) -> None:
        reply = self._growing
        if reply is not None and text:
            reply.text += text
            self._emit(ReplyText(reply.id, text))

    def finish(self, expect: bool) -> None:
        reply = self._growing
        if reply is not None:
            reply.expect = expect
            if not reply.finished:
                reply.finished = True
                self._emit(ReplyFinish(reply.id))

    def cancel(self, now: int, reason: str) -> Reply | None:
        """Cancel the active reply and the one that waits, and forget the queue; the active one, or None."""
        self.queue.clear()
        if self.waiting is not None:
            self._emit(Cancel(self.waiting.id))
            self.waiting = None
        return self.cut(now, reason)

    def cut(self, now: int, reason: str) -> Reply | None:
        """Cancel the active reply, and nothing that comes after it."""
        if self.reply is None or self.reply.cut is not None:
            return None
        self.reply.cut, self.reply.cut_due = reason, now + self._timing.cut
        self._emit(Cancel(self.reply.id))
        return self.reply

    @property
    def _growing(self) -> Reply | None:
        return self.waiting or (self.reply if self.active else None)

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
