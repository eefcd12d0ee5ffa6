"""What is said about timers, by voice and when one is over. Pure: each tells what it would do before it does it."""

from __future__ import annotations

from device.skills.outcome import Outcome
from device.skills.spoken import say_duration
from device.skills.timers import LONGEST_S, MOST_TIMERS, Timer, TimerRefused, Timers
from device.values import Intent

COMMON_MINUTES = (1, 2, 3, 5, 10, 15, 20, 30)
"""What people set: a voice may prepare the answers."""
TOLD = 3
"""Timers that are told of one by one; a list that is read out longer than this is not listened to."""
LATE_S = 10
_FULL = f"I have {MOST_TIMERS} timers already. Cancel one first."
_NONE, _CANCELLED, _ALL_CANCELLED = (
    "There is no timer.", "Timer cancelled.", "All timers are cancelled.",
)  # fmt: skip


def over_text(timer: Timer, position: int) -> str:
    """What is said when ``timer`` is over, at ``position``."""
    name = _named(timer)
    if timer.left_s(position) < -LATE_S:
        return f"Your {name} ended while I was off."
    return f"Your {name} is over."


def timer_phrases() -> list[str]:
    """What is answered time and again."""
    often = [60 * minutes for minutes in COMMON_MINUTES]
    return [
        *[_set_text(seconds) for seconds in often],
        *[over_text(Timer(0, seconds), 0) for seconds in often],
        *[_NONE, _CANCELLED, _ALL_CANCELLED],
    ]


class TimerIntents:
    """``timer_set`` (hours, minutes, seconds), ``timer_cancel`` (all), ``timer_left``, each to what it comes to."""

    def __init__(self, timers: Timers) -> None:
        self._timers = timers

    def set(self, intent: Intent, position: int) -> Outcome:
        """A timer of the slots' length."""
        units = {"hours": 3600, "minutes": 60, "half_hours": 1800, "seconds": 1}
        seconds = round(sum(float(intent.slots.get(unit, 0)) * length for unit, length in units.items()))
        if not 1 <= seconds <= LONGEST_S:
            return Outcome("A timer can take from one second to twenty four hours.", ok=False)
        if len(self._timers) >= MOST_TIMERS:
            return Outcome(_FULL, ok=False)
        return Outcome(_set_text(seconds), effect=lambda: _ignore(self._timers.set(seconds, position)))

    def cancel(self, intent: Intent, position: int) -> Outcome:
        """The only timer, or all of them."""
        timers = self._timers
        if not timers.running:
            return Outcome(_NONE, ok=False)
        if intent.slots.get("all"):
            return Outcome(_ALL_CANCELLED, effect=lambda: _ignore(timers.cancel_all()))
        try:
            timer = timers.which()
        except TimerRefused:
            return Outcome(f"There are {_count(len(timers))} timers. Say: cancel all timers.", ok=False)
        return Outcome(_CANCELLED, effect=lambda: timers.cancel(timer))

    def left(self, intent: Intent, position: int) -> Outcome:
        """How long each takes yet, the next one first."""
        running = self._timers.running
        if not running:
            return Outcome(_NONE, ok=False)
        if len(running) == 1:
            return Outcome(f"{_left(running[0], position)} left.")
        told = [f"{_left(timer, position)} on the {_named(timer)}" for timer in running[:TOLD]]
        more = len(running) - TOLD
        return Outcome(". ".join(told) + (f". And {_count(more)} more." if more > 0 else "."))


def _named(timer: Timer) -> str:
    return f"{timer.name} timer" if timer.name else f"timer for {say_duration(timer.seconds)}"


def _set_text(seconds: int) -> str:
    return f"Timer set for {say_duration(seconds)}."


def _left(timer: Timer, position: int) -> str:
    """To the second below ten minutes, to the minute above."""
    seconds = max(1, round(timer.left_s(position)))
    if seconds >= 600:
        seconds = 60 * round(seconds / 60)
    text = say_duration(seconds)
    return text[0].upper() + text[1:]


def _count(value: int) -> str:
    return say_duration(value * 3600).split()[0]


def _ignore(_: object) -> None:
    """An effect has no result."""
