"""Which words of a reply were heard: from track samples back to the reply's own text.

A word counts as heard when at least half of it has left the loudspeaker. The user then very likely got it, and the
error against "words that sounded completely" stays within half a word either way.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from device.mouth.clauses import Clause
from device.mouth.voices.messages import SpokenWord


@dataclass(frozen=True, slots=True)
class Heard:
    """The prefix of a reply that was heard.

    ``text`` is ``reply[:chars]``, with the punctuation and markup that cling to its last word; ``words`` how many
    words that is; ``ms`` how much of the reply sounded, gaps between clauses included.
    """

    text: str = ""
    chars: int = 0
    words: int = 0
    ms: int = 0


@dataclass(slots=True)
class SpokenClause:
    """A clause on the track: from track sample ``start`` on, ``length`` samples so far.

    ``spoken`` are the voice's word events, in samples of ``rate_hz`` from where the voice began; ``lead`` track samples of
    silence from there on are not on the track.
    """

    clause: Clause
    start: int = 0
    length: int = 0
    lead: int = 0
    rate_hz: int = 0
    spoken: list[SpokenWord] = field(default_factory=list)
    complete: bool = False

    def words(self, track_rate_hz: int) -> list[tuple[int, int, int]]:
        """``(first track sample, track sample after the last, raw_end)`` of each word, as far as it is known."""
        events = sorted(self.spoken, key=lambda word: word.char)
        scale = track_rate_hz / self.rate_hz if self.rate_hz else 1.0
        begun, last = self.start - self.lead, self.start + self.length
        placed: list[tuple[int, int, int]] = []
        for word in self.clause.words:
            mine = [i for i, e in enumerate(events) if word.start <= e.char < word.end]
            if mine:
                begin = max(self.start, begun + round(min(events[i].sample for i in mine) * scale))
                end = self._end(events, mine[-1], begun, scale, last)
            else:
                # the engine says nothing about it: it is heard with the word before
                begin = end = placed[-1][1] if placed else self.start
            placed.append((begin, max(begin, end), word.raw_end))
        return placed

    def _end(self, events: Sequence[SpokenWord], index: int, begun: int, scale: float, last: int) -> int:
        if events[index].end >= 0:
            return begun + round(events[index].end * scale)
        if index + 1 < len(events):
            return begun + round(events[index + 1].sample * scale)
        return last


def heard(text: str, clauses: Sequence[SpokenClause], samples: int, track_rate_hz: int) -> Heard:
    """What of ``text`` was heard when the first ``samples`` of the track have left.

    ``clauses`` in order; only the words of clauses that have at least begun to be written can count.
    """
    chars = words = 0
    for clause in clauses:
        if clause.start >= samples or not clause.length:
            break
        for begin, end, raw_end in clause.words(track_rate_hz):
            if (begin + end) / 2 > samples or begin >= samples:
                break
            chars, words = raw_end, words + 1
    return Heard(text[:chars], chars, words, round(samples * 1000 / track_rate_hz))


def word_start_at(clauses: Sequence[SpokenClause], sample: int, track_rate_hz: int) -> int:
    """Where to take up again what was broken off at track ``sample``: the start of the word it lies in.

    Between two words it is ``sample`` itself.
    """
    index = bisect_right([clause.start for clause in clauses], sample) - 1
    if index < 0:
        return 0
    for begin, end, _ in clauses[index].words(track_rate_hz):
        if begin <= sample < end:
            return begin
    return sample
