"""A waterfall of turns: one row each, its stages as bars behind one another, the last sample of speech at 0.

    ▼ first plausible end        │ asked for good
    ▨▨▨▨▨▨▨▨▨▨▨▨▨▨▨▨▨▨▨▨▨▨▨▨▨   ♪  hatched, above: what a guess did, when it did it
    ████████████████▒▒▒▒▒██████▶   what the person waited because of each stage, up to the first sound

The part of a stage that is over its budget is framed, and the stage named. Colours are Okabe and Ito's, which colour-blind
people can tell apart; no meaning hangs on colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device import pictures
from device.latency.reader import Seen
from device.latency.table import excess, outcome, printable
from device.latency.timeline import STAGES
from device.link.telemetry import Timeline

COLOURS = {
    "endpoint": "#0072B2", "commit": "#56B4E9", "ack": "#8A8A8A", "first_token": "#E69F00", "first_clause": "#CC79A7",
    "first_sample": "#009E73",
}  # fmt: skip
OVER, INK = "#D55E00", "#222222"
LABELS = {
    "endpoint": "end decided", "commit": "asked for good", "ack": "taken by a worker", "first_token": "first words",
    "first_clause": "first clause", "first_sample": "first sound",
}  # fmt: skip
GUESSED = ("ack", "first_token", "first_clause")
"""Stages that a guess may go through before the commit."""
ROW_INCH, LEAST_MS = 0.46, 600.0


@dataclass(frozen=True, slots=True)
class Bar:
    """A stage from ``start_ms`` to ``end_ms`` after the last sample of speech; ``over_ms``: where its budget ended, if
    before that."""

    stage: str
    start_ms: float
    end_ms: float
    over_ms: float | None = None


def waited(line: Timeline) -> list[Bar]:
    """What the person waited for, stage behind stage; stages that cost nothing are left out."""
    out, reached = [], 0.0
    for stage in STAGES:
        cost = line.cost_ms.get(stage, 0.0)
        if cost > 0:
            budget = line.budget_ms.get(stage)
            over = None if budget is None or cost <= budget else reached + budget
            out.append(Bar(stage, reached, reached + cost, over))
            reached += cost
    return out


def guessed(line: Timeline) -> list[Bar]:
    """What a guess did before the question was asked for good, when it did it."""
    at = line.at_ms
    commit, reached = at.get("commit", 0.0), at.get("sent", math.inf)
    out = []
    for stage in GUESSED:
        if stage in at and reached < commit:
            end = min(max(at[stage], reached), commit)
            if end > reached:
                out.append(Bar(stage, reached, end))
            reached = max(reached, at[stage])
    return out


def draw(turns: Sequence[Seen], path: Path) -> None:
    """Write the picture of ``turns``, oldest on top. Raises ``EarshotError`` where the file cannot be written."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    style: Any = {
        "font.family": "DejaVu Sans",
        "font.size": 10,
        "hatch.linewidth": 0.7,
        "axes.edgecolor": "#BBBBBB",
        "text.parse_math": False,  # a "$" that a worker has written is none
    }
    with plt.rc_context(style):
        height = 1.75 + ROW_INCH * len(turns)
        figure, axes = plt.subplots(figsize=(13, height), dpi=110)
        figure.subplots_adjust(left=0.105, right=0.985, top=1 - 1.1 / height, bottom=0.5 / height)
        first, last = _span(turns)
        axes.set_xlim(first, last + 0.55 * (last - first))  # the room to the right is for words
        axes.set_ylim(len(turns) - 0.4, -0.7)
        for row, seen in enumerate(turns):
            _row(axes, row, seen.line, last)
        _frame(axes, turns, last)
        _head(figure, turns, height)
        try:
            pictures.save(figure, path)
        finally:
            plt.close(figure)


# ---------------------------------------------------------------------- one row


def _row(axes: Any, row: int, line: Timeline, edge: float) -> None:
    for bar in guessed(line):
        axes.barh(
            row - 0.3, bar.end_ms - bar.start_ms, left=bar.start_ms, height=0.2, facecolor="white",
            edgecolor=COLOURS[bar.stage], hatch="//////", lw=0.9,
        )  # fmt: skip
    for bar in waited(line):
        axes.barh(
            row + 0.07, bar.end_ms - bar.start_ms, left=bar.start_ms, height=0.42, color=COLOURS[bar.stage], lw=0
        )  # fmt: skip
        if bar.over_ms is not None:
            axes.barh(
                row + 0.07, bar.end_ms - bar.over_ms, left=bar.over_ms, height=0.42, facecolor="none", edgecolor=INK,
                hatch="xxx", lw=1.6,
            )  # fmt: skip
    at = line.at_ms
    if "plausible" in at:
        axes.plot(at["plausible"], row - 0.2, marker="v", color=INK, ms=5, zorder=4)
    if "commit" in at:
        axes.plot([at["commit"]] * 2, [row - 0.4, row + 0.28], color=INK, lw=1.2, zorder=4)
    if "thinking" in at and at["thinking"] <= edge:
        axes.plot(at["thinking"], row - 0.3, marker="$♪$", color=INK, ms=8, zorder=4)
    if line.voice_to_voice_ms is not None:
        axes.plot(line.voice_to_voice_ms, row + 0.07, marker=">", color=INK, ms=6, zorder=5)
    _words(axes, row, line, edge)


def _words(axes: Any, row: int, line: Timeline, edge: float) -> None:
    """What is said about the turn, in the room to the right of all bars."""
    whole = line.voice_to_voice_ms
    figure = "none" if whole is None else f"{whole / 1000:.2f} s"
    unit = (axes.get_xlim()[1] - edge) / 100
    place = {"va": "center", "parse_math": False, "clip_on": True}
    axes.text(edge + 3 * unit, row, figure, weight="bold", color=INK, **place)
    plain = outcome(line).partition(", over:")[0].removeprefix("command, ")
    calls = "" if line.calls < 2 else f", {line.calls} calls"
    axes.text(
        edge + 20 * unit,
        row - (0.17 if line.over else 0),
        plain + calls,
        fontsize=9,
        color="#555555",
        **place,
    )
    if line.over:
        axes.text(edge + 20 * unit, row + 0.21, f"over: {excess(line)}", fontsize=9, color=OVER, **place)


# ---------------------------------------------------------------------- around the rows


def _span(turns: Sequence[Seen]) -> tuple[float, float]:
    """First and last ms that the bars need."""
    moments = [0.0, LEAST_MS]
    for seen in turns:
        moments += [bar.end_ms for bar in waited(seen.line)]
        moments += [edge for bar in guessed(seen.line) for edge in (bar.start_ms, bar.end_ms)]
    first, last = min(moments), max(moments)
    return first - 0.04 * (last - first), last + 0.02 * (last - first)


def _frame(axes: Any, turns: Sequence[Seen], last: float) -> None:
    devices = {seen.device for seen in turns}
    axes.set_yticks(range(len(turns)), [_name(seen, len(devices) > 1) for seen in turns])
    axes.tick_params(axis="y", length=0)
    steps = (100, 200, 250, 500, 1000, 2000, 5000, 10_000, 60_000)
    step = next((step for step in steps if last / step <= 12), last / 10)
    ticks = [step * tick for tick in range(int(last / step) + 1)]
    axes.set_xticks(ticks, [f"{tick / 1000:g} s" for tick in ticks])
    axes.grid(axis="x", color="#E4E4E4", lw=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.axvline(0, color=INK, lw=1.4)
    budgets = {sum(seen.line.budget_ms.values()) for seen in turns if seen.line.kind == "turn"}
    if len(budgets) == 1 and 0 < (whole := budgets.pop()) <= last:
        axes.axvline(whole, color=OVER, lw=1.1, ls=(0, (4, 3)))
        axes.annotate(
            "budget of all stages", (whole, 0), xycoords=("data", "axes fraction"), xytext=(4, 5),
            textcoords="offset points", fontsize=8.5, color=OVER,
        )  # fmt: skip


def _name(seen: Seen, several: bool) -> str:
    kind = "command" if seen.line.kind == "command" else "turn"
    return f"{printable(seen.device)}  {kind} {seen.line.line}" if several else f"{kind} {seen.line.line}"


def _head(figure: Any, turns: Sequence[Seen], height: float) -> None:
    whose = ", ".join(sorted({printable(seen.device) for seen in turns}))
    figure.text(
        0.012,
        1 - 0.3 / height,
        "From your last word to the first sound",
        fontsize=15,
        weight="bold",
        va="center",
    )
    figure.text(
        0.985,
        1 - 0.3 / height,
        f"{whose}   ·   {_median(turns)}",
        fontsize=11,
        ha="right",
        va="center",
        color=INK,
    )
    figure.legend(
        handles=list(_legend()), loc="upper left", bbox_to_anchor=(0.006, 1 - 0.5 / height), ncol=11, frameon=False,
        fontsize=8.8, handlelength=1.3, columnspacing=1.1, handletextpad=0.4,
    )  # fmt: skip


def _median(turns: Sequence[Seen]) -> str:
    found = []
    for kind in ("turn", "command"):
        lines = [seen.line for seen in turns if seen.line.kind == kind]
        whole = sorted(line.voice_to_voice_ms for line in lines if line.voice_to_voice_ms is not None)
        if whole:
            found.append(f"median {kind} {whole[(len(whole) - 1) // 2] / 1000:.2f} s of {len(whole)}")
    return "   ·   ".join(found) or "nothing was audible"


def _legend() -> Iterator[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    for stage in STAGES:
        yield Patch(color=COLOURS[stage], label=LABELS[stage])
    yield Patch(facecolor="white", edgecolor=INK, hatch="//////", label="done on a guess")
    yield Patch(facecolor="white", edgecolor=INK, hatch="xxx", label="over its budget")
    yield Line2D([], [], color=INK, marker="v", ls="", label="first plausible end")
    yield Line2D([], [], color=INK, marker="|", ms=11, ls="", label="asked")
    yield Line2D([], [], color=INK, marker=">", ls="", label="first sound")
