"""What lies between two words: the end of a sentence, a comma, nothing much, or nothing at all that may be parted. Pure."""

from __future__ import annotations

from typing import Literal

Pause = Literal["none", "comma", "sentence"]

FULL_STOP_LETTERS = 4
"""No abbreviation that is not listed has so many, so a full stop behind them ends the sentence, whatever comes."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


CLOSERS = "\"')]}»"
OPENERS = "([{\"'«"
_NEVER_END = _set(
    "dr mr mrs ms prof sr jr st vs e.g i.e cf fig approx dept est gen gov hon lt col sgt capt rev mt ft viz"
)
"""Abbreviations after which a sentence does not end, without their last full stop."""
PHRASE_STARTS = _set(
    "and or but nor so because since although though while when where which who that if unless until as than in on "
    "at for with without from to by about after before into onto over under between through during near"
)
CLINGS = PHRASE_STARTS | _set(
    "a an the of my your his her its our their this these those is are was were be been will would can could should "
    "has have had do does did not no very more most i you he she it we they i'm you're it's there's"
)
"""Words that belong to the next one: no cut after these."""


def may_part(before: str, after: str) -> bool:
    """Whether a pause between these two words sounds natural: not in "the | kitchen", "ten | percent", "page | 5"."""
    word = before.lower().strip(OPENERS + CLOSERS)
    return not (word in CLINGS or word[-1:].isdigit() or after[:1].isdigit() or word.endswith("."))


def boundary_at(token: str, space: str, early: bool) -> Pause | None:
    """What lies between ``token`` and the next word, known from the white space alone; None where it is not.

    ``early``: rather end a sentence at once than wait for a word that only in rare cases says that it goes on.
    """
    if space == "\n":
        return None  # it comes with the next word
    body = token.rstrip(CLOSERS)
    last = body[-1:]
    if last and last in ",;:–":
        return "comma"
    if last == "." or last in ("!", "?", "…"):
        stem = body[:-1].lstrip(OPENERS)
        plain = stem.isalpha() and len(stem) >= FULL_STOP_LETTERS and stem.lower() not in _NEVER_END
        return "sentence" if early and plain and last != "…" else None
    return "none"


def boundary(before: str, after: str) -> Pause:
    """What lies between ``before`` and a word that begins with the character ``after``."""
    body = before.rstrip()
    if "\n" in before[len(body) :]:
        return "sentence"
    body = body.rstrip(CLOSERS)
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
    token = body.rsplit(maxsplit=1)[-1].lstrip(OPENERS)
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
