"""What the device tells about its own latency, made ready for the link: pure, stepped by the daemon.

Works only when something happened: a step without events and commands costs a comparison of two integers.
"""

from __future__ import annotations

from collections.abc import Callable

from device import values as v
from device.config.schema import BudgetSection
from device.latency.timeline import Timeline, budget_of, over_budget
from device.latency.totals import Totals
from device.latency.watcher import Watcher
from device.link import telemetry as m

MINUTE = 60 * v.RATE_HZ
"""One ``Metrics`` each of these."""


class Latency:
    """Tell ``watcher`` every event and command of a step, then ask ``messages``. ``counters`` gives those of the state.

    ``since_start`` is for the retained state; None before the first turn or command is over.
    """

    def __init__(self, budget: BudgetSection, counters: Callable[[], dict[str, int]] = dict) -> None:
        self.watcher = Watcher()
        self.since_start: m.Latency | None = None
        self._counters = counters
        self._budget_ms = budget_of(budget)
        self._total, self._minute = Totals(), Totals()
        self._minute_began = 0

    def reconfigure(self, budget: BudgetSection) -> None:
        """Another ``budget``, for what is told from now on."""
        self._budget_ms = budget_of(budget)

    def messages(self, position: int) -> list[m.Telemetry]:
        """What is to be published now: timelines that began to sound or are over, and a ``Metrics`` a minute."""
        out: list[m.Telemetry] = []
        for line in self.watcher.take():
            out.append(self._message(line))
            if line.outcome != "speaking":
                self._total.add(line, self._budget_ms)
                self._minute.add(line, self._budget_ms)
                self.since_start = summary(self._total)
        if position - self._minute_began >= MINUTE:
            out.append(
                m.Metrics(
                    until=position,
                    seconds=round((position - self._minute_began) / v.RATE_HZ),
                    counted=self._minute.counted,
                    histograms={name: dict(s.buckets) for name, s in self._minute.sketches.items()},
                    counters=self._counters(),
                )
            )
            self._minute, self._minute_began = Totals(), position
        return out

    def _message(self, line: Timeline) -> m.Timeline:
        costs = line.costs()
        heard = line.voice_to_voice
        return m.Timeline(
            line=line.number,
            kind=line.kind,
            outcome=line.outcome,
            code=line.code[:64],
            speech_end=line.speech_end,
            at=line.at,
            at_ms={name: round(v.ms(at - line.speech_end), 1) for name, at in line.at.items()},
            cost_ms={stage: round(v.ms(cost), 1) for stage, cost in costs.items()},
            voice_to_voice_ms=None if heard is None else round(v.ms(heard), 1),
            budget_ms={stage: float(budget) for stage, budget in self._budget_ms.items()},
            over=over_budget(costs, self._budget_ms),
            stalled=line.stalled,
            calls=line.calls,
            wasted=line.wasted,
            heard_words=line.heard_words,
            heard_ms=line.heard_ms,
        )


def summary(totals: Totals) -> m.Latency:
    """``totals`` as they stand in the retained state."""
    per_turn = totals.calls_per_turn
    percentiles = {
        name: m.Percentiles(n=s.n, p50_ms=round(s.quantile(0.5) or 0.0, 1), p95_ms=round(s.quantile(0.95) or 0.0, 1))
        for name, s in totals.sketches.items()
    }  # fmt: skip
    return m.Latency(
        counted=dict(totals.counted),
        calls_per_turn=None if per_turn is None else round(per_turn, 2),
        percentiles=percentiles,
    )
