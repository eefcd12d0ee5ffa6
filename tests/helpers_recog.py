"""What the tests of the recognisers and of the engine process share: spoken clips, feeding, misbehaving engines."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from device import models
from device.ear.recognisers.messages import Audio, Begin, End, RecogniserSettings
from device.scenario.talkers import render
from device.values import Final, Partial

LEAD = 4_800
"""Samples of quiet room before a clip."""
TAIL = 6_400


def spoken_clip(text: str, voice: str, noise: float = 8.0) -> np.ndarray:
    """int16 at 16 kHz: 0.3 s of quiet room, ``text`` by ``voice``, 0.4 s of quiet room."""
    clip = render(text, voice)
    edges = np.flatnonzero(np.abs(clip) > 0.02 * np.abs(clip).max())
    clip = clip[edges[0] : edges[-1]]  # flite begins with 0.2 s of nothing
    loud = clip / float(np.abs(clip).max()) * 9_000
    padded = np.concatenate([np.zeros(LEAD), loud, np.zeros(TAIL)])
    return (padded + np.random.default_rng(0).standard_normal(len(padded)) * noise).astype("<i2")


def tell(engine: Any, *messages: Any) -> list[Any]:
    """What the engine answers to ``messages``."""
    return [reply for message in messages for reply in engine.handle(message)]


def listen(
    engine: Any, clip: np.ndarray, *, position: int = 0, after: int | None = None, mode: str = "free"
) -> tuple[list[Partial], Final]:
    """One whole utterance through the engine, in 20 ms pieces."""
    begin = Begin(7, position, position if after is None else after, mode)
    replies = tell(engine, begin, *pieces(clip, position), End(7))
    final = replies.pop()
    assert isinstance(final, Final)
    assert all(isinstance(reply, Partial) and reply.utterance == 7 for reply in replies)
    return replies, final


def pieces(clip: np.ndarray, position: int = 0, utterance: int = 7) -> Iterator[Audio]:
    for at in range(0, len(clip), 320):
        yield Audio(utterance, position + at, clip[at : at + 320].tobytes())


def pocketsphinx_settings(*wake_words: str) -> RecogniserSettings:
    return RecogniserSettings("pocketsphinx", "", wake_words or ("alexa",))


def vosk_settings(*wake_words: str) -> RecogniserSettings:
    return RecogniserSettings("vosk", str(models.require("vosk-tiny-en", "vosk")), wake_words or ("alexa",))


# ---------------------------------------------------------------------- engines for the engine process


def poll_until(door: Any, done: Callable[[list[Any]], bool], seconds: float = 20.0) -> list[Any]:
    """Step ``door`` as the device does until ``done(replies)``; returns the replies. A generous limit: machines are busy."""
    replies: list[Any] = []
    end = time.monotonic() + seconds
    while True:
        replies += door.poll()
        if done(replies):
            return replies
        assert time.monotonic() < end, f"nothing after {seconds:g} s; failure: {door.failure}; {replies[-3:]}"
        time.sleep(0.005)


class Parrot:
    """Repeats what it is told; told a command, it does that instead."""

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    def start(self) -> Iterator[str]:
        yield f"hello {self.settings}"

    def handle(self, message: Any) -> Iterator[Any]:
        match message:
            case "exit":
                os._exit(3)
            case "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "raise":
                raise ValueError("the parrot has a cold")
            case "hang":
                time.sleep(3600)
            case "hang holding the GIL":
                sum(range(1 << 62))
            case "pid":
                yield os.getpid()
            case "facts":
                yield _facts()
            case "print":
                print("squawk")  # must not reach the parent's standard output
                yield "printed"
            case ("count", n):
                for number in range(n):
                    time.sleep(0.02)
                    yield number
            case _:
                yield message

    def preempts(self, message: Any) -> bool:
        return message == "abort"


def _facts() -> dict[str, Any]:
    import sys

    return {
        "nice": os.nice(0),
        "omp": os.environ.get("OMP_NUM_THREADS"),
        "sigint ignored": signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
        "group": os.getpgid(0),
        "modules": sorted(sys.modules),
    }


def broken(settings: Any) -> Any:
    """A factory that cannot make its engine."""
    from device.errors import ModelMissing

    raise ModelMissing("model 'x' is not on this machine; fix: earshot models fetch x")


class Fragile:
    """Fails while it is made until ``settings`` (a file) is there."""

    def __init__(self, settings: Any) -> None:
        if not Path(settings).exists():
            os._exit(1)

    def handle(self, message: Any) -> Iterator[Any]:
        yield message
