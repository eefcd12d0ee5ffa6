"""The sound of a whole session, at the rate and the positions of the ear."""

from __future__ import annotations

import numpy as np

from device.audio import AudioEngine, Samples
from device.values import RATE_HZ


class Sound:
    """Keeps what the engine's rings forget: microphone, canceller output and reference."""

    def __init__(self, engine: AudioEngine) -> None:
        self._engine = engine
        self._pieces: list[tuple[Samples, ...]] = []
        self._until = 0

    def step(self) -> None:
        if self._engine.position - self._until >= RATE_HZ:
            self._fetch()

    def _fetch(self) -> None:
        count = self._engine.position - self._until
        rings = (self._engine.mic, self._engine.clean, self._engine.reference)
        self._pieces.append(tuple(np.array(ring.read(self._until, count).samples) for ring in rings))
        self._until += count

    def cut(self, start: int, end: int) -> tuple[Samples, Samples, Samples]:
        """Samples ``start .. end`` of all three, float32 at 16 kHz."""
        self._fetch()
        mic, clean, reference = (np.concatenate(parts) for parts in zip(*self._pieces, strict=True))
        self._pieces = [(mic, clean, reference)]
        return mic[start:end], clean[start:end], reference[start:end]
