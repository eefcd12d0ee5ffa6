"""What a recogniser has made of an utterance so far, and how far that reaches. Pure.

Recognisers lag: a word shows 0.1 to 0.35 s after it was said. So the newest text is not what was said up to now, but up
to its last word, or, where nothing has been added since, up to one lag ago.
"""

from __future__ import annotations

import itertools

from device.config.words import normalise
from device.ear.completeness import Completeness, CompletenessJudge
from device.values import RATE_HZ, Partial, samples

LAG = samples(250)
"""What was said longer ago is in the text. Vosk decodes every 0.24 s and shows words up to 0.14 s after their end."""
GRAMMAR_LAG = samples(50)
"""The same for PocketSphinx, which decodes every frame and shows a word before it has ended."""
SLACK = samples(100)
"""A VAD hangs on for up to 0.09 s after the last sound, and words end where they fade: no word fits in between."""
LEAST_WORDS, LEAST_SPAN_S = 4, 0.8
"""Fewer words say nothing of the speaking rate."""
GAP = samples(250)
"""A longer silence between words is a pause, not speech."""


class Transcript:
    """``hear`` each partial; then ask."""

    def __init__(self, judge: CompletenessJudge) -> None:
        self._judge = judge
        self.completeness: Completeness | None = None
        """None: no words yet that the recogniser stands by."""
        self.words: tuple[str, ...] = ()
        """The text, comparable."""
        self._end = 0  # of the last word, where its time is known
        self._lag = LAG
        self._rate: float | None = None

    def hear(self, partial: Partial) -> None:
        """Take note of a partial."""
        self.words = tuple(normalise(partial.text)) if partial.accepted else ()
        self._lag = LAG if partial.free else GRAMMAR_LAG
        if not self.words:
            self.completeness = None
            return
        self.completeness = self._judge(partial.text, partial.intent, partial.free)
        self._end = partial.words[-1].end if partial.words else 0
        self._rate = _rate(partial)

    @property
    def rate(self) -> float | None:
        """[words/s] Of this utterance, pauses left out; None: too few words yet, or their times are not known."""
        return self._rate

    def covers(self, last: int, fed: int) -> bool:
        """Whether the text has all that was said up to ``last``; the recogniser has the sound up to ``fed``."""
        return self._end >= last - SLACK or fed - self._lag >= last


def _rate(partial: Partial) -> float | None:
    words = partial.words
    if len(words) < LEAST_WORDS:
        return None
    gaps = (after.start - before.end for before, after in itertools.pairwise(words))
    spoken = words[-1].end - words[0].start - sum(gap for gap in gaps if gap > GAP)
    return len(words) * RATE_HZ / spoken if spoken >= LEAST_SPAN_S * RATE_HZ else None
