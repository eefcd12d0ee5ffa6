"""The distributions of a run as one picture: voice-to-voice delays of both ways, and each turn by its group."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from device import pictures
from device.bench.turns.figures import STALL_MS

OFF, ON = "#3b6fb6", "#1b7f5c"
SIDES = (("off", "speculation off", OFF), ("on", "speculation on", ON))


def draw(result: dict[str, Any], path: Path) -> None:
    """``result`` as ``run.measure`` returns it."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (above, below) = plt.subplots(
        2, 1, figsize=(9, 7.5), sharex=True, gridspec_kw={"height_ratios": (1, 1.25)}
    )
    for side, name, colour in SIDES:
        delays = np.array(sorted(_finished(result[side]["delays_ms"])))
        if len(delays):
            share = 100 * np.arange(1, len(delays) + 1) / len(delays)
            label = f"{name}: median {result[side]['v2v_p50_ms']:.0f} ms"
            above.step(delays, share, where="post", color=colour, lw=2, label=label)
    above.set_ylabel("finished turns answered [%]")
    above.set_ylim(0, 103)
    above.legend(loc="upper left", frameon=False)
    groups = [row["group"] for row in result["on"]["groups"]]
    for level, group in enumerate(reversed(groups)):
        for shift, (side, _, colour) in zip((0.17, -0.17), SIDES, strict=True):
            delays = result[side]["delays_ms"].get(group, [])
            below.plot(delays, [level + shift] * len(delays), "o", ms=4.5, alpha=0.5, color=colour, mew=0)
            row = next(row for row in result[side]["groups"] if row["group"] == group)
            if row["early_cuts"] and group == "hesitation":
                text = f"{row['early_cuts']} of {row['turns']} cut early"
                below.text(1.005, level + shift, text, transform=below.get_yaxis_transform(), color=colour,
                           fontsize=8, va="center")  # fmt: skip
    below.set_yticks(range(len(groups)), [_label(group) for group in reversed(groups)])
    below.set_ylim(-0.6, len(groups) - 0.4)
    below.set_xlabel("last sample of what was said to the first audible sample of the answer [ms]")
    for axis in (above, below):
        axis.grid(axis="x", color="0.92")
        axis.axvline(result["floor_ms"], color="0.5", lw=1, ls=":")
        axis.axvline(STALL_MS, color="#b33", lw=1, ls="--")
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    above.text(result["floor_ms"], 104, "floor without guessing", fontsize=8, color="0.35", ha="center")
    above.text(STALL_MS, 104, "stall", fontsize=8, color="#b33", ha="center")
    below.set_xlim(left=0)
    figure.tight_layout()
    pictures.save(figure, path, dpi=130)
    plt.close(figure)


def _finished(delays: dict[str, list[float]]) -> list[float]:
    groups = ("normal", "dangling", "fast", "slow", "recorded")
    return [delay for group in groups for delay in delays.get(group, [])]


def _label(group: str) -> str:
    return {"cut_in": "cut-in", "local": "local command", "dangling": "dangling look"}.get(group, group)
