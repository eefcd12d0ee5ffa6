"""The ear's end of the loudspeaker: blocks into a short FIFO, and when each of them leaves.

    play() --> int16, channels --> OutputTap.fifo (2-6 blocks ahead) --> callback --> device buffer --> DAC
                                        position = DAC time of its first sample, on the capture's clock

The lead is what the ear thread may be late by. It grows by one block with each underrun, and shrinks again; blocks
are inserted and left out in silence, where nobody hears it.
"""

from __future__ import annotations

import time
from typing import Protocol

import numpy as np

from device.values import FRAME, RATE_HZ

from . import Samples
from .pa_clock import Contiguous, StreamClock
from .pa_taps import OutputTap

LEAD, MOST_LEAD = 2, 6
"""Blocks of 10 ms between ear and callback: at first, and at most. More only makes "stop" later."""
FULL = 20
"""Blocks in the FIFO at which one is left out even while something sounds. An ear that overslept renders all that it
missed at once; a word lost would be worse than a lead that is long until the next pause, but not without bound."""
BURST = 3
"""Blocks above the lead that callbacks in bursts explain; more is trimmed at the next silence, without a review."""
REVIEW = 100
"""Blocks (1 s) over which the smallest fill is taken before the lead is corrected."""
CALM_REVIEWS = 60
"""Reviews (1 min) without an underrun after which the lead shrinks by one block."""
LATENCY_S = 0.03
"""From callback to loudspeaker where the host does not tell."""
STALL_S = 0.25
"""A loudspeaker that takes nothing for longer counts as gone until it does again: replies must come to their end."""


class CaptureClock(Protocol):
    """What placing playback needs of the capture."""

    position: int
    clock: StreamClock


class FromFloat:
    """Blocks of float32 at the playback rate to int16 blocks at the device's rate, the same on every channel."""

    def __init__(self, playback_rate_hz: int, tap: OutputTap) -> None:
        self._channels, self._frames = tap.channels, tap.frames
        self._silence = bytes(2 * tap.channels * tap.frames)
        self._stream = None
        self._rest = np.zeros(0, np.float32)
        if tap.rate_hz != playback_rate_hz:
            import soxr

            self._stream = soxr.ResampleStream(playback_rate_hz, tap.rate_hz, 1, dtype="float32")

    def step(self, block: Samples, silent: bool) -> list[bytes]:
        if self._stream is None:
            return [self._silence if silent else self._pcm(block)]
        self._rest = np.concatenate((self._rest, self._stream.resample_chunk(block)))
        whole, n = len(self._rest) // self._frames, self._frames
        done = [self._pcm(self._rest[i * n : (i + 1) * n]) for i in range(whole)]
        self._rest = self._rest[whole * n :].copy()
        return done

    def _pcm(self, block: Samples) -> bytes:
        pcm = np.rint(np.clip(block, -1.0, 1.0) * np.float32(32767)).astype(np.int16)
        return (pcm if self._channels == 1 else np.repeat(pcm, self._channels)).tobytes()


class PlaybackSide:
    """Feeds whichever tap is attached. Driven by the ear thread; ``attach`` by any other."""

    def __init__(self, playback_rate_hz: int, capture: CaptureClock) -> None:
        self.playback_rate_hz = playback_rate_hz
        self.counters = {
            "underruns": 0,
            "overruns": 0,
            "trimmed_blocks": 0,
            "inserted_blocks": 0,
            "playback_jumps": 0,
        }
        self.latency_ms = (LEAD * 0.01 + LATENCY_S) * 1000
        """From ``play`` to the loudspeaker, as of the last block."""
        self.lead = LEAD
        self.last_sound = 0
        """Capture position when a block that is not silent was last given."""
        self._capture = capture
        self._contiguous = Contiguous()
        self._attached: OutputTap | None = None
        self._attached_at = 0.0
        self._tap: OutputTap | None = None
        self._clock = StreamClock(playback_rate_hz)
        self._written = self._zeros = self._surplus = 0
        self._low, self._plays, self._calm = FULL, 0, 0

    def attach(self, tap: OutputTap | None) -> None:
        """Play into ``tap`` from now on; None: into nothing, but at the same pace."""
        self._attached, self._attached_at = tap, time.monotonic()

    def play(self, block: Samples, now: float) -> int:
        """Queue 10 ms; the capture position at which its first sample leaves the loudspeaker."""
        silent = not block.any()
        if not silent:
            self.last_sound = self._capture.position
        tap = self._usable(now)
        if tap is not self._tap:
            self._adopt(tap)
        if tap is None:  # nobody hears it, but replies must still come to their end
            self.latency_ms = 2 * FRAME * 1000 / RATE_HZ
            return self._contiguous.place(self._capture.position + 2 * FRAME, silent)
        self._read_stamps(tap)
        self._keep_lead(tap)
        leaves = self._leaves(tap)
        self.latency_ms = (leaves - now) * 1000
        estimate = self._capture.clock.count_at(leaves)
        fill = len(tap.fifo)
        if fill >= FULL or (silent and (self._surplus > 0 or fill > self.lead + BURST)):
            self._surplus = max(0, self._surplus - 1)
            self.counters["trimmed_blocks" if silent else "overruns"] += 1
            return self._contiguous.repeat(estimate)
        for pcm in self._from_float.step(block, silent):
            self._append(tap, pcm)
        position = self._contiguous.place(estimate, silent)
        self.counters["playback_jumps"] = self._contiguous.jumps
        return position

    # ------------------------------------------------------------------ inside

    def _usable(self, now: float) -> OutputTap | None:
        tap = self._attached
        if tap is None or now - max(tap.last or 0.0, self._attached_at) > STALL_S:
            return None
        return tap

    def _adopt(self, tap: OutputTap | None) -> None:
        self._tap = tap
        if tap is None:
            return
        self._from_float = FromFloat(self.playback_rate_hz, tap)
        self._clock = StreamClock(tap.rate_hz)
        tap.fifo.clear()  # what a stalled one still held is past
        self._written = tap.blocks - tap.zeros
        self._surplus = 0
        self._low, self._plays, self._calm = FULL, 0, 0
        for _ in range(self.lead):
            self._append(tap, bytes(2 * tap.channels * tap.frames))
        self._zeros = tap.zeros + 1  # the one that a callback may be playing right now is no underrun

    def _append(self, tap: OutputTap, pcm: bytes) -> None:
        tap.fifo.append(pcm)
        self._written += 1

    def _read_stamps(self, tap: OutputTap) -> None:
        while tap.stamps:
            number, stamp = tap.stamps.popleft()
            self._clock.observe(number * tap.frames, stamp.monotonic(LATENCY_S))

    def _leaves(self, tap: OutputTap) -> float:
        """Monotonic time at which a block appended now begins to leave."""
        # everything written before and every block of zeros so far comes first
        ahead = (self._written + tap.zeros) * tap.frames
        if self._clock.told:
            return self._clock.time_of(ahead)
        return self._capture.clock.time_of(self._capture.position) + LATENCY_S + self.lead * 0.01

    def _keep_lead(self, tap: OutputTap) -> None:
        """Lengthen after an underrun, plan to shorten when the FIFO was never low."""
        zeros, fill = tap.zeros, len(tap.fifo)
        self._low = min(self._low, fill)
        if zeros > self._zeros:
            self.counters["underruns"] += zeros - self._zeros
            self._zeros = zeros
            self.lead = min(self.lead + 1, MOST_LEAD)
            self._low, self._plays, self._calm, self._surplus = FULL, 0, 0, 0
            # the gap is there already: made a little longer, it is the last one. What the stalled ear still has
            # to catch up with fills the lead by itself, and the surplus goes in silence.
            if fill == 0:
                self._append(tap, bytes(2 * tap.channels * tap.frames))
                self.counters["inserted_blocks"] += 1
            return
        self._plays += 1
        if self._plays < REVIEW:
            return
        self._surplus = max(0, self._low - (self.lead - 1))
        self._low, self._plays = FULL, 0
        self._calm += 1
        if self._calm >= CALM_REVIEWS:
            self._calm = 0
            self.lead = max(LEAD, self.lead - 1)
