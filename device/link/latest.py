"""The latest turns by name: what the conversation counts, the wire calls by id, and a worker may still be busy with."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from device.link.messages import HeardMessage, HeardPrev
from device.values import HeardReport

REMEMBERED = 32
"""Turns of which it is still known who answered them, and why they were closed."""


class Known(NamedTuple):
    """A turn's names on the wire."""

    id: str
    owner: str | None
    """The worker that answers it; None while none has taken it."""
    rev: int


class Closed(NamedTuple):
    """How a turn ended: answered, or why not."""

    owner: str | None
    reason: str


class LatestTurns:
    """Pure. Turns have a ``number`` in the conversation and an ``id`` on the wire."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, Known] = OrderedDict()
        self._closed: OrderedDict[str, Closed] = OrderedDict()

    def note(self, number: int, turn_id: str, owner: str | None = None, rev: int = 0) -> None:
        """The turn was opened, or ``owner`` has taken it."""
        self._known[number] = Known(turn_id, owner, rev)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def close(self, turn_id: str, owner: str | None, reason: str) -> None:
        self._closed[turn_id] = Closed(owner, reason)
        while len(self._closed) > REMEMBERED:
            self._closed.popitem(last=False)

    def closed(self, turn_id: str) -> Closed | None:
        """How a turn ended; None for one that is open or forgotten."""
        return self._closed.get(turn_id)

    def heard_message(self, report: HeardReport) -> HeardMessage | None:
        """What tells the owner how much was heard of its answer; None where nobody owned the turn."""
        known = self._known.get(report.turn)
        if known is None or known.owner is None:
            return None
        return HeardMessage(
            turn=known.id, rev=known.rev, worker=known.owner,
            chars=report.chars, text=report.text, ms=report.ms, reason=report.reason,
        )  # fmt: skip

    def heard_prev(self, report: HeardReport | None) -> HeardPrev | None:
        """The same for the next ``open``."""
        known = self._known.get(report.turn) if report is not None else None
        if report is None or known is None:
            return None
        return HeardPrev(
            turn=known.id,
            chars=report.chars,
            text=report.text,
            ms=report.ms,
            reason=report.reason[:64] or "-",
        )
