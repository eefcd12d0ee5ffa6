"""The comparison as one picture: each answer and each stop as a dot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness import FLOOR_S, STALL_S

COLOURS = {"earshot": "#1b7f5c", "pipecat": "#c2572b", "livekit": "#3b6fb6"}
PANELS = (
    ("first sample of a cut-in to silence [s]", "finals", "stop_s"),
    ("voice to voice, final transcripts only [s]", "finals", "v2v_s"),
    ("voice to voice, with partial transcripts [s]", "partials", "v2v_s"),
)


def draw(reports: dict[str, dict[str, Any]], path: Path) -> None:
    """``reports``: by system, its runs by name (``finals``, ``partials``). Needs matplotlib."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = list(reports)
    figure, axes = plt.subplots(
        len(PANELS) + 1, 1, figsize=(9, 2.4 + 1.1 * len(PANELS) * max(1, len(names)) / 1.6)
    )
    for axis, (title, run, key) in zip(axes, PANELS, strict=False):
        for level, name in enumerate(reversed(names)):
            values = reports[name].get(run, {}).get(key, [])
            there = [value for value in values if value is not None]
            axis.plot(there, [level] * len(there), "o", ms=6, alpha=0.55, color=COLOURS[name])
            if missing := len(values) - len(there):
                axis.text(
                    0.995,
                    level,
                    f"{missing} never",
                    transform=axis.get_yaxis_transform(),
                    ha="right",
                    va="center",
                )
        if key == "v2v_s":
            for at, name, style, side in (
                (FLOOR_S, "floor ", ":", "right"),
                (STALL_S, " stall", "--", "left"),
            ):
                axis.axvline(at, color="0.5", lw=1, ls=style)
                axis.text(at, len(names) - 0.45, name, fontsize=8, color="0.35", va="bottom", ha=side)
        _dress(axis, names, title)
    axis = axes[-1]
    for level, name in enumerate(reversed(names)):
        context = reports[name].get("finals", {}).get("context", [])
        errors = [one["kept"] - one["heard"] for one in context if one["kept"] is not None]
        axis.plot(errors, [level] * len(errors), "o", ms=6, alpha=0.55, color=COLOURS[name])
    axis.axvspan(-0.5, 0.5, color="0.92", zorder=0)
    _dress(axis, names, "words kept in the context less words heard, after a cut-in", zero=False)
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _dress(axis: Any, names: list[str], title: str, zero: bool = True) -> None:
    axis.set_title(title, fontsize=10, loc="left", pad=14)
    axis.set_yticks(range(len(names)), list(reversed(names)))
    axis.set_ylim(-0.6, len(names) - 0.4)
    axis.grid(axis="x", color="0.9")
    if zero:
        axis.set_xlim(left=0)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
