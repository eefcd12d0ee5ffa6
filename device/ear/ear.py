"""The ear: one step per 10 ms frame, facts as events.

    frame.clean ──► pcm, level ──► Vad ──────────┐
                                                 ├──► SpeechGate ──► SpeechBegan / SpeechEnded
    frame.clean, reference ──► BargeInDetector ──┤
                                                 └──► FrameHistory ──┐
    ring of sound ─┬──► Spotting: wake words, "stop" ──► Wake,       ├──► Utterances ──► Partial, PlausibleEnd,
                   │                                     StopHeard   │                   Endpoint, Final
                   └─────────────────────────────────────────────────┘

While something plays, "speech" is what the barge-in detector says; otherwise what the VAD says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from device.audio.levels import rms_db
from device.config import Config
from device.ear.background import Background
from device.ear.barge_in import BargeInDetector
from device.ear.feed import to_pcm
from device.ear.habits import Habits
from device.ear.history import FrameHistory
from device.ear.recognisers.messages import Ready
from device.ear.spotting import SILENT_DB, SILENT_PCM, Spotters, Spotting, load_spotters
from device.ear.talker import load_weights
from device.ear.turn_end.asking import TurnModel
from device.ear.utterances import Utterances
from device.ear.vad import SpeechGate, Vad
from device.ear.wake_models import WakeModel
from device.engines import EngineDoor
from device.values import (
    FRAME,
    BargeIn,
    Discard,
    Endpoint,
    EngineFailed,
    Event,
    Finalise,
    Listen,
    SpeechBegan,
    SpeechEnded,
    StopHeard,
    Wake,
)

if TYPE_CHECKING:
    from device.audio import Frame, Ring

_MICROPHONE_LOST = 30
"""Missing frames in a row after which what is being said is lost for good: longer than a card's hiccup."""


class Ear:
    """Everything that listens. ``step`` and ``execute`` from one thread.

    ``sound`` is the ring of echo-free sound for wake words and recogniser, at the positions of the frames, which may end one
    frame before them; pre-roll is read from it.
    ``recogniser`` None: nothing is understood, every utterance ends in an empty ``Final``.
    ``wake`` None: the words of the configuration; an empty sequence: no wake word at all.
    ``turn_model``: a turn-end model that is asked at every pause (strategy "model").
    Raises EngineError when a wake word or the VAD cannot be loaded.
    """

    def __init__(
        self,
        config: Config,
        sound: Ring,
        recogniser: EngineDoor | None,
        wake: Sequence[WakeModel] | None = None,
        turn_model: TurnModel | None = None,
    ) -> None:
        self._sound = sound
        self._vad, self._gate = Vad(), SpeechGate()
        self._barge_in = BargeInDetector(config.barge_in.sensitivity, load_weights())
        self._background = Background()
        self._history = FrameHistory(round(config.audio.keep_s * 100))
        self._spotting = Spotting(load_spotters(config, wake), sound, self._history)
        self._speaking = self._was_playing = False
        self._wake_end = -1
        self._missing = 0  # frames in a row
        self.counters = {
            "wakes": 0,
            "stop_words": 0,
            "barge_ins": 0,
            "recogniser_failures": 0,
            "recogniser_warnings": 0,
        }
        self._utterances = Utterances(config, sound, self._history, recogniser, self.counters, turn_model)

    @property
    def recogniser(self) -> Ready | None:
        """What the recogniser said when it was ready; None before."""
        return self._utterances.recogniser

    @property
    def habits(self) -> Habits:
        """How the people here talk, as far as endpointing has learned it."""
        return self._utterances.habits

    @property
    def scored(self) -> int | None:
        """Frames that the wake words have listened to since the start (for the watchdog); None where nothing listens for words."""
        return self._spotting.scored if self._spotting.spotters.wake is not None else None

    @property
    def leak_db(self) -> list[float]:
        """Per band, how much of the playback is left after room and canceller; empty before anything played."""
        return self._barge_in.leak_db

    @property
    def barge_in_score(self) -> float:
        """How far the barge-in detector is on its way to a talker: found above 1."""
        return self._barge_in.score

    @property
    def bar_raised(self) -> bool:
        """Whether it takes more than usual to interrupt: the canceller converges, or microphone or reference are at fault."""
        return self._barge_in.raised

    # ------------------------------------------------------------------ every 10 ms

    def step(self, frame: Frame) -> list[Event]:
        """Listen to one frame; returns what became known with it, in order."""
        position, end = frame.position, frame.position + FRAME
        missing, playing = frame.missing, frame.playing
        pcm, level_db = (SILENT_PCM, SILENT_DB) if missing else (to_pcm(frame.clean), rms_db(frame.clean))
        vad = not missing and self._vad.is_speech(pcm, level_db)
        if playing:
            self.habits.answered()
        barge_in = self._barge_in
        over_playback = barge_in.step(frame, vad)
        self._background.step(position, level_db, vad, playing)
        if isinstance(over_playback, BargeIn):
            over_playback = self._background.judge(over_playback)
        elif over_playback is None:
            over_playback = self._background.rises(position, barge_in.active, max(1.0, barge_in.score))
        if self._was_playing and not playing and not self._speaking:
            # in a pause of a reply, what the gate took for speech over the playback would begin as speech in the
            # quiet: held the reply at once, and its own echo, in the pre-roll, became a turn
            self._gate = SpeechGate()
        self._was_playing = playing
        was_open = self._gate.open
        self._gate.step(position, barge_in.counts if playing else vad)
        speech = barge_in.counts if playing else self._gate.counts
        self._history.write(position, speech, missing)

        events: list[Event] = []
        if self._gate.open and not was_open:
            self._history.mark_speech(self._gate.onset, end)
        events += self._speech_events(position, playing)
        # what a canceller leaves of a voice may score 0.5 where voice and microphone score 0.0: the lower threshold
        # is for a talker over the playback, of whom the barge-in detector sees something too
        talker = barge_in.suspects or barge_in.active
        woken = self._spotting.step(position, playing, talker)
        for heard in woken:
            if isinstance(heard, Wake):
                self.counters["wakes"] += 1
                self._wake_end = heard.end
                self._background.answered(heard.end)
        self.counters["stop_words"] += sum(isinstance(heard, StopHeard) for heard in woken)
        events += woken
        if over_playback is not None:
            if isinstance(over_playback, BargeIn):
                self.counters["barge_ins"] += 1
                self._history.mark_speech(over_playback.onset, end)
            events.append(over_playback)
        listening = self._utterances.step(position, speech, level_db)
        for endpoint in (event for event in listening if isinstance(event, Endpoint)):
            self._background.answered(endpoint.last)
            if not speech and not playing:
                events += self._close_gate(end)
        self._missing = self._missing + 1 if missing else 0
        if self._missing == _MICROPHONE_LOST and self._utterances.open:
            events.append(EngineFailed(end, "microphone", "no sound from it while somebody was speaking"))
        return events + listening

    def _close_gate(self, end: int) -> list[Event]:
        """The sentence is over, perhaps sooner than the gate would tell: who goes on begins to speak again."""
        last, self._gate = self._gate.last, SpeechGate()
        if not self._speaking:
            return []
        self._speaking = False
        return [SpeechEnded(end, last)]

    def _speech_events(self, position: int, playing: bool) -> list[Event]:
        """SpeechBegan only in the quiet, and not for a talker who is known from a BargeIn; every one is ended."""
        gate, end = self._gate, position + FRAME
        if self._speaking and not gate.open:
            self._speaking = False
            return [SpeechEnded(end, gate.last)]
        if not self._speaking and gate.open and not playing and not self._barge_in.active:
            onset = self._background.onset(position, gate.onset)
            if onset is not None:
                self._speaking = True
                return [SpeechBegan(end, onset)]
        return []

    # ------------------------------------------------------------------ what the conversation wants

    def execute(self, command: Listen | Finalise | Discard) -> None:
        """Carry out a command of the conversation; commands about utterances that are over do nothing."""
        woken = isinstance(command, Listen) and command.after == self._wake_end
        self._utterances.execute(command, woken)

    # ------------------------------------------------------------------ another configuration

    @property
    def at_rest(self) -> bool:
        """Whether no utterance is open or awaited: the recogniser has nothing to do."""
        return self._utterances.at_rest

    @property
    def changing_words(self) -> bool:
        """Whether other wake words are catching up, to take over within a tenth of a second."""
        return self._spotting.changing

    def reconfigure(self, config: Config, spotters: Spotters | None = None) -> None:
        """Go on by ``config``: thresholds and sensitivity at once, endpointing from the next utterance on.

        ``spotters``: those of ``config``, if they are other ones; they take over when they know what was said just before.
        """
        self._barge_in.set_sensitivity(config.barge_in.sensitivity)
        if spotters is not None:
            self._spotting.change(spotters)
        self._spotting.adjust(config)
        self._utterances.reconfigure(config)

    def use_recogniser(self, door: EngineDoor, said: Sequence[object]) -> None:
        """Understand with another recogniser, which has ``said`` so much already; only while ``at_rest``."""
        self._utterances.use_recogniser(door, said)

    def use_turn_model(self, model: TurnModel | None) -> None:
        """Ask another turn-end model, or none."""
        self._utterances.use_turn_model(model)
