"""earshot in the harness that its peers run in: its own VAD, barge-in detector, endpointing, conversation and mouth.

    Mic ─20 ms─► HarnessBackend ─► Device.step(), twice ─► HarnessBackend.play ─► Speaker

Recogniser, language model and voice are scripted with the same delays as the peers'. Nobody hears himself in the harness, so
the echo canceller counts as the microphone's own (``audio.echo = "hardware"``). Attention is kept open: the peers know no
wake word.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import arguments
from harness import ANSWER, IN_RATE_HZ, Mic, Report, Span, Speaker, Utterance, load_utterances, measure

from device import __version__
from device.audio import Captured, Mixer, Samples
from device.audio.echo_devices import load_table
from device.audio.echo_policy import SoundPath
from device.bench.turns.model import ScriptedModel, script_of
from device.bench.turns.plan import PARTIAL_MS
from device.bench.turns.recogniser import ScriptedRecogniser
from device.bench.turns.voice import ScriptedVoice
from device.config import parse
from device.daemon import Device
from device.link import messages as m
from device.scenario.measures import played_words
from device.scenario.recorder import WatchedBackend
from device.scenario.tables import Reply
from device.trace import TraceEvent
from device.values import FRAME, RATE_HZ, Word

CONFIG = {
    "audio": {"backend": "room"},
    "conversation": {"attention_s": 30, "follow_up_s": 30},
    "log": {"level": "error"},
}


class HarnessBackend:
    """A ``device.audio.backends.Backend`` between the harness' microphone and its loudspeaker."""

    playback_rate_hz = RATE_HZ
    output_latency_ms = 10.0
    capture_rate_hz: float | None = RATE_HZ
    problem: str | None = None

    def __init__(self, speaker: Speaker) -> None:
        self.counters: dict[str, int] = {}
        cancels = next(entry for entry in load_table() if entry.aec == "yes")
        self.path = SoundPath("the harness", "the harness", cancels, same_card=True)
        self.mixer: Mixer | None = None
        self._speaker = speaker
        self._frames: deque[Samples] = deque()
        self._position = 0

    def push(self, chunk: bytes) -> None:
        """20 ms of the microphone."""
        sound = np.frombuffer(chunk, np.int16).astype(np.float32) / 32768
        self._frames.extend(sound.reshape(-1, FRAME))

    def start(self) -> None:
        """The harness runs already."""

    def stop(self) -> None:
        """Nothing to close."""

    def wait(self, timeout_s: float) -> bool:
        return bool(self._frames)

    def capture(self) -> Captured | None:
        if not self._frames:
            return None
        position = self._position
        self._position += FRAME
        return Captured(position, self._frames.popleft())

    def play(self, block: Samples) -> int:
        """Whatever of an answer is on its way counts as audible, ducked or in the pause between two sentences too."""
        if self.mixer is not None and self.mixer.speech.span[1] and self.mixer.speech.gain > 0.0:
            self._speaker.add(FRAME / RATE_HZ)
        return self._position + FRAME

    def flush(self, abort: bool = True) -> int | None:
        return None  # nothing is queued


class Peer:
    """The device, its scripted services, and what the harness wants to know of them."""

    def __init__(self, speaker: Speaker, partials: bool) -> None:
        inner = HarnessBackend(speaker)
        self.harness = inner
        self.backend = WatchedBackend(inner)
        self.model = ScriptedModel(script_of(Reply(when="*", text=ANSWER)))
        self.recogniser = ScriptedRecogniser(partial_ms=PARTIAL_MS if partials else None)
        self.voice = ScriptedVoice()
        self.cuts: list[tuple[int, int]] = []
        """(reply, words claimed as heard)"""
        self._clauses: dict[int, Sequence[Any]] = {}
        self.device = Device(
            parse(CONFIG), self.backend, self.model, attention=True, trace=self._traced,  # type: ignore[arg-type]
            recogniser=self.recogniser, voice=self.voice,
        )  # fmt: skip
        self.backend.mixer = inner.mixer = self.device.engine.mixer
        self.device.start()

    def push(self, chunk: bytes) -> None:
        self.harness.push(chunk)
        while self._step():
            pass

    def _step(self) -> bool:
        device = self.device
        at = device.position + FRAME
        self.model.position = self.recogniser.position = self.voice.position = at
        stepped = device.step()
        speaking = device.mouth.speaking
        if speaking is not None:
            self._clauses[speaking] = device.mouth.clauses
        return stepped

    def said(self, utterance: Utterance, first: float, last: float) -> None:
        """Somebody begins to speak with the chunk that comes next."""
        start = self.device.position
        self.recogniser.say(
            [
                Word(text.lower(), start + round(begin * IN_RATE_HZ), start + round(end * IN_RATE_HZ))
                for text, begin, end in utterance.words
            ]
        )
        state = self.device.state
        if not (state.attending or state.thinking or state.speaking):
            self.device.attend()

    def _traced(self, event: TraceEvent) -> None:
        if event.event == "heard" and event.data["interrupted"]:
            self.cuts.append((event.data["reply"], event.data["words"]))

    def heard(self, reply: int) -> float:
        """Words of ``reply`` that left the loudspeaker, the last one by its share."""
        reached = max((one.first + one.count for one in self.backend.left if one.reply == reply), default=0)
        return played_words(self._clauses.get(reply, ()), reached, RATE_HZ)

    @property
    def calls(self) -> int:
        """Times that the language model was asked."""
        return sum(isinstance(sent.message, m.Open | m.Revise) for sent in self.model.wire)


async def main() -> None:
    given = arguments.parse(__doc__ or "")
    mic, speaker = Mic(), Speaker()
    peer = Peer(speaker, given.partials)
    mic.listeners.append(peer.said)
    feed = asyncio.create_task(mic.run(peer.push))
    await asyncio.sleep(3)
    told = 0

    async def on_stop(first: float, answered: float, run: Span | None) -> None:
        nonlocal told
        for _ in range(40):
            if len(peer.cuts) > told:
                break
            await asyncio.sleep(0.02)
        for reply, claimed in peer.cuts[told:]:
            heard = peer.heard(reply)
            if heard or claimed:
                report.context.append({"heard": round(heard, 1), "kept": claimed})
        told = len(peer.cuts)

    report = Report("earshot", {"earshot": __version__, "numpy": version("numpy")})
    await measure(
        mic, speaker, report, load_utterances(given.utterances), on_stop, lambda: peer.calls,
        trials=given.trials, idle_s=given.idle, full=not given.partials,
    )  # fmt: skip
    report.extra["echo"] = peer.device.engine.echo.mode
    report.extra["bar_raised"] = peer.device.ear.bar_raised
    report.write(given.json)
    feed.cancel()
    peer.device.stop()


if __name__ == "__main__":
    asyncio.run(main())
