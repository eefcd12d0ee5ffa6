"""Which words take the floor, which are backchannels, and which are a recogniser's idea of noise.

Matching a list is "not robust" for *stopping* on any word (Pipecat's maintainers, and Vocode ignores "stop" with
its three-word rule), so the list works the other way round: a few hard words always win, backchannels never do,
and everything else counts once there are two words of it. The finer judgement of backchannels (prosody, place in
the sentence) belongs here too, behind ``judge``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["Verdict", "join", "judge", "says_stop"]


class Kind(Enum):
    """What a known phrase does to whoever speaks."""

    STOP = "stop"
    """Ends whatever goes on, and the conversation with it."""
    WAIT = "wait"
    """Takes the floor: the speaker is about to go on."""
    BACKCHANNEL = "backchannel"
    """"I am listening, go on"."""
    NOISE = "noise"
    """Fillers, politeness, and the words that a small Vosk model makes of a cough or a door."""


# Each phrase is written as it compares: lower case, hyphens as spaces. The longest phrase wins ("no problem" is a backchannel).
_PHRASES: dict[str, dict[Kind, str]] = {
    "en": {
        Kind.STOP: "stop; stop it; stop that; stop talking; stop there; stop now; cancel; cancel that; shut up; quiet; "
        "be quiet; silence; never mind; nevermind; forget it; enough; that's enough; that is enough; shush",
        Kind.WAIT: "wait; wait a minute; wait a second; wait a moment; hold on; hold on a second; hang on; "
        "hang on a second; one moment; just a moment; excuse me; no",
        Kind.BACKCHANNEL: "mm; mmm; hm; hmm; mm hm; mm hmm; mhm; mhmm; uh huh; uhuh; yeah; yes; yep; yup; ya; okay; ok; right; "
        "alright; all right; sure; i see; i know; got it; oh; ah; aha; oh no; oh really; really; wow; nice; good; "
        "great; cool; fine; exactly; true; of course; makes sense; no problem; no worries; no way; no kidding; "
        "thanks; thank you; interesting; go on",
        Kind.NOISE: "the; a; uh; um; er; erm; huh; eh; please; actually; well; so; hey; [unk]; <unk>",
    }
}


def normalise(text: str) -> list[str]:
    """``text`` as comparable words: lower case, no punctuation but apostrophes, hyphens split."""
    words = text.lower().replace("-", " ").replace("\u2019", "'").split()
    return [bare for word in words if (bare := word.strip(".,;:!?\"'()…"))]


_TABLES: dict[str, dict[tuple[str, ...], Kind]] = {
    language: {
        tuple(normalise(phrase)): kind for kind, phrases in kinds.items() for phrase in phrases.split(";")
    }
    for language, kinds in _PHRASES.items()
}
_LONGEST = max(len(phrase) for table in _TABLES.values() for phrase in table)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What kinds of words a text is made of; all counts are words."""

    words: int
    stop: int
    wait: int
    backchannel: int
    content: int
    """Words in no list: what a person says who has something to say."""

    @property
    def hard(self) -> bool:
        """A hard word was said: the floor is taken, whatever else was said."""
        return self.stop + self.wait > 0

    @property
    def talk(self) -> bool:
        """Two or more words that are not all backchannels: enough to take the floor before the final result."""
        return self.words >= 2 and self.content > 0

    @property
    def only_backchannel(self) -> bool:
        return self.backchannel > 0 and not self.hard and self.content == 0

    @property
    def only_stop(self) -> bool:
        return self.stop > 0 and self.content == 0

    @property
    def only_wait(self) -> bool:
        return self.wait > 0 and self.stop == 0 and self.content == 0


def judge(text: str, language: str = "en") -> Verdict:
    """Sort the words of ``text`` by kind, taking the longest known phrase at each place."""
    words, table = normalise(text), _TABLES[language]
    counts = dict.fromkeys(Kind, 0)
    content = at = 0
    while at < len(words):
        for length in range(min(_LONGEST, len(words) - at), 0, -1):
            kind = table.get(tuple(words[at : at + length]))
            if kind is not None:
                counts[kind] += length
                at += length
                break
        else:
            content += 1
            at += 1
    return Verdict(len(words), counts[Kind.STOP], counts[Kind.WAIT], counts[Kind.BACKCHANNEL], content)


_UNMISTAKABLE = {"en": "stop"}


def says_stop(text: str, language: str = "en") -> bool:
    """The one word that acts even where the device may be hearing itself: recognisers make "cancel" of "answer"."""
    return _UNMISTAKABLE[language] in normalise(text) and judge(text, language).only_stop


def join(*parts: str | None) -> str:
    """What was said in pieces, as one text."""
    return " ".join(part.strip() for part in parts if part and part.strip())
