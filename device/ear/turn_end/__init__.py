"""Turn-end models: whether somebody who pauses has finished, told from how it sounded; Smart Turn v3 is one.

    pause (utterance, last sample of speech), sound ─► TurnModel ─► [ process: log-mel ─► ONNX ] ─► probability

    enters   ``Ask``: a pause and the sound before it
    leaves   ``Ready``, then a ``Verdict`` for each ``Ask``
    thread   an engine process of its own (``device.engines``), or none in lock-step runs
    imports  here only the messages; ONNX Runtime is imported in the engine's process

The model only moves the wait within ``endpointing.min_ms`` and ``endpointing.max_ms``: where it is missing, broken, slow or
down, endpointing goes on by words, pauses and rate as with the strategy "adaptive".
"""

from __future__ import annotations

import logging
from pathlib import Path

from device.config import Config
from device.ear.turn_end.asking import FAILED, MISSING, TurnModel
from device.ear.turn_end.messages import TurnEndSettings
from device.engines import EngineDoor
from device.errors import EngineError, ModelMissing

__all__ = ["TurnModel", "open_turn_model", "turn_end_settings"]

FACTORY = "device.ear.turn_end.engine:make"
HANG_S = 5.0
"""A decision takes some 0.1 s, on a busy Pi 3 perhaps 1 s."""
TRIES = 3
"""A file that ONNX Runtime cannot load today it cannot load tomorrow, and each try loads the library again."""

log = logging.getLogger(__name__)


def turn_end_settings(config: Config) -> TurnEndSettings:
    """The file that ``endpointing.model`` means on this machine: that of a model, by name, or an ONNX file, by path.

    Raises ``ModelMissing`` when it is not there or no turn-end model.
    """
    from device import models

    name = config.endpointing.model
    if not name:
        raise ModelMissing("endpointing.strategy is 'model', but endpointing.model is empty: name one")
    path = models.find(name)
    if path is None or path.is_dir():
        path = models.require(name, "turn")
        found = models.load(path)
        assert found is not None
        path = found.files["model"]
    return TurnEndSettings(str(Path(path).resolve()))


def open_turn_model(config: Config, in_process: bool) -> TurnModel | None:
    """The turn-end model of ``config``; None unless ``endpointing.strategy`` is "model".

    A model that cannot be had is one warning in the log and a ``TurnModel`` that never answers, its ``problem`` set.
    """
    if config.endpointing.strategy != "model":
        return None
    from device.engines.process import open_door

    door: EngineDoor | None = None
    problem = ""
    try:
        settings = turn_end_settings(config)
        door = open_door("turn model", FACTORY, settings, in_process, hang_s=HANG_S, tries=TRIES)
    except ModelMissing as exc:
        problem = MISSING
        log.warning("endpointing goes on without a turn-end model: %s", exc)
    except EngineError as exc:  # in this process it fails here, in its own it says so later
        problem = FAILED
        log.warning("endpointing goes on without a turn-end model: %s", exc)
    return TurnModel(door, problem)
