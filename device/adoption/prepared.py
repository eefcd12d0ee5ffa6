"""All of a change that takes time, done before the ear's thread hears of it: models loaded, engine processes started."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from device.config import Config
from device.ear.recognisers import open_recogniser
from device.ear.recognisers.messages import Ready as RecogniserReady
from device.ear.spotting import Spotters, load_spotters
from device.ear.turn_end import TurnModel, open_turn_model
from device.engines import EngineDoor
from device.mouth.voices import open_voice
from device.mouth.voices.messages import Ready as VoiceReady

Room = Literal["recogniser", "voice", "turn_model"]
ROOMS: tuple[Room, ...] = ("recogniser", "voice", "turn_model")


class Coming(Protocol):
    """An engine on its way to take the place of another one."""

    config: Config
    """By which it was opened."""
    engine: Any
    said: list[Any]
    """All that it has said so far, for whoever takes it."""

    @property
    def ready(self) -> bool:
        """Whether it can begin to work."""

    @property
    def failure(self) -> str:
        """Why it never will; empty while it may."""

    def poll(self) -> None:
        """Take what it says; does not wait."""

    def close(self) -> None:
        """It is not wanted; does not wait either."""


def close_aside(engine: Any) -> None:
    """End an engine without waiting for it: that takes up to a second."""
    if engine is not None:
        threading.Thread(target=engine.close, name="closing an engine", daemon=True).start()


@dataclass
class ComingDoor:
    """A recogniser or a voice, ready when it has said the message ``ready_kind``."""

    config: Config
    engine: EngineDoor
    ready_kind: type
    said: list[Any] = field(default_factory=list)
    failure: str = ""

    @property
    def ready(self) -> bool:
        return any(isinstance(reply, self.ready_kind) for reply in self.said)

    def poll(self) -> None:
        self.said += self.engine.poll()
        if self.engine.failure is not None and not self.ready:
            self.failure = self.engine.failure

    def close(self) -> None:
        close_aside(self.engine)


@dataclass
class ComingTurnModel:
    """A turn-end model; None where the strategy needs none."""

    config: Config
    engine: TurnModel | None
    said: list[Any] = field(default_factory=list)

    @property
    def ready(self) -> bool:
        return self.engine is None or self.engine.ready is not None

    @property
    def failure(self) -> str:
        if self.engine is None or not self.engine.problem:
            return ""
        return self.engine.reason or self.engine.problem

    def poll(self) -> None:
        if self.engine is not None:
            self.engine.step(None)

    def close(self) -> None:
        close_aside(self.engine)


def made_alike(room: Room, one: Config, other: Config) -> bool:
    """Whether both configurations make the same engine."""
    return _made_from(room, one) == _made_from(room, other)


def _made_from(room: Room, config: Config) -> object:
    if room == "recogniser":  # its grammar has the wake words too, for a command in one breath with them
        return config.recogniser, config.wake.words, config.device.language
    if room == "voice":
        voice = config.voice  # and the speed comes with each clause
        return voice.engine, voice.name, voice.model, voice.slowest_rtf, voice.cache
    ends = config.endpointing
    return ends.strategy == "model" and ends.model


@dataclass(frozen=True, eq=False)
class Prepared:
    """For one ``Adoption.adopt``, or ``close``. ``spotters`` None: the same wake words as before."""

    config: Config
    spotters: Spotters | None = None
    engines: Mapping[Room, Coming] = field(default_factory=dict)

    def close(self) -> None:
        """Nobody will adopt it: end what it has started."""
        for coming in self.engines.values():
            coming.close()


def prepare(old: Config, new: Config, *, in_process: bool = False) -> Prepared:
    """What a device that runs by ``old`` needs to run by ``new``. Not in the ear's thread: it loads models and starts processes,
    some 5 to 100 ms; that the processes are ready is for ``Adoption`` to see. ``in_process``: engines in this process, for
    lock-step runs.

    Raises EarshotError, with nothing left running, for what cannot even be begun.
    """
    engines: dict[Room, Coming] = {}
    try:
        spotters = None
        if (old.wake.words, old.wake.stop) != (new.wake.words, new.wake.stop):
            spotters = load_spotters(new)
        for room in ROOMS:
            if not made_alike(room, old, new):
                engines[room] = _open(room, new, in_process)
    except Exception:
        Prepared(new, None, engines).close()
        raise
    return Prepared(new, spotters, engines)


def _open(room: Room, config: Config, in_process: bool) -> Coming:
    if room == "recogniser":
        return ComingDoor(config, open_recogniser(config, in_process), RecogniserReady)
    if room == "voice":
        return ComingDoor(config, open_voice(config, in_process), VoiceReady)
    return ComingTurnModel(config, open_turn_model(config, in_process))
