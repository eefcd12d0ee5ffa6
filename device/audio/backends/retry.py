"""When a missing device is tried again, and when PortAudio's list is made anew for it. Pure.

    nothing new      ── once a second ──► try to open it
    a card came, went, was set free ────► at once, and every round for 3 s: the system gives a new card its rights a moment later

A new list closes both streams for some 0.1 s. It is worth that where cards came or went; where they did not, only while
nobody uses the stream that is open.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

RETRY_S = 1.0
EAGER_S = 3.0
LIST_AGAIN_S = 10.0
"""A missing device is searched for this often by a new list, where the other one is open and idle meanwhile."""


@dataclass(frozen=True, slots=True)
class Round:
    """What is to be done for the sides that are missing: ``list_first``, then ``open``; ``list_after``: where that was in vain."""

    list_first: bool = False
    open: bool = False
    list_after: bool = False


class Retry:
    """Asked every round that something is missing, with ``now`` in seconds on any steady clock."""

    def __init__(self) -> None:
        self._cards: Hashable = None
        self._news: Hashable = None
        self._tried_at = self._listed_at = -LIST_AGAIN_S
        self._eager_until = 0.0

    def listed(self, cards: Hashable, now: float) -> None:
        """PortAudio's list is as new as ``cards``."""
        self._cards, self._listed_at = cards, now

    def round(self, now: float, cards: Hashable, news: Hashable, alone: bool, in_use: bool) -> Round:
        """``cards``: those there are; ``news``: whatever else lets a missing device be opened, who holds it for instance.
        ``alone``: nothing is open, so a new list disturbs nobody; ``in_use``: what is open is listened to, or speaks."""
        came, freed = cards != self._cards, news != self._news
        self._news = news
        if came or freed:
            self._eager_until = now + EAGER_S
        if not came and not freed and now >= self._eager_until and now - self._tried_at < RETRY_S:
            return Round()
        self._tried_at = now
        aged = now - self._listed_at
        if came:
            return Round(list_first=True, open=True)
        if not alone:
            return Round(open=True, list_after=freed or (not in_use and aged > LIST_AGAIN_S))
        return Round(open=True, list_after=freed or aged > RETRY_S / 2)
