"""The parts under test, each made in one place: a figure never knows which class it measures."""

from __future__ import annotations

import statistics
import time
from typing import Protocol

import numpy as np

from device.audio.backends import Samples
from device.audio.canceller import Canceller
from device.config import Config
from device.ear.barge_in import BargeInDetector
from device.values import FRAME, RATE_HZ


class EchoPart(Protocol):
    def step(self, mic: Samples, reference: Samples, adapt: bool = True) -> Samples: ...


def new_canceller() -> EchoPart:
    """The device's software echo canceller, knowing nothing yet."""
    return Canceller()


def cancel(part: EchoPart, mic: Samples, reference: Samples) -> Samples:
    """The output of ``part`` over whole recordings of the same length, float32 at 16 kHz."""
    frames = range(0, len(mic) - FRAME + 1, FRAME)
    return np.concatenate([part.step(mic[at : at + FRAME], reference[at : at + FRAME]) for at in frames])


def detector_cpu_ms(config: Config, clean: Samples, reference: Samples) -> float:
    """CPU milliseconds of the barge-in detector for 10 ms of playback: the median over seconds of these recordings.

    ``clean`` (the canceller's output) and ``reference``: float32 at 16 kHz, the same positions.
    """
    barge_in = config.barge_in
    detector = BargeInDetector(barge_in.threshold_db, round(barge_in.warmup_s * RATE_HZ))
    costs, spent = [], 0.0
    for frame, at in enumerate(range(0, len(clean) - FRAME + 1, FRAME), 1):
        begun = time.process_time()
        detector.step(at, clean[at : at + FRAME], reference[at : at + FRAME], True, False)
        spent += time.process_time() - begun
        if frame % 100 == 0:
            costs.append(spent * 10)
            spent = 0.0
    return statistics.median(costs)
