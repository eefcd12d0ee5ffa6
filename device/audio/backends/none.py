"""No sound at all: the clock goes on, the microphone is missing, playback vanishes. For link and config work."""

from __future__ import annotations

import numpy as np

from device.audio.echo_policy import SoundPath
from device.values import FRAME

from . import Captured, Samples
from .pace import Pacer


class NoneBackend:
    """Paced to real time by the monotonic clock (or by the ``pacer`` given)."""

    playback_rate_hz = 16_000
    output_latency_ms = 0.0
    path = SoundPath("no microphone", "no loudspeaker")
    capture_rate_hz: float | None = None
    problem: str | None = None  # the owner has chosen it: nothing is wrong

    def __init__(self, pacer: Pacer | None = None) -> None:
        self.counters = {"missing_frames": 0}
        self._pacer = pacer or Pacer()
        self._position = 0
        self._played = 0
        self._zeros = np.zeros(FRAME, np.float32)
        self._zeros.flags.writeable = False

    def start(self) -> None:
        self._pacer.start()

    def wait(self, timeout_s: float) -> bool:
        return self._pacer.wait(self._position + FRAME, timeout_s)

    def capture(self) -> Captured | None:
        if not self._pacer.started or self._pacer.late_s(self._position + FRAME) < 0:
            return None
        captured = Captured(self._position, self._zeros, missing=True)
        self._position += FRAME
        self.counters["missing_frames"] += 1
        return captured

    def play(self, block: Samples) -> int:
        leaves = max(self._played, self._position)
        self._played = leaves + FRAME
        return leaves

    def flush(self, abort: bool = True) -> int | None:
        """Nothing is queued."""
        return None

    def stop(self) -> None:
        """Nothing to close."""
