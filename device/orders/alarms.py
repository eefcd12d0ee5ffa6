"""Timers that are over ring, and what happens to timers is told to others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from device.skills import Timers
from device.skills.timer_intents import over_text
from device.values import Announce


class Bell(Protocol):
    """The part of ``Hands`` that an alarm needs."""

    def announce(self, announce: Announce) -> None: ...

    def event(self, kind: str, **fields: Any) -> None: ...


class Alarms:
    """Of ``timers``, whoever sets them; ``step`` every 10 ms."""

    def __init__(self, bell: Bell, timers: Timers) -> None:
        self._bell, self._timers = bell, timers

    def step(self, position: int, mint: Callable[[], int]) -> None:
        """Let what is over ring; ``mint`` numbers announcements. An alarm needs no broker."""
        for timer in self._timers.due(position):
            self._bell.announce(
                Announce(position, mint(), over_text(timer, position), priority="alarm", ring=True)
            )
        for news in self._timers.news():
            timer = news.timer
            self._bell.event("timer", what=news.kind, name=timer.told, seconds=timer.seconds)
