"""Time stamps made steady: a stream's sample count tied to the monotonic clock, and contiguous playback positions."""

from __future__ import annotations

from collections import deque

from device.values import FRAME

WINDOW = 128
"""Stamps that count: 1.28 s. Two crystals 200 ppm apart differ by 0.13 ms over half of that."""
EVERY = 8
"""Stamps between two computations of the median."""
JUMP = 80
"""[samples of 16 kHz] A difference of 5 ms is a real jump (an underrun, a reopened card), less is jitter..."""
IDLE_JUMP = 32
"""...but in silence, where moving costs nothing, 2 ms are enough, so that drift never builds up to a jump."""


class StreamClock:
    """Time of count 0 on the monotonic clock, by the median of recent stamps: one late callback changes nothing."""

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._recent: deque[float] = deque(maxlen=WINDOW)
        self._seen = 0
        self.origin = 0.0

    def restart(self, origin: float) -> None:
        """Forget the past; until the next stamp, count 0 was at ``origin``."""
        self._recent.clear()
        self._seen = 0
        self.origin = origin

    @property
    def told(self) -> bool:
        """Whether there was a stamp."""
        return bool(self._recent)

    def observe(self, count: float, at: float) -> None:
        """Sample ``count`` met the converter at time ``at``."""
        self._recent.append(at - count / self._rate_hz)
        self._seen += 1
        if self._seen <= EVERY or self._seen % EVERY == 0:
            self.origin = sorted(self._recent)[len(self._recent) // 2]

    def time_of(self, count: float) -> float:
        return self.origin + count / self._rate_hz

    def count_at(self, at: float) -> float:
        return (at - self.origin) * self._rate_hz


class RateMeter:
    """Samples per second of the monotonic clock, measured every 6 s over the last 12; None before. Right to 0.1 % as
    a rule; a callback that is 0.25 s late spoils two measurements by 2 %."""

    SPAN_S = 6.0

    def __init__(self) -> None:
        self.hz: float | None = None
        self._begin: tuple[float, float] | None = None
        self._middle: tuple[float, float] | None = None

    def restart(self) -> None:
        """Another stream, or a gap."""
        self.hz = self._begin = self._middle = None

    def observe(self, count: float, at: float) -> None:
        """Sample ``count`` arrived at time ``at``."""
        if self._begin is None or self._middle is None:
            self._begin = self._middle = (count, at)
        if at - self._middle[1] < self.SPAN_S:
            return
        self.hz = (count - self._begin[0]) / (at - self._begin[1])
        self._begin, self._middle = self._middle, (count, at)


class Contiguous:
    """Positions of blocks that follow each other: exactly ``FRAME`` apart unless the estimate really jumps."""

    def __init__(self) -> None:
        self._next: int | None = None
        self.jumps = 0

    @property
    def next(self) -> int | None:
        """Position of the next block, unless its estimate jumps; None before the first."""
        return self._next

    def place(self, estimate: float, silent: bool) -> int:
        """Position of the next block, given where the stamps put it."""
        position = self._next
        if position is None or abs(estimate - position) > (IDLE_JUMP if silent else JUMP):
            self.jumps += position is not None
            position = round(estimate)
        self._next = position + FRAME
        return position

    def repeat(self, estimate: float) -> int:
        """Position of a block that is left out: where the next one will be."""
        return round(estimate) if self._next is None else self._next
