"""Reply text in, clauses for the voice out: the first as early as is safe, none ever cut in the wrong place.

    deltas --> Speakable (Markdown out, offsets kept) --> Splitter --> Clause, Clause, ...

The time to first audio of a streamed reply is the time until the first clause is cut, so that one may end at a
comma or, without one, after four to six words before a word that begins a phrase. Later clauses end at sentences
and at commas that leave enough before them: every cut costs a little of the sentence's melody. Cuts lie only
between words, so numbers (3.5, 10:30, 1,000), abbreviations, addresses and growing words stay whole. The white space
behind a word says that it is whole, and often that is enough: only where the next word decides is it waited for.

Pure and a function of the text alone: the same reply gives the same clauses however its deltas were chopped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from device.mouth.boundaries import (
    CLINGS,
    CLOSERS,
    OPENERS,
    PHRASE_STARTS,
    Pause,
    boundary,
    boundary_at,
    may_part,
)
from device.mouth.speakable import Speakable

FIRST_COMMA_WORDS = 2
"""Words that the first clause needs before a comma may end it: "Well," alone would be followed by a gap."""
LATER_COMMA_WORDS = 5
FIRST_SOFT_WORDS, FIRST_HARD_WORDS = 4, 6
"""Without any punctuation the first clause ends before a phrase after 4 words, anywhere safe after 6."""
LATER_SOFT_WORDS, LATER_HARD_WORDS = 20, 28
"""A run-on sentence is cut all the same: Kokoro takes 510 phonemes, and a word waits for its whole clause."""
LONGEST_WORD = 40
"""[characters] What is longer than this is no word, and may be cut anywhere."""
LONGEST = 350
"""Letters after which a clause ends wherever it is, where necessary inside a "word"; what is read out by name counts as
more than one: a capital (spelled) as 4, a digit (up to seven phonemes) as 8, any other sign (a foreign letter, "€") as 14."""


_QUIET = "…–—‘’“”«»"
_SPELLED = {
    "dr.": "Doctor", "mr.": "Mister", "mrs.": "Missus", "ms.": "Miz", "prof.": "Professor", "e.g.": "for example",
    "i.e.": "that is", "etc.": "et cetera", "vs.": "versus", "approx.": "approximately", "cf.": "compare",
    "&": "and", "st.": "St", "jr.": "Junior", "sr.": "Senior", "fig.": "figure", "dept.": "department",
}  # fmt: skip
"""How abbreviations are said; espeak-ng 1.52 makes a sentence end (370 ms of pause) of "Dr."."""


@dataclass(frozen=True, slots=True)
class ClauseWord:
    """A word of ``Clause.text[start:end]``; heard wholly, the reply has been heard up to ``raw_end``."""

    start: int
    end: int
    raw_end: int


@dataclass(frozen=True, slots=True)
class Clause:
    """``reply[start:end]`` to be spoken as ``text`` (empty: nothing in it can be spoken).

    ``offsets[i]`` is the place of ``text[i]`` in the reply, never falling. ``pause`` tells what follows.
    """

    start: int
    end: int
    text: str
    offsets: tuple[int, ...]
    words: tuple[ClauseWord, ...]
    pause: Pause


class Splitter:
    """One reply. ``eager`` = cut the first clause early, for replies that stream in or voices that are slow."""

    def __init__(self, eager: bool = True) -> None:
        self._speakable = Speakable()
        self._eager = eager
        self._start = 0
        self._chars: list[str] = []
        self._offsets: list[int] = []
        self._word_starts: list[int] = []
        self._weight = 0

    @property
    def text(self) -> str:
        """The reply so far, as it came."""
        return self._speakable.raw

    def feed(self, text: str) -> list[Clause]:
        """Take the next delta; gives the clauses that it completes."""
        return self._take(self._speakable.feed(text))

    def finish(self) -> list[Clause]:
        """No more text: gives the rest. The clauses now cover the reply."""
        clauses = self._take(self._speakable.finish())
        if self._start < len(self.text):
            clauses.append(self._clause(len(self._chars), len(self.text), "sentence"))
        return clauses

    # ------------------------------------------------------------------ where to cut

    def _take(self, spoken: list[tuple[str, int]]) -> list[Clause]:
        clauses: list[Clause] = []
        for char, offset in spoken:
            inside = bool(self._chars) and not self._chars[-1].isspace()
            cut = None
            if char.isspace():
                cut = self._cut_behind(char) if inside else None
            elif not inside and self._chars:
                cut = self._cut_before(char)
            if cut is None and self._weight >= LONGEST and offset != self._offsets[-1]:
                start = self._word_starts[-1] if self._word_starts else 0
                whole = inside and not char.isspace() and 0 < start >= len(self._chars) - LONGEST_WORD
                cut = start if whole else len(self._chars), "none"
            if cut is not None:
                at, pause = cut
                end = self._offsets[at] if at < len(self._chars) else self._end(offset)
                clauses.append(self._clause(at, end, pause))
            if not (char.isspace() or inside):
                self._word_starts.append(len(self._chars))
            self._chars.append(char)
            self._offsets.append(offset)
            self._weight += _weight(char)
        return clauses

    def _end(self, offset: int) -> int:
        """Where the clause ends that is cut before ``offset``: a dash is ", ", two characters in the same place."""
        sounding = (
            o for c, o in zip(reversed(self._chars), reversed(self._offsets), strict=True) if not c.isspace()
        )
        return max(offset, next(sounding, -1) + 1)

    def _cut_behind(self, space: str) -> tuple[int, Pause] | None:
        """Where to cut now that the last word is whole, for ``space`` follows: index into the pending characters.

        None also where only the next word can tell.
        """
        tokens = "".join(self._chars).split()
        words = [token for token in tokens if any(c.isalnum() for c in token)]
        if not words:
            return None
        first = self._eager and self._start == 0
        pause = boundary_at(tokens[-1], space, first and len(words) >= FIRST_SOFT_WORDS)
        if pause in ("sentence", "comma"):
            return self._at_mark(pause, len(words), first)
        soft = FIRST_SOFT_WORDS if first else LATER_SOFT_WORDS
        begins_phrase = tokens[-1].lower() in PHRASE_STARTS
        if pause == "none" and len(words) > soft and begins_phrase and may_part(words[-2], words[-1]):
            return self._word_starts[-1], "none"
        return None

    def _cut_before(self, after: str) -> tuple[int, Pause] | None:
        """The same now that a word beginning with ``after`` follows."""
        pending = "".join(self._chars)
        words = [w for w in pending.split() if any(c.isalnum() for c in w)]
        if not words:
            return None
        pause = boundary(pending, after)
        first = self._eager and self._start == 0
        if pause != "none":
            return self._at_mark(pause, len(words), first)
        hard = FIRST_HARD_WORDS if first else LATER_HARD_WORDS
        if len(words) >= hard and may_part(words[-1], after) and words[-2].lower() not in CLINGS:
            # the word before the last one is looked at too: "a very long" or "the old" wants its noun
            return len(self._chars), "none"
        return None

    def _at_mark(self, pause: Pause, words: int, first: bool) -> tuple[int, Pause] | None:
        """A sentence's end always ends the clause, a comma where it leaves enough before it."""
        enough = pause == "sentence" or words >= (FIRST_COMMA_WORDS if first else LATER_COMMA_WORDS)
        return (len(self._chars), pause) if enough else None

    # ------------------------------------------------------------------ making the clause

    def _clause(self, at: int, end: int, pause: Pause) -> Clause:
        text, offsets = _tidy(self._chars[:at], self._offsets[:at])
        if not any(char.isalnum() for char in text):
            text, offsets = "", []
        words = self._words(text, offsets, end)
        if text and pause == "none":
            # a comma keeps the voice up: without it every engine speaks the melody of a sentence's end
            text, offsets = text + ",", [*offsets, offsets[-1]]
        clause = Clause(self._start, end, text.replace("\u00a0", " "), tuple(offsets), words, pause)
        self._start = end
        self._chars, self._offsets = self._chars[at:], self._offsets[at:]
        self._word_starts = [start - at for start in self._word_starts if start >= at]
        self._weight = sum(map(_weight, self._chars))
        return clause

    def _words(self, text: str, offsets: list[int], end: int) -> tuple[ClauseWord, ...]:
        spans = [m.span() for m in re.finditer("[^ ]+", text) if any(c.isalnum() for c in m.group())]
        words = []
        for number, (first, last) in enumerate(spans):
            reach = next(k for k in range(last - 1, first - 1, -1) if text[k].isalnum())
            raw_end = offsets[reach] + 1
            limit = offsets[spans[number + 1][0]] if number + 1 < len(spans) else end
            # what clings to the word counts as heard with it: "seven,", "**milk**", "[Wikipedia](...)"
            while raw_end < limit and not self.text[raw_end].isspace() and self.text[raw_end] not in "—―–-":
                raw_end += 1
            words.append(ClauseWord(first, last, raw_end))
        return tuple(words)


def _weight(char: str) -> int:
    if char.isascii():
        return 8 if char.isdigit() else 4 if char.isupper() else 1
    return 1 if char.isspace() or char in _QUIET else 14


def _tidy(chars: list[str], offsets: list[int]) -> tuple[str, list[int]]:
    """One space between words, none before a comma or full stop, abbreviations spelled out (inner spaces as U+00A0)."""
    out: list[str] = []
    places: list[int] = []
    i, n = 0, len(chars)
    while i < n:
        if chars[i].isspace():
            if out and out[-1] != " ":
                out.append(" ")
                places.append(offsets[i])
            i += 1
            continue
        j = i
        while j < n and not chars[j].isspace():
            j += 1
        token = "".join(chars[i:j])
        if (token[0] == "," or not token.strip(".!?;:…")) and len(out) > 1 and out[-1] == " ":
            out.pop()
            places.pop()
            if out[-1] in ",;:.!?…":
                token, i = token[1:], i + 1
        lead = len(token) - len(token.lstrip(OPENERS))
        core = token[lead:].rstrip(CLOSERS + ",;:!?")
        spelled = _SPELLED.get(core.lower())
        if spelled is None or (core.lower() == "st." and j >= n):
            out.extend(token)
            places.extend(offsets[i:j])
        else:
            tail = lead + len(core)
            out.extend(token[:lead] + spelled.replace(" ", "\u00a0") + token[tail:])
            places.extend(offsets[i : i + lead])
            places.extend([offsets[i + lead]] * (len(spelled) - 1) + [offsets[i + tail - 1]])
            places.extend(offsets[i + tail : j])
        i = j
    while out and out[-1] == " ":
        out.pop()
        places.pop()
    return "".join(out), places
