"""The ear's end of the loudspeaker: blocks into a short FIFO, and when each of them leaves.

    play() --> int16, channels --> OutputTap.fifo (2-6 blocks ahead) --> callback --> device buffer --> DAC
                                        position = DAC time of its first sample, on the capture's clock

The lead is what the ear thread may be late by. It grows by one block with each underrun, and shrinks again; blocks
are inserted and left out in silence, where nobody hears it.

``flush`` brings silence forward: the block at the FIFO's head becomes a ramp and those behind it zeros, so nothing
moves in time. Where the device itself holds more than 60 ms, it is told to drop them instead, and started again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

import numpy as np

from device.audio.ramp import raised_cosine
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
ABORT_ABOVE_MS = 60.0
"""A device that holds more than this is aborted on a hold or cancel. Less is played out: an abort clicks, and moves the
canceller's alignment."""
SMOOTHED = 16
"""Blocks over which the device's own latency is averaged: callbacks come 10 ms early and late."""
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
        self._fall = np.repeat(raised_cosine(tap.frames)[::-1], tap.channels)
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

    @property
    def immediate(self) -> bool:
        """Whether a block comes out as it goes in: no resampler holds some of it back."""
        return self._stream is None

    def ramped(self, pcm: bytes) -> bytes:
        """A block of the FIFO, faded to silence."""
        faded: bytes = np.rint(np.frombuffer(pcm, np.int16) * self._fall).astype(np.int16).tobytes()
        return faded

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
            "aborts": 0,
        }
        self.latency_ms = (LEAD * 0.01 + LATENCY_S) * 1000
        """From ``play`` to the loudspeaker, as of the last block."""
        self.lead = LEAD
        self.abort_above_ms = ABORT_ABOVE_MS
        self.device_ms = LATENCY_S * 1000
        """From callback to loudspeaker, smoothed: what ``flush`` cannot take back without an abort."""
        self.on_abort: Callable[[], None] = lambda: None
        """Told that the stream ends itself with its next callback, and wants to be started again."""
        self.last_sound = 0
        """Capture position when a block that is not silent was last given."""
        self._capture = capture
        self._contiguous = Contiguous()
        self._attached: OutputTap | None = None
        self._attached_at = 0.0
        self._tap: OutputTap | None = None
        self._clock = StreamClock(playback_rate_hz)
        self._written = self._zeros = self._surplus = 0
        self._sounds_until = 0
        self._waiting: deque[tuple[Samples, bool]] = deque(maxlen=FULL)
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
        if (
            tap is not None and tap.abort
        ):  # it is started again in a moment: what begins meanwhile waits for it
            if self._waiting or not silent:
                self._waiting.append((block, silent))
            following = self._contiguous.next
            return self._place(self._capture.position if following is None else following, silent)
        if tap is None:  # nobody hears it, but replies must still come to their end
            self.latency_ms = 2 * FRAME * 1000 / RATE_HZ
            return self._place(self._capture.position + 2 * FRAME, silent)
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
        return self._place(estimate, silent)

    def flush(self, now: float, abort: bool = True) -> int | None:
        """Take back what has not left (``Backend.flush``)."""
        tap = self._tap
        if tap is None or tap.abort or tap is not self._usable(now):
            return None
        aborts = abort and self.device_ms > self.abort_above_ms
        silent_from = self._abort(tap, now) if aborts else self._take_back(tap)
        if silent_from is not None:
            self._sounds_until = 0  # nothing is left to take back until something is played again
        return silent_from

    # ------------------------------------------------------------------ inside

    def _place(self, estimate: float, silent: bool) -> int:
        position = self._contiguous.place(estimate, silent)
        self.counters["playback_jumps"] = self._contiguous.jumps
        if not silent:
            self._sounds_until = position + FRAME
        return position

    def _take_back(self, tap: OutputTap) -> int | None:
        """The block at the head of the FIFO becomes a ramp, those behind it silence."""
        end, fill = self._contiguous.next, len(tap.fifo)
        if end is None or not self._from_float.immediate or self._sounds_until <= end - fill * FRAME:
            return None
        silence = bytes(2 * tap.channels * tap.frames)
        for back in range(fill, 0, -1):  # counted from the tail, which only this thread moves
            try:
                tap.fifo[-back] = self._from_float.ramped(tap.fifo[-back])
            except IndexError:
                continue  # a callback took it meanwhile: the next one is the head
            for behind in range(back - 1, 0, -1):
                tap.fifo[-behind] = silence
            return end - (back - 1) * FRAME
        return None

    def _abort(self, tap: OutputTap, now: float) -> int | None:
        """The next callback, at most 10 ms away, ends the stream; what the device holds then is never heard."""
        ends = max(now, (tap.last or now) + 0.01)
        silent_from = round(self._capture.clock.count_at(ends))
        if self._sounds_until <= silent_from:
            return None
        tap.abort = True
        tap.fifo.clear()
        self.counters["aborts"] += 1
        self.on_abort()
        return silent_from

    def _usable(self, now: float) -> OutputTap | None:
        tap = self._attached
        if tap is None or now - max(tap.last or 0.0, self._attached_at) > STALL_S:
            return None
        return tap

    def _adopt(self, tap: OutputTap | None) -> None:
        self._tap = tap
        if tap is None:
            self._waiting.clear()
            return
        self._from_float = FromFloat(self.playback_rate_hz, tap)
        self._clock = StreamClock(tap.rate_hz)
        tap.fifo.clear()  # what a stalled one still held is past
        self._written = tap.blocks - tap.zeros
        self._surplus = 0
        self._low, self._plays, self._calm = FULL, 0, 0
        for _ in range(self.lead):
            self._append(tap, bytes(2 * tap.channels * tap.frames))
        for block, silent in self._waiting:
            for pcm in self._from_float.step(block, silent):
                self._append(tap, pcm)
        self._waiting.clear()
        self._zeros = tap.zeros + 1  # the one that a callback may be playing right now is no underrun

    def _append(self, tap: OutputTap, pcm: bytes) -> None:
        tap.fifo.append(pcm)
        self._written += 1

    def _read_stamps(self, tap: OutputTap) -> None:
        while tap.stamps:
            number, stamp = tap.stamps.popleft()
            leaves = stamp.monotonic(LATENCY_S)
            self._clock.observe(number * tap.frames, leaves)
            self.device_ms += ((leaves - stamp.now) * 1000 - self.device_ms) / SMOOTHED

    def _leaves(self, tap: OutputTap) -> float:
        """Monotonic time at which a block appended now begins to leave."""
        # everything written before and every block of zeros so far comes first
        ahead = (self._written + tap.zeros) * tap.frames
        if self._clock.told:
            return self._clock.time_of(ahead)
        # a stream that was just started again: as late as it was before
        return (
            self._capture.clock.time_of(self._capture.position) + self.device_ms / 1000 + len(tap.fifo) * 0.01
        )

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
