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
from typing import Literal

from device.mouth.speakable import Speakable

Pause = Literal["none", "comma", "sentence"]

FIRST_COMMA_WORDS = 2
"""Words that the first clause needs before a comma may end it: "Well," alone would be followed by a gap."""
LATER_COMMA_WORDS = 5
FIRST_SOFT_WORDS, FIRST_HARD_WORDS = 4, 6
"""Without any punctuation the first clause ends before a phrase after 4 words, anywhere safe after 6."""
LATER_SOFT_WORDS, LATER_HARD_WORDS = 20, 28
"""A run-on sentence is cut all the same: Kokoro takes 510 phonemes, and a word waits for its whole clause."""
LONGEST = 400
"""Letters after which a clause ends wherever it is, where necessary inside a "word"; what is read out by name counts as
more than one: a digit (up to seven phonemes) as 8, any other sign (a foreign letter, "%") as 14."""
FULL_STOP_LETTERS = 4
"""No abbreviation that is not listed has so many, so a full stop behind them ends the sentence, whatever comes."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_CLOSERS = "\"')]}»"
_OPENERS = "([{\"'«"
_QUIET = "…–—‘’“”«»"
_NEVER_END = _set(
    "dr mr mrs ms prof sr jr st vs e.g i.e cf fig approx dept est gen gov hon lt col sgt capt rev mt ft viz"
)
"""Abbreviations after which a sentence does not end, without their last full stop."""
_SPELLED = {
    "dr.": "Doctor", "mr.": "Mister", "mrs.": "Missus", "ms.": "Miz", "prof.": "Professor", "e.g.": "for example",
    "i.e.": "that is", "etc.": "et cetera", "vs.": "versus", "approx.": "approximately", "cf.": "compare",
    "&": "and", "st.": "St", "jr.": "Junior", "sr.": "Senior", "fig.": "figure", "dept.": "department",
}  # fmt: skip
"""How abbreviations are said; espeak-ng 1.52 makes a sentence end (370 ms of pause) of "Dr."."""
_PHRASE_STARTS = _set(
    "and or but nor so because since although though while when where which who that if unless until as than in on "
    "at for with without from to by about after before into onto over under between through during near"
)
_CLINGS = _PHRASE_STARTS | _set(
    "a an the of my your his her its our their this these those is are was were be been will would can could should "
    "has have had do does did not no very more most i you he she it we they i'm you're it's there's"
)
"""Words that belong to the next one: no cut after these."""


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
                cut = len(self._chars), "none"
            if cut is not None:
                at, pause = cut
                # ", " for a dash: both characters stand in its place
                end = max(offset, self._offsets[-1] + 1) if at == len(self._chars) else self._offsets[at]
                clauses.append(self._clause(at, end, pause))
            if not (char.isspace() or inside):
                self._word_starts.append(len(self._chars))
            self._chars.append(char)
            self._offsets.append(offset)
            self._weight += _weight(char)
        return clauses

    def _cut_behind(self, space: str) -> tuple[int, Pause] | None:
        """Where to cut now that the last word is whole, for ``space`` follows: index into the pending characters.

        None also where only the next word can tell.
        """
        tokens = "".join(self._chars).split()
        words = [token for token in tokens if any(c.isalnum() for c in token)]
        if not words:
            return None
        first = self._eager and self._start == 0
        pause = _boundary_at(tokens[-1], space, first and len(words) >= FIRST_SOFT_WORDS)
        if pause in ("sentence", "comma"):
            return self._at_mark(pause, len(words), first)
        soft = FIRST_SOFT_WORDS if first else LATER_SOFT_WORDS
        begins_phrase = tokens[-1].lower() in _PHRASE_STARTS
        if pause == "none" and len(words) > soft and begins_phrase and _may_part(words[-2], words[-1]):
            return self._word_starts[-1], "none"
        return None

    def _cut_before(self, after: str) -> tuple[int, Pause] | None:
        """The same now that a word beginning with ``after`` follows."""
        pending = "".join(self._chars)
        words = [w for w in pending.split() if any(c.isalnum() for c in w)]
        if not words:
            return None
        pause = _boundary(pending, after)
        first = self._eager and self._start == 0
        if pause != "none":
            return self._at_mark(pause, len(words), first)
        hard = FIRST_HARD_WORDS if first else LATER_HARD_WORDS
        if len(words) >= hard and _may_part(words[-1], after) and words[-2].lower() not in _CLINGS:
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
        return 8 if char.isdigit() else 1
    return 1 if char.isspace() or char in _QUIET else 14


def _may_part(before: str, after: str) -> bool:
    """Whether a pause between these two words sounds natural: not in "the | kitchen", "ten | percent", "page | 5"."""
    word = before.lower().strip(_OPENERS + _CLOSERS)
    return not (word in _CLINGS or word[-1:].isdigit() or after[:1].isdigit() or word.endswith("."))


def _boundary_at(token: str, space: str, early: bool) -> Pause | None:
    """What lies between ``token`` and the next word, known from the white space alone; None where it is not.

    ``early``: rather end a sentence at once than wait for a word that only in rare cases says that it goes on.
    """
    if space == "\n":
        return None  # it comes with the next word
    body = token.rstrip(_CLOSERS)
    last = body[-1:]
    if last and last in ",;:–":
        return "comma"
    if last == "." or last in ("!", "?", "…"):
        stem = body[:-1].lstrip(_OPENERS)
        plain = stem.isalpha() and len(stem) >= FULL_STOP_LETTERS and stem.lower() not in _NEVER_END
        return "sentence" if early and plain and last != "…" else None
    return "none"


def _boundary(before: str, after: str) -> Pause:
    """What lies between ``before`` and a word that begins with the character ``after``."""
    body = before.rstrip()
    if "\n" in before[len(body) :]:
        return "sentence"
    body = body.rstrip(_CLOSERS)
    last = body[-1:]
    if last in ("!", "?", "…") or body.endswith(("..", "?!")):
        return "comma" if after.islower() else "sentence"
    if last == ".":
        return _full_stop(body, after)
    if last and last in ",;:" or body.endswith(" –"):
        return "comma"
    return "none"


def _full_stop(body: str, after: str) -> Pause:
    """Does a sentence end at this full stop? If in doubt, no: a longer clause is no harm."""
    token = body.rsplit(maxsplit=1)[-1].lstrip(_OPENERS)
    stem = token[:-1].lower()
    if stem in _NEVER_END or after.islower():
        return "none"
    if stem == "no" and after.isdigit():  # "No. 5"
        return "none"
    if len(stem) == 1 and stem.isalpha() and token != "I.":  # "J. Smith"
        return "none"
    if "." in stem and stem.replace(".", "").isalpha() and max(map(len, stem.split("."))) == 1:
        return (
            "sentence" if stem in ("a.m", "p.m") and after.isupper() else "none"
        )  # "U.S. Army", "at 7 a.m. We"
    return "sentence"


def _tidy(chars: list[str], offsets: list[int]) -> tuple[str, list[int]]:
    """One space between words, none before a comma, abbreviations spelled out (inner spaces as U+00A0)."""
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
        if token[0] == "," and len(out) > 1 and out[-1] == " ":
            out.pop()
            places.pop()
            if out[-1] in ",;:.!?":
                token, i = token[1:], i + 1
        lead = len(token) - len(token.lstrip(_OPENERS))
        core = token[lead:].rstrip(_CLOSERS + ",;:!?")
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
