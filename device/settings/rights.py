"""Who may change what over MQTT: deny by default. Pure.

What counts is the effect. A configuration without a signature, or a command, may neither set a key that needs one nor take away
what a signed configuration has set, for both change what is in force.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Any

from device.config.faults import Fault
from device.config.keys import KEYS, changed, flatten, nested, value
from device.config.schema import Config


def without_rights(tables: Mapping[str, Any]) -> dict[str, Any]:
    """What a layer without a signature keeps of ``tables``: the keys that need none. The others would have no effect now, and later
    they would stand in the way of what the owner changes in a lower layer."""
    return nested({path: each for path, each in flatten(tables).items() if KEYS[path].policy.unsigned})


def forbidden(tables: Mapping[str, Any], scope: str) -> list[Fault]:
    """Keys that nobody may set over MQTT, or not for a whole group, whoever signed."""
    faults = []
    for path in flatten(tables):
        if KEYS[path].policy.local:
            line = f"{path}: can be set only in the file on the device itself; leave it out"
            faults.append(Fault(line, path, "local_only"))
        elif path == "device.group" and scope.startswith("g/"):
            line = f"{path}: a group's configuration cannot put devices into a group; push it to the device"
            faults.append(Fault(line, path, "wrong_scope"))
    return faults


def unsigned_faults(
    tables: Mapping[str, Any], old: Config, new: Config, pinned: Container[str] = ()
) -> list[Fault]:
    """What ``tables``, which nobody signed, must not do: ``old`` is in force, ``new`` would be. ``pinned``: the keys of the signed
    configuration that ``tables`` would replace, which count though they may have no effect now."""
    flat = flatten(tables)
    return list(_unsigned(flat, old, new, pinned))


def _unsigned(flat: Mapping[str, Any], old: Config, new: Config, pinned: Container[str]) -> Iterator[Fault]:
    differing = changed(old, new)
    for path, key in KEYS.items():
        if key.policy.unsigned:
            if path in differing and path in flat and _has_path(flat[path]):
                line = f"{path}: a file's path needs a signature; without one give a name"
                yield Fault(line, path, "needs_signature")
        elif path in flat and _different(path, flat[path], old):
            yield Fault(f"{path}: can be changed only by a signed configuration", path, "needs_signature")
        elif path in differing or path in pinned:
            line = (
                f"{path}: a signed configuration has set it, and one without a signature cannot take it away"
            )
            yield Fault(line, path, "needs_signature")


def command_faults(values: Mapping[str, Any], old: Config, new: Config) -> list[Fault]:
    """What a command must not do: its ``values`` are by path, all of them keys."""
    faults = []
    for path, each in values.items():
        policy = KEYS[path].policy
        if policy.local:
            line = f"{path}: can be set only in the file on the device itself"
            faults.append(Fault(line, path, "local_only"))
        elif not policy.unsigned or policy.apply not in ("live", "voice"):
            faults.append(Fault(f"{path}: needs a signed configuration", path, "needs_signature"))
        elif _has_path(each) and path in changed(old, new):
            line = f"{path}: a file's path needs a signature; without one give a name"
            faults.append(Fault(line, path, "needs_signature"))
    return faults


def lockout(trusted: tuple[str, ...], signer: str, kid: str) -> list[Fault]:
    """Whether a configuration whose signer is ``signer`` (an entry of the keys in force) leaves that key out of ``trusted``."""
    keys = {entry.partition(":")[2] for entry in trusted}
    if signer.partition(":")[2] in keys:
        return []
    line = (
        f"keys.trusted: leaves out {kid!r}, the key that signed this: nobody could be sure to reach the device again; "
        "keep it, and let the new key take it out"
    )
    return [Fault(line, "keys.trusted", "key_lockout")]


def signer_of(trusted: tuple[str, ...], kid: str) -> str:
    """The entry of ``trusted`` with that name; empty where there is none."""
    return next((entry for entry in trusted if entry.partition(":")[0] == kid), "")


def _has_path(each: Any) -> bool:
    texts = each if isinstance(each, list | tuple) else [each]
    return any(isinstance(text, str) and "/" in text for text in texts)


def _different(path: str, each: Any, old: Config) -> bool:
    """Whether ``each``, as JSON has it, is another value than the one in force."""
    return bool((tuple(each) if isinstance(each, list) else each) != value(old, path))
