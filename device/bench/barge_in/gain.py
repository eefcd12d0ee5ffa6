"""At which gain the reply left the loudspeaker, to the sample."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

import numpy as np

from device.audio import Backend, Captured, Mixer, Samples
from device.audio.levels import db_to_gain
from device.audio.ramp import raised_cosine
from device.values import FRAME

DUCKED = db_to_gain(-12.0)
_RISE = raised_cosine(FRAME)


class GainLog:
    """Blocks of 10 ms in the order in which they leave: position, gain before and gain after. Pure."""

    def __init__(self) -> None:
        self._positions: list[int] = []
        self._before: list[float] = []
        self._after: list[float] = []

    def add(self, position: int, before: float, after: float) -> None:
        """The block that leaves from capture ``position`` on ramps from ``before`` to ``after`` (linear gains)."""
        self._positions.append(position)
        self._before.append(before)
        self._after.append(after)

    def cut(self, silent_from: int) -> None:
        """What was to leave from ``silent_from`` on was taken back, and the 10 ms before it ramped down to silence."""
        k = bisect_left(self._positions, silent_from - FRAME)
        for at in range(k, len(self._positions)):
            if at > k or self._positions[at] >= silent_from:
                self._before[at] = 0.0
            self._after[at] = 0.0

    def first_ducked(self, start: int, end: int) -> int | None:
        """Position of the first sample from ``start`` on and before ``end`` that leaves at -12 dB or less."""
        return self._first(start, end, lambda gains: gains <= DUCKED)

    def first_silent(self, start: int, end: int) -> int | None:
        """The same for silence."""
        return self._first(start, end, lambda gains: gains <= 0.0)

    def first_full(self, start: int, end: int) -> int | None:
        """The same for full gain."""
        return self._first(start, end, lambda gains: gains >= 1.0)

    def _first(self, start: int, end: int, wanted: Callable[[np.ndarray], np.ndarray]) -> int | None:
        k = max(0, bisect_left(self._positions, start - FRAME + 1))
        while k < len(self._positions) and self._positions[k] < end:
            before, after = self._before[k], self._after[k]
            gains = np.full(FRAME, after) if before == after else before + (after - before) * _RISE
            hits = np.flatnonzero(wanted(gains)) + self._positions[k]
            hits = hits[(hits >= start) & (hits < end)]
            if len(hits):
                return int(hits[0])
            k += 1
        return None

    def track(self, frames: int) -> np.ndarray:
        """The gain of each 10 ms from position 0 on, float32 (frames,); 0 where nothing left."""
        gains = np.zeros(frames, np.float32)
        for position, after in zip(self._positions, self._after, strict=True):
            if position // FRAME < frames:
                gains[position // FRAME] = after
        return gains


class GainBackend:
    """A backend that keeps the gain of what is played in ``log``; everything else is passed on."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._gain = 0.0
        self.mixer: Mixer | None = None
        self.log = GainLog()

    def __getattr__(self, name: str) -> object:
        return getattr(self._backend, name)

    def capture(self) -> Captured | None:
        return self._backend.capture()

    def flush(self, abort: bool = True) -> int | None:
        silent_from = self._backend.flush(abort)
        if silent_from is not None:
            self.log.cut(silent_from)
            self._gain = 0.0
        return silent_from

    def play(self, block: Samples) -> int:
        position = self._backend.play(block)
        if self.mixer is not None:
            gain = self.mixer.speech.gain
            self.log.add(position, self._gain, gain)
            self._gain = gain
        return position
