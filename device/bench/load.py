"""``earshot bench load``: how late the ear's 10 ms step runs while the recogniser and the voice work without pause.

A machine under load is late all by itself, so an empty 10 ms loop runs in a process of its own during the same run;
its 99th percentile is the baseline.
"""

from __future__ import annotations

import gc
import multiprocessing
import sys
import time
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from device import values as v
from device.bench.backend import FRAME_S, LoopBackend

TEXT = (
    "The lighthouse keeper counted the ships that passed in the night, and wrote every one of them down in a book. "
    "When the book was full he began another, and nobody ever asked to read them."
)

LOSSES = ("missing_frames", "bad_frames", "position_faults")
"""The engine's counters of frames that did not arrive whole and in order."""


def measure(seconds: float) -> dict[str, Any]:
    """Lateness of the ear's step in ms, and of an empty loop beside it."""
    from device.config import parse
    from device.daemon import Device
    from device.daemon_command import SWITCH_INTERVAL_S
    from device.mouth.voices.messages import Speak
    from device.scenario.talkers import render

    sys.setswitchinterval(SWITCH_INTERVAL_S)
    speech = render("set the volume to forty percent. what time is it? volume up.", "flite:slt")
    config = parse({"mqtt": {"enabled": False}, "log": {"level": "error"}})
    backend = LoopBackend(speech, paced=True)
    device = Device(config, backend, None)
    pipe, child_end = multiprocessing.Pipe()
    baseline = multiprocessing.get_context("spawn").Process(
        target=_empty_loop, args=(child_end, seconds), daemon=True
    )
    late: list[float] = []
    utterance = clause = spoken = finals = 0
    try:
        device.start()
        _wait_ready(device, backend)
        gc.collect()
        gc.freeze()
        baseline.start()
        pipe.recv()  # it runs
        end = device.position + int(seconds * v.RATE_HZ)
        while device.position < end:
            backend.wait(0.05)
            lateness = time.monotonic() - backend.due_s
            if lateness < 0:
                continue
            late.append(lateness * 1000)
            if (device.position // v.FRAME) % 300 == 0:  # a new utterance every 3 s, the old one is finalised
                if utterance:
                    device.ear.execute(v.Finalise(utterance))
                    finals += 1
                utterance += 1
                start = device.position
                device.ear.execute(v.Listen(utterance, start, start, "free"))
            if spoken >= clause:  # the voice gets its next clause as soon as it has finished one
                clause += 1
                device.voice.send(Speak(clause, TEXT))
            device.step()
            spoken += sum(1 for r in device.voice.poll() if getattr(r, "last", False))
        empty = pipe.recv() if pipe.poll(5) else []
    finally:
        device.stop()
        if baseline.is_alive():
            baseline.terminate()
    return {
        "ear_late_p50_ms": _percentile(late, 50),
        "ear_late_p99_ms": _percentile(late, 99),
        "ear_late_max_ms": _percentile(late, 100),
        "baseline_p50_ms": _percentile(empty, 50),
        "baseline_p99_ms": _percentile(empty, 99),
        "baseline_max_ms": _percentile(empty, 100),
        "lost_frames": sum(device.engine.counters[name] for name in LOSSES),
        "utterances": finals,
        "clauses": spoken,
        "seconds": seconds,
    }


def _wait_ready(device: Any, backend: LoopBackend) -> None:
    """Let the engines start: their start-up is no part of the figure."""
    end = device.position + 8 * v.RATE_HZ
    while device.position < end:
        if not device.step():
            backend.wait(0.05)


def _empty_loop(pipe: Connection, seconds: float) -> None:
    pipe.send("running")
    late, start = [], time.monotonic()
    for k in range(1, int(seconds / FRAME_S) + 1):
        due = start + k * FRAME_S
        time.sleep(max(due - time.monotonic(), 0.0))
        late.append((time.monotonic() - due) * 1000)
    pipe.send(late)


def _percentile(values: list[float], q: float) -> float | None:
    return round(float(np.percentile(values, q)), 3) if values else None
