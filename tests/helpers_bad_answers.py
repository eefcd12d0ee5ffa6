"""A whole device whose endpoint may answer anything, and what of it was really heard: every word is decoded from the sound
that left the loudspeaker, not believed from what the device says of itself.

    talker ─► room ─► Device ─► loudspeaker ─► decode ─► words
                        │ ▲
              questions ▼ │ messages, whatever a test says
                     HostileWorker

The voice spells: each word is a pair of tones of its own under a little noise, 120 ms long, with 40 ms of silence after it.
Answers are made of numbered words (``Stage.heard`` gives "2.7" for the seventh word of the answer to the second question),
so a stale or a doubled one shows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from device.audio.backends.room import RoomBackend, RoomSettings
from device.bench.turns.plan import Trial
from device.bench.turns.recogniser import ScriptedRecogniser
from device.bench.turns.speech import Part, Spoken, speak
from device.config import parse
from device.conversation.sentences import excuse, sentence
from device.daemon import Device
from device.link import messages as m
from device.mouth.voices.messages import Abort, Chunk, Ready, Speak, SpokenWord
from device.mouth.voices.timing import word_spans
from device.scenario import talkers
from device.trace import TraceEvent
from device.values import FRAME, RATE_HZ, Word, samples

TONE, GAP = samples(120), samples(40)
LOW_HZ = tuple(400 + 60 * k for k in range(16))
HIGH_HZ = tuple(1500 + 100 * k for k in range(16))
AUDIBLE = 0.01
"""Amplitude of a block that belongs to a word."""
READABLE = samples(50)
"""Less of a word cannot be told from another: it was cut."""
MOST_S = 40
"""What is not at rest by then is stuck."""

QUESTION = "what about tomorrow instead"
MISHEARD = {"instead": "instep"}
ANSWER_S = 2.0
WORKER = "hostile"
MODES = ("asked", "guessed", "revised")
"""Speculation off; a guess that was right; one that became another question before it was asked for good."""


def numbered(question: int, words: int, first: int = 1) -> list[str]:
    """``words`` words of the answer to question number ``question``, each with its space: letters alone, as in prose."""
    return [f"{_letters(question, place)} " for place in range(first, first + words)]


def labels(question: int, words: int, first: int = 1) -> list[str]:
    """The same words as ``Stage.heard`` gives them."""
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
    """The words of the device's own sentences of these names, as ``Stage.heard`` gives them."""
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


def decode(played: np.ndarray, codes: dict[str, int]) -> list[HeardWord]:
    """The words in ``played`` (float32, 16 kHz, from position 0); a beginning of one that is too short to tell is left out."""
    texts = {code: text for text, code in codes.items()}
    step = samples(5)
    loud = np.abs(played[: len(played) // step * step]).reshape(-1, step).max(axis=1) > AUDIBLE
    edges = np.flatnonzero(np.diff(np.concatenate([[False], loud, [False]]).astype(int)))
    found = []
    for first, after in edges.reshape(-1, 2) * step:
        code = _code(played[first:after])
        if code in texts:
            found.append(HeardWord(int(first), _label(texts[code])))
    return found


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


# --------------------------------------------------------------------------- the endpoint


@dataclass(frozen=True)
class Asked:
    """Question number ``number`` (from 1; a revision is a question of its own) came in at ``position``."""

    number: int
    position: int
    turn: str
    rev: int
    text: str
    speculative: bool
    attempt: int = 1

    @property
    def of(self) -> dict[str, Any]:
        return {"turn": self.turn, "rev": self.rev, "worker": WORKER}

    def ack(self, **changes: Any) -> m.Ack:
        return m.Ack(**self.of | changes)

    def deltas(self, words: Iterable[str], **changes: Any) -> list[m.Delta]:
        made, off = [], 0
        for seq, text in enumerate(words):
            made.append(m.Delta(seq=seq, off=off, text=text, **self.of | changes))
            off += len(text)
        return made

    def end(self, words: Iterable[str], with_text: bool = True, **changes: Any) -> m.End:
        words = list(words)
        whole = "".join(words)
        text = whole if with_text else None
        return m.End(n=len(words), len=len(whole), text=text, **self.of | changes)

    def proper(self, words: Iterable[str], first_ms: float = 100, each_ms: float = 30) -> Timed:
        """The ack, the words one by one, the end: as a good endpoint does it."""
        words = list(words)
        times = [first_ms + each_ms * k for k in range(len(words))]
        return [
            (0, self.ack()),
            *zip(times, self.deltas(words), strict=True),
            (times[-1] + 5, self.end(words)),
        ]


Timed = list[tuple[float, Any]]
"""[ms] after the question came in, and what is said then."""
Answering = Callable[[Asked], Timed]


class HostileWorker:
    """A transport: says what ``answering`` makes of each question, whatever becomes of the question meanwhile."""

    connected = True

    def __init__(self, answering: Answering) -> None:
        self.answering = answering
        self.position = 0
        self.counters: dict[str, int] = {}
        self.asked: list[Asked] = []
        self.sent: list[tuple[int, Any]] = []
        self._out: list[tuple[int, Any]] = []
        self._numbers: dict[tuple[str, int], int] = {}

    @property
    def committed(self) -> list[tuple[int, int]]:
        """(position, number of the question) of every question that was asked for good, in order."""
        found = [(one.position, one.number) for one in self.asked if not one.speculative]
        found += [
            (at, self._numbers[one.turn, one.rev]) for at, one in self.sent if isinstance(one, m.Commit)
        ]
        return sorted(found)

    def send(self, kind: str, message: Any) -> bool:
        if kind in ("turn", "ctl"):
            self.sent.append((self.position, message))
        match message:
            case m.Open():
                self._ask(message, message.speculative, message.attempt)
            case m.Revise():
                self._ask(message, True)
        return True

    def _ask(self, message: m.Open | m.Revise, speculative: bool, attempt: int = 1) -> None:
        number = self._numbers.setdefault((message.turn, message.rev), len(self._numbers) + 1)
        asked = Asked(number, self.position, message.turn, message.rev, message.text, speculative, attempt)
        self.asked.append(asked)
        for after_ms, one in self.answering(asked):
            self._out.append((self.position + samples(after_ms), one))

    def poll(self) -> list[Any]:
        ready = [one for one in self._out if one[0] <= self.position]
        self._out = [one for one in self._out if one[0] > self.position]
        return [message for _, message in sorted(ready, key=lambda one: one[0])]

    @property
    def answering_still(self) -> bool:
        return bool(self._out)

    def close(self) -> None:
        self._out.clear()


# --------------------------------------------------------------------------- the stage


class Mishearing(ScriptedRecogniser):
    """Shows ``mistakes`` for what is said until ``mended_ms`` after the word, and then the right word: a revision."""

    def __init__(self, mistakes: dict[str, str], mended_ms: float = 220) -> None:
        super().__init__()
        self._mistakes, self._mended = mistakes, samples(mended_ms)

    def _known(self, heard: Any, mode: Any) -> tuple[Word, ...]:
        shown = [
            Word(self._mistakes[word.text], word.start, word.end)
            if word.text in self._mistakes and self.position < word.end + self._mended
            else word
            for word in heard
        ]
        return super()._known(shown, mode)


_clips: dict[tuple[str, str], Spoken] = {}


def clip(text: str, voice: str = "en-us") -> Spoken:
    """``text`` as sound with its words; talkers of other engines than espeak-ng have no word times."""
    if (text, voice) not in _clips:
        if ":" in voice:
            sound = talkers.render(f"{text.capitalize()}.", voice)
            _clips[text, voice] = Spoken(sound, (), (len(sound) - 1,), (0,))
        else:
            _clips[text, voice] = speak(Trial("ask", "normal", text, voice))
    return _clips[text, voice]


class Stage:
    """A device in a quiet room, the talkers, and a worker that says ``answering(question)``. ``mode``: one of ``MODES``."""

    def __init__(self, answering: Answering, mode: str = "guessed", **conversation: Any) -> None:
        self.worker = HostileWorker(answering)
        self.voice = SpellingVoice()
        self.recogniser = Mishearing(MISHEARD) if mode == "revised" else ScriptedRecogniser()
        self.events: list[TraceEvent] = []
        self._played: list[np.ndarray] = []
        config = parse({
            "audio": {"backend": "room"}, "speculation": {"enabled": mode != "asked"},
            "conversation": {"answer_s": ANSWER_S, "answer_chars": 400, "follow_up_s": 0.5} | conversation,
        })  # fmt: skip
        self.backend = RoomBackend(
            RoomSettings(rt60_s=0.2, ser_db=10, echo_delay_ms=20, distortion="none", seed=7)
        )
        self.device = Device(
            config, self.backend, self.worker, in_process=True, trace=self.events.append,
            voice=self.voice, recogniser=self.recogniser,
        )  # fmt: skip
        self.device.engine.tap = lambda position, mic, played: self._played.append(played.copy())
        self.device.start()
        self.pass_ms(300)

    # ------------------------------------------------------------------ time

    @property
    def position(self) -> int:
        return self.device.position

    def step(self) -> None:
        at = self.device.position + FRAME
        self.worker.position = self.recogniser.position = at
        self.device.step()

    def pass_ms(self, duration_ms: float) -> None:
        end = self.position + samples(duration_ms)
        self.until(lambda: self.position >= end)

    def until(self, over: Callable[[], Any], what: str = "it", limit_s: float = MOST_S) -> None:
        end = self.position + round(limit_s * RATE_HZ)
        while not over():
            assert self.position < end, f"{what} did not happen within {limit_s:g} s: {self.story}"
            self.step()

    @property
    def story(self) -> str:
        return "\n".join(f"{e.position / RATE_HZ:7.2f} {e.event} {e.text!r}" for e in self.events[-30:])

    def warm_up(self) -> None:
        """Say something of its own, so that the echo canceller knows the room: only then do bystanders cut in at once."""
        self.device.say(" ".join(f"note {_SYLLABLES[k]}" for k in range(12)))
        self.rest()

    # ------------------------------------------------------------------ what people do

    def say(self, text: str, voice: str = "en-us", talker: int = 1) -> int:
        """Somebody says ``text`` now; the position of its last sample. Returns at once."""
        spoken = clip(text, voice)
        first, last = self.backend.say(spoken.clip, self.position, 0.0, talker)
        start = first - spoken.starts[0]
        self.recogniser.say([Word(w.text, w.start + start, w.end + start) for w in spoken.words])
        return last

    def ask(self, text: str = QUESTION) -> int:
        """Ask, until the device has taken it for the end; the position of the last sample of speech."""
        self.device.attend()
        last = self.say(text)
        before = len(self.happened("turn"))
        self.until(lambda: len(self.happened("turn")) > before, "the question")
        return last

    def rest(self, limit_s: float = MOST_S) -> None:
        """Until nothing is said, asked or awaited, and nothing more comes."""

        def resting() -> bool:
            state = self.device.state
            busy = (
                state.thinking or state.speaking or state.attending or self.device.mouth.speaking is not None
            )
            return not (busy or self.worker.answering_still) and self.device.engine.mixer.silent

        self.until(resting, "rest", limit_s)
        self.pass_ms(300)

    # ------------------------------------------------------------------ what was heard

    @property
    def spelled(self) -> list[HeardWord]:
        return decode(np.concatenate(self._played), self.voice.codes)

    @property
    def heard(self) -> list[str]:
        return [word.text for word in self.spelled]

    def sounds_after(self, position: int) -> list[str]:
        return [word.text for word in self.spelled if word.position >= position]

    def happened(self, event: str) -> list[TraceEvent]:
        return [one for one in self.events if one.event == event]


def lawful(stage: Stage) -> None:
    """No stale and no doubled word: each numbered word answers the last question asked for good before it, and those of one
    answer are its words from the first one on, each once."""
    committed = stage.worker.committed
    counts: dict[int, int] = {}
    for word in stage.spelled:
        number, _, place = word.text.partition(".")
        if not (number.isdigit() and place.isdigit()):
            continue
        asked = [question for at, question in committed if at <= word.position]
        assert asked and int(number) == asked[-1], f"{word.text} after the commits {committed}: {stage.heard}"
        assert int(place) == counts.get(int(number), 0) + 1, f"{word.text} in {stage.heard}"
        counts[int(number)] = int(place)


__all__ = [
    "ANSWER_S",
    "QUESTION",
    "WORKER",
    "Answering",
    "Asked",
    "HeardWord",
    "HostileWorker",
    "Part",
    "Stage",
    "Timed",
    "bare",
    "clip",
    "decode",
    "known",
    "labels",
    "lawful",
    "numbered",
]  # fmt: skip
