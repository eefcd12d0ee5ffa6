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
from typing import TYPE_CHECKING, Any

import numpy as np

from device import values as v
from device.bench.backend import FRAME_S, LoopBackend
from device.mouth.voices.messages import Chunk, Speak

if TYPE_CHECKING:
    from device.daemon import Device
    from device.engines import EngineDoor

SPEECH = "Set the volume to forty percent. What time is it? Volume up."
START_S = 8.0
"""The engines' start-up is no part of the figure."""
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
    from device.mouth.voices import open_voice
    from device.scenario.talkers import render

    sys.setswitchinterval(SWITCH_INTERVAL_S)
    config = parse({"mqtt": {"enabled": False}, "log": {"level": "error"}})
    backend = LoopBackend(render(SPEECH, "flite:slt"), paced=True)
    device = Device(config, backend, None)
    # a voice of its own: the device's is asked for one clause ahead of playback and rests in between
    voice = open_voice(config, in_process=False)
    pipe, child_end = multiprocessing.Pipe()
    empty_loop = multiprocessing.get_context("spawn").Process(
        target=_empty_loop, args=(child_end, seconds), daemon=True
    )
    try:
        empty_loop.start()
        device.start()
        _run(device, backend, START_S)
        gc.collect()
        gc.freeze()
        pipe.recv()  # it is there
        pipe.send("go")
        work = _Work(device, voice)
        late = _run(device, backend, seconds, work)
        empty = pipe.recv() if pipe.poll(5) else []
    finally:
        device.stop()
        voice.close()
        if empty_loop.is_alive():
            empty_loop.terminate()
    return {
        "ear_late_p50_ms": _percentile(late, 50),
        "ear_late_p99_ms": _percentile(late, 99),
        "ear_late_max_ms": _percentile(late, 100),
        "baseline_p50_ms": _percentile(empty, 50),
        "baseline_p99_ms": _percentile(empty, 99),
        "baseline_max_ms": _percentile(empty, 100),
        "lost_frames": sum(device.engine.counters[name] for name in LOSSES),
        "utterances": work.utterance,
        "clauses": work.clause,
        "seconds": seconds,
    }


class _Work:
    """Keeps both engines busy: a new utterance every 3 s of speech, and always one more clause to synthesise."""

    def __init__(self, device: Device, voice: EngineDoor) -> None:
        self._device, self._voice = device, voice
        self.utterance = self.clause = 0

    def step(self) -> None:
        position = self._device.position
        if position % (3 * v.RATE_HZ) == 0:
            if self.utterance:
                self._device.ear.execute(v.Finalise(self.utterance))
            self.utterance += 1
            self._device.ear.execute(v.Listen(self.utterance, position, position, "free"))
        done = sum(isinstance(reply, Chunk) and reply.last for reply in self._voice.poll())
        if done or self.clause == 0:
            self.clause += 1
            self._voice.send(Speak(self.clause, TEXT))


def _run(device: Device, backend: LoopBackend, seconds: float, work: _Work | None = None) -> list[float]:
    """Step ``device`` for ``seconds`` of audio; how late each step began, in ms."""
    late = []
    end = device.position + int(seconds * v.RATE_HZ)
    while device.position < end:
        backend.wait(0.05)
        lateness = time.monotonic() - backend.due_s
        if lateness < 0:
            continue
        late.append(lateness * 1000)
        if work is not None:
            work.step()
        device.step()
    return late


def _empty_loop(pipe: Connection, seconds: float) -> None:
    pipe.send("here")
    pipe.recv()
    late, start = [], time.monotonic()
    for k in range(1, int(seconds / FRAME_S) + 1):
        due = start + k * FRAME_S
        time.sleep(max(due - time.monotonic(), 0.0))
        late.append((time.monotonic() - due) * 1000)
    pipe.send(late)


def _percentile(values: list[float], q: float) -> float | None:
    return round(float(np.percentile(values, q)), 3) if values else None
