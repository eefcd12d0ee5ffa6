"""Timers: several at once, named or not, counted in capture positions. Pure.

The position is a monotonic clock: a wall clock that is set, or wrong, changes nothing while the device runs. ``timer_file`` keeps
them over a restart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from device.errors import EarshotError
from device.values import RATE_HZ

MOST_TIMERS = 20
LONGEST_S = 24 * 3600
MISSED_S = 3600
"""A timer that ended longer ago than this, while the device was off, does not ring any more: it would only puzzle."""

Kind = Literal["set", "cancelled", "ended", "missed"]


class TimerRefused(EarshotError):
    """What was wanted of the timers cannot be done. ``code``: too_many_timers, no_timer, no_such_timer, which_timer."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Timer:
    """``seconds`` long, over at capture position ``ends``. ``name`` is empty for most; ``order`` is the id of the order that set it."""

    ends: int
    seconds: int
    name: str = ""
    order: str = ""

    def left_s(self, position: int) -> float:
        """Seconds until it is over; negative: since."""
        return (self.ends - position) / RATE_HZ

    @property
    def told(self) -> str:
        """Its name, for others: empty where somebody has said it aloud, for words stay in the house."""
        return self.name if self.order else ""

    def called(self, name: str) -> bool:
        """Whether somebody who says ``name`` means this one."""
        return _plain(self.name) == _plain(name)


@dataclass(frozen=True, slots=True)
class News:
    """Something has happened to ``timer``, once."""

    kind: Kind
    timer: Timer


class Timers:
    """The timers of one device; ``revision`` counts what has changed, for whoever keeps them."""

    def __init__(self, timers: Iterable[Timer] = ()) -> None:
        self._timers = sorted(timers, key=lambda timer: timer.ends)[:MOST_TIMERS]
        self._news: list[News] = []
        self.revision = 0

    def __len__(self) -> int:
        return len(self._timers)

    @property
    def running(self) -> tuple[Timer, ...]:
        """All of them, the next one first."""
        return tuple(self._timers)

    def set(self, seconds: int, position: int, name: str = "", order: str = "") -> Timer:
        """A timer of ``seconds`` (1 to 86,400) from ``position`` on; it takes the place of one of the same name.

        Raises ``TimerRefused`` (too_many_timers).
        """
        if not 1 <= seconds <= LONGEST_S:
            raise ValueError(f"a timer of {seconds} s: it must lie within 1 to {LONGEST_S} s")
        same = [timer for timer in self._timers if name and timer.called(name)]
        if len(self) - len(same) >= MOST_TIMERS:
            raise TimerRefused("too_many_timers", f"there are {MOST_TIMERS} timers already: cancel one first")
        for timer in same:
            self._end(timer, "cancelled")
        timer = Timer(position + seconds * RATE_HZ, seconds, name, order)
        self._timers = sorted([*self._timers, timer], key=lambda timer: timer.ends)
        self._tell("set", timer)
        return timer

    def which(self, name: str = "") -> Timer:
        """The timer called ``name``, or, without one, the only timer there is. Raises ``TimerRefused``."""
        if not self._timers:
            raise TimerRefused("no_timer", "no timer is running")
        if not name and len(self) == 1:
            return self._timers[0]
        found = [timer for timer in self._timers if name and timer.called(name)]
        if found:
            return found[0]
        there = ", ".join(timer.told or f"one of {timer.seconds} s" for timer in self._timers)
        if name:
            raise TimerRefused("no_such_timer", f"no timer is called {name!r}; there are: {there}")
        raise TimerRefused(
            "which_timer", f"{len(self)} timers are running: give a name, or all; there are: {there}"
        )

    def cancel(self, timer: Timer) -> None:
        """``timer``, one of ``running``, will not ring."""
        self._end(timer, "cancelled")

    def cancel_all(self) -> int:
        """How many they were."""
        count = len(self)
        for timer in self.running:
            self._end(timer, "cancelled")
        return count

    def due(self, position: int) -> list[Timer]:
        """The timers that are over at ``position`` and have to ring; they are forgotten."""
        over = []
        while self._timers and self._timers[0].ends <= position:
            timer = self._timers[0]
            missed = timer.left_s(position) < -MISSED_S
            self._end(timer, "missed" if missed else "ended")
            over += [] if missed else [timer]
        return over

    def news(self) -> list[News]:
        """What has happened since the last call."""
        news, self._news = self._news, []
        return news

    def _end(self, timer: Timer, kind: Kind) -> None:
        self._timers.remove(timer)
        self._tell(kind, timer)

    def _tell(self, kind: Kind, timer: Timer) -> None:
        self.revision += 1
        self._news = [*self._news, News(kind, timer)][-2 * MOST_TIMERS :]


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())
