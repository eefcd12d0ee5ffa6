"""Which wake words there are: microWakeWord v2 models, each a JSON file beside a TFLite file.

The default ones come with the ``pymicro-wakeword`` distribution (Apache-2.0), of which only the data is used: its
package loads a TFLite C library of its own (4.8 MB) when imported, so its folder is found without importing it.
Own models lie in a models folder: ``WORD.json``, ``wake/WORD.json`` or a folder of kind ``wake``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
from dataclasses import dataclass
from pathlib import Path

from device import models
from device.errors import EngineError


@dataclass(frozen=True, slots=True)
class WakeModel:
    """One wake word. ``cutoff`` is the score its author recommends; ``window`` how many scores are averaged."""

    word: str
    path: Path
    cutoff: float
    window: int


def packaged_folder() -> Path | None:
    """Where ``pymicro-wakeword`` keeps its models, without importing it."""
    spec = importlib.util.find_spec("pymicro_wakeword")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / "models"


def available_words() -> list[str]:
    """Every wake word on this machine, sorted."""
    found = {file.stem for folder in _folders() for file in folder.glob("*.json") if _is_wake(file)}
    return sorted(found)


def find_word(word: str, key: str = "wake.words") -> WakeModel:
    """The model for ``word``, which ``key`` of the configuration names; raises EngineError that lists what is there."""
    named = [folder / f"{word}.json" for folder in _folders()]
    given = models.find(word) if word.endswith(".json") else None
    for file in [*named, given]:
        with contextlib.suppress(OSError):  # too long for a file's name
            if file is not None and file.is_file():
                return read_model(file)
    there = ", ".join(available_words()) or "none; `pip install pymicro-wakeword` brings some"
    raise EngineError(f"{key}: there is no wake word {word!r}; available: {there}")


def read_model(file: Path) -> WakeModel:
    """Read a microWakeWord JSON file; raises EngineError naming the file and what is wrong with it."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise EngineError(f"wake word model {file} cannot be read: {exc}") from exc
    try:
        if data["type"] != "micro" or data["version"] != 2:
            raise EngineError(f"wake word model {file}: only type micro, version 2 can be used")
        micro = data["micro"]
        cutoff, window, step_ms = (
            float(micro["probability_cutoff"]),
            int(micro["sliding_window_size"]),
            int(micro["feature_step_size"]),
        )
        path = file.parent / Path(str(data["model"])).name
    except (KeyError, TypeError, ValueError) as exc:
        raise EngineError(f"wake word model {file}: {type(exc).__name__}: {exc}") from exc
    if step_ms != 10:
        raise EngineError(
            f"wake word model {file}: feature_step_size is {step_ms} ms, only 10 ms can be used"
        )
    if not 1 <= window <= 30 or not 0 < cutoff < 1:
        raise EngineError(
            f"wake word model {file}: sliding_window_size {window} (1 to 30) or probability_cutoff {cutoff} "
            "(between 0 and 1) is out of range"
        )
    if not path.is_file():
        raise EngineError(f"wake word model {file}: {path.name} is missing beside it")
    return WakeModel(word=file.stem, path=path, cutoff=cutoff, window=window)


def _folders() -> list[Path]:
    packaged = packaged_folder()
    own = [f / sub for f in models.folders() for sub in (".", "wake")]
    marked = [model.path for model in models.available("wake")]
    # not Path.is_dir, which raises for the service's folder where we are somebody else
    return [f for f in ([packaged] if packaged else []) + own + marked if os.path.isdir(f)]


def _is_wake(file: Path) -> bool:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(data, dict) and data.get("type") == "micro"
