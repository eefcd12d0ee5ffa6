"""What an attack is: who tries what, and whether it must be refused. The plain kinds; the others are in ``attacks``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from device.fleet.description import FleetError
from device.fleet.session import Refused, Session
from device.fleet.stage import Cast, Stage


@dataclass(frozen=True, slots=True)
class Case:
    """``run`` returns how it was refused, or "" where it was not."""

    who: str
    tries: str
    refused: bool
    run: Callable[[Stage], str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """``how``: what the broker said; ``error``: why the case could not be tried at all."""

    case: Case
    how: str = ""
    error: str = ""

    @property
    def as_expected(self) -> bool:
        return not self.error and bool(self.how) == self.case.refused


def play(case: Case, stage: Stage) -> Outcome:
    """Try one case. What the broker does wrong becomes an outcome, never an exception."""
    try:
        return Outcome(case, case.run(stage))
    except FleetError as exc:
        return Outcome(case, error=str(exc))


def publishes(
    who: str, topic: Callable[[Cast], str], tries: str, *, retain: bool = False, may: bool = False
) -> Case:
    """``who`` (a name of the cast) publishes to ``topic``."""

    def run(stage: Stage) -> str:
        session = stage.session(getattr(stage.cast, who))
        return session.publish(topic(stage.cast), b'{"proof":1}', retain=retain)

    return Case(who, tries, not may, run)


def subscribes(who: str, topic: Callable[[Cast], str], tries: str, *, may: bool = False) -> Case:
    """``who`` subscribes to ``topic``."""

    def run(stage: Stage) -> str:
        session = stage.session(getattr(stage.cast, who))
        refused = session.subscribe(topic(stage.cast))
        session.unsubscribe(topic(stage.cast))
        return refused

    return Case(who, tries, not may, run)


def connects(who: str, tries: str, connect: Callable[[Stage], Session], *, may: bool = False) -> Case:
    """Somebody connects in some way."""

    def run(stage: Stage) -> str:
        try:
            connect(stage).close()
        except Refused as exc:
            return str(exc)
        return ""

    return Case(who, tries, not may, run)
