"""How long a silence ends what the user says. Pure: one number from what is known.

words            COMPLETE   NEUTRAL   CONTINUABLE   OPEN       none that count
wait, adaptive   min_ms     240 ms    420 ms        1050 ms    silence_ms
                 └── x 0.85 ... 1.5 by speaking rate ──┘
                 at least this speaker's own pause
wait, model      the same, x 0.5 ... 2.5 by the model's word
wait, fixed      silence_ms, whatever is said
always           min_ms ... max_ms
"""

from __future__ import annotations

from device.config import Config
from device.ear.completeness import Completeness
from device.ear.habits import USUAL_RATE, Habits
from device.values import samples

WAITS = {
    Completeness.COMPLETE: 0,
    Completeness.NEUTRAL: samples(240),
    Completeness.CONTINUABLE: samples(420),
    Completeness.OPEN: samples(1050),
}
"""Beyond min_ms. 240 ms: the gaps of fluent speakers end at 0.2 s, and the recogniser has shown its last word by then.
420 ms: a comma is spoken as 0.25 to 0.35 s ("never mind, tell me a joke"). 1050 ms: people who search for a word are
back within a second, and 1.2 s after the true end, the VAD's hangover included, a silence becomes awkward."""
OWN_PAUSE = {
    Completeness.COMPLETE: samples(350),
    Completeness.NEUTRAL: samples(500),
    Completeness.CONTINUABLE: samples(600),
}
"""Up to here the wait follows the speaker's own pauses."""
MARGIN = samples(40)
"""Over such a pause."""
QUICKEST, SLOWEST = 0.85, 1.5
SURE, UNSURE = 0.5, 2.5
"""What a turn-end model makes of the wait when it is certain that the turn has ended, and that it has not."""


class Patience:
    """The silence to wait for, by one ``Config``; ``fixed`` True: whatever the strategy says, ``silence_ms``."""

    def __init__(self, config: Config, fixed: bool = False) -> None:
        ends = config.endpointing
        self.fixed = fixed or ends.strategy == "fixed"
        self._model = ends.strategy == "model"
        self._least, self._most = samples(ends.min_ms), samples(ends.max_ms)
        self._silence = samples(ends.silence_ms)

    def wait(
        self,
        completeness: Completeness | None,
        habits: Habits,
        rate: float | None = None,
        probability: float | None = None,
    ) -> int:
        """[samples] of silence that end the utterance.

        ``completeness`` None: no words. ``rate``: of this utterance in words/s. ``probability`` in [0, 1]: a turn-end
        model's, for strategy "model".
        """
        if self.fixed:
            return self._silence
        wait = float(self._silence)
        if completeness is not None:
            wait = max(self._least, WAITS[completeness])
            if completeness is not Completeness.OPEN:
                wait *= _tempo(habits.rate if rate is None else (habits.rate + rate) / 2)
                wait = max(wait, min(habits.pause + MARGIN, OWN_PAUSE[completeness]))
        if self._model and probability is not None:
            wait *= _trust(probability)
        return round(min(max(wait, self._least), self._most))


def _tempo(rate: float) -> float:
    return min(max(USUAL_RATE / rate, QUICKEST), SLOWEST)


def _trust(probability: float) -> float:
    """1 where the model cannot tell, straight lines to both sides."""
    if probability >= 0.5:
        return 1.0 + (SURE - 1.0) * (2.0 * probability - 1.0)
    return 1.0 + (UNSURE - 1.0) * (1.0 - 2.0 * probability)
