"""The reference line: what left the loudspeaker, at 16 kHz, at the capture position where it left.

    played block --(BlockDecimator, not at 16 kHz)--> 160 samples --place at `leaves`--> Ring

The canceller needs an alignment that stands still far more than one that is right: a jump of one sample costs it
more than a constant error of a hundred. So timestamps that wobble within ``SLACK`` are taken as contiguous, and a
real slip (underrun, overrun, a card that was reopened) moves the line once and is counted.
"""

from __future__ import annotations

import numpy as np

from device.values import FRAME, RATE_HZ

from .backends import Samples
from .ramp import raised_cosine
from .resample import BlockDecimator
from .ring import Ring

SLACK = 16
"""Samples of timestamp jitter that are ignored: 1 ms."""
FURTHEST = 2 * RATE_HZ
"""A block that claims to leave later than this from now has a broken timestamp."""


FALL = raised_cosine(FRAME)[::-1].copy()


class ReferenceLine:
    """Writes ``ring``. Counts ``reference_gaps``, ``reference_overlaps``, ``reference_late`` and
    ``position_faults`` in the given dictionary."""

    def __init__(self, ring: Ring, playback_rate_hz: int, counters: dict[str, int]) -> None:
        self._ring = ring
        self._decimator = BlockDecimator(playback_rate_hz) if playback_rate_hz != RATE_HZ else None
        self._delay = self._decimator.delay if self._decimator else 0
        self._counters = counters
        for name in ("reference_gaps", "reference_overlaps", "reference_late", "position_faults"):
            counters.setdefault(name, 0)
        self._next: int | None = None
        self._silent_blocks = 2
        self._zeros = np.zeros(FRAME, np.float32)

    def place(self, leaves: int, block: Samples, silent: bool, now: int) -> None:
        """``block`` (10 ms at the playback rate) leaves from capture position ``leaves`` on; ``now`` = capture end."""
        if self._next is None:
            self._next = leaves
        slip = leaves - self._next
        if abs(slip) > SLACK:
            if leaves < now - FURTHEST or leaves > now + FURTHEST:
                self._counters["position_faults"] += 1
            else:
                self._counters["reference_gaps" if slip > 0 else "reference_overlaps"] += 1
                self._next = leaves
        samples = self._at_16k(block, silent)
        self._put(self._next - self._delay, samples)
        self._next += FRAME

    def _at_16k(self, block: Samples, silent: bool) -> Samples:
        if self._decimator is None:
            return block
        if not silent:
            self._silent_blocks = 0
        elif self._silent_blocks >= 2:  # the filter is empty: silence in, silence out
            return self._zeros
        else:
            self._silent_blocks += 1
        return self._decimator.step(block)

    def _put(self, position: int, samples: Samples) -> None:
        end = self._ring.end
        if position > end:
            self._ring.write(np.zeros(position - end, np.float32))
        elif position < end:
            late = min(end - position, len(samples))
            if late == len(samples):
                self._counters["reference_late"] += 1
            samples = samples[late:]
        self._ring.write(samples)

    def cut(self, position: int, now: int) -> None:
        """What was to leave from capture ``position`` on was taken back, and the 10 ms before it were ramped down.

        ``now`` is the end of capture: what lies before it has been read and stays.
        """
        if self._decimator is not None:
            self._decimator.reset()
        self._silent_blocks = 2
        begin = max(position - FRAME, now, self._ring.start)
        ramped = self._ring.read(begin, max(0, position - begin)).samples
        if self._ring.end > begin:
            self._ring.rewind(begin)
            self._ring.write(ramped * FALL[FRAME - (position - begin) :][: len(ramped)])

    def fill_to(self, position: int) -> None:
        """Silence up to ``position`` where nothing was played (or not told in time)."""
        missing = position - self._ring.end
        if missing > 0:
            self._ring.write(self._zeros[:missing] if missing <= FRAME else np.zeros(missing, np.float32))
