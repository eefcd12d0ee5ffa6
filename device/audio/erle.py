"""How well the echo is cancelled right now: echo return loss enhancement (ITU-T G.168), talkers left out.

Nobody tells us when a talker speaks, and a talker looks like bad cancellation. So the powers are summed over
100 ms, and the ERLE is a high percentile of the last 3 s of them: a talker who fills less than 40 % of that does
not move it, a moved loudspeaker shows within 2 s.
"""

from __future__ import annotations

from collections import deque

from .levels import power_db

FRAMES = 10
HISTORY = 30
PERCENTILE = 0.6
FLOOR_HISTORY = 100
"""Noise floor: quietest 100 ms of the last 10 s without playback."""
CONVERGED_DB = 10.0
LOST_DB = 6.0


class ErleMeter:
    """Fed once per 10 ms; ``erle_db`` is 0 until something was played.

    ``converged``: the ERLE has reached 10 dB (and is above 6 since), or the residual lies within 3 dB of the
    noise, where a quiet playback leaves nothing to measure.
    """

    def __init__(self) -> None:
        self.erle_db = 0.0
        self.converged = False
        self._mic = self._clean = 0.0
        self._frames = 0
        self._ratios: deque[float] = deque(maxlen=HISTORY)
        self._residuals: deque[float] = deque(maxlen=HISTORY)
        self._quiet = 0.0
        self._quiet_frames = 0
        self._floors: deque[float] = deque(maxlen=FLOOR_HISTORY)

    def playing(self, mic_power: float, clean_power: float) -> None:
        """A frame in which echo is expected: mean squares before and after the canceller."""
        self._mic += mic_power
        self._clean += clean_power
        self._frames += 1
        if self._frames < FRAMES:
            return
        self._ratios.append(power_db(self._mic / FRAMES) - power_db(self._clean / FRAMES))
        self._residuals.append(power_db(self._clean / FRAMES))
        self._mic = self._clean = 0.0
        self._frames = 0
        self.erle_db = _percentile(self._ratios, PERCENTILE)
        limit = LOST_DB if self.converged else CONVERGED_DB
        at_floor = (
            bool(self._floors) and _percentile(self._residuals, 1 - PERCENTILE) < min(self._floors) + 3.0
        )
        self.converged = len(self._ratios) >= FRAMES and (self.erle_db >= limit or at_floor)

    def quiet(self, mic_power: float) -> None:
        """A frame without playback and without its echo's tail."""
        self._quiet += mic_power
        self._quiet_frames += 1
        if self._quiet_frames == FRAMES:
            self._floors.append(power_db(self._quiet / FRAMES))
            self._quiet = 0.0
            self._quiet_frames = 0


def _percentile(values: deque[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
