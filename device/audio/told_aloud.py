"""Is it said aloud that the microphone is gone? Once a loss, where there is a loudspeaker. Pure.

mic_missing for 5 s, and a loudspeaker ──► "microphone_missing" ──► well for 2 s ──► "microphone_back"
                                                                    and quiet for 10 min: a bad plug is no reason to chatter
"""

from __future__ import annotations

from collections.abc import Collection

LASTS_S = 5.0
"""A plug that is moved to another socket, a card that another program tries for a moment: nobody needs to hear of it."""
BACK_S = 2.0
QUIET_S = 600.0
"""Between two complaints, at least."""


class ToldAloud:
    """``step`` once in ``every_s`` with the codes of what is wrong now; a name of ``conversation.sentences``, or None."""

    def __init__(self, every_s: float = 1.0) -> None:
        self._every_s = every_s
        self._missing_s = self._well_s = 0.0
        self._told = False
        self._since_s = QUIET_S

    def step(self, codes: Collection[str]) -> str | None:
        missing = "mic_missing" in codes
        self._since_s += self._every_s
        self._missing_s = self._missing_s + self._every_s if missing else 0.0
        self._well_s = 0.0 if missing else self._well_s + self._every_s
        if self._told and self._well_s >= BACK_S:
            self._told = False
            return "microphone_back"
        quiet = self._told or self._since_s < QUIET_S or "speaker_missing" in codes
        if quiet or self._missing_s < LASTS_S:
            return None
        self._told, self._since_s = True, 0.0
        return "microphone_missing"
