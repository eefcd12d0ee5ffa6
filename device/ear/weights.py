"""Weights of the small classifiers, as they come with earshot: named float32 arrays in an ``.npz`` below the models folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device.errors import EngineError


def read_weights(
    what: str, name: str, path: Path | None, arrays: Sequence[str], otherwise: str = ""
) -> tuple[list[NDArray[np.float32]], float]:
    """``arrays`` by name, and the number ``out_bias``; from ``path``, or from ``name`` below the models folders.

    Raises EngineError where they are missing or broken, on behalf of ``what``; ``otherwise``: what else helps.
    """
    if path is None:
        from device import models

        path = models.find(name)
        if path is None:
            raise EngineError(
                f"{what}: {name} is in none of the models folders; install earshot again{otherwise}"
            )
    try:
        with np.load(path, allow_pickle=False) as file:
            return [np.ascontiguousarray(file[n], np.float32) for n in arrays], float(file["out_bias"])
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise EngineError(f"{what}: {path} cannot be read as weights: {exc}; install earshot again") from exc
