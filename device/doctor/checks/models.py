"""The models: those that the configuration means are there, and every file of them is what it was when it came."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from device.doctor import damage
from device.doctor.finding import Finding, fault, ok, skipped, split, warning
from device.doctor.patient import Patient
from device.errors import EarshotError

if TYPE_CHECKING:
    from device.config import Config
    from device.models import Model

RESERVE_S = 1.0
"""Kept of the check's time for all that is not reading."""


def check(patient: Patient) -> list[Finding]:
    from device.adoption import meaning
    from device.models.lookup import load, scan

    found = []
    used = used_by(patient.config)
    models = scan()
    scanned = {model.path.resolve() for model in models}
    models += [model for path in used if path not in scanned and (model := load(path)) is not None]
    deadline = patient.deadline - RESERVE_S
    for model in sorted(models, key=lambda model: model.path.resolve() not in used):
        if patient.left.is_set():
            break
        found += judge(model, deadline, in_use=model.path.resolve() in used)
    told = [one.data["path"] for one in found]
    for lack in meaning(patient.config):
        # the words that it wakes at have a check of their own; what is damaged is no use, and told already
        mine = lack.code == "model_missing" and not lack.path.startswith("wake.")
        if mine and not any(path in lack for path in told):
            text, fix = split(str(lack), "`earshot models list` shows what there is")
            grave = fault if lack.code == "model_missing" else warning
            found.append(grave(text, fix, key=lack.path))
    if found:
        return found
    there = [model for model in models if not model.test]
    whole = ", ".join(f"{model.name}{' (pinned)' if model.sha256 else ''}" for model in there)
    names = sorted(model.name for model in models)
    return [
        ok(
            f"all files are whole: {whole}" if there else "none fetched; the built-in ones are whole",
            models=names,
        )
    ]


def used_by(config: Config) -> set[Path]:
    """The folders that the engines of ``config`` load, or would load were they whole."""
    from device import models
    from device.ear.recognisers import recogniser_settings
    from device.mouth.voices import choose

    named = (config.recogniser.model, config.voice.model, config.endpointing.model)
    paths = {str(path) for name in named if name and (path := models.find(name)) is not None}
    for look_up in (lambda: recogniser_settings(config).model_path, lambda: choose(config)[1].model):
        with contextlib.suppress(EarshotError):  # it is missing, which is told otherwise
            paths.add(look_up())
    places = {Path(path).resolve() for path in paths if path}
    return {place if place.is_dir() else place.parent for place in places}


def judge(model: Model, deadline: float, *, in_use: bool = True) -> list[Finding]:
    """What is wrong with the files of ``model``; a model that nothing uses is worth a warning only."""
    grave = fault if in_use else warning
    data = {"model": model.name, "path": str(model.path)}
    mend = f"`earshot models fetch {model.name} --force` brings it again; a card that damages files is about to die"
    if model.problem:
        return [grave(f"model {model.name} cannot be used: {model.problem}", mend, **data)]
    for file in sorted(file for file in model.path.rglob("*") if file.is_file()):
        if wrong := damage.broken(file):
            name = file.relative_to(model.path).as_posix()
            return [grave(f"model {model.name}: {name} {wrong}", mend, file=name, **data)]
    try:
        changed = next(_changed(model, deadline), None)
    except damage.TooSlow:
        return [skipped(f"model {model.name}: too slow to read it whole; its sizes are right", **data)]
    except OSError as exc:
        return [grave(f"model {model.name}: {exc.filename} cannot be read ({exc.strerror})", mend, **data)]
    if changed is not None:
        text = (
            f"model {model.name}: {changed} is not what was fetched (its sha256 differs from the pinned one)"
        )
        return [grave(text, mend, file=changed, **data)]
    return []


def _changed(model: Model, deadline: float) -> Iterator[str]:
    """Files that differ from their pins; of an archive's files only that one of them does."""
    from device.models.lookup import MARKER

    for name, pin in model.sha256.items():
        file = model.path / name
        if name != "content" and file.is_file() and damage.sha256(file, deadline) != pin:
            yield name
    pin = model.sha256.get("content", "")
    files_pinned = [name for name in model.sha256 if (model.path / name).is_file()]
    if pin and not files_pinned and damage.content_sha256(model.path, MARKER, deadline) != pin:
        yield "one of its files"
