"""An engine in its process, as the daemon runs it: a clip for the recogniser, a sentence for the voice, and how long they take."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from device.engines.process import ProcessDoor
from device.errors import EngineError

POLL_S = 0.005


@dataclass
class Trial:
    """``load_s``: until the engine was ready; ``compute_s`` for ``sound_s`` seconds of sound, ``first_s`` until the first of
    it (voice). ``heard`` (recogniser): the text. ``notes``: what the engine says about itself."""

    engine: str = ""
    load_s: float = 0.0
    sound_s: float = 0.0
    compute_s: float = 0.0
    first_s: float = 0.0
    heard: str = ""
    pcm: bytes = b""
    rate_hz: int = 0
    notes: list[Any] = field(default_factory=list)

    @property
    def rtf(self) -> float:
        """Compute time per second of sound."""
        return self.compute_s / self.sound_s if self.sound_s else 0.0


def clip(text: str, rate_hz: int = 16_000) -> np.ndarray:
    """``text`` spoken by espeak-ng, int16, with 0.3 s of faint noise on both sides. Raises EngineError."""
    import soxr

    from device.mouth.voices.espeak import EspeakVoice
    from device.mouth.voices.messages import VoiceSettings

    voice = EspeakVoice(VoiceSettings("espeak"))
    pcm, _ = voice.synthesise(text)
    own_hz = next(iter(voice.start())).rate_hz
    sound = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
    speech = soxr.resample(sound, own_hz, rate_hz) * 0.5
    pause = np.zeros(round(0.3 * rate_hz), np.float32)
    whole = np.concatenate([pause, speech, pause])
    whole += np.random.default_rng(1).standard_normal(len(whole)).astype(np.float32) * 1e-3
    clipped: np.ndarray = np.rint(np.clip(whole, -1, 1) * 32767).astype("<i2")
    return clipped


def recognise(door: Any, sound: np.ndarray, left: Callable[[], float]) -> Trial:
    """``sound``: int16 at 16 kHz. Twice: the first time the engine still loads what it needs. ``left``: seconds that remain.

    Raises EngineError that says why there is no result.
    """
    from device.ear.recognisers.messages import MAX_AUDIO_SAMPLES, Audio, Begin, End, Ready
    from device.values import Final

    trial = Trial(sound_s=len(sound) / 16_000)
    _load(door, trial, left)
    for utterance in (1, 2):
        began = time.monotonic()
        door.send(Begin(utterance, 0, 0))
        for at in range(0, len(sound), MAX_AUDIO_SAMPLES):
            door.send(Audio(utterance, at, sound[at : at + MAX_AUDIO_SAMPLES].tobytes()))
        door.send(End(utterance))
        final = None
        while final is None:
            for message in _poll(door, left):
                if isinstance(message, Ready):
                    trial.engine, trial.load_s = message.engine, message.load_s
                elif isinstance(message, Final) and message.utterance == utterance:
                    final = message
        trial.compute_s, trial.heard = time.monotonic() - began, final.text
    return trial


def speak(door: Any, text: str, left: Callable[[], float]) -> Trial:
    """``text`` by a voice. Raises EngineError that says why there is no sound."""
    from device.mouth.voices.messages import Chunk, Ready, Speak, VoiceState, Warning

    trial = Trial()
    _load(door, trial, left)
    began = time.monotonic()
    door.send(Speak(1, text))
    parts: list[bytes] = []
    last = False
    while not last:
        for message in _poll(door, left):
            if isinstance(message, Ready):
                trial.engine, trial.load_s = message.engine, message.load_s
            elif isinstance(message, VoiceState | Warning):
                trial.notes.append(message)
            elif isinstance(message, Chunk) and message.clause == 1:
                if not parts:
                    trial.first_s = time.monotonic() - began
                parts.append(message.pcm)
                trial.rate_hz, last = message.rate_hz, last or message.last
    trial.compute_s, trial.pcm = time.monotonic() - began, b"".join(parts)
    trial.sound_s = len(trial.pcm) / 2 / trial.rate_hz
    return trial


def _load(door: Any, trial: Trial, left: Callable[[], float]) -> None:
    began = time.monotonic()
    if isinstance(door, ProcessDoor):
        while not door.wait_loaded(min(0.1, left())):
            if door.failure:
                raise EngineError(door.failure)
            if not left():
                raise EngineError(f"{door.name} is not ready after {time.monotonic() - began:.0f} s")
    trial.load_s = time.monotonic() - began


def _poll(door: Any, left: Callable[[], float]) -> list[Any]:
    messages: list[Any] = door.poll()
    if door.failure:
        raise EngineError(door.failure)
    if not messages:
        if not left():
            raise EngineError(f"{door.name} does not answer")
        time.sleep(POLL_S)
    return messages
