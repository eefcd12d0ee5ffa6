"""What may come into force (and ``trials``: what is then remembered). Pure: states in, decisions out.

    message ─► weigh ─► Known      it is in force, or was dealt with: nothing happens
    command ─► order ─► Refusal    nothing changes; the faults say why
                        Candidate  a whole that is valid and allowed ─► begin ─► State, with a Trial
                                                                                  │ confirm     proven: the last known good
                                                                                  ▼ roll_back   what was before, and a bad version

Whoever calls writes each ``State`` down before it acts on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import replace

from device.config.checking import check, known, shape, split
from device.config.faults import Fault
from device.config.keys import KEYS, MASK, changed, flatten, masked, nested
from device.config.schema import Config
from device.settings import rights
from device.settings.state import (
    Kind,
    Layer,
    Layers,
    Marks,
    Push,
    State,
    config_of,
)


@dataclass(frozen=True, slots=True)
class Message:
    """A message whose signature and scope are good. ``kid`` is None where nobody signed; ``digest`` is of the payload."""

    scope: str
    version: int
    config: Mapping[str, Any]
    kid: str | None
    digest: str


@dataclass(frozen=True, slots=True)
class Known:
    """Nothing happens. ``in_force``: it is the configuration of its scope now; else it was rolled back, and that was reported."""

    in_force: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nothing changes."""

    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """What would be in force: ``changed`` are the keys whose values differ from those in force now. ``push`` is None for a
    command; ``beneath`` is what a rollback goes back to."""

    layers: Layers
    beneath: Layers
    config: Config
    changed: frozenset[str]
    kind: Kind
    push: Push | None = None
    digest: str = ""
    warnings: tuple[Fault, ...] = ()

    @property
    def starts_engine(self) -> bool:
        """Whether it takes more than other figures: the recogniser knows the wake words, too, and starts anew with others."""
        return self.kind != "live" or "wake.words" in self.changed


@dataclass(frozen=True, slots=True)
class Standing:
    """What messages are held against: the file's tables (with ``--set``) and the state above them."""

    file: Mapping[str, Any]
    state: State

    @property
    def config(self) -> Config:
        """In force, on trial or not."""
        return config_of(self.state.layers, self.file)


def weigh(standing: Standing, message: Message) -> Known | Refusal | Candidate:
    """Version, schema, rights, in this order; all faults of the step that finds some."""
    state = standing.state
    there, signed = state.layers.of(message.scope), message.kid is not None
    alike = there is not None and (there.version, there.digest) == (message.version, message.digest)
    # what somebody sent unsigned is not yet the owner's word
    if there is not None and alike and (there.signed or not signed):
        return Known(in_force=True)
    if code := _version_fault(state, message):
        if code == "known_bad":
            return Known(in_force=False)
        return Refusal((_version_line(state, message, code),))
    faults, warnings = split(message.config)
    if faults:
        return Refusal(tuple(faults), tuple(warnings))
    old = standing.config
    tables = _unmasked(known(message.config), standing)
    if faults := rights.forbidden(tables, message.scope):
        return Refusal(tuple(faults), tuple(warnings))
    kept = tables if signed else rights.without_rights(tables)
    layer = Layer(
        scope=message.scope, version=message.version, signed=signed, digest=message.digest, config=kept
    )
    beneath = _beneath(state)
    layers = _with(beneath, layer, mentioned=set(flatten(tables)))
    layers = _without_old_group(layers, standing.file)
    whole = layers.over(standing.file).tables
    if problems := check(whole):
        return Refusal(tuple(problems), tuple(warnings))
    new = msgspec.convert(whole, Config, strict=True)
    if not signed:
        replaced = beneath.of(message.scope)
        pinned = flatten(replaced.config) if replaced and replaced.signed else {}
        faults = rights.unsigned_faults(tables, old, new, pinned)
    if signed and new.keys.trusted != old.keys.trusted:
        assert message.kid is not None
        signer = rights.signer_of(old.keys.trusted, message.kid)
        faults = rights.lockout(new.keys.trusted, signer, message.kid)
    if faults:
        return Refusal(tuple(faults), tuple(warnings))
    push = Push(scope=message.scope, version=message.version, signed=signed)
    return _candidate(standing, layers, beneath, new, push, message.digest, warnings)


def order(standing: Standing, values: Mapping[str, Any]) -> Refusal | Candidate:
    """Single keys by path, as a command sets them; unlike a file's, an unknown key is a fault."""
    state, old = standing.state, standing.config
    faults = [Fault(f"{path}: no such key", path, "unknown_key") for path in values if path not in KEYS]
    if faults := faults or shape(nested(values)):
        return Refusal(tuple(faults))
    layers = replace(state.layers, command={**state.layers.command, **values})
    whole = layers.over(standing.file).tables
    if problems := check(whole):
        return Refusal(tuple(problems))
    new = msgspec.convert(whole, Config, strict=True)
    if faults := rights.command_faults(values, old, new):
        return Refusal(tuple(faults))
    candidate = _candidate(standing, layers, state.layers, new, None)
    if state.trial is not None and state.trial.kind != "live" and candidate.starts_engine:
        line = "a configuration that was pushed is being proven: try again in a minute"
        return Refusal((Fault(line, next(iter(values)), "busy"),))
    return candidate


def _beneath(state: State) -> Layers:
    """What a push lies on: a trial that restarts something is replaced by it, all others are kept."""
    trial = state.trial
    return trial.base if trial and trial.pushes and trial.kind != "live" else state.layers


def supersedes(state: State, message: Message) -> bool:
    """Whether ``message`` is taken while a trial that restarts something is under way: a signed one for the same scope is, so that
    the owner need not wait for a mistake to be rolled back. All others wait, or anybody could draw out a trial for ever."""
    trial = state.trial
    if trial is None or trial.kind == "live":
        return True
    return message.kid is not None and {push.scope for push in trial.pushes} <= {message.scope}


def _version_fault(state: State, message: Message) -> str:
    """stale_version, version_reuse, bad_version, known_bad (its rollback is what is reported), or empty."""
    marks = state.marks.get(message.scope, Marks())
    signed = message.kid is not None
    own = marks.signed if signed else marks.unsigned
    if own is not None and message.version in own.bad:
        reported = state.outcome.state == "rolled_back" and state.outcome.scope == message.scope
        same = (own.version, own.digest) == (message.version, message.digest)
        return "known_bad" if reported and same else "bad_version"
    for mark in (own, None if signed else marks.signed):
        if mark is None or message.version > mark.version:
            continue
        if message.version < mark.version:
            return "stale_version"
        if message.digest != mark.digest:
            return "version_reuse"
        if mark is not own:
            return "stale_version"
    return ""


def _version_line(state: State, message: Message, code: str) -> Fault:
    marks = state.marks[message.scope]
    newest = max(mark.version for mark in (marks.signed, marks.unsigned) if mark is not None)
    reason = {
        "stale_version": "is older than what came before",
        "version_reuse": "was there already, with another content",
        "bad_version": "did not prove itself and was rolled back",
    }[code]
    if message.kid is not None and marks.signed is not None:
        newest = marks.signed.version
    line = f"version {message.version} of {message.scope} {reason}: push it as {newest + 1} or newer"
    return Fault(line, "", code)


def _unmasked(tables: dict[str, Any], standing: Standing) -> dict[str, Any]:
    """``tables`` that came back as a report had them, ``***`` for each secret: that means what it stands for. What is wholly the
    configuration of before means that one's secrets, else those in force."""
    flat = flatten(tables)
    stars = [path for path, each in flat.items() if each == MASK and KEYS[path].policy.secret]
    if not stars:
        return tables
    previous = standing.state.layers.previous
    before = flatten(previous.config) if previous is not None else {}
    if flat != {path: masked(path, each) for path, each in before.items()}:
        before = flatten(standing.state.layers.over(standing.file).tables)
    return nested({path: before.get(path, "") if path in stars else each for path, each in flat.items()})


def _with(layers: Layers, layer: Layer, mentioned: set[str]) -> Layers:
    """``layer`` in place of its scope's one; what a command has set and ``layer`` mentions is no longer set by the command."""
    command = {path: each for path, each in layers.command.items() if path not in mentioned}
    if layer.scope.startswith("g/"):
        return replace(layers, group=layer, command=command)
    return replace(layers, device=layer, command=command, previous=layers.device)


def _without_old_group(layers: Layers, file: Mapping[str, Any]) -> Layers:
    """A group's layer is dropped by a device that is no longer in the group."""
    if layers.group is None or layers.group.scope == group_scope(layers, file):
        return layers
    return replace(layers, group=None)


def group_scope(layers: Layers, file: Mapping[str, Any]) -> str:
    """``g/<group>`` as file and device layer name it; empty without a group."""
    group = replace(layers, group=None).over(file).tables.get("device", {}).get("group", "")
    return f"g/{group}" if group else ""


def _candidate(
    standing: Standing,
    layers: Layers,
    beneath: Layers,
    new: Config,
    push: Push | None,
    digest: str = "",
    warnings: Sequence[Fault] = (),
) -> Candidate:
    differing = changed(standing.config, new)
    # what differs from what a rollback goes back to has to prove itself too
    concerned = differing | changed(config_of(beneath, standing.file), new) if push else differing
    return Candidate(layers, beneath, new, differing, kind_of(concerned), push, digest, tuple(warnings))


def kind_of(paths: frozenset[str]) -> Kind:
    """What a change of these keys restarts at most."""
    applies = {KEYS[path].policy.apply for path in paths}
    if "daemon" in applies:
        return "daemon"
    return "rooms" if applies - {"live"} else "live"
