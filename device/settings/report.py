"""The state as ``up/config`` tells it: without secrets, and never larger than a message may be. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from device.config.keys import flatten, masked, nested, values
from device.config.schema import Config
from device.link.reports import ConfigFault, ConfigReport, Previous, Seen
from device.settings.state import Layers, Outcome, State, config_of

LIMIT = 60 * 1024
"""Bytes of JSON, of the 64 KiB of the contract: the link adds the name of the boot."""
SHORT = 200
"""Characters that are left of a long text where everything would not fit."""


def standing(state: State, file: Mapping[str, Any]) -> ConfigReport:
    """What is in force by ``state``, above ``file``, in a report that says nothing of messages yet."""
    trial = state.trial
    waiting = trial is not None and trial.kind != "live" and bool(trial.pushes)
    layers = trial.base if trial is not None and waiting else state.layers
    return ConfigReport(
        state="applied",
        applied={layer.scope: layer.version for layer in (layers.group, layers.device) if layer},
        probation_s=trial.limit_s if trial is not None and waiting else 0,
        effective=effective(config_of(layers, file)),
        origin=dict(layers.over(file).origin),
        previous=_previous(layers),
    )


def report(standing: ConfigReport, outcome: Outcome, seen: Mapping[str, Seen]) -> ConfigReport:
    """``standing`` with what became of the newest message, which may have changed nothing."""
    return fitted(
        replace(
            standing,
            state=outcome.state,
            confirmed=outcome.confirmed,
            scope=outcome.scope,
            seen=dict(seen),
            errors=outcome.errors,
            warnings=outcome.warnings,
        )
    )


def effective(config: Config) -> dict[str, Any]:
    """Every key with its value, by path, secrets masked."""
    return {path: masked(path, each) for path, each in values(config).items()}


def fitted(whole: ConfigReport, limit: int = LIMIT) -> ConfigReport:
    """``whole``, or as much of it as fits into ``limit`` bytes: first the configuration of before goes, then the ends of long texts,
    then the values."""
    smaller = whole
    for step in (lambda r: r, _without_previous, _shortened, _without_values):
        smaller = step(smaller)
        if len(msgspec.json.encode(smaller)) <= limit:
            break
    return smaller


def _previous(layers: Layers) -> Previous | None:
    before = layers.previous
    if before is None:
        return None
    flat = {path: masked(path, each) for path, each in flatten(before.config).items()}
    return Previous(version=before.version, config=nested(flat))


def _without_previous(whole: ConfigReport) -> ConfigReport:
    return replace(whole, previous=None)


def _shortened(whole: ConfigReport) -> ConfigReport:
    return replace(
        whole,
        errors=tuple(_short(fault) for fault in whole.errors),
        warnings=tuple(_short(fault) for fault in whole.warnings),
        effective=_cut(whole.effective),
    )


def _without_values(whole: ConfigReport) -> ConfigReport:
    return replace(whole, effective={}, origin={}, errors=whole.errors[:20], warnings=whole.warnings[:20])


def _short(fault: ConfigFault) -> ConfigFault:
    return replace(fault, path=_cut(fault.path), message=_cut(fault.message))


def _cut(each: Any) -> Any:
    if isinstance(each, str):
        return each if len(each) <= SHORT else each[: SHORT - 3] + "..."
    if isinstance(each, dict):
        return {name: _cut(value) for name, value in each.items()}
    if isinstance(each, list | tuple):
        return [_cut(value) for value in each]
    return each
