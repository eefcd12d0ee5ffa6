"""What the tests of turn-end models share: sentences whole and broken off, models that are none, an engine that hangs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from device import models
from device.audio.levels import clip_edges
from device.ear.turn_end.messages import Ask, Ready, TurnEndSettings, Verdict
from device.scenario.talkers import render
from device.values import samples

KNOWN = "Turn on the kitchen light."
"""A sentence that the tiny model was trained with; in the voice ``en-gb``, too."""


def tiny() -> TurnEndSettings:
    return TurnEndSettings(str(models.require("turn-tiny", "turn") / "turn-tiny.onnx"), threads=1)


def said(part: float = 1.0, text: str = KNOWN, voice: str = "en-gb") -> np.ndarray:
    """The first ``part`` of ``text`` and 0.2 s of quiet room behind it, float32 at 16 kHz."""
    clip = render(text, voice)
    first, last = clip_edges(clip)
    words = clip[first : first + round((last + 1 - first) * part)]
    sound = np.concatenate([np.zeros(samples(500)), words, np.zeros(samples(200))])
    return (sound + np.random.default_rng(0).standard_normal(len(sound)) * 3e-4).astype(np.float32)


def logits_model(folder: Path) -> Path:
    """The tiny model without its last step: what it answers is no probability."""
    path = folder / "logits.onnx"
    path.write_bytes(Path(tiny().model).read_bytes().replace(b"Sigmoid", b"Flatten"))
    return path


class Stubborn:
    """An engine that hangs over its first question of all; ``settings`` is a file that remembers there was one."""

    def __init__(self, settings: str) -> None:
        self._asked = Path(settings)

    def start(self) -> Iterator[Any]:
        yield Ready(0.0)

    def handle(self, message: Ask) -> Iterator[Any]:
        if not self._asked.exists():
            self._asked.touch()
            time.sleep(3600)
        yield Verdict(message.pause, 0.75, 0.0)


class Timed:
    """An engine whose verdicts took ``settings`` ms each, or say so."""

    def __init__(self, settings: float) -> None:
        self._compute_ms = settings

    def start(self) -> Iterator[Any]:
        yield Ready(0.0)

    def handle(self, message: Ask) -> Iterator[Any]:
        yield Verdict(message.pause, 0.5, self._compute_ms)
