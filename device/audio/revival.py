"""Is a microphone that delivers no sound at all worth opening again? Pure.

    1 s of exact zeros, or of one value ──► opened again, once ──► still so: ``mic_silent``, perhaps it is muted on the device
                                                              └─► sound: well

Never in a loop: many conference microphones deliver zeros whenever nobody speaks, and opening one costs some 0.1 s of what is
said. It is tried again only after 10 min without such a second, or when the microphone was gone for a while and came back.
"""

from __future__ import annotations

DEAD_S = 1.0
"""Sooner than ``mic_silent`` is told (2 s): what opening cures is no problem."""
WELL_S = 600.0
GONE_S = 3.0


class Revival:
    """``step`` once in ``every_s``."""

    def __init__(self, every_s: float = 0.1) -> None:
        self._every_s = every_s
        self._may = True
        self._well_s = self._gone_s = self._before_s = 0.0

    def step(self, dead_s: float, missing: bool) -> bool:
        """``dead_s``: for so long it has delivered nothing; ``missing``: it delivers no frames. Whether to open it again now."""
        if missing:
            self._gone_s += self._every_s
            self._before_s = dead_s
            return False
        self._before_s = min(self._before_s, dead_s)
        dead_s -= self._before_s  # of the stream that there is now
        if self._gone_s >= GONE_S:
            self._may = True
        self._gone_s = 0.0
        self._well_s = self._well_s + self._every_s if dead_s < DEAD_S else 0.0
        if self._well_s >= WELL_S:
            self._may = True
        if dead_s < DEAD_S or not self._may:
            return False
        self._may = False
        return True
