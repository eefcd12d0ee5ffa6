"""One conversation: the whole device in a quiet room, and talkers who say one trial after the other.

    Spoken ─► room ─► Device.step() ─► loudspeaker (onsets), wire (questions), trace (decisions) ─► judge
                         │   ▲
              scripted recogniser, model and voice on the sample clock, or engines of its own

Attention is opened as by a button at the start and whenever it has lapsed; otherwise each trial follows the answer before it
without a wake word, as in a conversation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from device.audio.backends.room import RoomBackend, RoomSettings
from device.bench.turns import sentences
from device.bench.turns.judge import Outcome, Said, judge
from device.bench.turns.loudspeaker import ListenedBackend, Onset
from device.bench.turns.model import ScriptedModel
from device.bench.turns.plan import SCRIPTED, Session, Trial
from device.bench.turns.recogniser import ScriptedRecogniser
from device.bench.turns.speech import Spoken, speak
from device.bench.turns.voice import ScriptedVoice
from device.config import Config, parse
from device.daemon import Device
from device.scenario.measures import Cut, played_words
from device.scenario.runner import READY_S, await_engines
from device.trace import TraceEvent
from device.values import FRAME, RATE_HZ, Word, samples

FIRST_ROOM = 700
ROOM = {"rt60_s": 0.2, "ser_db": 5.0, "echo_delay_ms": 20.0, "distortion": "none"}
"""Quiet, little reverberation, a good loudspeaker: what is measured here is when, not whether, somebody is understood."""
GAP_MS = (600, 1400)
"""From the end of an answer to the next thing that is said."""
NEVER = 6 * RATE_HZ
"""An answer that has not begun so long after its question never will."""
STUCK = 30 * RATE_HZ
"""A device that does not come to rest for so long is talked to as it is."""


def configuration(session: Session) -> Config:
    """The device's defaults, but for where its engines and its questions go."""
    recogniser: dict[str, Any] = {"engine": "pocketsphinx"}
    if session.recogniser not in (SCRIPTED, "pocketsphinx"):
        recogniser = {"engine": "vosk", "model": session.recogniser}
    return parse({
        "audio": {"backend": "room"}, "recogniser": recogniser, "voice": {"engine": "espeak"},
        "speculation": {"enabled": session.speculation}, "log": {"level": "error"},
    })  # fmt: skip


def run(session: Session, seed: int) -> Outcome:
    """Play ``session``. Raises what the device and the talkers raise."""
    return _Run(session, seed).play()


class _Run:
    def __init__(self, session: Session, seed: int) -> None:
        self.session = session
        number = FIRST_ROOM + 10 * seed + session.room
        self._rng = np.random.default_rng([number, 5])
        self._spoken = [speak(trial) for trial in session.trials]
        self._question = speak(Trial("ask", "normal", sentences.QUESTION, session.trials[0].voice))
        settings = RoomSettings(seed=number, realtime=session.paced, **ROOM)  # type: ignore[arg-type]
        self.backend = ListenedBackend(RoomBackend(settings))
        self.room: Any = self.backend
        self.model = ScriptedModel()
        scripted = session.recogniser == SCRIPTED
        self.recogniser = ScriptedRecogniser() if scripted else None
        self.voice = ScriptedVoice() if scripted else None
        self.device = Device(
            configuration(session), self.backend, self.model, in_process=not session.paced, trace=self._traced,  # type: ignore[arg-type]
            recogniser=self.recogniser, voice=self.voice,
        )  # fmt: skip
        self.backend.mixer = self.device.engine.mixer
        self.events: list[TraceEvent] = []
        self.said: list[Said] = []
        self._clauses: dict[int, Sequence[Any]] = {}

    def play(self) -> Outcome:
        device = self.device
        cpu, wall = time.process_time(), time.monotonic()
        try:
            if self.session.paced:
                await_engines(device, time.monotonic() + READY_S)
            device.start()
            self._pass(RATE_HZ // 2)
            for trial, spoken in zip(self.session.trials, self._spoken, strict=True):
                self._trial(trial, spoken)
            self._rest()
        finally:
            device.stop()
        cpu, wall = time.process_time() - cpu, time.monotonic() - wall
        return judge(
            self.session, self.said, self._onsets(), self.model.wire, self.events, self._cuts(),
            device.position / RATE_HZ, cpu, wall,
        )  # fmt: skip

    # ------------------------------------------------------------------ 10 ms

    def _step(self) -> None:
        device = self.device
        at = device.position + FRAME
        self.model.position = at
        if self.recogniser is not None and self.voice is not None:
            self.recogniser.position = self.voice.position = at
        while not device.step():
            self.room.wait(0.02)
        speaking = device.mouth.speaking
        if speaking is not None:
            self._clauses[speaking] = device.mouth.clauses

    def _pass(self, count: int) -> None:
        self._until(lambda end=self.device.position + count: self.device.position >= end)  # type: ignore[misc]

    def _until(self, over: Callable[[], bool]) -> None:
        while not over():
            self._step()

    def _traced(self, event: TraceEvent) -> None:
        self.events.append(event)

    # ------------------------------------------------------------------ trials

    def _trial(self, trial: Trial, spoken: Spoken) -> None:
        self._rest()
        self._pass(samples(self._rng.uniform(*GAP_MS)))
        if not self.device.state.attending:
            self.device.attend()
        if trial.kind == "cut_in":
            asked = self._say(Trial("ask", "normal", sentences.QUESTION, trial.voice), self._question)
            answered = self._answer(asked)
            self._pass(samples(trial.wait_ms) if answered is not None else 0)
        self._answer(self._say(trial, spoken))

    def _say(self, trial: Trial, spoken: Spoken) -> Said:
        """Let ``trial`` begin now; returns at once."""
        start = self.device.position
        # every talker at the same level, each voice in a place of its own
        talker = 1 + sum(map(ord, trial.voice)) % 5
        first, _ = self.room.say(spoken.clip, start, 0.0, talker)
        start = first - spoken.starts[0]
        if self.recogniser is not None:
            self.recogniser.say([Word(w.text, w.start + start, w.end + start) for w in spoken.words])
        said = Said(trial, tuple(start + at for at in spoken.starts), tuple(start + at for at in spoken.ends))
        self.said.append(said)
        return said

    def _answer(self, said: Said) -> int | None:
        """Wait for the first sound of an answer to ``said``; its position, None if it does not come."""

        def answer() -> int | None:
            after = (onset.position for onset in self.backend.onsets if onset.position > said.last)
            return next(after, None)

        self._until(lambda: answer() is not None or self.device.position > said.last + NEVER)
        return answer()

    def _rest(self) -> None:
        """Wait until nothing is said, thought or asked."""
        until = self.device.position + STUCK

        def rests() -> bool:
            device = self.device
            state = device.state
            busy = state.thinking or state.speaking or device.mouth.speaking is not None
            return not (busy or not device.engine.mixer.silent or self.model.answering)

        self._until(lambda: rests() or self.device.position >= until)

    def _onsets(self) -> list[Onset]:
        """When answers began: at the loudspeaker; between scripted services, which take a loudspeaker that holds nothing back
        for granted, when they were handed to it."""
        held = samples(self.room.output_latency_ms) if self.voice is not None else 0
        return [replace(onset, position=onset.position - held) for onset in self.backend.onsets]

    def _cuts(self) -> list[Cut]:
        """The answers that were cut: words claimed as heard, words that left the loudspeaker."""
        rate_hz = self.device.engine.mixer.rate_hz
        cuts = []
        for event in self.events:
            if event.event == "heard" and event.data.get("interrupted"):
                reply = event.data["reply"]
                played = played_words(self._clauses.get(reply, ()), self.backend.reached(reply), rate_hz)
                cuts.append(Cut(reply, event.data["words"], played))
        return cuts
