"""Whether the residual-echo suppressor works: by how far from linear the loudspeaker was measured to be, and by how much
of it the canceller leaves. Pure.

    audio.suppressor    off, or another canceller than ours -----------> off
                        on --------------------------------------------> on
                        auto: the loudspeaker distorts above -34 dB *and* the ERLE stays below 20 dB -----> on
                              it distorts below -38 dB, or the ERLE is above 23 dB, or nothing is known --> off
                              between: as it was

Most of what a distorting loudspeaker adds our canceller models, and what is then left is not worth touching: behind 24 dB of
ERLE it changed wake words and words by no more than chance, behind 12 dB both (``docs/sound.md``).
"""

from __future__ import annotations

from typing import Literal

from .echo_policy import Mode

WantedSuppressor = Literal["auto", "on", "off"]
"""``audio.suppressor``."""
ON_DB, OFF_DB = -34.0, -38.0
"""Distortion relative to the signal. In the simulated room the soft sweep of the start shows -43 dB with a straight
loudspeaker (its noise), -25 dB with a soft and with a clipping one; a sweep as loud as a reply -55, -27 and -31 dB."""
POOR_DB, GOOD_DB = 20.0, 23.0
"""ERLE. Between a loudspeaker whose distortion has memory (16-21 dB) and a clipping one, which is modelled (26-30 dB)."""


class SuppressorChoice:
    """Asked now and then; remembers only what it said last."""

    def __init__(self, wanted: WantedSuppressor) -> None:
        self._wanted = wanted
        self.on = False

    def decide(
        self, mode: Mode, swept_db: float | None, learned_db: float | None, erle_db: float | None
    ) -> bool:
        """``mode``: the canceller that works; ``swept_db``: ``EchoPath.nonlinearity_db`` of a sure measurement;
        ``learned_db``: ``EchoCanceller.distortion_db``, used without the first; ``erle_db``: of the last seconds of
        playback. None = not known."""
        if mode != "software" or self._wanted == "off":
            self.on = False
        elif self._wanted == "on":
            self.on = True
        else:
            distortion_db = learned_db if swept_db is None else swept_db
            distorts = distortion_db is not None and distortion_db > (OFF_DB if self.on else ON_DB)
            poor = erle_db is not None and erle_db < (GOOD_DB if self.on else POOR_DB)
            self.on = distorts and poor
        return self.on
