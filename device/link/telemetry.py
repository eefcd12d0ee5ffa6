"""Messages of ``up/metrics``, and what of them stands in the retained state: durations and counts, never words."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from device.link.fields import Code, Count

Share = Annotated[float, Meta(ge=0)]
Ms = Annotated[float, Meta(ge=-1e9, le=1e9)]
"""[ms] Of either sign; no turn lasts for eleven days."""
Durations = dict[Code, Ms]
Histogram = dict[int, Count]
"""Bucket to count, as in ``device.latency.sketch``: bucket i >= 0 holds durations in (g**(i-1), g**i] ms with
g = 1.01 / 0.99, bucket -1 those below 1 ms. Histograms of any minutes and devices add up bucket by bucket."""


class Percentiles(Struct, frozen=True, kw_only=True):
    """Of ``n`` durations, right to 1 %."""

    n: Count
    p50_ms: Ms
    p95_ms: Ms


class Latency(Struct, frozen=True, kw_only=True):
    """Since the start of the device. ``percentiles`` by stage, and ``voice_to_voice`` and ``command``; ``counted``: turns,
    commands, calls, wasted_calls, stalls, outcomes, over_STAGE; what never happened is left out."""

    counted: dict[Code, Count] = {}
    calls_per_turn: Share | None = None
    percentiles: dict[Code, Percentiles] = {}


class Timeline(Struct, frozen=True, kw_only=True, tag_field="op", tag="timeline"):
    """How one turn or local command went. Comes when the answer becomes audible (outcome ``speaking``) and, the same
    ``line`` of the same ``boot`` again, when it is over; lines count from 1.

    ``at``: moments as positions (samples at 16 kHz since the start), ``at_ms`` the same from ``speech_end`` on; a guess is
    sent before the endpoint. ``cost_ms``: what each stage made the person wait; they add up to ``voice_to_voice_ms``.
    ``over``: the stages that cost more than ``budget_ms``. ``calls`` of the language model, ``wasted`` ones among them.
    """

    line: Count
    boot: Code = "-"
    kind: Code
    outcome: Code
    code: Annotated[str, Meta(max_length=64)] = ""
    speech_end: int
    at: dict[Code, int] = {}
    at_ms: Durations = {}
    cost_ms: Durations = {}
    voice_to_voice_ms: Ms | None = None
    budget_ms: Durations = {}
    over: tuple[Code, ...] = ()
    stalled: bool = False
    calls: Count = 0
    wasted: Count = 0
    heard_words: Count | None = None
    heard_ms: Count | None = None


class Metrics(Struct, frozen=True, kw_only=True, tag_field="op", tag="metrics"):
    """The ``seconds`` before position ``until``: what was ``counted``, as in ``Latency``, and the ``histograms`` of the same
    durations; ``counters`` are those of the state, since the start."""

    boot: Code = "-"
    until: int
    seconds: Count
    counted: dict[Code, Count] = {}
    histograms: dict[Code, Histogram] = {}
    counters: dict[str, int] = {}


Telemetry = Timeline | Metrics
