"""Was it a talker or echo? The conversation ducks the playback by 18 dB at once; echo falls with it, a talker does not care.

Pure: levels in dB, one verdict.
"""

from __future__ import annotations

from collections import deque

TRIAL = range(10, 21)
"""Frames after the trigger in which the duck has taken effect (echo path and decay are over) and a word still lasts."""
TRIAL_LATE = range(15, 21)
"""The same for a long echo path, and for a mere doubt: a stop consonant is as quiet for as long."""
TRIAL_DROP_DB = 10.0
TRIAL_BEFORE_DUCK = 4
TRIAL_RISE_DB, TRIAL_MEMORY = 9.0, 12
"""A reply that grows louder as it is ducked falls less than that. Then a talker stands out of the playback's last 120 ms
(echo path and decay) by the 18 dB of the duck, echo by no more than before."""


class DuckTrial:
    """One per trigger; begins with the loudest levels of the trigger's window. Without a duck there is no verdict."""

    def __init__(self, out_db: float, played_db: float) -> None:
        self._out_db, self._played_db = out_db - TRIAL_DROP_DB, played_db - TRIAL_DROP_DB
        self._ratio, self._peak_db = out_db - played_db, played_db
        self._recent: deque[float] = deque([played_db], maxlen=TRIAL_MEMORY)
        self._frame = 0
        self._fell = self._fell_late = True

    @property
    def doubtful(self) -> bool:
        """In the frame of the verdict: it was echo, or a word that was over so soon."""
        return self._fell_late and self._frame == TRIAL_LATE.stop

    @property
    def was_echo(self) -> bool:
        return self._fell and self._frame >= TRIAL.stop

    def step(self, out_db: float, played_db: float) -> None:
        """The next frame after the trigger."""
        self._frame += 1
        self._recent.append(played_db)
        if self._frame < TRIAL_BEFORE_DUCK:
            self._peak_db = max(self._peak_db, played_db)
        if out_db <= self._out_db and played_db <= self._played_db:
            return
        self._fell &= self._frame not in TRIAL
        ducked = played_db <= self._peak_db - TRIAL_DROP_DB / 2
        if not ducked or out_db - max(self._recent) > self._ratio + TRIAL_RISE_DB:
            self._fell_late &= self._frame not in TRIAL_LATE
