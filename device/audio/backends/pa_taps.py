"""What PortAudio calls: one tap on the microphone, one on the loudspeaker.

Rules of a callback, which runs on PortAudio's thread and holds up the sound for as long as it lasts: copy and count;
no lock that others hold, no logging, no numpy, no exception. Hand-over is by ``SimpleQueue`` and ``deque``, whose
operations are atomic. A tap belongs to one opened stream, so what a closing stream still calls disturbs nobody.
"""

from __future__ import annotations

import os
import time
from collections import deque
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, NamedTuple

CONTINUE, ABORT = 0, 2
"""``paContinue``, ``paAbort``."""
OVERFLOW, UNDERFLOW = 0x2, 0x4
"""``paInputOverflow``, ``paOutputUnderflow``: what the driver admits; most lost callbacks it does not."""
LATE_S = 0.030
"""A callback of 10 ms that comes later than this after the one before: more than the playback keeps ahead."""
QUEUED = 200
"""Blocks (2 s) of capture that wait for a stalled ear before new ones are dropped, and counted."""
PRIORITY = 20
"""Real-time priority of the callback's thread where the user may have one (``LimitRTPRIO=``, ``@audio rtprio``)."""


class Stamp(NamedTuple):
    """When a block met the converter, as PortAudio tells: ``now``/``wall`` are our clocks at the callback."""

    now: float
    wall: float
    current: float
    converter: float

    def monotonic(self, latency_s: float) -> float:
        """The converter's time on ``time.monotonic``.

        Builds of PortAudio differ in the clock that they use, so it is recognised; a host that tells no time at
        all is taken at its ``latency_s`` (negative for capture).
        """
        ahead = self.converter - self.current
        if not self.current or not -2.0 < ahead < 2.0 or not ahead:
            return self.now + latency_s
        for ours in (self.now, self.wall):
            if abs(self.current - ours) < 1.0:
                return self.converter + (self.now - ours)
        return self.now + ahead


class _Tap:
    def __init__(self, rate_hz: int, channels: int) -> None:
        self.rate_hz, self.channels = rate_hz, channels
        self.frames = rate_hz // 100
        """Samples of a block (10 ms, or just below where the rate is no multiple of 100)."""
        self.blocks = 0
        self.late = 0
        self.flagged = 0
        self.realtime = False
        self.last: float | None = None
        """When the last callback came, ``time.monotonic``."""

    def _arrive(self) -> float:
        now = time.monotonic()
        if self.last is None:
            self._become_realtime()
        elif now - self.last > LATE_S:
            self.late += 1
        self.last = now
        return now

    def _become_realtime(self) -> None:
        """Once, on PortAudio's own thread; children never inherit it."""
        with suppress(OSError, AttributeError):
            policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
            os.sched_setscheduler(0, policy, os.sched_param(PRIORITY))
            self.realtime = True


class InputTap(_Tap):
    """Microphone: ``queue`` holds ``(number of the block, int16 bytes, Stamp)``. ``channel`` is the one to listen to."""

    def __init__(self, rate_hz: int, channels: int, channel: int = 0) -> None:
        super().__init__(rate_hz, channels)
        self.channel = channel
        self.queue: SimpleQueue[tuple[int, bytes, Stamp]] = SimpleQueue()
        self.dropped = 0

    def __call__(self, data: bytes, frames: int, info: dict[str, float], flags: int) -> tuple[Any, int]:
        now = self._arrive()
        if flags & OVERFLOW:
            self.flagged += 1
        if self.queue.qsize() < QUEUED:
            stamp = Stamp(now, time.time(), info["current_time"], info["input_buffer_adc_time"])
            self.queue.put((self.blocks, data, stamp))
        else:
            self.dropped += 1
        self.blocks += 1
        return None, CONTINUE


class OutputTap(_Tap):
    """Loudspeaker: empties ``fifo`` (int16 bytes of one block each), plays zeros where there is none."""

    def __init__(self, rate_hz: int, channels: int) -> None:
        super().__init__(rate_hz, channels)
        self.fifo: deque[bytes] = deque()
        self.stamps: deque[tuple[int, Stamp]] = deque(maxlen=64)
        self.zeros = 0
        """Blocks of zeros played because ``fifo`` was empty, from the opening of the stream on."""
        self.abort = False
        """Set it, and the next callback ends the stream: the device drops what it still holds."""
        self._silence = bytes(2 * channels * self.frames)

    def __call__(self, data: Any, frames: int, info: dict[str, float], flags: int) -> tuple[bytes, int]:
        now = self._arrive()
        if self.abort:
            return self._silence, ABORT
        if flags & UNDERFLOW:
            self.flagged += 1
        try:
            block = self.fifo.popleft()
        except IndexError:
            block = self._silence
            self.zeros += 1
        stamp = Stamp(now, time.time(), info["current_time"], info["output_buffer_dac_time"])
        self.stamps.append((self.blocks, stamp))
        self.blocks += 1
        return block, CONTINUE


class Relay:
    """The callback of an output stream that is started again after an abort, each time with a tap of its own."""

    def __init__(self, tap: OutputTap) -> None:
        self.tap = tap

    def __call__(self, data: Any, frames: int, info: dict[str, float], flags: int) -> tuple[bytes, int]:
        return self.tap(data, frames, info, flags)
