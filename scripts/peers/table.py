"""What the runs say, one row a system: as values and as text. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from harness import FLOOR_S, STALL_S

COLUMNS = (
    ("system", "system"),
    ("stop", "stop_p50_s"),
    ("v2v", "v2v_p50_s"),
    ("stalls", "v2v_stalls"),
    ("v2v, partials", "v2v_partials_p50_s"),
    ("stalls", "v2v_partials_stalls"),
    ("words", "context_error_words"),
    ("worst", "context_worst_words"),
    ("stopped by a nod", "backchannels_stopped"),
    ("LLM calls", "llm_calls_per_turn"),
    ("CPU idle", "cpu_idle"),
    ("speaking", "cpu_speaking"),
    ("RSS [MB]", "rss_mb"),
)


def row(
    name: str, finals: dict[str, Any] | None, partials: dict[str, Any] | None, why: str = ""
) -> dict[str, Any]:
    """The figures of one system; None where a run is missing or gave no occasion. ``why``: what went wrong."""
    made: dict[str, Any] = {"system": name, "why": why, **{key: None for _, key in COLUMNS[1:]}}
    if finals is not None:
        errors = [one["kept"] - one["heard"] for one in finals["context"] if one["kept"] is not None]
        nods = [one["stopped"] for one in finals["backchannels"] if one["stopped"] is not None]
        made |= {
            "versions": finals["versions"],
            "stop_p50_s": _median([one for one in finals["stop_s"] if one is not None]),
            "stops_missed": sum(one is None for one in finals["stop_s"]),
            **_delays("v2v", finals),
            "context_error_words": _median(errors),
            "context_worst_words": max(errors, key=abs, default=None),
            "context_lost": sum(one["kept"] is None for one in finals["context"]),
            "backchannels_stopped": f"{sum(nods)}/{len(nods)}" if nods else None,
            "cpu_idle": finals["cpu_s_per_s"]["idle"],
            "cpu_speaking": finals["cpu_s_per_s"]["speaking"],
            "rss_mb": finals["rss_mb"]["idle"],
        }
    if partials is not None:
        asked = len(partials["v2v_s"]) + 1  # and the one that warms up
        made |= {
            **_delays("v2v_partials", partials),
            "llm_calls_per_turn": partials["extra"]["llm_calls"] / asked,
        }
    return made


def _delays(name: str, report: dict[str, Any]) -> dict[str, Any]:
    """The median of the answers that came in time, and how many did not."""
    delays = report["v2v_s"]
    good = [one for one in delays if one is not None and one <= STALL_S]
    return {f"{name}_p50_s": _median(good), f"{name}_stalls": f"{len(delays) - len(good)}/{len(delays)}"}


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def text(rows: Sequence[dict[str, Any]]) -> str:
    """One line a system, and below what the columns are and what went wrong."""
    cells = [[heading for heading, _ in COLUMNS]]
    cells += [[_cell(one[key]) for _, key in COLUMNS] for one in rows]
    widths = [max(len(line[k]) for line in cells) for k in range(len(COLUMNS))]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]
    lines += [f"{one['system']}: {one['why']}" for one in rows if one["why"]]
    lines += [
        "",
        f"Medians in seconds; the scripted services alone take {FLOOR_S:.2f} s of voice-to-voice (v2v). Of v2v only the answers",
        f"within {STALL_S:g} s count, the others are stalls. stop: first sample of a cut-in to silence. words: kept in the context",
        "less heard. LLM calls: a turn, with partials. CPU: seconds a second, without recogniser, model and voice.",
    ]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return (
        value
        if isinstance(value, str)
        else f"{value:.3f}"
        if abs(value) < 1
        else f"{value:.2f}"
        if abs(value) < 20
        else f"{value:.0f}"
    )
