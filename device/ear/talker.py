"""A tiny classifier: does this frame hold a talker besides the playback?

    32 features (``residual``) x 5 places in the last 150 ms, ERLE, age --> 48 ReLU --> log odds

Weights are data (``models/barge-in``), trained by ``scripts/models/barge_in`` on simulated rooms and synthetic talkers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device.ear.residual import FEATURES
from device.ear.weights import read_weights
from device.errors import EngineError

WEIGHTS = "barge-in/weights.npz"
HISTORY = 15
INPUTS = 5 * FEATURES + 2
_THIRD = np.float32(1 / 3)
GROWN_FRAMES = 600
"""Frames of playback ever after which canceller and leaks are as good as they get: the classifier's ``age`` 1."""
UNKNOWN = np.float32(-10.0)
"""A feature of a frame that is not remembered: well below every explanation."""


@dataclass(frozen=True, slots=True)
class Weights:
    """``hidden`` (n, INPUTS) and ``hidden_bias`` (n,) with the normalisation of the inputs in them, ``out`` (n,) and
    ``out_bias``; float32."""

    hidden: NDArray[np.float32]
    hidden_bias: NDArray[np.float32]
    out: NDArray[np.float32]
    out_bias: float


def load_weights(path: Path | None = None) -> Weights:
    """From ``path`` (``.npz``), or the ones that come with earshot. Raises EngineError where they are missing or broken."""
    arrays, out_bias = read_weights("barge-in", WEIGHTS, path, ("hidden", "hidden_bias", "out"))
    weights = Weights(*arrays, out_bias)
    n = len(weights.out)
    if weights.hidden.shape != (n, INPUTS) or weights.hidden_bias.shape != (n,):
        raise EngineError(
            f"barge-in: {path} holds weights of shape {weights.hidden.shape}, wanted is ({n}, {INPUTS})"
        )
    return weights


def stack(
    history: NDArray[np.float32], erle_db: float, age: float, out: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The classifier's input from the last ``HISTORY`` frames, newest first, into ``out``: float32 (INPUTS,)."""
    rows = out[:-2].reshape(5, FEATURES)
    rows[:3] = history[:3]
    np.add.reduce(history[3:6], axis=0, out=rows[3])
    np.add.reduce(history[8::3], axis=0, out=rows[4])
    rows[3:] *= _THIRD
    out[-2], out[-1] = erle_db, age
    return out


class TalkerModel:
    """Streaming: ``step`` takes one frame's features and returns the log odds of a talker."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._history = np.full((2 * HISTORY, FEATURES), UNKNOWN, np.float32)
        self._newest = 0
        self._age = 0
        self._input = np.zeros(INPUTS, np.float32)

    def step(self, features: NDArray[np.float32], erle_db: float) -> float:
        """``features`` float32 (FEATURES,), ``erle_db`` 0..40."""
        self._newest = k = (self._newest - 1) % HISTORY
        self._history[k] = self._history[k + HISTORY] = features
        self._age = min(self._age + 1, GROWN_FRAMES)
        w, age = self._weights, self._age / GROWN_FRAMES
        stacked = stack(self._history[k : k + HISTORY], min(max(erle_db, 0.0), 40.0), age, self._input)
        hidden = w.hidden @ stacked
        hidden += w.hidden_bias
        np.maximum(hidden, 0, out=hidden)
        return float(w.out @ hidden) + w.out_bias

    def reset(self) -> None:
        """Forget the last frames, as after a pause of the playback."""
        self._history.fill(UNKNOWN)
