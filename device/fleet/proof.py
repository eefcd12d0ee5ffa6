"""Plays the whole matrix against a throw-away broker, and shows what came of it: as a table or as data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from device.fleet.attack import Outcome, play
from device.fleet.attacks import MATRIX
from device.fleet.description import Fleet
from device.fleet.stage import Cast, Stage


def prove(fleet: Fleet, tell: Callable[[Outcome], None] = lambda outcome: None) -> list[Outcome]:
    """Start a broker with the files of ``fleet`` and try everything; ``tell`` hears each outcome as it comes.

    Raises ``FleetError`` where no broker can be started.
    """
    outcomes = []
    with Stage(fleet) as stage:
        for case in MATRIX:
            outcomes.append(play(case, stage))
            tell(outcomes[-1])
    return outcomes


def wrong(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if not outcome.as_expected]


def verdict(outcomes: Sequence[Outcome]) -> str:
    """One line: how many attacks were refused, and how much of what is allowed worked."""
    attacks = [one for one in outcomes if one.case.refused]
    allowed = [one for one in outcomes if not one.case.refused]
    return (
        f"{sum(one.as_expected for one in attacks)} of {len(attacks)} attacks refused, "
        f"{sum(one.as_expected for one in allowed)} of {len(allowed)} things that are allowed worked"
    )


def as_data(outcomes: Sequence[Outcome], people: Cast, stale: Sequence[str]) -> dict[str, Any]:
    return {
        "ok": not wrong(outcomes) and not stale,
        "verdict": verdict(outcomes),
        "stale_files": list(stale),
        "cases": [
            {
                "who": one.case.who, "name": name_of(one, people), "tries": one.case.tries,
                "must_be": "refused" if one.case.refused else "allowed",
                "was": was(one), "how": one.how, "error": one.error, "as_expected": one.as_expected,
            }
            for one in outcomes
        ],
    }  # fmt: skip


def name_of(outcome: Outcome, people: Cast) -> str:
    """The member that played; "" for a stranger."""
    return getattr(getattr(people, outcome.case.who, None), "name", "")


def was(outcome: Outcome) -> str:
    if outcome.error:
        return "not tried"
    return "refused" if outcome.how else "allowed"
