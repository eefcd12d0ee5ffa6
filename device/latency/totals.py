"""What many timelines come to: how many of which kind, and the distribution of every stage. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from device.latency.sketch import Sketch
from device.latency.timeline import Timeline, over_budget
from device.values import ms

TURN, COMMAND = "voice_to_voice", "command"
"""Distributions beside the stages': last of speech to first of the answer, of turns and of local commands."""


class Totals:
    """``counted`` has only what occurred: turns, commands, calls, wasted_calls, stalls, each outcome, ``over_STAGE``.

    A turn that the user went on from (superseded) is no turn of its own: the one that asks both counts, with all calls.
    """

    def __init__(self) -> None:
        self.counted: dict[str, int] = {}
        self.sketches: dict[str, Sketch] = {}

    def add(self, line: Timeline, budget_ms: Mapping[str, int]) -> None:
        """Count one timeline that is over. Its stages count also where no sound came of them."""
        self._count(line.outcome)
        if line.outcome == "superseded":
            return
        self._count(f"{line.kind}s")
        self._count("calls", line.calls)
        self._count("wasted_calls", line.wasted)
        self._count("stalls", line.stalled)
        costs = line.costs()
        for stage in over_budget(costs, budget_ms):
            self._count(f"over_{stage}")
        for stage, cost in costs.items():
            self._measure(stage, cost)
        if line.voice_to_voice is not None:
            self._measure(TURN if line.kind == "turn" else COMMAND, line.voice_to_voice)

    def merge(self, other: Totals) -> None:
        """Add all that ``other`` counted."""
        for name, count in other.counted.items():
            self._count(name, count)
        for name, sketch in other.sketches.items():
            self.sketches.setdefault(name, Sketch()).merge(sketch)

    @property
    def calls_per_turn(self) -> float | None:
        """Calls of the language model for each turn; None before the first."""
        turns = self.counted.get("turns", 0)
        return self.counted.get("calls", 0) / turns if turns else None

    def _count(self, name: str, by: int = 1) -> None:
        if by:
            self.counted[name] = self.counted.get(name, 0) + by

    def _measure(self, name: str, samples: int) -> None:
        self.sketches.setdefault(name, Sketch()).add(ms(samples))
