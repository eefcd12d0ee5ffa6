"""The wake words: streaming microWakeWord v2 models on one shared feature frontend.

    pcm 10 ms ──► frontend (40 features per 10 ms) ──► every 3rd: each model's interpreter ──► raw score
                                                       mean of the last 5 > threshold ──► Wake, once

Models and frontend after Kevin Ahrendt's microWakeWord (https://github.com/kahrendt/microWakeWord). Measured on 329
real "alexa" close by: 0.3 % missed at 0.7, 3.0 % at 0.9. Distance is what costs: of synthetic ones in a room of RT60
0.4 s 11 % are missed at 0.5, 12 % at 0.6, 19 % at 0.7, 33 % at 0.9, and no digital gain helps, for the frontend has
its own. Other real speech wakes 1.2 times an hour at 0.5, 0.3 at 0.7, 0 at 0.9; hence 0.6. Over playback, behind the
canceller, 0.5 is right.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from device.ear import tflite
from device.ear.wake_end import WORD, frames_since_end
from device.ear.wake_models import WakeModel, packaged_folder, read_model
from device.errors import EngineError
from device.values import FRAME, StopHeard, Wake, samples

REFRACTORY = samples(1000)
"""One utterance wakes once, whichever models know it."""
COLD = samples(750)
"""After a reset the state holds no speech at all; scores before it has filled mean nothing."""
GAP_FRAMES = 5
"""Missing frames in a row that reset the models; fewer are bridged by silence, which keeps a word in the making."""
RISE = 0.5

log = logging.getLogger(__name__)


class WakeWords:
    """Several wake words over one frontend.

    ``thresholds``: score above which a word wakes while nothing plays, and while something plays. ``stop``: the word
    that ends everything instead, and its threshold; it acts whether something plays or not, and beside a wake word.
    Both may be changed at any time (``thresholds``, ``stop_threshold``). Without any model it is the frontend alone. Raises EngineError when the runtime or a model cannot be used.
    """

    def __init__(
        self,
        models: Sequence[WakeModel],
        thresholds: tuple[float, float],
        stop: tuple[WakeModel, float] | None = None,
    ) -> None:
        try:
            from pymicro_features import MicroFrontend
        except ImportError as exc:
            raise EngineError(f"wake word: `pip install pymicro-features` is needed: {exc}") from exc
        runtime = tflite.load_runtime() if models or stop is not None else ("", None)
        self._frontend = MicroFrontend()
        self.features: list[float] = []
        """The 40 features of the latest frame; none where the frontend had no sound enough, or it was missing."""
        self._words = [_Word(model, runtime) for model in models]
        self._stop = _Word(stop[0], runtime) if stop is not None else None
        self.stop_threshold = stop[1] if stop is not None else 1.0
        self._check(runtime)
        self.thresholds = thresholds
        self._levels: deque[float] = deque(maxlen=WORD + 100)
        self._gap = 0
        self._quiet_until = self._stop_quiet_until = 0  # no wake, no stop before this position
        self._cold = True

    @property
    def words(self) -> list[str]:
        return [word.model.word for word in self._words]

    @property
    def _all(self) -> list[_Word]:
        return self._words if self._stop is None else [*self._words, self._stop]

    @property
    def scores(self) -> dict[str, float]:
        """The averaged score of each word now, 0 to 1."""
        return {word.model.word: word.score for word in self._all}

    def step(
        self, position: int, pcm: bytes, level_db: float, playing: bool, missing: bool = False
    ) -> list[Wake | StopHeard]:
        """One frame: ``pcm`` is 10 ms int16 whose first sample is ``position``, ``level_db`` its RMS level.

        At most one ``Wake`` comes back, the word with the highest score, and a ``StopHeard`` before it.
        """
        self._levels.append(level_db)
        self.features = []
        if missing:
            self._gap += 1
            if self._gap == GAP_FRAMES:
                self.reset()
            if self._gap >= GAP_FRAMES:
                return []
        else:
            self._gap = 0
        end = position + FRAME
        if self._cold:
            self._cold, self._quiet_until = False, max(self._quiet_until, end + COLD)
            self._stop_quiet_until = max(self._stop_quiet_until, end + COLD)
        features = self.features = self._frontend.process_samples(pcm).features
        if not features or not self._all:
            return []
        stopped = self._stop_heard(end, features)
        threshold = self.thresholds[playing]
        best: _Word | None = None
        for word in self._words:
            over = word.step(features, threshold)
            if over and (best is None or word.score > best.score):
                best = word
        if best is None or end < self._quiet_until:
            return [*stopped]
        self._quiet_until = end + REFRACTORY
        for word in self._words:
            word.armed = False
        back = frames_since_end(list(self._levels), best.frames_since_rise())
        return [*stopped, Wake(end, best.model.word, best.score, max(0, end - back * FRAME))]

    def _stop_heard(self, end: int, features: list[float]) -> list[StopHeard]:
        word = self._stop
        if word is None or not word.step(features, self.stop_threshold) or end < self._stop_quiet_until:
            return []
        self._stop_quiet_until = end + REFRACTORY
        word.armed = False
        return [StopHeard(end, word.model.word, word.score)]

    def reset(self) -> None:
        """Forget everything heard; the next frames are cold and wake nobody."""
        self._frontend.reset()
        for word in self._all:
            word.reset()
        self._cold = True

    def _check(self, runtime: tuple[str, Any]) -> None:
        """A runtime that computes zeros for ever is found out at the start, not by a user who talks to a wall."""
        silent = [word for word in self._all if not tflite.answers(word.interpreter)]
        if not silent:
            return
        names = ", ".join(word.model.word for word in silent)
        folder = packaged_folder()
        known = folder / "alexa.json" if folder else None
        if len(silent) < len(self._all):
            runs = True
        elif known is not None and known.is_file():
            runs = tflite.answers(tflite.open_interpreter(read_model(known).path, runtime))
        else:
            runs = False
        if not runs:
            raise EngineError(
                f"wake word: {runtime[0]} computes only zeros for {names} (a known trap of streaming models with "
                "some builds); `pip install ai-edge-litert`, or another version of it"
            )
        log.warning("wake word %s answers 0 to everything in the self-test; is its model file right?", names)


class _Word:
    """One model: features in, score out."""

    def __init__(self, model: WakeModel, runtime: tuple[str, Any]) -> None:
        self.model = model
        self.interpreter = tflite.open_interpreter(model.path, runtime)
        wanted, out = self.interpreter.get_input_details()[0], self.interpreter.get_output_details()[0]
        shape = [int(n) for n in wanted["shape"]]
        if len(shape) != 3 or shape[2] != 40 or wanted["dtype"] not in (np.int8, np.uint8):
            raise EngineError(
                f"wake word model {model.path} takes {wanted['dtype'].__name__}{shape}; a streaming microWakeWord "
                "v2 model takes int8[1, n, 40]"
            )
        self._in, self._out, self._type = wanted["index"], out["index"], wanted["dtype"]
        self._stride = shape[1]
        self._in_scale, self._in_zero = wanted["quantization"]
        self._out_scale, self._out_zero = out["quantization"]
        limits = np.iinfo(self._type)
        self._least, self._most = limits.min, limits.max
        self.armed = True
        self.score = 0.0
        self._features: list[list[float]] = []
        self._raw: deque[float] = deque(maxlen=64)

    def step(self, features: list[float], threshold: float) -> bool:
        """40 features of 10 ms; True when the averaged score is over ``threshold`` with this very frame."""
        self._features.append(features)
        if len(self._features) < self._stride:
            return False
        block = np.array([self._features], np.float32)
        self._features.clear()
        quantised = np.clip(np.rint(block / self._in_scale + self._in_zero), self._least, self._most)
        self.interpreter.set_tensor(self._in, quantised.astype(self._type))
        self.interpreter.invoke()
        raw = (int(self.interpreter.get_tensor(self._out).flat[0]) - self._out_zero) * self._out_scale
        self._raw.append(raw)
        window = self.model.window
        self.score = sum(list(self._raw)[-window:]) / window
        if not self.armed:
            self.armed = self.score < threshold / 2
            return False
        return self.score > threshold

    def frames_since_rise(self) -> int:
        """How many frames ago the raw score rose through 0.5 for the present peak."""
        raw = list(self._raw)
        k = len(raw) - 1
        while k > 0 and raw[k] <= RISE:
            k -= 1
        while k > 0 and raw[k - 1] > RISE:
            k -= 1
        return (len(raw) - 1 - k) * self._stride

    def reset(self) -> None:
        self.interpreter.reset_all_variables()
        self._features.clear()
        self._raw.clear()
        self.score, self.armed = 0.0, True
