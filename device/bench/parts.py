"""The parts under test, each made in one place: a figure never knows which class it measures."""

from __future__ import annotations

import statistics
import time
from typing import Protocol

import numpy as np

from device.audio import Frame
from device.audio.backends import Samples
from device.audio.echo import EchoCanceller
from device.audio.for_words import ForWords
from device.audio.ring import Ring
from device.config import Config
from device.ear.barge_in import BargeInDetector
from device.ear.talker import load_weights
from device.values import FRAME, RATE_HZ


class EchoPart(Protocol):
    """A canceller that knows what was, and will be, played."""

    def step(self, position: int, mic: Samples) -> Samples:
        """The 10 ms of the microphone from ``position`` on without the echo; float32 (160,) in and out."""


def new_canceller(reference: Samples) -> EchoPart:
    """The device's software echo canceller, knowing nothing yet.

    ``reference``: what leaves the loudspeaker, float32 at 16 kHz from position 0 on.
    """
    ring = Ring(len(reference) + RATE_HZ)
    ring.write(reference)
    return EchoCanceller(ring)


def cancel(part: EchoPart, mic: Samples) -> Samples:
    """The output of a new ``part`` over a whole recording, float32 at 16 kHz."""
    return np.concatenate(
        [part.step(at, mic[at : at + FRAME]) for at in range(0, len(mic) - FRAME + 1, FRAME)]
    )


def suppressed(mic: Samples, clean: Samples) -> Samples:
    """What recogniser and wake words hear of a recording while the residual-echo suppressor works; whole frames, the same positions."""
    words = ForWords(len(clean))
    for at in range(0, len(clean), FRAME):
        last = at + FRAME >= len(clean)
        words.step(mic[at : at + FRAME], clean[at : at + FRAME], not last)
    return words.ring.read(0, len(clean)).samples


def detector_cpu_ms(config: Config, mic: Samples, clean: Samples, reference: Samples) -> float:
    """CPU milliseconds of the barge-in detector for 10 ms of playback: the median over seconds of these recordings.

    ``mic``, ``clean`` (the canceller's output) and ``reference``: float32 at 16 kHz, the same positions.
    """
    detector = BargeInDetector(config.barge_in.sensitivity, load_weights())
    costs, spent = [], 0.0
    for number, at in enumerate(range(0, len(clean) - FRAME + 1, FRAME), 1):
        part = slice(at, at + FRAME)
        frame = Frame(at, mic[part], clean[part], reference[part], False, True, True, 25.0)
        begun = time.process_time()
        detector.step(frame, False)
        spent += time.process_time() - begun
        if number % 100 == 0:
            costs.append(spent * 10)
            spent = 0.0
    return statistics.median(costs)
