"""A voice that takes a given time to its first byte and gives each word the same time, in place of an engine."""

from __future__ import annotations

from typing import Any

import numpy as np

from device.audio.levels import active_rms, db_to_gain, to_int16
from device.bench.turns.plan import FIRST_BYTE_MS, WORD_MS
from device.mouth.voices.messages import Abort, Chunk, Ready, Speak, SpokenWord
from device.mouth.voices.timing import word_spans
from device.values import RATE_HZ, samples

LEVEL_DBFS = -20.0
"""Active level, as of the voices of the device."""
PITCH_HZ = 110.0
EDGE_MS = 10
"""A word fades in and out within this, so that its first sample is its beginning."""


class ScriptedVoice:
    """An ``EngineDoor`` on the sample clock: set ``position`` before each step of the device.

    A clause comes whole, 0.10 s after its ``Speak`` and not before the clause before it; its words are buzzes with the
    spectrum of speech, 0.30 s each.
    """

    name = "voice"

    def __init__(self) -> None:
        self.restarts = 0
        self.failure: str | None = None
        self.position = 0
        self._words = [_word(seed) for seed in range(8)]
        self._pending: list[tuple[int, Speak]] = []
        self._replies: list[Any] = [Ready("scripted", "bench", RATE_HZ, 0.0)]

    def send(self, message: Any) -> bool:
        if isinstance(message, Speak):
            self._pending.append((self.position + samples(FIRST_BYTE_MS), message))
        elif isinstance(message, Abort):
            self._pending.clear()
        return True

    def poll(self) -> list[Any]:
        while self._pending and self._pending[0][0] <= self.position:
            self._speak(self._pending.pop(0)[1])
        replies, self._replies = self._replies, []
        return replies

    def wait_loaded(self, timeout_s: float) -> bool:
        return True

    def close(self) -> None:
        """Nothing to stop."""

    def _speak(self, message: Speak) -> None:
        spans = word_spans(message.text)
        each = samples(WORD_MS)
        for k, (begin, end) in enumerate(spans):
            self._replies.append(SpokenWord(message.clause, begin, end - begin, k * each, (k + 1) * each))
        pcm = b"".join(self._words[k % len(self._words)] for k in range(len(spans)))
        self._replies.append(Chunk(message.clause, pcm, RATE_HZ, last=True))


def _word(seed: int) -> bytes:
    """int16 at 16 kHz: a buzz with formants, no two alike, so that an echo canceller has a whole spectrum to learn from."""
    rng = np.random.default_rng([seed, 9])
    count = samples(WORD_MS)
    t = np.arange(count) / RATE_HZ
    pitch_hz = PITCH_HZ * 2 ** (rng.uniform(-2, 4) / 12)
    formants = (rng.uniform(300, 800), rng.uniform(900, 2200), rng.uniform(2400, 3200))
    sound = 0.05 * rng.standard_normal(count)
    for k in range(1, int(7000 / pitch_hz)):
        hz = k * pitch_hz
        weight = sum(1 / (1 + ((hz - at) / 150) ** 2) for at in formants) + 0.05
        sound += weight / np.sqrt(k) * np.sin(2 * np.pi * hz * t + rng.uniform(0, 2 * np.pi))
    edge = samples(EDGE_MS)
    sound *= np.clip(np.minimum(np.arange(count) + 1, count - np.arange(count)) / edge, 0, 1)
    sound *= db_to_gain(LEVEL_DBFS) / active_rms(sound.astype(np.float32))
    pcm: bytes = to_int16(sound.astype(np.float32)).tobytes()
    return pcm
