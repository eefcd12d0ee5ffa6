"""``earshot say --times``: how long the voice takes to the first sound of each clause, new and kept."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from device.config import Config
from device.engines import EngineDoor
from device.errors import EngineError
from device.mouth.clauses import Splitter
from device.mouth.voices.messages import Chunk, Ready, Speak, VoiceState

PATIENCE_S = 180.0
"""A model of 310 MB from an SD card, and Kokoro on a Raspberry Pi 4."""


@dataclass(frozen=True, slots=True)
class ClauseTimes:
    """From ``Speak`` to the first chunk, the first time and again, over the pipe to the voice's process as in the daemon."""

    text: str
    sound_ms: int
    first_ms: float
    again_ms: float


def measure(config: Config, text: str) -> dict[str, Any]:
    """Speak the clauses of ``text`` twice, into nothing; raises ``EngineError`` for a voice that fails."""
    from device.mouth.voices import open_voice

    splitter = Splitter(eager=True)
    clauses = [clause.text for clause in splitter.feed(text) + splitter.finish() if clause.text]
    voice = open_voice(config, in_process=False)
    try:
        reader = _Reader(voice)
        next(message for message in reader.messages() if isinstance(message, Ready))
        times = []
        for number, clause in enumerate(clauses):
            first_ms, sound_ms = reader.speak(2 * number + 1, clause)
            again_ms, _ = reader.speak(2 * number + 2, clause)
            times.append(ClauseTimes(clause, sound_ms, round(first_ms, 1), round(again_ms, 1)))
    finally:
        voice.close()
    state = reader.state
    return {**asdict(state), "clauses": [asdict(each) for each in times]}


def table(measured: dict[str, Any]) -> str:
    """What ``measure`` found, for people."""
    rtf = "" if measured["rtf"] is None else f", real-time factor {measured['rtf']:.2f}"
    reason = f" ({measured['reason']})" if measured["reason"] else ""
    lines = [
        f"{measured['engine']} {measured['voice']}{rtf}{reason}",
        "    new   again   sound  clause    (ms)",
    ]
    lines += [
        f"{each['first_ms']:7.1f} {each['again_ms']:7.1f} {each['sound_ms']:7d}  {each['text']}"
        for each in measured["clauses"]
    ]
    return "\n".join(lines)


class _Reader:
    """Waits for what the voice says; ``state`` is the latest that it said of itself."""

    def __init__(self, voice: EngineDoor) -> None:
        self._voice = voice
        self.state = VoiceState("", "")

    def messages(self) -> Iterator[Any]:
        """Everything that comes, as it comes; raises ``EngineError`` when it is past hope."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            for message in self._voice.poll():
                if isinstance(message, Ready):
                    self.state = VoiceState(message.engine, message.voice)
                elif isinstance(message, VoiceState):
                    self.state = message
                yield message
            if self._voice.failure or time.monotonic() > deadline:
                raise EngineError(self._voice.failure or f"the voice did not answer within {PATIENCE_S:g} s")
            time.sleep(0.0002)

    def speak(self, number: int, text: str) -> tuple[float, int]:
        """ms to the first chunk of ``text``, and how many ms it sounds."""
        began, first, length = time.perf_counter(), 0.0, 0.0
        self._voice.send(Speak(number, text, number))
        for message in self.messages():
            if isinstance(message, Chunk) and message.clause == number:
                first = first or time.perf_counter() - began
                length += len(message.pcm) / 2 / message.rate_hz
                if message.last:
                    break
        return first * 1000, round(length * 1000)
