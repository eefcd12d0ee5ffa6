"""The ear's end of the microphone: 10 ms frames at 16 kHz whose positions never stop.

    InputTap.queue --one channel--> native rate --> 16 kHz --> frames        live: positions count samples
    monotonic clock ------------------------------------> missing frames   no microphone, or it stalls

Whichever of the two is the source, the next frame has the next position. ``StreamClock`` keeps the time at which
each position met the converter, so that playback can be placed on the same positions.
"""

from __future__ import annotations

import time
from collections import deque
from queue import Empty

import numpy as np

from device.audio.resample import BlockDecimator
from device.values import FRAME, RATE_HZ

from . import Captured, Samples
from .pa_clock import RateMeter, StreamClock
from .pa_taps import InputTap, Stamp

STALL_S = 0.25
"""A microphone that is silent for longer counts as gone until it delivers again. On a busy machine callbacks came up
to 250 ms late (PipeWire, load 9) without anything being lost."""
LAG_S = 0.03
"""Missing frames come this long after their time, about as late as a real microphone's."""
LATENCY_S = 0.02
"""Between converter and callback where the host does not tell."""
STALE_BLOCKS = 100
"""At most this many blocks of a backlog are dropped: then its time stamps are wrong, not its sound."""
SLEPT_S = 2.0
"""An ear that did not ask for longer slept (SIGSTOP, suspend): what was kept for it meanwhile was said to nobody. What a busy ear
has not fetched in less waits for it (``QUEUED``)."""
PACE_S, PACE_BLOCKS = 0.2, 30
"""The backlog after a sleep is over when no more than 30 blocks came in 0.2 s. (PipeWire hands over 10 s within 0.3 s, stamped as
if they were of now.)"""
WAKING_S = 5.0
"""A card that goes on like that is taken as it is."""


class To16k:
    """Blocks of int16 at the device's rate to float32 frames of 160 samples, of ``channel`` (from 0) alone.

    Rates that hold a whole number of samples in 10 ms go through ``BlockDecimator``, one block in and one out. The
    rest (8, 11.025, 22.05 kHz) goes through soxr, which hands over later and unevenly, but at the same positions.
    ``delay``: by how many samples of 16 kHz the first frame begins before the first block does.
    """

    def __init__(self, rate_hz: int, channels: int, channel: int = 0) -> None:
        self._channels, self._channel = channels, channel
        self._decimator: BlockDecimator | None = None
        self._stream = None
        self._rest = np.zeros(0, np.float32)
        self.delay = 0
        if rate_hz > RATE_HZ and rate_hz % 100 == 0:
            self._decimator = BlockDecimator(rate_hz)
            self.delay = self._decimator.delay
        elif rate_hz != RATE_HZ:
            import soxr

            self._stream = soxr.ResampleStream(rate_hz, RATE_HZ, 1, dtype="float32")

    def step(self, pcm: bytes) -> list[Samples]:
        mono = np.frombuffer(pcm, np.int16)[self._channel :: self._channels].astype(np.float32)
        mono *= np.float32(1 / 32768)
        if self._decimator is not None:
            return [self._decimator.step(mono)]
        if self._stream is None:
            return [mono]
        self._rest = np.concatenate((self._rest, self._stream.resample_chunk(mono)))
        whole = len(self._rest) // FRAME
        frames = [self._rest[i * FRAME : (i + 1) * FRAME] for i in range(whole)]
        self._rest = self._rest[whole * FRAME :].copy()
        return frames


class CaptureSide:
    """Frames by position from whichever tap is attached. Driven by the ear thread; ``attach`` by any other."""

    def __init__(self) -> None:
        self.position = 0
        """Of the next frame."""
        self.counters = {
            "missing_frames": 0,
            "stalls": 0,
            "sleeps": 0,
            "stale_blocks": 0,
            "lost_blocks": 0,
            "zero_frames": 0,
        }
        self.live = False
        """Whether a microphone delivers."""
        self.stalled = False
        """Whether it did and then stopped, though nobody took it away."""
        self.clock = StreamClock(RATE_HZ)
        self.rate = RateMeter()
        self._attached: InputTap | None = None
        self._tap: InputTap | None = None
        self._queued: deque[tuple[int, bytes, Stamp]] = deque()
        self._frames: deque[Samples] = deque()
        self._heard = self._asked = 0.0
        self._stale = self._expected = 0
        self._woke_at: float | None = None
        self._pace = (0.0, 0)
        self._base = 0.0
        self._zeros = np.zeros(FRAME, np.float32)
        self._zeros.flags.writeable = False

    def start(self, now: float) -> None:
        """Position 0 is at time ``now``."""
        self.clock.restart(now)

    def attach(self, tap: InputTap | None) -> None:
        """Take frames from ``tap`` from now on; None: the microphone is gone."""
        self._attached = tap

    @property
    def due(self) -> float:
        """When the next frame is missing, if no microphone delivers it."""
        return self.clock.time_of(self.position + FRAME) + LAG_S

    def wait(self, timeout_s: float, now: float) -> bool:
        """Sleep until a frame is due; False after ``timeout_s``."""
        self._adopt()
        if self._frames or self._queued:
            return True
        tap, due = self._tap, self._heard + STALL_S if self.live else self.due
        left = max(0.0, min(timeout_s, due - now))
        if tap is None:
            time.sleep(left)
            return due - now <= timeout_s
        try:
            self._queued.append(tap.queue.get(timeout=left) if left else tap.queue.get_nowait())
        except Empty:
            return due - now <= timeout_s
        return True

    def frame(self, now: float) -> Captured | None:
        """The next 10 ms, None when they are not due."""
        self._adopt()
        if self.live and now - self._asked > SLEPT_S:
            self._wake(now)
        self._asked = now
        while not self._frames and (block := self._next_block()) is not None:
            self._take(*block, now)
        if self._frames:
            samples = self._frames.popleft()
            self.counters["zero_frames"] += not samples.any()
            return self._out(samples, False)
        if self.live and now - self._heard > STALL_S:
            self.live, self.stalled = False, True
            self.counters["stalls"] += 1
        if self.live or now < self.due:
            return None
        self.counters["missing_frames"] += 1
        return self._out(self._zeros, True)

    # ------------------------------------------------------------------ inside

    def _wake(self, now: float) -> None:
        """The positions of what is waiting have passed: the clock fills them, and the microphone is taken again at the present."""
        self.live = False
        self.counters["sleeps"] += 1
        self._frames.clear()
        self._woke_at, self._pace = now, (now, -1)

    def _waking(self, number: int, now: float) -> bool:
        """Whether the block ``number``, the newest at ``now``, may still be of what was kept while we slept."""
        if self._woke_at is None:
            return False
        since, first = self._pace
        if first < 0:
            self._pace = now, number
        elif now - since >= PACE_S:
            if number - first <= PACE_BLOCKS or now - self._woke_at > WAKING_S:
                self._woke_at = None
                return False
            self._pace = now, number
        return True

    def _out(self, samples: Samples, missing: bool) -> Captured:
        captured = Captured(self.position, samples, missing)
        self.position += FRAME
        return captured

    def _adopt(self) -> None:
        tap = self._attached
        if tap is self._tap:
            return
        self._tap, self.live, self.stalled = tap, False, False
        self._woke_at = None
        self._queued.clear()
        self._stale = 0
        if tap is not None:
            self._begin(tap)

    def _begin(self, tap: InputTap) -> None:
        self._to_16k = To16k(tap.rate_hz, tap.channels, tap.channel)
        self._frames.clear()
        self._samples_per_block = tap.frames * RATE_HZ / tap.rate_hz

    def _next_block(self) -> tuple[int, bytes, Stamp] | None:
        if self._queued:
            return self._queued.popleft()
        if self._tap is None:
            return None
        try:
            return self._tap.queue.get_nowait()
        except Empty:
            return None

    def _take(self, number: int, pcm: bytes, stamp: Stamp, now: float) -> None:
        assert self._tap is not None
        at = stamp.monotonic(-LATENCY_S)
        if not self.live:
            if self._waking(number, stamp.now):
                self.counters["stale_blocks"] += 1
                return
            if now - at > STALL_S and self._stale < STALE_BLOCKS:
                # what was kept for us while we took it for gone: its positions have passed
                self._stale += 1
                self.counters["stale_blocks"] += 1
                return
            self._anchor(number, at)
        elif number != self._expected:
            lost = number - self._expected
            self.counters["lost_blocks"] += lost
            self.position += round(lost * self._samples_per_block / FRAME) * FRAME
        self._heard = now
        self._expected = number + 1
        count = self._base + number * self._samples_per_block
        self.clock.observe(count, at - self._to_16k.delay / RATE_HZ)
        self.rate.observe(count, stamp.now)
        self._frames.extend(self._to_16k.step(pcm))

    def _anchor(self, number: int, at: float) -> None:
        """The block ``number`` is the first one: the next position is its."""
        assert self._tap is not None
        self._begin(self._tap)
        self.live, self.stalled = True, False
        self._stale = 0
        self._base = self.position - number * self._samples_per_block
        self.clock.restart(at - self.position / RATE_HZ)
        self.rate.restart()
