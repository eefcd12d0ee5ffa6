"""A whole device whose endpoint may answer anything, and what of it was really heard: every word is decoded from the sound
that left the loudspeaker, not believed from what the device says of itself.

    talker ─► room ─► Device ─► loudspeaker ─► decode ─► words
                        │ ▲
              questions ▼ │ messages, whatever a test says
                     HostileWorker

Answers are made of numbered words (``Stage.heard`` gives "2.7" for the seventh word of the answer to the second question),
so a stale or a doubled one shows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
from helpers_broker import Mosquitto, Spy, until
from helpers_spelling import HeardWord, Reader, SpellingVoice

from device.audio.backends.room import RoomBackend, RoomSettings
from device.bench.turns.plan import Trial
from device.bench.turns.recogniser import ScriptedRecogniser
from device.bench.turns.speech import Spoken, speak
from device.config import parse
from device.daemon import Device
from device.link import messages as m
from device.link import topics
from device.link.mqtt import MqttTransport
from device.scenario import talkers
from device.trace import TraceEvent
from device.values import FRAME, RATE_HZ, Word, samples

MOST_S = 40
"""What is not at rest by then is stuck."""

QUESTION = "what about tomorrow instead"
MISHEARD = {"instead": "instep"}
ANSWER_S = 2.0
WORKER, DEVICE = "hostile", "kitchen"
MODES = ("asked", "guessed", "revised")
"""Speculation off; a guess that was right; one that became another question before it was asked for good. Besides there is
"wrong": a guess that was not what was said, which only the recogniser's final shows."""


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


class HostileProcess(HostileWorker):
    """The same at a real broker: its times are those of the device's clock, its messages travel. ``bytes`` go as they are."""

    STEP_S = 0.002
    """Wall time of 10 ms of the device: a message is there within a few of them."""

    def __init__(self, answering: Answering, spy: Spy) -> None:
        super().__init__(answering)
        self._spy, self._read = spy, 0

    def bring(self) -> None:
        """Take the questions that have come, and publish what is due."""
        time.sleep(self.STEP_S)
        posts = self._spy.posts[self._read :]
        self._read += len(posts)
        for post in posts:
            if post.topic == topics.turn(DEVICE, "home"):
                self.send("turn", m.decode("turn", post.payload))
            elif post.topic == topics.ctl(DEVICE, WORKER):
                self.send("ctl", m.decode("ctl", post.payload))
        for message in self.poll():
            payload = message if isinstance(message, bytes) else msgspec.json.encode(message)
            self._spy.publish(
                topics.down(DEVICE, "turn"), payload, qos=0 if isinstance(message, m.Delta) else 1
            )


# --------------------------------------------------------------------------- the stage


class Mishearing(ScriptedRecogniser):
    """Shows ``mistakes`` for what is said until ``mended_ms`` after the word, and then the right word; its final is right."""

    def __init__(self, mistakes: dict[str, str], mended_ms: float) -> None:
        super().__init__()
        self._mistakes, self._mended = mistakes, samples(mended_ms)

    def _finish(self, begin: Any, heard: Any) -> None:
        mistakes, self._mistakes = self._mistakes, {}
        super()._finish(begin, heard)
        self._mistakes = mistakes

    def _known(self, heard: Any, mode: Any) -> tuple[Word, ...]:
        shown = [
            Word(self._mistakes[word.text], word.start, word.end)
            if word.text in self._mistakes and self.position < word.end + self._mended
            else word
            for word in heard
        ]
        return super()._known(shown, mode)


MENDED_MS = {"revised": 220, "wrong": 60_000}
"""After the misheard word."""


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
    """A device in a quiet room, the talkers, and a worker that says ``answering(question)``. ``mode``: one of ``MODES``.

    ``broker``, ``spy``: the messages travel through it, the worker's by ``spy``; the steps are slow enough for that.
    """

    def __init__(
        self,
        answering: Answering,
        mode: str = "guessed",
        *,
        broker: Mosquitto | None = None,
        spy: Spy | None = None,
        **conversation: Any,
    ) -> None:
        self.worker = HostileWorker(answering) if spy is None else HostileProcess(answering, spy)
        self.voice = SpellingVoice()
        self.recogniser = Mishearing(MISHEARD if mode in MENDED_MS else {}, MENDED_MS.get(mode, 0))
        self.events: list[TraceEvent] = []
        self._reader = Reader(self.voice)
        config = parse({
            "audio": {"backend": "room"}, "speculation": {"enabled": mode != "asked"},
            "conversation": {"answer_s": ANSWER_S, "answer_chars": 400, "follow_up_s": 0.5} | conversation,
            "device": {"id": DEVICE}, "mqtt": {"port": broker.port if broker else 1883},
        })  # fmt: skip
        transport = MqttTransport(config) if broker else self.worker
        self.backend = RoomBackend(
            RoomSettings(rt60_s=0.2, ser_db=10, echo_delay_ms=20, distortion="none", seed=7)
        )
        self.device = Device(
            config, self.backend, transport, in_process=True, trace=self.events.append,
            voice=self.voice, recogniser=self.recogniser,
        )  # fmt: skip
        self.device.engine.tap = lambda position, mic, played: self._reader.hear(played)
        if broker:
            until(lambda: self.device.link.connected, "the broker")
        self.device.start()
        self.pass_ms(300)

    # ------------------------------------------------------------------ time

    @property
    def position(self) -> int:
        return self.device.position

    def step(self) -> None:
        at = self.device.position + FRAME
        self.worker.position = self.recogniser.position = at
        if isinstance(self.worker, HostileProcess):
            self.worker.bring()
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
        self.device.say(" ".join(f"one two three {word}" for word in ("four", "five", "six", "seven")))
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
        """The words that left the loudspeaker, in the order of their leaving."""
        return self._reader.words

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
