"""Replies on their way through the mouth, and whose turn it is.

    begin, gated ──► waiting behind every reply that may sound ──release──► behind the released ones ──► on the track

A gated reply is a guess: it holds up nobody, and nobody hears it. Its first clause is made meanwhile, and so is that of a
reply that only waits for the one before it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from device.mouth.clauses import Clause, Splitter
from device.mouth.heard import SpokenClause
from device.mouth.sound import Samples


@dataclass(slots=True, eq=False)
class Reply:
    """One reply from its first text to its last sample."""

    number: int
    splitter: Splitter
    gated: bool = False
    """Nothing of it may sound yet."""
    speed: float = 1.0
    """Speaking rate of all of it, 1.0 = normal."""
    waiting: deque[Clause] = field(default_factory=deque)
    spoken: list[SpokenClause] = field(default_factory=list)
    begun: bool = False
    """Its first clause is with the voice, or was."""
    on_track: bool = False
    kept: list[tuple[SpokenClause, Samples]] = field(default_factory=list)
    """Sound that was made before the reply got the track, in order."""
    complete: bool = False
    """No more text will come."""
    lost: bool = False
    """The voice failed: ends with what is on the track."""
    started: bool = False
    audible: int | None = None
    """First track sample that can be heard."""

    def take(self, clauses: list[Clause]) -> None:
        self.waiting.extend(clause for clause in clauses if clause.text)


class Queue:
    """The replies that have begun and not ended, in the order in which they sound: gated ones last. Pure."""

    def __init__(self) -> None:
        self._replies: list[Reply] = []

    def __iter__(self) -> Iterator[Reply]:
        return iter(self._replies)

    @property
    def current(self) -> Reply | None:
        """The reply whose turn it is, None while nothing may sound."""
        return self._replies[0] if self._replies and not self._replies[0].gated else None

    def find(self, number: int) -> Reply | None:
        return next((reply for reply in self._replies if reply.number == number), None)

    def add(self, reply: Reply) -> None:
        """Behind all of its kind."""
        ungated = sum(not other.gated for other in self._replies)
        self._replies.insert(len(self._replies) if reply.gated else ungated, reply)

    def release(self, reply: Reply) -> None:
        """``reply`` may sound, after those that might already."""
        self._replies.remove(reply)
        reply.gated = False
        self.add(reply)

    def remove(self, reply: Reply) -> None:
        self._replies.remove(reply)
