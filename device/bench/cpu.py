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


def cpu_ms_per_frame(
    parts: Sequence[EchoPart | None], mic: Samples, reference: Samples
) -> list[float | None]:
    """Milliseconds of this process's CPU time for 10 ms of sound: the median over seconds; None for a missing part.

    ``mic`` and ``reference``: float32 at 16 kHz, the same positions.
    """
    spent: list[list[float]] = [[] for _ in parts]
    for first in range(0, len(mic) // FRAME - TURN_FRAMES + 1, TURN_FRAMES):
        blocks = [
            (mic[at : at + FRAME], reference[at : at + FRAME])
            for at in range(first * FRAME, (first + TURN_FRAMES) * FRAME, FRAME)
        ]
        for part, costs in zip(parts, spent, strict=True):
            if part is None:
                continue
            begun = time.process_time()
            for captured, played in blocks:
                part.step(captured, played)
            costs.append((time.process_time() - begun) * 1000 / TURN_FRAMES)
    return [statistics.median(costs) if costs else None for costs in spent]
