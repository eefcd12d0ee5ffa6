"""What the picture shows and where, without drawing it: strips of time, marks, brackets, labels that keep apart."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.scenario.expectations import Happened
from device.scenario.measures import Sound, reached, voice_to_voice
from device.scenario.result import Result, seconds
from device.values import FRAME, RATE_HZ, ms

BLUE, SKY, ORANGE, GREEN, RED, PURPLE, GREY, INK = (
    "#0072B2", "#56B4E9", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#8A8A8A", "#222222",
)  # fmt: skip
STRIP_S = 17.0
"""[s] Most that one strip holds: at this scale speech fits below its own words."""
STRIP_CHARS = 165
"""Characters of label text that fit into a strip's width."""


@dataclass(frozen=True, slots=True)
class Window:
    """A strip: it shows ``start`` to ``end``, and has room until ``edge`` (s)."""

    start: float
    end: float
    edge: float

    @property
    def chars_per_s(self) -> float:
        return STRIP_CHARS / (self.edge - self.start)


@dataclass(frozen=True, slots=True)
class Mark:
    """An event in the lowest lane: ``sign`` on its time, ``label`` to the right of it."""

    at_s: float
    sign: str
    colour: str
    label: str
    rule: bool = False
    """Whether a thin vertical line through all lanes shows the moment."""

    @property
    def start(self) -> float:
        return self.at_s

    @property
    def end(self) -> float:
        return self.at_s

    @property
    def weight(self) -> str:
        return "normal"


@dataclass(frozen=True, slots=True)
class Bracket:
    """A measured time between two moments."""

    start: float
    end: float
    label: str
    colour: str
    weight: str = "bold"


def make_strips(result: Result, sound: Sound) -> list[Window]:
    """The strips' times, all equally long; a strip ends where the longest quiet is, not in the middle of a word."""
    busy = audible_spans(result, len(sound.gain))
    for line in result.lines:
        busy[line.span.first // FRAME : line.span.last // FRAME + 80] = True
    for one in result.events:
        if one.event in ("final", "guess", "turn", "first_token", "error"):
            busy[one.position // FRAME : one.position // FRAME + 80] = True
    active = np.flatnonzero(busy)
    total = min(len(busy), int(active[-1]) + 80) / 100 if len(active) else len(busy) / 100
    total = max(total, 4.0)
    count = max(1, int(np.ceil(total / STRIP_S)))
    breaks = [0.0]
    for index in range(1, count):
        middle, reach = index * total / count, 0.2 * total / count
        breaks.append(_quietest(busy, middle - reach, middle + reach))
    ends = [*breaks[1:], total]
    longest = max(end - start for start, end in zip(breaks, ends, strict=True))
    return [Window(start, end, start + longest) for start, end in zip(breaks, ends, strict=True)]


def _quietest(busy: NDArray[np.bool_], start_s: float, end_s: float) -> float:
    """The middle of the longest quiet between two times, or the middle of the two."""
    length, middle = 0, round((start_s + end_s) * 50)
    run = 0
    for block in range(round(start_s * 100), min(round(end_s * 100), len(busy))):
        run = 0 if busy[block] else run + 1
        if run > length:
            length, middle = run, block - run // 2
    return middle / 100


def words_between(text: str, begin: float, end: float) -> str:
    """The words that begin between two shares of ``text``, with … where it goes on."""
    words = [(match[0], match.start() / len(text)) for match in re.finditer(r"\S+", text)]
    part = " ".join(word for word, at in words if begin <= at < end)
    before = any(at < begin for _, at in words)
    after = any(at >= end for _, at in words)
    return f"{'… ' if before and part else ''}{part}{' …' if after and part else ''}"


def audible_spans(result: Result, blocks: int) -> NDArray[np.bool_]:
    """True from each reply's start to its end, in blocks of 10 ms."""
    out = np.zeros(blocks, bool)
    begun: int | None = None
    for event in result.events:
        if event.event == "reply_start":
            begun = event.position
        elif event.event in ("reply_end", "reply_cut") and begun is not None:
            out[begun // FRAME : event.position // FRAME + 1] = True
            begun = None
    if begun is not None:
        out[begun // FRAME :] = True
    return out


def _width(label: str, window: Window) -> float:
    """Seconds that a label takes, its sign and a gap included."""
    return (len(label) + 3) / window.chars_per_s


def is_flipped(item: Mark | Bracket, window: Window) -> bool:
    """Whether the label stands before its mark, because behind it the strip ends."""
    width = _width(item.label, window)
    return item.end + width > window.edge and item.start - width > window.start


def pack_labels(
    marks: Iterable[Mark], brackets: Iterable[Bracket], window: Window
) -> list[list[Mark | Bracket]]:
    """Rows of labels that do not run into one another, filled from the top."""
    items: list[tuple[float, float, Mark | Bracket]] = []
    for item in (*marks, *brackets):
        if not window.start <= item.start < window.end:
            continue
        width = _width(item.label, window)
        if is_flipped(item, window):
            items.append((item.start - width, item.end + 0.1, item))
        else:
            items.append((item.start - 0.1, item.end + width, item))
    rows: list[list[Mark | Bracket]] = []
    ends: list[float] = []
    for start, end, item in sorted(items, key=lambda entry: entry[0]):
        for row, taken in enumerate(ends):
            if taken <= start:
                rows[row].append(item)
                ends[row] = end
                break
        else:
            rows.append([item])
            ends.append(end)
    return rows


# ---------------------------------------------------------------------- what is marked


def find_marks(result: Result) -> Iterable[Mark]:
    for one in result.events:
        at = seconds(one.position)
        match one.event:
            case "wake":
                yield Mark(at, "v", PURPLE, f"wake “{one.text}”", rule=True)
            case "final" if one.text and not one.data.get("accepted", True):
                yield Mark(at, "s", GREY, f"unsure: “{shortened(one.text, 46)}”")
            case "final" if one.text:
                yield Mark(at, "s", BLUE, f"understood “{shortened(one.text, 46)}”")
            case "final":
                yield Mark(at, "s", GREY, "nothing understood")
            case "intent":
                yield Mark(at, "s", BLUE, f"command: {one.text}")
            case "guess":
                yield Mark(at, ">", GREEN, f"asked on a guess: “{shortened(one.text, 40)}”")
            case "turn" if one.data.get("guessed"):
                yield Mark(at, ">", GREEN, "it was that")
            case "turn":
                yield Mark(at, ">", GREEN, "turn sent")
            case "first_token":
                yield Mark(at, ">", GREEN, "first token")
            case "reply_start":
                yield Mark(at, ">", GREEN, "first sound", rule=True)
            case "duck" | "hold" | "cancel":
                yield Mark(at, "X", RED, one.event, rule=True)
            case "resume":
                yield Mark(at, "P", GREEN, "resume", rule=True)
            case "error":
                yield Mark(at, "D", RED, f"error: {shortened(one.text, 40)}")


def find_brackets(result: Result, sound: Sound) -> Iterable[Bracket]:
    """Voice-to-voice, and first sample of a cut-in to silence; both as measured."""
    for line in result.lines:
        span = line.span
        mine: list[Happened] = [one for one in result.events if one.of == line.id]
        answer = voice_to_voice(mine, span)
        if answer is not None:
            label = f"{answer / RATE_HZ:.2f} s to the answer"
            yield Bracket(seconds(span.last), seconds(span.last + answer), label, GREEN)
        stop = reached(mine, ("hold", "cancel"), span.first, sound.gain, below=0.0)
        if stop is not None:
            label = f"silent {ms(stop):.0f} ms after the first sound"
            yield Bracket(seconds(span.first), seconds(span.first + stop), label, RED)


def shortened(text: str, width: int) -> str:
    return textwrap.shorten(text, width, placeholder=" …")
