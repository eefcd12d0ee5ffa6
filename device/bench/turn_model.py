"""``earshot bench turn-model``: what a verdict of a turn-end model costs, and how often it is right.

The model runs as the device runs it: in an engine process of its own, asked about one pause at a time.
"""

from __future__ import annotations

import logging
import os
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from device.audio.backends import Samples
from device.audio.levels import active_rms, clip_edges
from device.config import parse
from device.ear.turn_end import FACTORY, turn_end_settings
from device.ear.turn_end.asking import TurnModel
from device.ear.turn_end.messages import Pause
from device.engines.process import ProcessDoor
from device.errors import EngineError
from device.scenario.talkers import render
from device.values import samples

SENTENCES = (
    "Turn on the kitchen light.",
    "What is the weather like tomorrow?",
    "Set a timer for ten minutes.",
)
VOICES = ("en-gb", "en-us+m3", "en-us+f1")
"""Spoken where there are no recordings: they are for the clock, not for the judgement."""
BROKEN_OFF = 0.6
PAUSE = samples(150)
"""Quiet after the last sound when the device asks."""
LEVEL_DBFS, ROOM_DBFS = -26.0, -68.0
VERDICT_S = 30.0
"""A verdict that takes longer ends the benchmark."""


def measure(name: str, speech: list[Samples]) -> dict[str, Any]:
    """Ask the model ``name`` about every one of ``speech`` (float32, 16 kHz), whole and broken off.

    Shares are in [0, 1] and only there with recordings. Raises
    ``ModelMissing`` when it is not there and ``EngineError`` when it cannot be used.
    """
    logging.getLogger("device.ear.turn_end").addHandler(logging.NullHandler())  # what matters is raised
    clips = speech or [render(text, voice) for voice in VOICES for text in SENTENCES]
    config = parse({"endpointing": {"strategy": "model", "model": name}})
    door = ProcessDoor("turn model", FACTORY, turn_end_settings(config), hang_s=VERDICT_S, tries=1)
    model = TurnModel(door)
    try:
        load_s = _load(model, door)
        assert door.pid is not None
        pid = door.pid
        spent = _cpu_ms(pid)
        whole = [_ask(model, door, number, _in_a_room(clip, 1.0)) for number, clip in enumerate(clips)]
        broken = [
            _ask(model, door, -1 - number, _in_a_room(clip, BROKEN_OFF)) for number, clip in enumerate(clips)
        ]
        verdicts = whole + broken
        spent = (_cpu_ms(pid) - spent) / len(verdicts)
        rss = _rss_mib(pid)
    finally:
        model.close()
    waits = [wait_ms for _, wait_ms in verdicts]
    figures: dict[str, Any] = {
        "verdict_p50_ms": round(statistics.median(waits), 1),
        "verdict_p95_ms": round(float(np.percentile(waits, 95)), 1),
        "cpu_ms": round(spent, 1),
        "load_s": round(load_s, 2),
        "rss_mib": round(rss, 1),
        "verdicts": len(verdicts),
    }
    if speech:
        figures["recordings"] = len(speech)
        figures["whole_complete"] = _share(whole)
        figures["broken_off_complete"] = _share(broken)
    return figures


def _load(model: TurnModel, door: ProcessDoor) -> float:
    """Wait until the model takes questions; returns how long it took to load [s]."""
    while model.ready is None:
        model.step(None)
        if door.failure is not None:
            raise EngineError(door.failure)
        time.sleep(0.01)
    return model.ready.load_s


def _ask(model: TurnModel, door: ProcessDoor, number: int, sound: Samples) -> tuple[float, float]:
    """The probability that ``sound`` is complete, and how long the answer took [ms]."""
    pause = Pause(number, len(sound))
    began = time.perf_counter()
    model.ask(pause, sound)
    while (probability := model.step(pause)) is None:
        if door.failure is not None or model.counters["no_verdict"]:
            raise EngineError(door.failure or "the model gives no probability for one of the recordings")
        time.sleep(0.001)
    return probability, (time.perf_counter() - began) * 1000


def _in_a_room(clip: Samples, part: float) -> Samples:
    """The first ``part`` of the speech in ``clip`` at -26 dBFS, then a pause, in a quiet room."""
    first, last = clip_edges(clip)
    words = clip[first : first + round((last + 1 - first) * part)]
    sound = np.concatenate([words * (10 ** (LEVEL_DBFS / 20) / max(active_rms(clip), 1e-6)), np.zeros(PAUSE)])
    noise = np.random.default_rng(0).standard_normal(len(sound)) * 10 ** (ROOM_DBFS / 20)
    return (sound + noise).astype(np.float32)


def _share(verdicts: list[tuple[float, float]]) -> float:
    return round(sum(probability > 0.5 for probability, _ in verdicts) / len(verdicts), 3)


def _cpu_ms(pid: int) -> float:
    """User and system time of a process so far, as the kernel counts it, in ticks of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def _rss_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise EngineError(f"the engine process {pid} has no resident memory: it has ended")
