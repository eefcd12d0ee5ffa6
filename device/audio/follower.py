"""Where the reference must be read so that the echo stands still: decided from measured delays.

    measured delay ──► first one, far off?      realign: the echo moves to 4 ms after the reference
                  ──► jumped (confirmed once)?  realign by as much; the learned path fits again
                  ──► after a pause, a little?  the same at once: clocks went on unmeasured
                  ──► else ──► DriftTracker ──► steer: follow the clocks' difference, close the rest within 2 s

Pure: positions and delays in, one ``Steer`` out.
"""

from __future__ import annotations

from dataclasses import dataclass

from device.values import RATE_HZ

from .delay import Delay
from .drift import MOST_PPM, DriftTracker

TARGET = 64
"""Where the echo is put after the reference: 4 ms, so that a peak that was a reflection still leaves room before it."""
NEAR, FAR = 24, 240
"""An echo that comes between 1.5 and 15 ms after the reference is left where it is."""
LEAST_QUALITY, LEAST_COVERAGE = 15.0, 0.5
SUDDEN_QUALITY = 22.0
"""Of a jump that is believed at first sight, over 0.2 s: half old and half new sound has shown a false peak of 18."""
SMALLEST_PPM = 3.0
"""One clock measured is 0.0 +- 0.3 ppm in the simulated room. Below this nothing is resampled: exact, and free."""
NEW_PPM = 10.0
"""A correction this large says that what was learned so far was smeared."""
SMEARED_PPM = 100.0
"""The smear that makes what was learned worthless."""
JUMP, SURE_JUMP = 64.0, 2.0
"""Samples off the line: a jump, once seen twice; the smaller one where the line is well known."""
SAME = 3.0
AFTER_PAUSE, IGNORED = 48.0, 0.3
CLOSE_S = 2.0
"""A rest is closed by a rate a little off: 1 sample in 2 s is 31 ppm, which the filter follows."""


@dataclass(frozen=True, slots=True)
class Steer:
    """Read the reference with ``ppm`` from now on, after a step of ``jump`` samples.

    ``moves_path``: the step is no movement of the echo; the learned path begins as much sooner. ``loosen``: how much of
    what was learned is void, 0..1.
    """

    ppm: float
    jump: float = 0.0
    moves_path: bool = False
    loosen: float = 0.0


def believable(delay: Delay, quality: float = LEAST_QUALITY) -> bool:
    """Whether this measurement is of an echo, and not of chance or of a tone."""
    return delay.quality >= quality and delay.coverage >= LEAST_COVERAGE


class DelayFollower:
    """Decides after each measurement. ``ppm``: the clocks' difference as measured (None: not known yet), ``jumps``: how
    often the delay has jumped."""

    def __init__(self) -> None:
        self._tracker = DriftTracker()
        self._anchor: float | None = None
        self._candidate: float | None = None
        self._paused = False
        self._applied = 0.0
        self.jumps = 0

    @property
    def ppm(self) -> float | None:
        return self._tracker.ppm

    @property
    def settled(self) -> bool:
        """The clocks are well known."""
        return self._tracker.settled

    @property
    def unsure(self) -> bool:
        """A jump was seen once: measure again soon."""
        return self._candidate is not None

    def pause(self) -> None:
        """Nothing was played for a while."""
        self._paused = True
        self._candidate = None

    def path_changed(self) -> None:
        """The filter has begun anew: where the echo lies now is where it belongs, and where it lay says nothing."""
        self._anchor = None
        self._tracker.restart()
        self._candidate = None

    def seeded(self, anchor: float, ppm: float = 0.0) -> None:
        """The filter knows the path already, with its echo at ``anchor`` samples; the reference is read with ``ppm``."""
        self._anchor, self._applied = anchor, ppm

    def measured(self, now: float, centre: float, delay: Delay, offset: tuple[float, float]) -> Steer | None:
        """``delay`` of the microphone behind the reference as it was read, around position ``centre``; ``offset``: how
        far back it was read at ``centre``, and is at ``now``."""
        if not believable(delay):
            return None
        jump = moved = 0.0
        moves_path = False
        paused, self._paused = self._paused, False
        if self._anchor is None:
            self._anchor = delay.samples
            if not NEAR <= delay.samples <= FAR:
                jump, moves_path = round(delay.samples) - TARGET, True
                self._anchor -= jump
        else:
            moved = delay.samples - self._anchor
            if paused and IGNORED < abs(moved) <= AFTER_PAUSE:
                jump = moved
            elif abs(moved) > (SURE_JUMP if self._tracker.settled else JUMP):
                if self._candidate is None or abs(moved - self._candidate) > SAME:
                    self._candidate = moved
                    return None
                jump = moved
                self.jumps += 1
                self._tracker.restart()
        self._candidate = None
        self._tracker.add(centre, offset[0] + delay.samples)
        return self._steer(now, offset[1] + jump, jump, moves_path)

    def suspected(self, now: float, delay: Delay, offset: float) -> Steer | None:
        """Like ``measured``, over the 0.2 s since the canceller's output grew: nothing but a jump is looked for."""
        if self._anchor is None or not believable(delay, SUDDEN_QUALITY):
            return None
        moved = delay.samples - self._anchor
        if abs(moved) <= SURE_JUMP:
            return None
        self._candidate = None
        self.jumps += 1
        self._tracker.restart()
        return Steer(self._applied, moved)

    def _steer(self, now: float, offset: float, jump: float, moves_path: bool) -> Steer | None:
        known = self._tracker.ppm
        ppm, correction, loosen = self._applied, 0.0, 0.0
        assert self._anchor is not None
        if known is not None and (self._applied or abs(known) >= SMALLEST_PPM):
            ppm = max(-MOST_PPM, min(MOST_PPM, known))
            rest = self._tracker.delay_at(now) - offset - self._anchor
            if abs(ppm - self._applied) > NEW_PPM:
                self._anchor += rest
                loosen = min(1.0, abs(ppm - self._applied) / SMEARED_PPM)
            else:
                correction = -max(-1.0, min(1.0, rest)) / (CLOSE_S * RATE_HZ) * 1e6
        elif not jump:
            return None
        self._applied = ppm
        return Steer(ppm + correction, jump, moves_path, loosen)
