"""A mouth with its real neighbours: mixer, played log, simulated room and a real voice, on the sample clock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from device import values as v
from device.audio import AudioEngine
from device.audio.backends.room import RoomBackend, RoomSettings
from device.config import Config, parse
from device.engines import InProcessDoor
from device.engines.process import ProcessDoor
from device.mouth import Mouth
from device.mouth.voices import FACTORIES
from device.mouth.voices.espeak import EspeakVoice
from device.mouth.voices.kokoro import KokoroVoice
from device.mouth.voices.messages import Chunk, Speak, SpokenWord, VoiceSettings
from device.mouth.voices.slow import SlowVoice

KOKORO_TINY = Path(__file__).resolve().parent.parent / "models" / "kokoro-tiny"

STORY = (
    "Once upon a time, there lived a fox who liked jazz. It had 3.5 hats, and Dr. Smith, who lived at 10:30 "
    "Lane, knew of the **old** fox. The end of the story, I am told, is near."
)


def espeak_door() -> InProcessDoor:
    return InProcessDoor("voice", FACTORIES["espeak"], VoiceSettings("espeak"))


class Rig:
    """One mouth in a silent simulated room, stepped in the order of the daemon."""

    def __init__(
        self, voice: Any = None, rate_hz: int = 24_000, config: dict[str, Any] | None = None
    ) -> None:
        self.config = parse(config or {}) if config else Config()
        self.engine = AudioEngine(
            RoomBackend(RoomSettings(playback_rate_hz=rate_hz)), echo="none", volume=100
        )
        self.voice = voice or espeak_door()
        self.mouth = Mouth(self.config, self.engine, self.voice)
        self.track = self.engine.mixer.speech
        self.position = 0
        self.events: list[v.Event] = []
        self.played: list[np.ndarray] = []
        self.engine.tap = lambda position, mic, played: self.played.append(played.copy())

    def do(self, *commands: v.Command) -> None:
        for command in commands:
            self.mouth.execute(command)

    def step(self) -> list[v.Event]:
        frame = self.engine.capture()
        assert frame is not None
        self.position = frame.position + v.FRAME
        events = self.mouth.step(self.position)
        self.events += events
        self.engine.render()
        return events

    def run_ms(self, duration_ms: float) -> list[v.Event]:
        return [event for _ in range(round(duration_ms / 10)) for event in self.step()]

    def run_until(
        self, done: Callable[[], Any], limit_s: float = 60, pace: Callable[[], None] | None = None
    ) -> None:
        for _ in range(round(limit_s * 100)):
            if done():
                return
            self.step()
            if pace:
                pace()
        raise AssertionError(f"not within {limit_s} s; events so far: {self.events}")

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def say(self, text: str, number: int = 1) -> None:
        """The whole text as one streamed reply that is already complete."""
        self.do(v.ReplyBegin(number), v.ReplyText(number, text), v.ReplyFinish(number))

    def loudspeaker(self) -> np.ndarray:
        """Everything that left the loudspeaker so far, 16 kHz, by capture position."""
        return np.concatenate(self.played)


class RecordingDoor:
    """A real door that keeps what the voice said of each clause."""

    def __init__(self, door: Any) -> None:
        self._door = door
        self.name, self.restarts, self.failure = door.name, 0, None
        self.texts: dict[int, str] = {}
        self.words: dict[int, list[SpokenWord]] = {}
        self.pcm: dict[int, bytes] = {}
        self.rate_hz = 0

    def send(self, message: Any) -> bool:
        if isinstance(message, Speak):
            self.texts[message.clause] = message.text
        return self._door.send(message)

    def poll(self) -> list[Any]:
        replies = self._door.poll()
        for reply in replies:
            if isinstance(reply, SpokenWord):
                self.words.setdefault(reply.clause, []).append(reply)
            elif isinstance(reply, Chunk):
                self.pcm[reply.clause] = self.pcm.get(reply.clause, b"") + reply.pcm
                self.rate_hz = reply.rate_hz
        return replies

    def close(self) -> None:
        self._door.close()


@dataclass(frozen=True)
class Fragile:
    """espeak-ng that ends its process after ``chunks`` chunks, ``lives`` times; ``diary`` counts its lives."""

    diary: str
    chunks: int
    lives: int


class FragileVoice(EspeakVoice):
    def __init__(self, settings: Fragile) -> None:
        super().__init__(VoiceSettings("espeak"))
        self._settings = settings
        self._life = len(Path(settings.diary).read_text()) if os.path.exists(settings.diary) else 0
        with open(settings.diary, "a") as diary:
            diary.write("x")

    def handle(self, message: Any) -> Iterator[Any]:
        count = 0
        for reply in super().handle(message):
            yield reply
            count += isinstance(reply, Chunk)
            if count == self._settings.chunks and self._life < self._settings.lives:
                os._exit(3)


def make_fragile(settings: Fragile) -> FragileVoice:
    return FragileVoice(settings)


def fragile_door(tmp_path: Path, chunks: int, lives: int) -> ProcessDoor:
    settings = Fragile(str(tmp_path / "diary"), chunks, lives)
    return ProcessDoor("voice", "helpers_mouth:make_fragile", settings, backoff_s=(0.05, 0.2))


class LabouredKokoro(KokoroVoice):
    """The tiny Kokoro on a machine of any speed: by its own clock, a second of speech takes ``rtf`` seconds.

    ``settings.name`` is read as a file that holds ``rtf``, so that a test can change it in another process.
    """

    def __init__(self, settings: VoiceSettings) -> None:
        self._speedometer = Path(settings.name)
        super().__init__(replace(settings, name=""))
        self.now_s = 0.0
        self.texts: list[str] = []

    def synthesise(self, text: str, speed: float | None = None) -> Any:
        pcm, words = super().synthesise(text, speed)
        self.texts.append(text)
        self.now_s += float(self._speedometer.read_text()) * len(pcm) / 2 / self.rate_hz
        return pcm, words

    def clock(self) -> float:
        return self.now_s


def make_laboured(settings: VoiceSettings) -> SlowVoice:
    voice = LabouredKokoro(settings)
    return SlowVoice(voice, settings, 0.0, voice.clock)
