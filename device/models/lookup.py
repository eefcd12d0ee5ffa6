"""Which models are on this machine, and where.

Look-up order, first hit wins: ``$EARSHOT_MODELS`` (one or more folders, separated as in ``$PATH``), the state
directory, what the package installed (``share/earshot/models``), the checkout's ``models/``.
"""

from __future__ import annotations

import logging
import os
import sysconfig
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from device import disk
from device.errors import ModelMissing

MARKER = "earshot.toml"
KINDS = ("vosk", "kokoro", "turn", "wake")
_TURN_FILES = "*turn*.onnx"
"""smart-turn-v3.2-cpu.onnx: what tells an unmarked turn-end model from any other ONNX file is its name alone."""
_ROLES = {"kokoro": (("model", "*.onnx"), ("voices", "voices*.bin")), "turn": (("model", "*.onnx"),)}

log = logging.getLogger(__name__)
_told: set[Path] = set()


@dataclass(frozen=True, slots=True)
class Model:
    """One model on disk.

    ``files`` names the parts an engine asks for one by one: for Kokoro ``model`` (ONNX) and ``voices``, for a turn-end
    model ``model``; empty for Vosk, which takes the folder. ``sha256`` is what a fetch pinned, by file, and ``pinned``
    says since when; both are empty for a model that was not fetched. ``problem`` is empty for a usable model, else what
    is wrong with it.
    """

    name: str
    kind: str
    path: Path
    test: bool = False
    licence: str = ""
    about: str = ""
    files: dict[str, Path] = field(default_factory=dict)
    sha256: dict[str, str] = field(default_factory=dict)
    pinned: str = ""
    problem: str = ""


def state_folder() -> Path:
    """Where fetched models are kept."""
    return disk.state_folder() / "models"


def folders() -> list[Path]:
    """Every folder that is looked into, in order, whether it exists or not."""
    given = [Path(p).expanduser() for p in os.environ.get("EARSHOT_MODELS", "").split(os.pathsep) if p]
    places = [
        *given,
        state_folder(),
        disk.user_state() / "models",
        disk.SYSTEM_STATE / "models",
        Path(sysconfig.get_path("data")) / "share" / "earshot" / "models",
    ]
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "setup.cfg").is_file() or (checkout / ".git").exists():
        places.append(checkout / "models")
    return list(dict.fromkeys(places))


def find(name: str) -> Path | None:
    """The file or folder ``name`` in the first of ``folders()`` that has it; an absolute path stands for itself.

    ``name`` may hold folders (``wake/alexa.tflite``) but cannot leave the models folder.
    """
    try:
        path = Path(name).expanduser()
    except RuntimeError:  # ~ of a user that there is not
        return None
    if path.is_absolute():
        return path if path.exists() else None
    if not path.parts or ".." in path.parts:
        return None
    for folder in folders():
        try:
            if (folder / path).exists():
                return folder / path
        except OSError:  # a folder of another user: as good as not there
            continue
    return None


def require(name: str, kind: str = "") -> Path:
    """Like ``find``; raises ``ModelMissing``, which says where it was looked for and how to get it.

    With ``kind`` (``vosk``, ``kokoro``, ``turn``) the folder must also hold a usable model of that kind.
    """
    path = find(name)
    if path is None:
        if name.startswith(("/", "~")):
            raise ModelMissing(f"model {name!r} is not on this machine: there is no such file or folder")
        from device.models.catalogue import how_to_get

        looked = "".join(f"\n  looked in {folder}" for folder in folders())
        raise ModelMissing(f"model {name!r} is not on this machine; {how_to_get(name, kind)}{looked}")
    if kind:
        model = load(path)
        if model is None or model.problem or model.kind != kind:
            why = "no model in there" if model is None else model.problem or f"it is a {model.kind} model"
            raise ModelMissing(f"model {name!r} at {path} is not a usable {kind} model: {why}")
    return path


def available(kind: str = "", include_test: bool = False) -> list[Model]:
    """Usable models in look-up order, each name once; ``kind`` narrows it. Test models only on request.

    A folder that cannot be used is left out and logged once; ``scan`` shows it.
    """
    seen: dict[str, Model] = {}
    for model in scan():
        if model.problem:
            if model.path not in _told:
                _told.add(model.path)
                log.warning("model %s ignored: %s", model.path, model.problem)
        elif (not kind or model.kind == kind) and (include_test or not model.test):
            seen.setdefault(model.name, model)
    return list(seen.values())


def best(kind: str) -> Model | None:
    """The model of ``kind`` to use when none is named: the first in look-up order, never a test model."""
    return next(iter(available(kind)), None)


def scan() -> list[Model]:
    """Everything that looks like a model in ``folders()``, usable or not, in look-up order."""
    found = []
    for folder in folders():
        try:
            entries = sorted(folder.iterdir())
        except OSError:
            continue
        for entry in entries:
            if entry.is_dir() and not entry.name.startswith("."):
                model = load(entry)
                if model is not None:
                    found.append(model)
    return found


def load(path: Path) -> Model | None:
    """What the folder ``path`` holds, or None if it is no model at all."""
    path = Path(path)
    marker: dict[str, object] = {}
    if (path / MARKER).is_file():
        try:
            marker = tomllib.loads((path / MARKER).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            return Model(path.name, "", path, problem=f"{MARKER} cannot be read: {error}")
    kind = str(marker.get("kind") or _guess(path))
    if not kind:
        return Model(path.name, "", path, problem=f"{MARKER} has no kind") if marker else None
    if kind not in KINDS:
        return Model(path.name, kind, path, problem=f"{MARKER}: kind {kind!r} is none of {', '.join(KINDS)}")
    named = marker.get("files")
    files, problem = _parts(path, kind, named if isinstance(named, dict) else {})
    pins, lengths = marker.get("sha256"), marker.get("bytes")
    if not problem and isinstance(lengths, dict):
        problem = _cut_short(path, lengths)
    return Model(
        name=path.name,
        kind=kind,
        path=path,
        test=marker.get("test") is True,
        licence=str(marker.get("licence", "")),
        about=str(marker.get("about", "")),
        files=files,
        sha256={str(k): str(v) for k, v in pins.items()} if isinstance(pins, dict) else {},
        pinned=str(marker.get("pinned", "")),
        problem=problem,
    )


def _cut_short(path: Path, lengths: dict[str, object]) -> str:
    """The first file that has another length than when it came; empty where none has. Engines crash on such files."""
    for name, length in lengths.items():
        try:
            there = (path / name).stat().st_size
        except OSError:
            return f"{name} is missing"
        if there != length:
            return f"{name} is damaged: {there} of {length} bytes are there"
    return ""


def _guess(path: Path) -> str:
    """The kind of an unmarked folder by what lies in it."""
    if (path / "am" / "final.mdl").is_file() or (path / "final.mdl").is_file():
        return "vosk"
    if next(path.glob("*.onnx"), None) and next(path.glob("voices*.bin"), None):
        return "kokoro"
    if next(path.glob(_TURN_FILES), None):
        return "turn"
    return ""


def _parts(path: Path, kind: str, named: dict[str, object]) -> tuple[dict[str, Path], str]:
    """The files of a model by role, and what is missing (empty if nothing)."""
    if kind == "vosk":
        # libvosk's two layouts: am/final.mdl + graph/..., or (older) everything in one folder with words.txt.
        new, old = path / "am" / "final.mdl", path / "final.mdl"
        graph = path / "graph" if new.is_file() else path
        if not new.is_file() and not old.is_file():
            return {}, "am/final.mdl is missing"
        if not (graph / "HCLG.fst").is_file() and not (graph / "HCLr.fst").is_file():
            return {}, f"neither HCLG.fst nor HCLr.fst is in {graph}"
        return {}, ""
    roles = _ROLES.get(kind)
    if roles:
        files: dict[str, Path] = {}
        for role, pattern in roles:
            name = named.get(role)
            file = path / str(name) if name else next(iter(sorted(path.glob(pattern))), None)
            if file is None or not file.is_file():
                return files, f"{name or pattern} is missing"
            files[role] = file
        return files, ""
    return {}, ""
