"""What the device starts with: the file and what was pushed, or, where that is broken or did not start, what ran before.

    file broken, last known good there      that one; ``config_invalid``; pushes are taken all the same
    file broken, none there                 ``ConfigError``
    a trial that did not start twice        the configuration of before; ``config_rolled_back``
    the file read anew, and broken  what is in force; ``config_invalid`` until it is mended
    a layer that is no longer valid         left out, with a warning (another version of earshot wrote it)
    the remembered state damaged            put aside; the file alone; ``state_damaged``

That a start is tried with something on trial is written down before it is tried.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from device.config import Config
from device.config.checking import check, known, shape, split
from device.config.faults import Fault
from device.config.keys import nested
from device.config.layers import merged
from device.config.load import load_tables
from device.disk import Disk
from device.errors import ConfigError
from device.settings.ledger import group_scope
from device.settings.state import Layer, Layers, State, config_of
from device.settings.store import StateDamaged, StateUnwritable, Store
from device.settings.trials import roll_back

log = logging.getLogger(__name__)

TRIES = 2
"""So often a daemon is started with what is on trial."""


@dataclass
class Booted:
    """``config`` is what to start with, ``file`` the tables beneath the layers of ``state``. ``problems`` are codes for the status;
    ``unsaved``: ``state`` could not be written. ``own``: ``file`` is the file's, not the last known good's."""

    store: Store
    state: State
    file: dict[str, Any]
    problems: list[str] = field(default_factory=list)
    unsaved: bool = False
    own: bool = True
    read: Callable[[], dict[str, Any]] = dict
    """The file's tables as they are now. Raises ``ConfigError``."""

    @property
    def config(self) -> Config:
        return config_of(self.state.layers, self.file)

    def save(self, state: State) -> None:
        """``state`` is the state, on disk too where that can be."""
        self.state = state
        try:
            self.store.save(state)
            self.unsaved = False
        except StateUnwritable as exc:
            log.warning("%s", exc)
            self.unsaved = True

    def abandon(self, reason: str) -> bool:
        """The device could not be made of ``config``, for ``reason``: whether there is something else to try, which then is ``config``.
        What is on trial goes first, then what the file says anew; with False the reason has to be raised."""
        before = self.config
        while self.config == before:
            if self.state.trial is not None:
                log.error("what is on trial does not start (%s): going back to what was before", reason)
                self.save(
                    roll_back(
                        self.state, [Fault(f"the device does not start with it: {reason}", "", "no_start")]
                    )
                )
            elif self.own and (good := self.state.good) is not None:
                log.error("the configuration does not start (%s): running on the last that did", reason)
                layers = _whole(replace(good.layers, command=self.state.layers.command), good.file)
                self.own, self.file = False, good.file
                self.state = replace(self.state, layers=layers)
                self.problems.append("config_invalid")
            else:
                return False
        return True


def boot(
    path: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    folder: Path | None = None,
    *,
    disk: Disk | None = None,
) -> Booted:
    """``path`` and ``overrides`` as ``device.config.load`` takes them; ``folder`` keeps the state (``state_folder()``).

    Raises ``ConfigError`` where the file is broken and nothing is known to have worked.
    """
    store = Store(folder, disk)
    state, problems, unsaved = _remembered(store)

    def read() -> dict[str, Any]:
        return load_tables(path, overrides)

    try:
        booted = Booted(store, state, read(), problems, unsaved)
    except ConfigError as exc:
        file = _known_good(state, overrides)
        if file is None:
            raise
        log.error("%s\nrunning on the last configuration that worked", exc)
        booted = Booted(store, state, file, [*problems, "config_invalid"], unsaved, own=False)
    booted.read = read
    _fit(booted)
    _count(booted)
    return booted


def refit(state: State, file: Mapping[str, Any]) -> tuple[State, list[Fault]]:
    """``state`` without the layers that are not for this device by ``file``, or not valid any more; and what is wrong with the whole."""
    state = replace(state, layers=_fitting(state.layers, file))
    if state.trial is not None:
        base = _fitting(state.trial.base, file)
        state = replace(state, trial=replace(state.trial, base=_whole(base, file)))
    return state, check(state.layers.over(file).tables)


def _remembered(store: Store) -> tuple[State, list[str], bool]:
    """The state, problems, and whether it is not the one on disk."""
    try:
        return store.load() or State(), [], False
    except StateDamaged as exc:
        log.error("%s: what was pushed is forgotten until it is pushed again", exc)
    try:
        log.error("it is kept as %s", store.set_aside())
    except StateUnwritable as exc:
        log.warning("%s", exc)
        return State(), ["state_damaged"], True
    return State(), ["state_damaged"], False


def _known_good(state: State, overrides: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The file of the last known good, in place of one that is broken; what is wrong on the command line is not to be passed over."""
    if state.good is None or shape(overrides or {}):
        return None
    file = merged([("good", state.good.file), ("--set", overrides or {})]).tables
    return None if check(file) else file


def _fit(booted: Booted) -> None:
    """Leave out layers that are no longer for this device, or valid."""
    file = booted.file
    state, problems = refit(booted.state, file)
    if problems:
        if state.trial is not None:
            booted.save(roll_back(state, problems))
            return
        if (
            (good := state.good) is not None
            and good.file != file
            and not check(state.layers.over(good.file).tables)
        ):
            log.error("%s", ConfigError("the file and what was pushed do not go together", problems))
            booted.own, booted.file = False, good.file
            booted.problems.append("config_invalid")
        else:
            state = replace(state, layers=_whole(state.layers, file))
    booted.state = state


def _fitting(layers: Layers, file: Mapping[str, Any]) -> Layers:
    """Each layer on its own: of this device, of its group, valid by itself."""
    own = f"d/{file.get('device', {}).get('id', Config().device.id)}"
    device = _valid(layers.device, own)
    layers = replace(layers, device=device, previous=_valid(layers.previous, own))
    group = _valid(layers.group, group_scope(layers, file))
    command = {} if shape(nested(layers.command)) else layers.command
    return replace(layers, group=group, command=command)


def _valid(layer: Layer | None, scope: str) -> Layer | None:
    if layer is None:
        return None
    if layer.scope != scope:
        log.warning("what was pushed to %s is left out: this device is not, or no longer, of it", layer.scope)
        return None
    faults, _ = split(layer.config)
    if faults:
        log.warning("%s", ConfigError(f"what was pushed to {layer.scope} is left out", faults))
        return None
    return replace(layer, config=known(layer.config))


def _whole(layers: Layers, file: Mapping[str, Any]) -> Layers:
    """As many of the layers as make a valid whole."""
    for smaller in (
        layers,
        replace(layers, command={}),
        replace(layers, command={}, group=None),
        replace(layers, command={}, group=None, device=None),
    ):
        if not (problems := check(smaller.over(file).tables)):
            return smaller
        log.warning("%s", ConfigError("what was pushed does not go with the file", problems))
    raise AssertionError("the file alone was checked before")


def _count(booted: Booted) -> None:
    """A start with something on trial is counted, on disk, before it is tried; one that cannot be counted is not tried."""
    state = booted.state
    if state.trial is None:
        return
    if state.trial.boots >= TRIES:
        line = f"the device did not run with it long enough to prove it, in {TRIES} starts"
        log.error("rolling back what was pushed: %s", line)
        booted.save(roll_back(state, [Fault(line, "", "no_start")]))
        return
    booted.save(replace(state, trial=replace(state.trial, boots=state.trial.boots + 1)))
    if booted.unsaved:
        line = "the device's state cannot be written, so a start with it could not be counted"
        booted.state = roll_back(state, [Fault(line, "", "state_unwritable")])
