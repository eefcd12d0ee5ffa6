"""One turn on the wire: what is asked, who answers it, how far the answer has come, and how long all of it may take."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from device.link.answer import Answer
from device.link.messages import Commit, Open, Reply, Revise


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """[ms] unless said otherwise."""

    ack_ms: int = 400
    attempts: int = 2
    first_ms: int = 15_000
    """From the ack to the first word: a language model on the device may need it."""
    stall_ms: int = 8_000
    """Between words: a worker that died in mid-answer is noticed after this."""
    late_ms: int = 15_000
    """An ack after the failure is welcome this long: the expiry of an ``open``."""
    hole_ms: int = 150
    resend_ms: int = 1_000
    resends: int = 3
    reorder: int = 8
    """[messages]"""
    lang: str = "en"


@dataclass(slots=True)
class Turn:
    """Positions are samples of the capture clock. Pure."""

    number: int
    """Its name in the conversation; a revision brings a new one."""
    id: str
    """Its name on the wire."""
    open: Open
    """What the next attempt would say."""
    deadline: int
    """Position: while nobody owns it, for the ack; when it has failed, for a late one."""
    rev: int = 0
    attempt: int = 1
    speculative: bool = False
    committed: bool = False
    owner: str | None = None
    losers: set[str] = field(default_factory=set)
    refused: int = 0
    """Attempts that came to nothing before their deadline."""
    failed: bool = False
    """The conversation goes on without it, but a late ack is welcome."""
    closed: str | None = None
    """Why nothing more is expected of it, or None while it is open."""
    last: int = 0
    """Position of the last sign of life of the owner."""
    hole_at: int | None = None
    """Position at which to ask for what is missing, or None."""
    resends: int = 0
    answer: Answer = field(default_factory=Answer)
    early: list[Reply] = field(default_factory=list)
    """Unsigned messages that overtook the ack."""

    @property
    def final(self) -> bool:
        """Its end closes it: no revision may follow."""
        return self.committed or not self.speculative

    def revise(self, number: int, text: str, answer: Answer, position: int) -> None:
        """Ask for ``text`` instead, as ``number``; what was answered so far is forgotten."""
        self.number, self.rev, self.last = number, self.rev + 1, position
        self.open = msgspec.structs.replace(self.open, rev=self.rev, text=text)
        self.answer, self.hole_at, self.resends = answer, None, 0
        self.early.clear()

    def commit(self) -> None:
        """No revision will follow; attempts to come say so."""
        self.committed = True
        self.open = msgspec.structs.replace(self.open, speculative=False)

    def retry(self, deadline: int) -> None:
        """Ask the pool once more."""
        self.attempt += 1
        self.deadline = deadline
        self.open = msgspec.structs.replace(self.open, attempt=self.attempt)

    def changes(self, worker: str, revised: bool = True) -> list[Revise | Commit]:
        """What tells ``worker`` all that has changed since the ``open`` that it has; ``revised``: that is an older one."""
        told: list[Revise | Commit] = []
        if self.rev and revised:
            told.append(Revise(turn=self.id, rev=self.rev, worker=worker, text=self.open.text))
        if self.committed:
            told.append(Commit(turn=self.id, rev=self.rev, worker=worker))
        return told
