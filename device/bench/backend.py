"""A microphone for benchmarks: plays an array in a circle, paced or not, and costs next to nothing itself."""

from __future__ import annotations

import time

import numpy as np

from device.audio.backends import Captured, Samples
from device.audio.echo_policy import SoundPath
from device.values import FRAME, RATE_HZ

FRAME_S = FRAME / RATE_HZ


class LoopBackend:
    """``sound`` (float32, 16 kHz, mono) again and again; playback goes nowhere.

    ``paced``: a frame is due when its last sample would have been captured; ``due_s`` tells when that was on
    ``time.monotonic()``. Otherwise a frame is always due.
    """

    path = SoundPath("a recording", "nowhere")

    def __init__(self, sound: Samples, *, paced: bool) -> None:
        whole = len(sound) // FRAME * FRAME
        self._frames = np.asarray(sound[:whole], np.float32).reshape(-1, FRAME)
        self.paced = paced
        self._n = 0
        self._start = 0.0
        self.playback_rate_hz = RATE_HZ
        self.output_latency_ms = 10.0
        self.capture_rate_hz: float | None = None
        self.counters: dict[str, int] = {}
        self.problem: str | None = None

    def start(self) -> None:
        self._start = time.monotonic()

    @property
    def due_s(self) -> float:
        """When the next frame is complete, in ``time.monotonic()`` seconds."""
        return self._start + (self._n + 1) * FRAME_S

    def wait(self, timeout_s: float) -> bool:
        if self.paced:
            time.sleep(min(max(self.due_s - time.monotonic(), 0.0), timeout_s))
        return True

    def capture(self) -> Captured | None:
        if self.paced and time.monotonic() < self.due_s:
            return None
        position = self._n * FRAME
        samples = self._frames[self._n % len(self._frames)]
        self._n += 1
        return Captured(position, samples)

    def play(self, block: Samples) -> int:
        return self._n * FRAME

    def flush(self, abort: bool = True) -> int | None:
        return None

    def stop(self) -> None:
        pass
