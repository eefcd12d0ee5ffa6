"""CPU time of cancellers over the same recorded sound, taken in turns: what disturbs one run disturbs the other."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

from device.audio.backends import Samples
from device.bench.parts import EchoPart
from device.values import FRAME

TURN_FRAMES = 100
"""One second each before the other's turn."""


def cpu_ms_per_frame(parts: Sequence[EchoPart | None], mic: Samples) -> list[float | None]:
    """Milliseconds of this process's CPU time for 10 ms of sound: the median over seconds; None for a missing part.

    ``mic``: float32 at 16 kHz, from the position 0 of what the parts know to be played.
    """
    spent: list[list[float]] = [[] for _ in parts]
    blocks = [(at, mic[at : at + FRAME]) for at in range(0, len(mic) - FRAME + 1, FRAME)]
    for first in range(0, len(blocks) - TURN_FRAMES + 1, TURN_FRAMES):
        for part, costs in zip(parts, spent, strict=True):
            if part is None:
                continue
            begun = time.process_time()
            for position, captured in blocks[first : first + TURN_FRAMES]:
                part.step(position, captured)
            costs.append((time.process_time() - begun) * 1000 / TURN_FRAMES)
    return [statistics.median(costs) if costs else None for costs in spent]
