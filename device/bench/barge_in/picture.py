"""``--plot``: 12 s of one session. What the microphone got, what is left of it, and what was made of that.

microphone    what it got: the playback's echo and the talkers, who are shaded
cancelled     the same after the echo canceller, in the same scale
gain          of the reply, as it leaves the loudspeaker
score         of the barge-in detector
decisions     duck, hold, resume, cancel, each where it was decided
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from device import pictures
from device.bench.barge_in.session import Film, Outcome
from device.scenario.score import BLUE, GREEN, INK, ORANGE, PURPLE, RED, shortened
from device.trace import TraceEvent
from device.values import FRAME, RATE_HZ

LENGTH_S, BEFORE_S = 12.0, 1.2
LOWEST_DB = -30.0
"""Drawn for silence."""
ROWS = 4
"""Of decisions, so that several within a tenth of a second can be read."""
AGAIN_S = 2.0
"""A talker who is found again so soon is the same one."""
SIGNS = {
    "barge_in": ("talker found", BLUE, "o"),
    "duck": ("duck", ORANGE, "v"),
    "hold": ("hold", RED, "s"),
    "resume": ("resume", GREEN, "^"),
    "cancel": ("cancel", RED, "X"),
    "wake": ("wake word", PURPLE, "D"),
    "final": ("understood", INK, "|"),
}
LANES = ("microphone", "after the\ncanceller", "gain of the\nreply [dB]", "detector's\nscore", "decisions")


def draw(outcome: Outcome, path: Path) -> None:
    """Write the picture of an outcome that has its film."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    film = outcome.film
    if film is None:
        raise ValueError("the session was run without a film")
    first = film.trials[0].onset if film.trials else 0
    start = max(0.0, first / RATE_HZ - BEFORE_S)
    end = min(start + LENGTH_S, len(film.mic) / RATE_HZ)
    style = {"font.family": "DejaVu Sans", "font.size": 11, "axes.edgecolor": "#BBBBBB"}
    with plt.rc_context(style):
        figure, lanes = plt.subplots(
            5, 1, figsize=(14, 8.5), dpi=110, sharex=True, height_ratios=(1.5, 1.5, 1.0, 1.1, 1.15)
        )
        figure.subplots_adjust(left=0.105, right=0.985, top=0.875, bottom=0.065, hspace=0.12)
        _title(figure, outcome)
        for axes, name in zip(lanes, LANES, strict=True):
            axes.set_ylabel(name, rotation=0, ha="right", va="center", color=INK)
            axes.yaxis.set_label_coords(-0.034, 0.5)
            axes.grid(axis="x", color="#EBEBEB", lw=0.8)
            axes.set_axisbelow(True)
            for side in ("top", "right"):
                axes.spines[side].set_visible(False)
        lanes[0].set_xlim(start, end)
        _talkers(lanes, film, start, end)
        scale = float(np.abs(film.mic[int(start * RATE_HZ) : int(end * RATE_HZ)]).max()) or 1.0
        _wave(lanes[0], film.mic, start, end, scale, "#8C8C8C")
        _wave(lanes[1], film.clean, start, end, scale, INK)
        _gain(lanes[2], film)
        _score(lanes[3], film, start, end)
        _decisions(lanes, film, start, end)
        lanes[-1].set_xlabel("seconds of the session", color="#555555")
        pictures.save(figure, path)
        plt.close(figure)


def _title(figure: Any, outcome: Outcome) -> None:
    condition = outcome.session.condition
    figure.text(
        0.012, 0.962, "Talked over, and how it gives way", fontsize=17, weight="bold", color=INK, va="center"
    )
    erle = (
        "" if outcome.erle_db is None else f"   ·   echo {outcome.erle_db:.0f} dB lower after the canceller"
    )
    figure.text(
        0.012, 0.925, f"talker {condition.ser_db:+.0f} dB to the echo   ·   playback: {condition.playback}   ·   "
        f"background: {condition.noise}{erle}   ·   simulated room, lock-step",
        fontsize=11, color="#555555", va="center",
    )  # fmt: skip


def _talkers(lanes: Any, film: Film, start: float, end: float) -> None:
    for trial in film.trials:
        first, last = trial.onset / RATE_HZ, trial.end / RATE_HZ
        if last < start or first > end:
            continue
        for axes in lanes:
            axes.axvspan(first, last, color=BLUE, alpha=0.13, lw=0)
        text = f"“{trial.text.rstrip('.')}”" if trial.text else trial.voice
        lanes[0].text(
            max(first, start), 1.04, text, transform=lanes[0].get_xaxis_transform(), color=BLUE, weight="bold",
            va="bottom", fontsize=11, parse_math=False,
        )  # fmt: skip


def _wave(axes: Any, samples: np.ndarray, start: float, end: float, scale: float, colour: str) -> None:
    """The envelope, one column per 5 ms."""
    step = FRAME // 2
    first, last = int(start * RATE_HZ) // step, int(end * RATE_HZ) // step
    peaks = np.abs(samples[first * step : last * step].reshape(-1, step)).max(axis=1) / scale
    times = np.arange(first, first + len(peaks)) * step / RATE_HZ
    axes.fill_between(times, -peaks, peaks, color=colour, lw=0, step="post")
    axes.set_ylim(-1, 1)
    axes.set_yticks([])


def _gain(axes: Any, film: Film) -> None:
    times = np.arange(len(film.gain)) * FRAME / RATE_HZ
    level = np.maximum(20 * np.log10(np.maximum(film.gain, 1e-4)), LOWEST_DB)
    axes.step(times, level, where="post", color=ORANGE, lw=2)
    axes.fill_between(times, LOWEST_DB, level, step="post", color=ORANGE, alpha=0.15, lw=0)
    axes.set_ylim(LOWEST_DB - 2, 4)
    axes.set_yticks([0, -12, LOWEST_DB], ["0", "-12", "silent"], fontsize=9)
    axes.axhline(-12, color="#BBBBBB", lw=0.8, ls=":")


def _score(axes: Any, film: Film, start: float, end: float) -> None:
    times = np.arange(len(film.score)) * FRAME / RATE_HZ
    axes.plot(times, film.score, color=PURPLE, lw=1.2)
    shown = film.score[int(start * RATE_HZ / FRAME) : int(end * RATE_HZ / FRAME)]
    shown = shown[np.isfinite(shown)]
    axes.set_ylim(-0.1, max(1.6, float(shown.max()) * 1.08 if len(shown) else 0.0))
    axes.axhline(1, color="#BBBBBB", lw=0.8, ls=":")  # above it a talker is found
    axes.tick_params(axis="y", labelsize=9)


def _decisions(lanes: Any, film: Film, start: float, end: float) -> None:
    axes = lanes[-1]
    axes.set_ylim(-1, 1)
    axes.set_yticks([])
    shown: list[tuple[float, TraceEvent]] = []
    for event in film.events:
        at = event.position / RATE_HZ
        if event.event not in SIGNS or not start <= at <= end or (event.event == "final" and not event.text):
            continue
        if event.event == "barge_in" and any(
            e.event == "barge_in" and at - then < AGAIN_S for then, e in shown
        ):
            continue
        shown.append((at, event))
    free = [-1e9] * ROWS
    for at, event in shown:
        label, colour, sign = SIGNS[event.event]
        if event.event == "final":
            label = shortened(f"heard “{event.text}”", int((end - at) / (end - start) * 130))
        row = next((k for k, until in enumerate(free) if at > until), int(np.argmin(free)))
        free[row] = at + (0.35 + 0.085 * len(label)) * (end - start) / LENGTH_S
        y = 1 - (2 * row + 1) / ROWS
        axes.plot([at], [y], marker=sign, color=colour, ms=8, clip_on=False)
        axes.annotate(
            label, (at, y), xytext=(9, 0), textcoords="offset points", va="center", color=colour, fontsize=10.5,
            weight="bold" if event.event in ("duck", "hold", "cancel", "resume") else "normal", parse_math=False,
        )  # fmt: skip
        if event.event in ("duck", "hold", "cancel", "resume"):
            for lane in lanes[:-1]:
                lane.axvline(at, color=colour, lw=0.9, alpha=0.6)
