"""Talkers, frames and recognisers for the tests of the ear."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable, Iterable

import numpy as np
import pytest

from device import values as v
from device.audio import AudioEngine, Frame, Ring
from device.audio.backends.room import RoomBackend, RoomSettings
from device.audio.levels import active_rms
from device.config import Config
from device.ear import Ear
from device.ear.recognisers.messages import Audio, Begin, Drop, End, Ready
from device.scenario.talkers import render
from device.values import FRAME, RATE_HZ

ZEROS = np.zeros(FRAME, np.float32)


@functools.cache
def say(text: str, voice: str = "flite:slt", level_dbfs: float = -26.0) -> np.ndarray:
    """``text`` spoken by ``flite:NAME`` or ``espeak:NAME``, 16 kHz float32; skips the test without flite."""
    if voice.startswith("flite:") and shutil.which("flite") is None:
        pytest.skip("the talker's voice needs the program flite, which is not installed")
    clip = render(text, voice)
    return (clip * (10 ** (level_dbfs / 20) / active_rms(clip))).astype(np.float32)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE_HZ), np.float32)


def with_noise(clip: np.ndarray, level_dbfs: float = -68.0, seed: int = 0) -> np.ndarray:
    """``clip`` in a quiet room."""
    noise = np.random.default_rng(seed).standard_normal(len(clip), np.float32)
    return clip + noise * np.float32(10 ** (level_dbfs / 20))


def frames(
    sound: np.ndarray,
    start: int = 0,
    playing: bool = False,
    missing: Callable[[int], bool] = lambda at: False,
) -> Iterable[Frame]:
    """``sound`` as frames of a device that plays nothing audible."""
    for at in range(0, len(sound) - FRAME + 1, FRAME):
        gone = missing(start + at)
        block = ZEROS if gone else np.ascontiguousarray(sound[at : at + FRAME], np.float32)
        yield Frame(start + at, block, block, ZEROS, gone, playing, True, 0.0)


class Listener:
    """An ear with its ring, outside any device: feed it sound, keep what it says."""

    def __init__(self, recogniser=None, wake=None, config: Config | None = None) -> None:
        self.ring = Ring(10 * RATE_HZ)
        self.ear = Ear(config or Config(), self.ring, recogniser, wake)
        self.events: list[v.Event] = []
        self.position = 0
        self.on_event: Callable[[v.Event], None] = lambda event: None

    def hear(self, sound: np.ndarray, **how) -> list[v.Event]:
        new: list[v.Event] = []
        for frame in frames(sound, self.position, **how):
            self.ring.write(frame.clean)
            for event in self.ear.step(frame):
                new.append(event)
                self.on_event(event)
            self.position = frame.position + FRAME
        self.events += new
        return new


class Conversing:
    """The ear behind the real audio engine in the simulated room, with a reply playing."""

    def __init__(self, reply: np.ndarray | None, config: Config | None = None, wake=None, **room) -> None:
        self.room = RoomBackend(RoomSettings(**room))
        self.engine = AudioEngine(self.room)
        self.engine.start()
        self.ear = Ear(config or Config(), self.engine.clean, None, wake)
        self.events: list[v.Event] = []
        self.reply = reply
        self.speech = self.engine.mixer.speech
        if reply is not None:
            self.speech.begin(1)
            self.speech.write(reply)

    def run(self, seconds: float, react: Callable[[v.Event], None] = lambda event: None) -> list[v.Event]:
        new: list[v.Event] = []
        for _ in range(round(seconds * 100)):
            frame = self.engine.capture()
            for event in self.ear.step(frame):
                new.append(event)
                react(event)
            self.engine.render()
        self.events += new
        return new


def of(kind: type, events: Iterable[v.Event]) -> list:
    return [event for event in events if isinstance(event, kind)]


class Notebook:
    """A recogniser that writes down what it is told and answers with how much it heard."""

    def __init__(self, settings=None) -> None:
        self.told: list[object] = []
        self.samples: dict[int, int] = {}

    def handle(self, message: object) -> list[object]:
        self.told.append(message)
        match message:
            case Begin(utterance=utterance):
                self.samples[utterance] = 0
                return [Ready("notebook", True, 0.0)]
            case Audio(utterance=utterance, position=position, pcm=pcm):
                assert 0 < len(pcm) <= 640
                self.samples[utterance] += len(pcm) // 2
                return [v.Partial(position, utterance, f"{self.samples[utterance]}")]
            case End(utterance=utterance):
                return [v.Final(0, utterance, f"{self.samples.pop(utterance)}")]
            case Drop():
                return []
        raise AssertionError(f"unknown message {message!r}")


class Fragile:
    """An engine whose process dies at the first sound it hears."""

    def __init__(self, settings=None) -> None: ...

    def handle(self, message: object) -> list[object]:
        if isinstance(message, Audio):
            os._exit(3)
        return []


make_notebook, make_fragile = Notebook, Fragile
