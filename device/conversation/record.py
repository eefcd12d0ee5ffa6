"""What was asked and what was heard: all that travels with the next question, and what "go on" and "repeat that" go by.

``context`` is what a question travels with; ``asked`` notes one for good, ``heard`` what became of a reply. A question whose
answer was not audible at all is ``unanswered``: the next one continues it, and takes its place in the history.
Pure; positions in samples.
"""

from __future__ import annotations

from device.conversation.continuing import Continuing
from device.conversation.history import MOST_NOTES, History
from device.conversation.speaking import Reply
from device.conversation.words import join
from device.values import HeardReport, Message

__all__ = ["Record"]

LONGEST_NOTE = 64
"""[characters] of what was said for a backchannel."""


class Record:
    """Of one conversation; ``history`` is how many messages of it are kept."""

    def __init__(self, history: int) -> None:
        self.history = History(history)
        self.continuing = Continuing()
        self.unanswered = ""
        """The question before, when nothing of its answer was audible."""
        self.first_asked = 0
        """When the question was opened for the first time, before any continuation."""
        self._heard_prev: HeardReport | None = None

    def keep(self, history: int) -> None:
        """So many messages from now on; the newest of those there are stay."""
        self.history.keep(history)

    def question(self, text: str) -> str:
        """``text`` with what it continues."""
        return join(self.unanswered, text)

    def context(self) -> tuple[tuple[Message, ...], HeardReport | None]:
        """The history without the question that is being continued, and what was heard of the last answer if it was cut."""
        return self.history.messages(self.unanswered), self._heard_prev

    def asked(self, now: int, text: str) -> None:
        """``text``, a ``question``, is asked, for good."""
        if self.unanswered:
            self.history.take_back(self.unanswered)
        else:
            self.first_asked = now
        self.unanswered, self._heard_prev = "", None
        self.continuing.asked()
        self.history.user(text)

    def ended(self, reply: Reply, heard: str) -> None:
        """All of ``reply`` was heard."""
        self.continuing.over(reply, heard, len(heard))
        if reply.turn is not None:
            self.history.assistant(heard, notes=reply.notes, before=reply.before)

    def cut(self, reply: Reply, heard: str, chars: int, ms: int) -> HeardReport | None:
        """The first ``chars`` characters of ``reply`` were heard; what its worker has to know of that."""
        self.continuing.over(reply, heard, chars)
        if reply.turn is None or not heard.strip():
            return None
        self.unanswered, before = "", reply.before
        self.history.assistant(heard, True, reply.notes, before)
        self._heard_prev = HeardReport(
            reply.turn, len(before) + chars, before + heard, ms, reply.cut or "voice"
        )
        return self._heard_prev

    def note(self, reply: Reply | None, text: str) -> None:
        """The user nodded, with these words, over ``reply``; None: over the one that has just ended."""
        if reply is None:
            self.history.note(text[:LONGEST_NOTE])
        elif reply.turn is not None and len(reply.notes) < MOST_NOTES:
            reply.notes.append(text[:LONGEST_NOTE])
