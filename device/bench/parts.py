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
    costs = []
    for second in range(0, len(clean) - RATE_HZ + 1, RATE_HZ):
        parts = [slice(at, at + FRAME) for at in range(second, second + RATE_HZ, FRAME)]
        frames = [Frame(p.start, mic[p], clean[p], reference[p], False, True, True, 25.0) for p in parts]
        begun = time.process_time()
        for frame in frames:
            detector.step(frame, False)
        costs.append((time.process_time() - begun) * 1000 / len(frames))
    return statistics.median(costs)
