"""``timeline.png``: a conversation as a score, in strips of about 15 s that are read like lines of music.

    talker       what each talker said, and when
    microphone   what the microphone got, and over it what the echo canceller left
    loudspeaker  what was played, with the reply's gain; ducked and held parts marked
    earshot      what it noticed, understood and decided; brackets measure the time in between

Colours are Okabe and Ito's, which colour-blind people can tell apart; no meaning hangs on colour alone.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device.errors import ScenarioError
from device.scenario.measures import Sound
from device.scenario.result import Line, Result, seconds
from device.scenario.score import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    RED,
    STRIP_CHARS,
    Bracket,
    Mark,
    Window,
    audible_spans,
    find_brackets,
    find_marks,
    is_flipped,
    make_strips,
    pack_labels,
    shortened,
    words_between,
)
from device.values import FRAME, RATE_HZ


def draw(result: Result, sound: Sound, path: Path) -> None:
    """Write the picture of a run. Raises ``ScenarioError`` where matplotlib is missing."""
    try:
        import matplotlib
    except ImportError as exc:
        raise ScenarioError("the picture needs matplotlib: `pip install 'earshot[plot]'`") from exc

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    style = {
        "font.family": "DejaVu Sans",
        "font.size": 10.5,
        "axes.edgecolor": "#BBBBBB",
        "hatch.linewidth": 0.6,
    }
    with plt.rc_context(style):
        marks, brackets = list(find_marks(result)), list(find_brackets(result, sound))
        windows = make_strips(result, sound)
        count = len(windows)
        heights = [_heights(len(pack_labels(marks, brackets, window))) for window in windows]
        figure = plt.figure(figsize=(17, 1.5 + sum(map(sum, heights)) + 0.55 * count), dpi=110)
        top = _title(figure, result)
        outer = figure.add_gridspec(
            count, 1, left=0.062, right=0.988, top=top, bottom=0.42 / figure.get_figheight(),
            height_ratios=[sum(h) for h in heights], hspace=0.55 * count / sum(map(sum, heights)),
        )  # fmt: skip
        for strip, window, height in zip(outer, windows, heights, strict=True):
            lanes = strip.subgridspec(4, 1, height_ratios=height, hspace=0.0).subplots(sharex=True)
            lanes[0].set_xlim(window.start, window.edge)
            _strip(lanes, result, sound, marks, brackets, window)
        figure.savefig(path)
        plt.close(figure)


# ---------------------------------------------------------------------- the head


def _title(figure: Any, result: Result) -> float:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    inch = 1 / figure.get_figheight()
    figure.text(
        0.012,
        1 - 0.36 * inch,
        shortened(result.title, 90),
        fontsize=17,
        weight="bold",
        color=INK,
        va="center",
        parse_math=False,
    )
    verdict = "every expectation held" if result.passed else "NOT as expected"
    if not result.verdicts and result.passed:
        verdict = "nothing was expected"
    clock = "lock-step, computing takes no time" if result.clock == "sample" else "paced to real time"
    figure.text(
        0.988, 1 - 0.36 * inch, f"{verdict}   ·   {clock}", fontsize=11, ha="right", va="center",
        color=GREEN if result.passed else RED,
    )  # fmt: skip
    entries = [
        Patch(color=BLUE, label="talker speaks"),
        Patch(color="#C9C9C9", label="microphone, with echo"),
        Patch(color=INK, label="after the echo canceller"),
        Patch(color=ORANGE, label="earshot speaks"),
        Line2D([], [], color=RED, lw=2, label="gain of the reply"),
        Patch(facecolor="#FFF3CF", edgecolor="#C9A227", hatch="////", label="ducked"),
        Patch(facecolor="#FBE0D3", edgecolor=RED, hatch="xxxx", label="held silent"),
        Line2D([], [], color=PURPLE, marker="v", ls="", label="wake word"),
        Line2D([], [], color=BLUE, marker="s", ls="", label="understood"),
        Line2D([], [], color=GREEN, marker=">", ls="", label="turn, first token, first sound"),
        Line2D([], [], color=RED, marker="X", ls="", label="gives way"),
    ]
    figure.legend(
        handles=entries, loc="upper left", bbox_to_anchor=(0.008, 1 - 0.58 * inch), ncol=11, frameon=False,
        fontsize=9.5, handlelength=1.3, columnspacing=1.25, handletextpad=0.45,
    )  # fmt: skip
    return 1 - 1.05 * inch


# ---------------------------------------------------------------------- one strip


def _heights(depth: int) -> list[float]:
    """Inches of the four lanes."""
    return [0.72, 0.62, 1.0, 0.26 * max(depth, 2) + 0.1]


def _strip(
    lanes: Sequence[Any],
    result: Result,
    sound: Sound,
    marks: Sequence[Mark],
    brackets: Sequence[Bracket],
    window: Window,
) -> None:
    talker, mic, speaker, mind = lanes
    for axes, name in zip(lanes, ("talker", "microphone", "loudspeaker", "earshot"), strict=True):
        axes.set_ylim(-1, 1)
        axes.set_yticks([])
        axes.tick_params(bottom=axes is mind, labelbottom=axes is mind)
        axes.set_ylabel(name, rotation=0, ha="right", va="center", labelpad=8, color=INK)
        axes.grid(axis="x", color="#E8E8E8", lw=0.8)
        axes.set_axisbelow(True)
        for mark in marks:
            if mark.rule and window.start <= mark.at_s < window.end:
                axes.axvline(mark.at_s, color=mark.colour, lw=0.9, alpha=0.55)
    start = int(np.ceil(window.start))
    mind.set_xticks(range(start, int(window.end) + 1))
    mind.set_xticklabels([f"{t} s" for t in range(start, int(window.end) + 1)], fontsize=9, color="#555555")
    _talkers(talker, result.lines, sound, window)
    _wave(mic, sound.mic, window, "#C9C9C9", _scale(sound.mic))
    _wave(mic, sound.clean, window, INK, _scale(sound.mic))
    _playback(speaker, result, sound, window)
    _mind(mind, marks, brackets, window)


def _talkers(axes: Any, lines: Sequence[Line], sound: Sound, window: Window) -> None:
    for index, line in enumerate(lines):
        first, last = seconds(line.span.first), seconds(line.span.last)
        if last < window.start or first > window.end:
            continue
        axes.axvspan(first, last, ymin=0.06, ymax=0.3, color=BLUE, lw=0)
        left = max(first, window.start)
        later = [
            seconds(other.span.first) for other in lines[index + 1 :] if other.span.first > line.span.first
        ]
        room = min([window.edge, *later]) - left
        text = line.text or f"[{line.id}]"
        if first < window.start:
            text = f"… {text}"
        _text(axes, left, 0.92, f"“{text}”", room, BLUE, va="top", weight="bold", lines=2)


def _playback(axes: Any, result: Result, sound: Sound, window: Window) -> None:
    _wave(axes, sound.played, window, ORANGE, _scale(sound.played), middle=-0.42, height=0.5)
    times = np.arange(len(sound.gain)) * FRAME / RATE_HZ
    spoken = audible_spans(result, len(sound.gain))
    ducked = spoken & (sound.gain > 0) & (sound.gain < 0.9)
    held = spoken & (sound.gain == 0)
    for chosen, face, edge, hatch in (
        (ducked, "#FFF3CF", "#C9A227", "////"),
        (held, "#FBE0D3", RED, "xxxx"),
    ):
        axes.fill_between(
            times,
            -0.95,
            0.1,
            where=chosen,
            step="post",
            facecolor=face,
            edgecolor=edge,
            hatch=hatch,
            lw=0,
            zorder=0.5,
        )
    level = np.where(spoken, np.clip(20 * np.log10(np.maximum(sound.gain, 1e-3)), -40, 0) / 40, np.nan)
    axes.step(times, level * 0.98 + 0.06, where="post", color=RED, lw=1.6)
    starts = [e for e in result.events if e.event == "reply_start"]
    heards = {e.data.get("reply"): e for e in result.events if e.event == "heard"}
    for index, event in enumerate(starts):
        at = seconds(event.position)
        heard = heards.get(event.data.get("reply"))
        end = seconds(heard.position) if heard else len(sound.gain) * FRAME / RATE_HZ
        if end < window.start or at > window.end:
            continue
        left = max(at, window.start)
        later = [seconds(e.position) for e in starts[index + 1 :] if e.position > event.position]
        text = (heard.text if heard else event.text).strip()
        text = words_between(
            text, (window.start - at) / max(end - at, 0.1), (window.end - at) / max(end - at, 0.1)
        )
        if heard and heard.data.get("interrupted") and end <= window.end:
            text += " —✂"
        room = min([window.edge, *later]) - left
        _text(axes, left + 0.03, 0.95, text, room, "#8F5A00", va="top", lines=2)


def _mind(axes: Any, marks: Sequence[Mark], brackets: Sequence[Bracket], window: Window) -> None:
    rows = pack_labels(marks, brackets, window)
    depth = max(len(rows), 2)
    for row, content in enumerate(rows):
        y = 1 - (row + 0.5) * 2 / depth
        for item in content:
            if isinstance(item, Mark):
                axes.plot([item.at_s], [y], marker=item.sign, color=item.colour, ms=6.5, clip_on=False)
            else:
                ends = {"arrowstyle": "|-|,widthA=0.25,widthB=0.25", "color": item.colour, "lw": 1.3}
                axes.annotate(
                    "", (item.end, y), (item.start, y), arrowprops={**ends, "shrinkA": 0, "shrinkB": 0}
                )
            before = is_flipped(item, window)
            axes.annotate(
                item.label, (item.start if before else item.end, y), xytext=(-8 if before else 8, 0),
                textcoords="offset points", va="center", ha="right" if before else "left", color=item.colour,
                fontsize=9.5, weight=item.weight, parse_math=False,
            )  # fmt: skip


# ---------------------------------------------------------------------- drawing


def _scale(samples: NDArray[np.float32]) -> float:
    return float(np.percentile(np.abs(samples), 99.9)) if np.any(samples) else 1.0


def _wave(
    axes: Any,
    samples: NDArray[np.float32],
    window: Window,
    colour: str,
    scale: float,
    middle: float = 0.0,
    height: float = 0.92,
) -> None:
    """The envelope, one column about 10 ms wide."""
    first = max(0, int(window.start * RATE_HZ) // FRAME)
    blocks = samples[first * FRAME : int(window.end * RATE_HZ) // FRAME * FRAME]
    if not len(blocks):
        return
    peaks = np.abs(blocks.reshape(-1, FRAME)).max(axis=1) / max(scale, 1e-6)
    peaks = np.minimum(peaks, 1.0) * height
    times = (first + np.arange(len(peaks))) * FRAME / RATE_HZ
    axes.fill_between(times, middle - peaks, middle + peaks, color=colour, lw=0, step="post")


def _text(
    axes: Any, x: float, y: float, text: str, room_s: float, colour: str, lines: int, **style: Any
) -> None:
    width = max(8, int(room_s * STRIP_CHARS / np.ptp(axes.get_xlim())))
    wrapped = textwrap.wrap(text, width, max_lines=lines, placeholder=" …")
    axes.text(
        x,
        y,
        "\n".join(wrapped),
        color=colour,
        fontsize=9.5,
        linespacing=1.15,
        clip_on=True,
        parse_math=False,
        **style,
    )
