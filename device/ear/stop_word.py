"""A spotter for "stop" over the playback that needs no recogniser.

    40 log mel bands per 10 ms (the wake words' frontend) --> 20 bands per 20 ms
        --> 40 patterns of 100 ms, at 18 places of the last 0.78 s --> 96 ReLU --> log odds, mean of 3 --> StopHeard

It listens only while something is played and shortly after, and is believed only where the barge-in detector sees a talker
or suspects one: that tells the device's own voice from others, this tells the word. Weights are data (``models/stop-en``),
trained by ``scripts/models/stop_word`` on synthetic voices in simulated rooms.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device.ear.weights import read_weights
from device.errors import EngineError
from device.values import FRAME, StopHeard, samples

WORD = "stop"
AUTO = "auto"
"""``wake.stop``: this spotter, where the language has one."""
BANDS, PATTERN_ROWS, PLACES = 20, 5, 18
"""A row is 20 ms; patterns overlap: there is one every second row."""
PATTERN = PATTERN_ROWS * BANDS
ROWS = 2 * (PLACES - 1) + PATTERN_ROWS
AVERAGED = 3
LISTENS_ON = samples(600)
"""After the playback: whoever was ducked or held has not finished the word then."""
TALKED = samples(300)
"""So long after the barge-in detector's last hint a word may be the talker's: longer than a [p] stays closed."""
REFRACTORY = samples(1000)


@dataclass(frozen=True, slots=True)
class StopWeights:
    """float32: ``patterns`` (n, PATTERN) and ``patterns_bias`` (n,) with the normalisation of the bands in them, ``hidden``
    (m, PLACES * n), ``hidden_bias`` (m,), ``out`` (m,), and ``out_bias``, with which log odds of 0 are the threshold."""

    patterns: NDArray[np.float32]
    patterns_bias: NDArray[np.float32]
    hidden: NDArray[np.float32]
    hidden_bias: NDArray[np.float32]
    out: NDArray[np.float32]
    out_bias: float


def weights_of(language: str) -> str:
    """Where the weights for ``language`` are in the models folders."""
    return f"stop-{language}/weights.npz"


def load_stop_weights(language: str, path: Path | None = None) -> StopWeights:
    """From ``path`` (``.npz``), or the ones that come with earshot. Raises EngineError where they are missing or broken."""
    names = ("patterns", "patterns_bias", "hidden", "hidden_bias", "out")
    arrays, out_bias = read_weights(
        "stop word", weights_of(language), path, names, otherwise=', or set wake.stop = ""'
    )
    weights = StopWeights(*arrays, out_bias)
    n, m = len(weights.patterns_bias), len(weights.out)
    wanted = ((n, PATTERN), (m, PLACES * n), (m,))
    shapes = (weights.patterns.shape, weights.hidden.shape, weights.hidden_bias.shape)
    if shapes != wanted:
        raise EngineError(
            f"stop word: {path} holds weights of shapes {shapes}, wanted are {wanted}; install earshot again"
        )
    return weights


class StopWord:
    """One per device; ``step`` every frame."""

    def __init__(self, weights: StopWeights, threshold: float = 0.5) -> None:
        """``threshold``: score above which it was the word, 0..1; 0.5 is what was found best."""
        self._weights, self.threshold = weights, threshold
        self._half = np.zeros(BANDS, np.float32)
        """The first frame of a row that is not whole yet."""
        self._odd = False
        self._rows = np.zeros(PATTERN, np.float32)
        """The latest rows, newest first."""
        self._found = np.zeros((2 * PLACES, len(weights.patterns_bias)), np.float32)
        """What the patterns said, newest first."""
        self._odds: deque[float] = deque(maxlen=AVERAGED)
        self._until = self._talked = self._quiet_until = -1
        self._fresh = False
        self.reset()

    @property
    def score(self) -> float:
        """How sure it is that the word has just been said, 0..1."""
        if not self._odds:
            return 0.0
        return 1 / (1 + math.exp(-min(max(sum(self._odds) / AVERAGED, -30.0), 30.0)))

    def step(self, position: int, features: Sequence[float], playing: bool, talker: bool) -> StopHeard | None:
        """One frame: its 40 ``features`` (none: the frontend has none yet), whether something is ``playing`` and whether
        there may be a ``talker``, as the barge-in detector sees it."""
        if playing:
            self._until = position + LISTENS_ON
        elif position >= self._until:
            if not self._fresh:
                self.reset()
            return None
        if talker:
            self._talked = position + TALKED
        if not features:
            return None
        self._fresh = False
        half = np.array(features, np.float32).reshape(BANDS, 2).sum(axis=1)
        self._odd = not self._odd
        if self._odd:
            self._half = half
            return None
        self._rows[BANDS:] = self._rows[:-BANDS].copy()
        self._rows[:BANDS] = (self._half + half) * np.float32(0.25)
        self._odds.append(self._log_odds())
        score = self.score
        if len(self._odds) < AVERAGED or score <= self.threshold:
            return None
        if position >= self._talked or position < self._quiet_until:
            return None
        self._quiet_until = position + REFRACTORY
        return StopHeard(position + FRAME, WORD, score)

    def _log_odds(self) -> float:
        w = self._weights
        self._found[1:] = self._found[:-1].copy()
        np.maximum(w.patterns @ self._rows + w.patterns_bias, 0, out=self._found[0])
        hidden = w.hidden @ self._found[::2].ravel() + w.hidden_bias
        return float(w.out @ np.maximum(hidden, 0, out=hidden)) + w.out_bias

    def reset(self) -> None:
        """Forget the last second."""
        self._rows.fill(0.0)
        self._found[:] = np.maximum(self._weights.patterns_bias, 0)
        self._odds.clear()
        self._odd, self._fresh = False, True
        self._talked = -1
