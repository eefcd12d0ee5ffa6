"""Whether the residual-echo suppressor works: by how far from linear the loudspeaker was measured to be. Pure.

audio.suppressor    off, or another canceller than ours ----------------> off
                    on -------------------------------------------------> on
                    auto: the sweep's harmonics, else the curve that -----> on above -34 dB, off below -38 dB,
                          the canceller has learned from replies            between: as it was; nothing known: off
"""

from __future__ import annotations

from typing import Literal

from .echo_policy import Mode

WantedSuppressor = Literal["auto", "on", "off"]
"""``audio.suppressor``."""
ON_DB, OFF_DB = -34.0, -38.0
"""Distortion relative to the signal. In the simulated room the soft sweep of the start shows -43 dB with a straight
loudspeaker (its noise), -25 dB with a soft and with a clipping one; a sweep as loud as a reply -55, -27 and -31 dB."""


class SuppressorChoice:
    """Asked now and then; remembers only what it said last."""

    def __init__(self, wanted: WantedSuppressor) -> None:
        self._wanted = wanted
        self.on = False

    def decide(self, mode: Mode, swept_db: float | None, learned_db: float | None) -> bool:
        """``mode``: the canceller that works; ``swept_db``: ``EchoPath.nonlinearity_db`` of a sure measurement;
        ``learned_db``: ``EchoCanceller.distortion_db``. None = not known."""
        if mode != "software" or self._wanted == "off":
            self.on = False
        elif self._wanted == "on":
            self.on = True
        else:
            measured = learned_db if swept_db is None else swept_db
            self.on = measured is not None and measured > (OFF_DB if self.on else ON_DB)
        return self.on
