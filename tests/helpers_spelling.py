"""A voice that spells, and a reader of what the loudspeaker really played.

Each word is a pair of tones of its own under a little noise, 120 ms long, with 40 ms of silence after it. So a test knows by
the sound which words were heard, and believes nothing that the device says of itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from device.conversation.sentences import excuse, sentence
from device.mouth.voices.messages import Abort, Chunk, Ready, Speak, SpokenWord
from device.mouth.voices.timing import word_spans
from device.values import RATE_HZ, samples

TONE, GAP = samples(120), samples(40)
LOW_HZ = tuple(400 + 60 * k for k in range(16))
HIGH_HZ = tuple(1500 + 100 * k for k in range(16))
STEP = samples(5)
AUDIBLE = 0.004
"""Amplitude of 5 ms that belongs to a word."""
PAUSE = samples(25)
"""Between words there is more; where playback is ducked, less."""
READABLE = samples(50)
"""Less of a word cannot be told from another: it was cut."""


def numbered(question: int, words: int, first: int = 1) -> list[str]:
    """``words`` words of the answer to question number ``question``, each with its space: letters alone, as in prose."""
    return [f"{_letters(question, place)} " for place in range(first, first + words)]


def labels(question: int, words: int, first: int = 1) -> list[str]:
    """The same words as the reader gives them."""
    return [f"{question}.{place}" for place in range(first, first + words)]


_SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
_NUMBERED = re.compile("([a-z])((?:[bdfgklmnprstvz][aeiou]){3})\\Z")


def _letters(question: int, place: int) -> str:
    base = len(_SYLLABLES)
    digits = (place // base**2, place // base % base, place % base)
    return chr(ord("a") + question - 1) + "".join(_SYLLABLES[digit] for digit in digits)


def _label(word: str) -> str:
    """ "2.7" for a numbered word; any other stays."""
    found = _NUMBERED.match(word)
    if found is None:
        return word
    place = 0
    for k in range(0, 6, 2):
        place = place * len(_SYLLABLES) + _SYLLABLES.index(found[2][k : k + 2])
    return f"{ord(found[1]) - ord('a') + 1}.{place}"


def known(*codes: str) -> list[str]:
    """The words of the device's own sentences of these names, as the reader gives them."""
    return [bare(word) for code in codes for word in _own(code).split()]


def _own(code: str) -> str:
    try:
        return sentence(code)
    except KeyError:
        return excuse(code)


def bare(word: str) -> str:
    return word.strip(" \n.,;:!?'\"()").lower()


# --------------------------------------------------------------------------- the voice, and how it is read


class SpellingVoice:
    """An ``EngineDoor``. ``texts``: all that it was given to say, in order."""

    name = "voice"

    def __init__(self) -> None:
        self.restarts = 0
        self.failure: str | None = None
        self.texts: list[str] = []
        self.codes: dict[str, int] = {}
        self._replies: list[Any] = [Ready("spelling", "tones", RATE_HZ, 0.0)]

    def send(self, message: Any) -> bool:
        if isinstance(message, Speak):
            self._speak(message)
        elif isinstance(message, Abort):
            self._replies = [one for one in self._replies if isinstance(one, Ready)]
        return True

    def poll(self) -> list[Any]:
        replies, self._replies = self._replies, []
        return replies

    def close(self) -> None:
        """Nothing to stop."""

    def _speak(self, message: Speak) -> None:
        self.texts.append(message.text)
        pieces, at = [np.zeros(0, np.int16)], 0
        for begin, end in word_spans(message.text):
            code = self.codes.setdefault(bare(message.text[begin:end]), len(self.codes))
            assert code < len(LOW_HZ) * len(HIGH_HZ), "this voice knows 256 different words"
            pieces.append(_tones(code))
            self._replies.append(SpokenWord(message.clause, begin, end - begin, at, at + TONE))
            at += TONE + GAP
        self._replies.append(Chunk(message.clause, np.concatenate(pieces).tobytes(), RATE_HZ, last=True))


def _tones(code: int) -> np.ndarray:
    t = np.arange(TONE) / RATE_HZ
    low, high = LOW_HZ[code % 16], HIGH_HZ[code // 16]
    sound = np.sin(2 * np.pi * low * t) + np.sin(2 * np.pi * high * t)
    # an echo canceller learns nothing from tones alone
    sound += 0.4 * np.random.default_rng(code).standard_normal(TONE)
    sound *= np.clip(np.minimum(np.arange(TONE) + 1, TONE - np.arange(TONE)) / samples(5), 0, 1)
    return (np.concatenate([sound, np.zeros(GAP)]) * 6000).astype(np.int16)


@dataclass(frozen=True)
class HeardWord:
    """``text`` sounded from ``position`` on."""

    position: int
    text: str


class Reader:
    """Takes what the loudspeaker plays (float32, 16 kHz, from position 0 on); ``words`` are those that are over. A beginning
    of one that is too short to tell from another is left out."""

    def __init__(self, voice: SpellingVoice) -> None:
        self.words: list[HeardWord] = []
        self._voice = voice
        self._position = 0
        self._word: list[np.ndarray] = []
        self._quiet = 0

    def hear(self, block: np.ndarray) -> None:
        """The next samples: whole steps of 5 ms."""
        for piece in np.split(block, range(STEP, len(block), STEP)):
            loud = np.abs(piece).max() > AUDIBLE
            self._quiet = 0 if loud else self._quiet + len(piece)
            if loud or self._word:
                self._word.append(piece.copy())
            self._position += len(piece)
            if self._word and self._quiet >= PAUSE:
                self._over(np.concatenate(self._word)[: -self._quiet])

    def _over(self, sound: np.ndarray) -> None:
        self._word.clear()
        code = _code(sound)
        texts = [text for text, its in self._voice.codes.items() if its == code]
        if texts:
            self.words.append(HeardWord(self._position - self._quiet - len(sound), _label(texts[0])))


def _code(sound: np.ndarray) -> int | None:
    if len(sound) < READABLE:
        return None
    t = np.arange(len(sound)) / RATE_HZ
    window = np.hanning(len(sound))

    def strongest(frequencies: tuple[int, ...]) -> int | None:
        powers = [abs(np.sum(sound * window * np.exp(-2j * np.pi * hz * t))) ** 2 for hz in frequencies]
        second, first = sorted(powers)[-2:]
        return int(np.argmax(powers)) if first > 4 * second else None

    low, high = strongest(LOW_HZ), strongest(HIGH_HZ)
    return None if low is None or high is None else low + 16 * high
