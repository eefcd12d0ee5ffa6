"""The patient: this machine with the configuration that the daemon would run on, also where its file is broken."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from device.config import Config
from device.config.load import DEFAULT_PATH, parse
from device.configure.in_force import in_force, kept
from device.doctor.patient import Patient
from device.errors import ConfigError


def admit(path: Path | None, overrides: Mapping[str, Any], folder: Path | None = None) -> Patient:
    """``path`` and ``overrides`` as ``device.config.load`` takes them; ``folder``: where the state is, else where it would be.
    Raises nothing for what is in the file: its faults are the patient's."""
    from device.config.load import load_tables

    source = str(path or (DEFAULT_PATH if os.path.isfile(DEFAULT_PATH) else "built-in defaults"))
    faults: list[str] = []
    try:
        load_tables(path, overrides)
    except ConfigError as exc:
        faults = list(exc.problems)
    try:
        merged, notes = in_force(path, overrides, folder)
        config = parse(merged.tables)
    except ConfigError:
        config, notes = Config(), []
    if faults:  # the note about it says less
        notes = [note for note in notes if not any(fault in note for fault in faults)]
    return Patient(config, source, faults, notes, _pushed(folder))


def _pushed(folder: Path | None) -> list[str]:
    """Version and scope of what came over MQTT."""
    state, _ = kept(folder)
    if state is None:
        return []
    layers = (state.layers.group, state.layers.device)
    return [f"version {layer.version} for {layer.scope}" for layer in layers if layer is not None]
