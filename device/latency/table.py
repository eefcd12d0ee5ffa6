"""Timelines and percentiles as text: a row a turn, a block a device. Pure.

A cell that is over its budget carries a "!", so that no meaning hangs on colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from device.latency.timeline import STAGES
from device.latency.totals import COMMAND, TURN
from device.link.telemetry import Latency, Timeline

HEADINGS = (
    "device", "turn", "endpoint", "commit", "ack", "token", "clause", "sample", "to voice", "ahead", "calls", "outcome",
)  # fmt: skip
"""Stages and voice-to-voice in ms; "ahead": how long before the commit the question was sent, on a guess."""
WIDTHS = (12, 5, 8, 7, 7, 7, 7, 7, 8, 6, 5, 0)
NAMES = {
    TURN: "voice to voice", COMMAND: "local command", "endpoint": "  endpoint", "commit": "  commit", "ack": "  ack",
    "first_token": "  first token", "first_clause": "  first clause", "first_sample": "  first sample",
}  # fmt: skip
"""Rows of a device's percentiles, in their order."""


@dataclass(frozen=True, slots=True)
class Cell:
    """``over``: over its budget."""

    text: str
    over: bool = False


def cells(device: str, line: Timeline) -> list[Cell]:
    """One row, a cell for each of ``HEADINGS``."""
    whole = line.voice_to_voice_ms
    ahead = line.at_ms.get("commit", 0.0) - line.at_ms.get("sent", line.at_ms.get("commit", 0.0))
    return [
        Cell(printable(device)),
        Cell(str(line.line)),
        *(_stage(line, stage) for stage in STAGES),
        Cell("-" if whole is None else f"{whole:.0f}"),
        Cell(f"{ahead:.0f}" if ahead > 0 else "-"),
        Cell(f"{line.calls}" + (f" ({line.wasted})" if line.wasted else "")),
        Cell(outcome(line), bool(line.over) or line.stalled),
    ]


def outcome(line: Timeline) -> str:
    """How it ended, in words, and which stages were over their budget."""
    words = line.heard_words
    text = {"heard": "heard", "cut": "cut"}.get(line.outcome, line.outcome)
    if words is not None and line.outcome in ("heard", "cut"):
        text += f" {'after ' if line.outcome == 'cut' else ''}{words} word{'' if words == 1 else 's'}"
    if line.code and line.code != line.outcome:
        text += f" ({line.code})"
    if line.kind == "command":
        text = f"command, {text}"
    if line.stalled:
        text += ", stalled"
    return printable(text + (f", over: {named(line.over)}" if line.over else ""))


def excess(line: Timeline) -> str:
    """The stages over their budget and by how much: "first token +350 ms"."""
    return ", ".join(
        f"{named([stage])} +{line.cost_ms.get(stage, 0) - line.budget_ms.get(stage, 0):.0f} ms"
        for stage in line.over
    )


def named(stages: Sequence[str]) -> str:
    """Stages as people read them."""
    return ", ".join(stage.replace("_", " ") for stage in stages)


def plain(row: Sequence[str]) -> str:
    """One row under ``plain(HEADINGS)``, for a log."""
    first, *middle, last = (
        text.ljust(width) if at in (0, len(row) - 1) else text.rjust(width)
        for at, (text, width) in enumerate(zip(row, WIDTHS, strict=True))
    )
    return "  ".join((first, *middle, last)).rstrip()


def percentiles(device: str, latency: Latency | None) -> str:
    """What ``device`` says of all its turns since it started."""
    if latency is None or not latency.counted:
        return f"{device}: no turn and no local command since it started"
    count = latency.counted.get
    turns = f"{count('turns', 0)} turns, {count('commands', 0)} local commands since it started"
    lines = [
        f"{device}: {turns}; {_per_turn(latency)}, {count('stalls', 0)} stalls",
        f"  {'':18}{'n':>6}{'p50 ms':>9}{'p95 ms':>9}{'over budget':>13}",
    ]
    for name, title in NAMES.items():
        one = latency.percentiles.get(name)
        if one is not None:
            over = str(count(f"over_{name}", 0)) if name in STAGES else ""
            lines.append(f"  {title:18}{one.n:>6}{one.p50_ms:>9.0f}{one.p95_ms:>9.0f}{over:>13}".rstrip())
    return "\n".join(lines)


def fields(line: Timeline) -> dict[str, str | int | float]:
    """What the journal can be asked for about ``line``: its number, the stage that cost most with its ``ms``, and every stage's."""
    told: dict[str, str | int | float] = {"turn": line.line, "kind": line.kind, "outcome": line.outcome}
    if line.cost_ms:
        told["stage"] = stage = max(line.cost_ms, key=lambda each: line.cost_ms[each])
        told["ms"] = line.cost_ms[stage]
    if line.voice_to_voice_ms is not None:
        told["voice_to_voice_ms"] = line.voice_to_voice_ms
    return told | {f"{stage}_ms": cost for stage, cost in line.cost_ms.items()}


def printable(text: str) -> str:
    """Without what would make a terminal do something: anybody on the broker may have written it."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _per_turn(latency: Latency) -> str:
    if latency.calls_per_turn is None:
        return "no calls of the language model"
    wasted = latency.counted.get("wasted_calls", 0)
    return f"{latency.calls_per_turn:.2f} calls of the language model a turn ({wasted} wasted)"


def _stage(line: Timeline, stage: str) -> Cell:
    cost = line.cost_ms.get(stage)
    over = stage in line.over
    return Cell("-" if cost is None else f"{cost:.0f}" + "!" * over, over)
