"""How this speaker talks: pauses inside sentences and speaking rate, in memory only. Pure.

Exponentially weighted, with mean and mean deviation as TCP follows its round trips (RFC 6298): what is to be exceeded
is the mean plus some deviations. Twice: for the conversation, quickly, and for the household, slowly; the household is
what a new conversation begins with.
"""

from __future__ import annotations

from dataclasses import dataclass

from device.values import samples

CONVERSATION = samples(60_000)
"""Nothing said for so long: who speaks next may be somebody else."""
PAUSE, PAUSE_DEVIATION = samples(80), samples(20)
"""Before anything is known: of fluent speakers, gaps between words that a VAD sees at all."""
DEVIATIONS = 2
GOES_ON = samples(1500)
USUAL_RATE = 3.3
"""[words/s] Of English speech without its pauses; 160 words a minute with them."""
QUICK, CUT_SHORT, RELAX, SLOW = 0.3, 0.5, 0.1, 0.1
"""Weights of: a pause, one that we have answered into, a sentence without pauses, a conversation for the household."""
DEVIATION_WEIGHT = 0.25
SLOWEST_RATE, FASTEST_RATE = 1.0, 6.0
"""[words/s] Beyond these the words' times are wrong."""


@dataclass(slots=True)
class _Way:
    """A way to talk: pause and its mean deviation in samples, words per second."""

    pause: float = PAUSE
    deviation: float = PAUSE_DEVIATION
    rate: float = USUAL_RATE

    def towards(self, other: _Way, weight: float) -> _Way:
        def between(own: float, others: float) -> float:
            return own + weight * (others - own)

        return _Way(
            between(self.pause, other.pause),
            between(self.deviation, other.deviation),
            between(self.rate, other.rate),
        )


class Habits:
    """``began`` and ``finished`` around each utterance, in it ``paused``; ``answered`` while the device is to be heard.

    Who begins again within a second and a half of his end, and was not answered, had not finished.
    """

    def __init__(self) -> None:
        self._household = _Way()
        self._speaker = _Way()
        self._quiet_since: int | None = None  # last sample of the last utterance of this conversation
        self._fluent = True
        self._goes_on = False  # what comes now may belong to the last utterance

    @property
    def pause(self) -> int:
        """[samples] A pause that this speaker seldom exceeds inside a sentence, unless the words show that it goes on."""
        return round(self._speaker.pause + DEVIATIONS * self._speaker.deviation)

    @property
    def rate(self) -> float:
        """[words/s] How fast this speaker talks, pauses left out."""
        return self._speaker.rate

    def began(self, position: int) -> None:
        """An utterance begins at ``position``: the first one after a minute opens another conversation."""
        if self._quiet_since is not None and position - self._quiet_since >= CONVERSATION:
            self._household = self._household.towards(self._speaker, SLOW)
            self._speaker = self._household.towards(self._household, 0.0)
            self._quiet_since = None
        self._fluent = True
        if self._goes_on and self._quiet_since is not None and 0 < position - self._quiet_since <= GOES_ON:
            self._note(position - self._quiet_since, CUT_SHORT)
        self._goes_on = False

    def answered(self) -> None:
        """The device is to be heard: who speaks now does not go on with what he said before."""
        self._goes_on = False

    def paused(self, length: int) -> None:
        """The speaker paused for ``length`` samples after words that might have been the last, and went on."""
        self._note(length, QUICK)

    def finished(self, last: int, rate: float | None = None, by_words: bool = True) -> None:
        """The utterance was taken to end with sample ``last``; ``rate``: its words per second, where known.

        ``by_words``: its words might have been the last, so a pause after them says something of the speaker.
        """
        self._quiet_since = last
        self._goes_on = by_words
        if self._fluent:
            self._speaker.pause += RELAX * (PAUSE - self._speaker.pause)
            self._speaker.deviation += RELAX * (PAUSE_DEVIATION - self._speaker.deviation)
        if rate is not None and SLOWEST_RATE <= rate <= FASTEST_RATE:
            self._speaker.rate += QUICK * (rate - self._speaker.rate)

    def _note(self, length: int, weight: float) -> None:
        way = self._speaker
        way.deviation += DEVIATION_WEIGHT * (abs(length - way.pause) - way.deviation)
        way.pause += weight * (length - way.pause)
        self._fluent = False
