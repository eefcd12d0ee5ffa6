"""How long a silence ends what the user says. Pure: one number from what is known.

words            COMMAND   COMPLETE   NEUTRAL   CONTINUABLE   OPEN      none that count
wait, adaptive   min_ms    240 ms     280 ms    440 ms        1080 ms   silence_ms
                 └────── x 0.85 ... 1.5 by speaking rate ──┘
                 and at least this speaker's own pause
wait, model      the same, x 0.5 ... 2.5 by the model's word; never shorter after OPEN
                 always within min_ms ... max_ms
wait, fixed      silence_ms, whatever is said
over a reply     silence_ms after hard words and backchannels, 300 ms after more than them
"""

from __future__ import annotations

from device.config import Config
from device.ear.completeness import Completeness
from device.ear.habits import USUAL_RATE, Habits
from device.values import samples

WAITS = {
    Completeness.COMMAND: 0,
    Completeness.COMPLETE: samples(240),
    Completeness.NEUTRAL: samples(280),
    Completeness.CONTINUABLE: samples(440),
    Completeness.OPEN: samples(1080),
}
"""At least min_ms. 240 and 280 ms: the gaps of fluent speakers end at 0.2 s, and the recogniser has shown its last word by
then. 440 ms: a comma is spoken as 0.25 to 0.35 s ("never mind, tell me a joke"). 1080 ms: people who search for a word are
back within a second, and beyond 1.2 s a silence becomes awkward."""
OWN_PAUSE = {
    Completeness.COMMAND: samples(300),
    Completeness.COMPLETE: samples(460),
    Completeness.NEUTRAL: samples(500),
    Completeness.CONTINUABLE: samples(600),
}
"""Up to here the wait follows the speaker's own pauses."""
MARGIN = samples(40)
"""Over such a pause."""
HEARD_AGAIN = samples(300)
"""The conversation closes an utterance over a reply by itself after 240 ms, but for one in which "stop" has ended the reply
and more was said: that is heard again, every word of it, and only then is it known whether it has ended."""
QUICKEST, SLOWEST = 0.85, 1.5
SURE, UNSURE = 0.5, 2.5
"""What a turn-end model makes of the wait when it is certain that the turn has ended, and that it has not. Words that
dangle it cannot close: of 40 recorded commands broken off, Smart Turn v3.2 took 25 to 40 % for complete."""


class Patience:
    """The silence to wait for, by one ``Config``; ``over``: in an utterance over a reply, whatever the strategy says."""

    def __init__(self, config: Config, over: bool = False) -> None:
        ends = config.endpointing
        self._over = over
        self.by_words = ends.strategy != "fixed" and not over
        """Whether the words decide, so that they have to be known as far as anything was said."""
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
        if self._over and completeness not in (None, Completeness.CONTINUABLE):
            return min(self._silence, HEARD_AGAIN)
        if not self.by_words:
            return self._silence
        wait = float(self._silence)
        if completeness is not None:
            wait = max(self._least, WAITS[completeness])
            if completeness is not Completeness.OPEN:
                wait *= _tempo(habits.rate if rate is None else (habits.rate + rate) / 2)
                wait = max(wait, min(habits.pause + MARGIN, OWN_PAUSE[completeness]))
        if self._model and probability is not None:
            trust = _trust(probability)
            wait *= max(trust, 1.0) if completeness is Completeness.OPEN else trust
        return round(min(max(wait, self._least), self._most))


def _tempo(rate: float) -> float:
    return min(max(USUAL_RATE / rate, QUICKEST), SLOWEST)


def _trust(probability: float) -> float:
    """1 where the model cannot tell, straight lines to both sides."""
    if probability >= 0.5:
        return 1.0 + (SURE - 1.0) * (2.0 * probability - 1.0)
    return 1.0 + (UNSURE - 1.0) * (1.0 - 2.0 * probability)
