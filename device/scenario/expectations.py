"""Were the expectations met? Pure: what happened and what was said in, verdicts out.

``within_ms`` counts from the *last* sample of the line ``of`` for what answers speech (partial, final, intent, turn,
reply_start, resume, heard, error), and from its *first* sample for what reacts to it (wake, duck, hold, cancel).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from device.scenario.tables import Expect
from device.scenario.timing import Span
from device.values import ms, samples

FROM_FIRST = frozenset({"wake", "duck", "hold", "cancel"})
"""Events whose time counts from the first sample of their line; all others count from its last."""


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of a run; ``of`` is the id of the line it belongs to, empty before the first line.

    ``data`` is what the trace says besides (``device.trace``).
    """

    event: str
    position: int
    text: str = ""
    of: str = ""
    data: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """``passed`` is None while it is not yet decided. ``measured_ms`` is negative before the edge it counts from."""

    expect: Expect
    passed: bool | None
    measured_ms: float | None = None
    why: str = ""


def line_of(position: int, said: Mapping[str, Span], words: tuple[int, int] | None = None) -> str:
    """The line that an event at ``position`` belongs to; empty before the first line.

    An event about recognised words (``words``: first and last position of them) belongs to the line that they
    overlap most; any other to the latest line that had begun.
    """
    if words is not None:
        shared = {line: min(words[1], span.last) - max(words[0], span.first) for line, span in said.items()}
        best = max(shared, key=shared.__getitem__, default="")
        if best and shared[best] > 0:
            return best
    begun = [(span.first, line) for line, span in said.items() if span.first <= position]
    return max(begun)[1] if begun else ""


def edge(event: str, span: Span) -> int:
    """The position from which times of ``event`` about the line at ``span`` count."""
    return span.first if event in FROM_FIRST else span.last


def judge(
    expect: Expect,
    happened: Sequence[Happened],
    said: Mapping[str, Span],
    position: int,
    over: bool = False,
) -> Verdict:
    """The verdict at ``position``; ``over``: the run has ended and everything must be decided.

    An event counts if its name is right, its text contains ``text`` (case does not matter) and, with ``of``, it comes
    at or after that line's first sample and either within the time allowed or, without ``within_ms``, belongs to the
    line (``Happened.of``).
    """
    of = expect.of or (next(iter(said)) if expect.within_ms is not None and said else "")
    span = said.get(of)
    if of and span is None:
        return Verdict(expect, (False if over else None), why=f"line {of!r} was never spoken")
    if not expect.of and expect.within_ms is not None and span is None:
        return Verdict(expect, (False if over else None), why="no line was ever spoken")
    start = edge(expect.event, span) if span else 0
    deadline = start + samples(expect.within_ms) if expect.within_ms is not None else None
    named = [one for one in happened if one.event == expect.event]
    fits = [one for one in named if _belongs(one, expect, of, span) and _says(one, expect.text)]
    inside = [one for one in fits if deadline is None or one.position <= deadline]
    if expect.absent:
        return _absence(expect, inside, start, deadline, position, over)
    if inside:
        return Verdict(expect, True, _since(inside[0], start, span))
    if over or (deadline is not None and position > deadline):
        measured = _since(fits[0], start, span) if fits else None
        return Verdict(expect, False, measured, _missing(expect, fits, named, measured))
    return Verdict(expect, None)


def judge_all(
    expects: Sequence[Expect],
    happened: Sequence[Happened],
    said: Mapping[str, Span],
    position: int,
    over: bool = False,
) -> list[Verdict]:
    """``judge`` for each, in order."""
    return [judge(expect, happened, said, position, over) for expect in expects]


def _belongs(one: Happened, expect: Expect, of: str, span: Span | None) -> bool:
    if span is None:
        return True
    if one.position < span.first:
        return False
    return expect.within_ms is not None or one.of == of


def _says(one: Happened, text: str) -> bool:
    return text.casefold() in one.text.casefold()


def _since(one: Happened, start: int, span: Span | None) -> float | None:
    return round(ms(one.position - start), 1) if span else None


def _absence(
    expect: Expect, inside: Sequence[Happened], start: int, deadline: int | None, position: int, over: bool
) -> Verdict:
    if inside:
        one = inside[0]
        said = f" {one.text!r}" if one.text else ""
        return Verdict(expect, False, round(ms(one.position - start), 1), f"it happened{said}, at {_at(one)}")
    passed_by = over or (deadline is not None and position > deadline)
    return Verdict(expect, True if passed_by else None)


def _missing(
    expect: Expect, fits: Sequence[Happened], named: Sequence[Happened], measured: float | None
) -> str:
    if fits:
        return f"came after {measured:.0f} ms, allowed are {expect.within_ms} ms"
    if not named:
        return f"no {expect.event} at all"
    others = "; ".join(f"{one.text!r} at {_at(one)}" if one.text else f"at {_at(one)}" for one in named[:3])
    return f"no such {expect.event}; there was: {others}"


def _at(one: Happened) -> str:
    return f"{ms(one.position) / 1000:.2f} s"
