"""What this machine's device runs on: the file and what was pushed to it, read from where the daemon keeps it.

Only read: the daemon alone writes there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from device.config.layers import Merged
from device.errors import ConfigError

if TYPE_CHECKING:
    from device.settings.state import State


def in_force(
    path: Path | None, overrides: Mapping[str, Any], folder: Path | None = None
) -> tuple[Merged, list[str]]:
    """What would be in force were the daemon started with that file and those overrides, and notes on what is not as it should be.
    ``folder``: where the state is, else where the daemon would look. Raises ConfigError where the file is no use and nothing
    that worked is known."""
    from device.config.load import load_tables

    state, notes = kept(folder)
    try:
        file = load_tables(path, overrides)
    except ConfigError as exc:
        if state is None or state.good is None:
            raise
        return state.good.layers.over(state.good.file), [*notes, _broken(exc)]
    if state is None:
        return _over(file, overrides), notes
    return _with_pushed(file, overrides, state, notes)


def kept(folder: Path | None = None) -> tuple[State | None, list[str]]:
    """What the daemon keeps in ``folder``, or in the first place where it would; None where nothing was ever pushed, or it cannot
    be read, which the notes say."""
    from device.disk import SYSTEM_STATE, state_folder
    from device.settings.store import StateDamaged, Store

    notes: list[str] = []
    usual = [state_folder()] if os.environ.get("STATE_DIRECTORY") else [state_folder(), SYSTEM_STATE]
    for place in [folder] if folder else dict.fromkeys(usual):
        try:
            if (state := Store(place).load()) is not None:
                return state, notes
        except StateDamaged as exc:
            hint = "; as root (sudo) it can" if isinstance(exc.__cause__, PermissionError) else ""
            notes.append(f"what was pushed is not shown: {exc}{hint}")
    return None, notes


def _with_pushed(
    file: Mapping[str, Any], overrides: Mapping[str, Any], state: State, notes: list[str]
) -> tuple[Merged, list[str]]:
    from device.config.checking import check

    whole = state.layers.over(file)
    if faults := check(whole.tables):
        note = "what was pushed does not go with the file, and is not shown:"
        return _over(file, overrides), [*notes, note, *(f"  {fault}" for fault in faults)]
    if state.trial is not None:
        notes = [
            *notes,
            "the configuration is on probation: it is in force, and goes if it does not prove itself",
        ]
    return Merged(whole.tables, _named(whole.origin, overrides)), notes


def _over(file: Mapping[str, Any], overrides: Mapping[str, Any]) -> Merged:
    from device.config.layers import merged

    alone = merged([("file", file)])
    return Merged(alone.tables, _named(alone.origin, overrides))


def _named(origin: Mapping[str, str], overrides: Mapping[str, Any]) -> dict[str, str]:
    """For the daemon overrides are a part of the file; a person wants to tell them apart."""
    from device.config.keys import flatten

    given = flatten(overrides)
    return {path: "--set" if layer == "file" and path in given else layer for path, layer in origin.items()}


def _broken(exc: ConfigError) -> str:
    return f"the file cannot be used, so the device runs on what worked last (shown here):\n{exc}"
