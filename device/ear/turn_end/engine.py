"""A turn-end model on ONNX Runtime: sound in, probability that the turn is complete out.

The file is one as Smart Turn v3's: one input, log-mel features float32 (batch, 80, 800) of the last 8 s; the first output
is one number for each, the probability itself and not its logit, though Smart Turn calls it ``logits``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from device.ear.turn_end.log_mel import BANDS, FRAMES, WINDOW, log_mel
from device.ear.turn_end.messages import Ask, NoVerdict, Ready, TurnEndSettings, Verdict
from device.errors import EngineError
from device.values import RATE_HZ

LARGEST_MB = 100
"""Smart Turn v3.2 has 9 MB in 8 bits and 32 MB in full precision. A voice model named by mistake has 300 MB, which
would be loaded before its inputs can be looked at."""


def make(settings: TurnEndSettings) -> TurnEndEngine:
    """Factory for ``device.engines``."""
    return TurnEndEngine(settings)


class TurnEndEngine:
    """Judges pauses with the model in ``settings``; raises ``EngineError`` for a file that is no such model."""

    def __init__(self, settings: TurnEndSettings) -> None:
        began = time.monotonic()
        self._model = settings.model
        self._session = _load(Path(settings.model), settings.threads)
        self._input = _checked_input(self._session, settings.model)
        self.judge(np.zeros(RATE_HZ, np.float32))  # finds out what it answers, and pays for the first use
        self._ready = Ready(time.monotonic() - began)

    def start(self) -> Iterator[Ready]:
        yield self._ready

    def handle(self, message: Ask) -> Iterator[Verdict | NoVerdict]:
        began = time.perf_counter()
        pcm = np.frombuffer(message.pcm[-2 * WINDOW :], "<i2")
        try:
            probability = self.judge(pcm.astype(np.float32) / 32768)
        except EngineError as exc:
            yield NoVerdict(message.pause, str(exc))
        else:
            yield Verdict(message.pause, probability, (time.perf_counter() - began) * 1000)

    def judge(self, samples: np.ndarray) -> float:
        """How likely (0..1) it is that who said ``samples`` (float32, 16 kHz, the last 8 s count) has finished.

        Raises ``EngineError`` when the model gives no probability.
        """
        try:
            out = self._session.run(None, {self._input: log_mel(samples)[None]})[0]
        except Exception as exc:  # ONNX Runtime raises its own kinds; whichever, the model cannot be used
            raise EngineError(f"turn-end model {self._model} fails: {exc}") from exc
        numbers = np.asarray(out, np.float64).ravel()
        if numbers.size != 1 or not 0.0 <= numbers[0] <= 1.0:
            raise EngineError(
                f"turn-end model {self._model} answers {numbers[:4].tolist()}, not one probability from 0 to 1"
            )
        return float(numbers[0])


def _load(path: Path, threads: int) -> Any:
    try:
        import onnxruntime
    except ImportError as exc:
        raise EngineError(
            f"a turn-end model needs ONNX Runtime ({exc}); pip install 'earshot[turn]'"
        ) from exc
    try:
        size_mb = path.stat().st_size / 1e6
    except OSError as exc:
        raise EngineError(f"turn-end model {path}: {exc.strerror}") from exc
    if size_mb > LARGEST_MB:
        raise EngineError(
            f"turn-end model {path} has {size_mb:.0f} MB, at most {LARGEST_MB} MB are loaded: is it another kind of model?"
        )
    options = onnxruntime.SessionOptions()
    # one core stays free for the ear, and idle workers must not spin on the others
    options.intra_op_num_threads = threads or max(1, len(os.sched_getaffinity(0)) - 1)
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as exc:
        raise EngineError(f"turn-end model {path} cannot be loaded: {exc}") from exc


def _checked_input(session: Any, model: str) -> str:
    """The name of the one input; ``EngineError`` unless it takes log-mel features of 8 s."""
    inputs = session.get_inputs()
    shapes = [(i.name, i.type, list(i.shape)) for i in inputs]
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or list(inputs[0].shape)[1:] != [BANDS, FRAMES]:
        raise EngineError(
            f"turn-end model {model} takes {shapes}; wanted is one input, float, (batch, {BANDS}, {FRAMES}) as in Smart Turn v3"
        )
    name: str = inputs[0].name
    return name
