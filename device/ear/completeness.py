"""Have the words ended? From the text of a partial to how likely more of the sentence comes. Pure.

Word lists and a few rules on the last words, no grammar: a wrong class costs some tenths of a second of waiting, or an
endpoint that what the user adds repairs. The lists are data, per language (``endings`` in ``device/config/languages``).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from device.config import Words
from device.config.words import normalise
from device.values import Intent

Phrase = tuple[str, ...]

LEAST_QUESTION = 4
"""Words of a question form that is taken for a whole one."""
PARTICLE_WITHIN = 3
"""Words after "turn" in which "off" or a destination is still missing: "turn the kitchen light"."""

LONGEST_STATE = 5
"""Words of a question after a state: "is the kitchen light on"."""


class Completeness(Enum):
    """How the words stand, from the shortest wait to the longest."""

    COMMAND = "a whole local command"
    COMPLETE = "a whole question, or what a recogniser that punctuates ends with a full stop"
    NEUTRAL = "nothing tells"
    CONTINUABLE = "whole, and often gone on with: 'stop', 'forty', 'yes', 'what is it made of'"
    OPEN = "nobody ends like this: 'the', 'and', 'um', 'set a timer for five'"


class CompletenessJudge:
    """Judges texts by the ``words`` of a language."""

    def __init__(self, words: Words) -> None:
        self._ends = ends = words.endings
        self._fillers = _phrases(ends.fillers)
        self._dangling = _phrases(ends.dangling)
        self._finished = _phrases(ends.finished)
        self._unfinished = _phrases(ends.unfinished)
        self._continuable = _phrases(ends.continuable)
        self._answers = _phrases((*words.stop, *words.wait, *words.backchannel))
        self._openers = frozenset(ends.openers)
        self._questions = frozenset(ends.question_words)
        self._auxiliaries = frozenset(ends.auxiliaries)
        self._particles = frozenset(ends.particles)
        self._numbers = frozenset((*ends.numbers, *ends.tens))

    def __call__(self, text: str, intent: Intent | None = None, free: bool = True) -> Completeness:
        """The class of ``text`` as it stands.

        ``intent``: the local command that the whole text would be. ``free`` False: the recogniser knows commands only, so
        words that are none yet are never the end. Text without a word is OPEN.
        """
        words = normalise(text)
        if words and self._is_answer(words):
            return Completeness.CONTINUABLE
        if not words or _ends_in(words, self._fillers):
            return Completeness.OPEN
        words = self._core(words)
        if intent is not None:
            return Completeness.CONTINUABLE if words[-1] in self._ends.tens else Completeness.COMMAND
        if text.rstrip().endswith((",", "...", "…", "-", ":", ";")):
            return Completeness.OPEN
        judged = self._sentence(words, text.rstrip().endswith((".", "?", "!")))
        # what a command grammar has made of other speech, or half a command
        return judged if free or judged is Completeness.OPEN else Completeness.CONTINUABLE

    # ------------------------------------------------------------------ a sentence of any kind

    def _is_answer(self, words: list[str]) -> bool:
        """ "Stop", "yes", "no it isn't": whole, and often only the beginning."""
        core = tuple(self._core(words))
        ellipsis = len(core) == 2 and core[0] in self._ends.pronouns and core[1] in self._auxiliaries
        return core in self._answers or tuple(words) in self._answers or (ellipsis and len(words) > 2)

    def _core(self, words: list[str]) -> list[str]:
        """``words`` without what may stand before and after any sentence."""
        skip = 0
        while skip < len(words) - 1 and words[skip] in self._openers:
            skip += 1
        core = words[skip:]
        while core and core[-1] in self._ends.closers:
            core = core[:-1]
        return core or words[-1:]

    def _sentence(self, words: list[str], punctuated: bool) -> Completeness:
        asked = words[0] in self._questions
        if not _ends_in(words, self._finished):
            judged = self._last_word(words, asked)
            if judged is not None:
                return judged
            if not asked and _ends_in(words, self._unfinished) and not self._noun(words, -1):
                return Completeness.OPEN
            if self._lacks_particle(words):
                return Completeness.OPEN
        if len(words) == 1 or _ends_in(words, self._continuable):
            return Completeness.CONTINUABLE
        asked = asked or self._inverted(words)
        if punctuated or (asked and len(words) >= LEAST_QUESTION):
            return Completeness.COMPLETE
        return Completeness.NEUTRAL

    def _inverted(self, words: list[str]) -> bool:
        """Whether it begins as a question without a question word: "do you know", but not "be quiet"."""
        verb = words[0] in self._ends.main_verbs
        return words[0] in self._auxiliaries and (not verb or words[1] in self._ends.pronouns)

    def _last_word(self, words: list[str], asked: bool) -> Completeness | None:
        """What the last word alone gives away; None: nothing."""
        last, ends = words[-1], self._ends
        if asked and last in ends.left_behind and len(words) >= LEAST_QUESTION:
            return None
        if _ends_in(words, self._dangling):
            return Completeness.OPEN
        if last in self._auxiliaries:
            return self._auxiliary(words, asked)
        if last in ends.pronouns and len(words) == 2 and words[0] in self._auxiliaries:
            return Completeness.OPEN  # "can you"
        if last in ends.subjects:
            whole = asked and words[-2] in self._auxiliaries  # "who is she"
            return None if whole else Completeness.OPEN
        if last in self._particles and self._has_object(words):
            return Completeness.NEUTRAL
        if last in ends.prepositions:
            return Completeness.CONTINUABLE if asked and self._stranded(words) else Completeness.OPEN
        if last in self._numbers or last.isdigit():
            return self._number(words)
        if last in self._questions and len(words) == 1:
            return Completeness.CONTINUABLE  # "why"
        return None

    def _auxiliary(self, words: list[str], asked: bool) -> Completeness | None:
        if asked and words[-1] in self._ends.main_verbs and len(words) >= LEAST_QUESTION:
            return None  # "what should I do"
        if len(words) >= 3 and words[-2] in self._ends.pronouns:
            return Completeness.CONTINUABLE  # "yes it is", "tell me what time it is"
        indirect = not asked and any(word in self._questions for word in words[:-3])
        return Completeness.CONTINUABLE if indirect else Completeness.OPEN  # "do you know what the time is"

    def _stranded(self, words: list[str]) -> bool:
        """Whether a question has left its preposition behind: "made of", not "the capital of"."""
        if len(words) < 3:
            return False
        before, ahead = words[-2], words[-3]
        if before in self._ends.stranding:
            return True
        verb = before.endswith(self._ends.stranding_suffixes) and before not in self._ends.nouns
        return verb and ahead not in self._ends.determiners

    # ------------------------------------------------------------------ verbs with particles, numbers

    def _has_object(self, words: list[str]) -> bool:
        """Whether the particle at the end belongs to a verb whose object stands between: "turn the light on"."""
        for index in range(len(words) - 3, -1, -1):
            if words[index] in self._particles:
                return False
            if words[index] in self._ends.particle_verbs:
                return True
        if len(words) < 3:
            return len(words) == 2 and words[0] not in self._ends.particle_verbs  # "lights on"
        state = words[0] in self._auxiliaries and words[0] not in self._ends.main_verbs
        noun = words[1] not in self._ends.pronouns or len(words) == 3
        return state and noun and len(words) <= LONGEST_STATE

    def _lacks_particle(self, words: list[str]) -> bool:
        for index in range(len(words) - 1, -1, -1):
            if words[index] in self._ends.wants_particle:
                rest = words[index + 1 :]
                led = any(word in self._particles or word in self._ends.destinations for word in rest)
                return not led and len(rest) <= PARTICLE_WITHIN and not self._noun(words, index)
        return False

    def _noun(self, words: list[str], index: int) -> bool:
        """Whether the verb that stands there is none: "is it my turn"."""
        index %= len(words)
        return index > 0 and words[index - 1] in self._ends.determiners

    def _number(self, words: list[str]) -> Completeness:
        first = len(words) - 1
        while first > 0 and (words[first - 1] in self._numbers or words[first - 1].isdigit()):
            first -= 1
        wants_unit = first > 0 and words[first - 1] in self._ends.wants_unit
        wants_unit = wants_unit and not any(word in self._ends.clock for word in words[:first])
        return Completeness.OPEN if wants_unit else Completeness.CONTINUABLE


def _phrases(texts: Iterable[str]) -> frozenset[Phrase]:
    return frozenset(tuple(normalise(text)) for text in texts)


def _ends_in(words: list[str], phrases: frozenset[Phrase]) -> bool:
    longest = 4
    return any(tuple(words[-size:]) in phrases for size in range(min(longest, len(words)), 0, -1))
