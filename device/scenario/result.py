"""What a run gave: the value that the terminal, the JSON, the picture and the transcript are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from device.scenario.expectations import Happened, Verdict
from device.scenario.measures import Measures
from device.scenario.timing import Span
from device.values import RATE_HZ


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it was spoken. ``text`` is empty for a wav without one."""

    id: str
    text: str
    voice: str
    span: Span


@dataclass(frozen=True, slots=True)
class Result:
    """``clock``: "sample" (lock-step: computing takes no time) or "real".

    ``seconds`` is how long the scenario lasted on its own clock, ``wall_s`` how long running it took. ``troubles``
    are reasons to fail that no expectation tells: a line that was never spoken, a run that had to be ended.
    """

    title: str
    path: str
    clock: str
    seed: int
    seconds: float
    wall_s: float
    lines: Sequence[Line]
    events: Sequence[Happened]
    verdicts: Sequence[Verdict]
    measures: Measures
    troubles: Sequence[str] = ()
    room: dict[str, Any] = field(default_factory=dict)
    engines: dict[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return not self.troubles and all(verdict.passed for verdict in self.verdicts)

    def as_dict(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        return {
            "title": self.title,
            "file": self.path,
            "passed": self.passed,
            "clock": self.clock,
            "events": [
                {"event": one.event, "t_s": seconds(one.position), "of": one.of, "text": one.text}
                for one in self.events
            ],
            "expectations": [_expectation(verdict) for verdict in self.verdicts],
            "measures": self.measures.as_dict(),
            "troubles": list(self.troubles),
            "seconds": round(self.seconds, 2),
            "wall_s": round(self.wall_s, 2),
            "engines": dict(self.engines),
        }


def seconds(position: int) -> float:
    """A position in s, to the millisecond."""
    return round(position / RATE_HZ, 3)


def _expectation(verdict: Verdict) -> dict[str, Any]:
    expect = verdict.expect
    return {
        "event": expect.event,
        "of": expect.of,
        "within_ms": expect.within_ms,
        "text": expect.text,
        "absent": expect.absent,
        "passed": verdict.passed,
        "measured_ms": verdict.measured_ms,
        "why": verdict.why,
    }
