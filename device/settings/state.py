"""What a device remembers of what it was told. Pure values, which are also the format of the file on disk.

    defaults < file < group < device < command          what each layer sets wins over the ones before it
                      └────── Layers ──────┘             what was pushed or ordered, and is in force

While a change is proving itself, ``State.trial`` keeps the ``Layers`` of before: to go back is to put them in force again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from device.config.faults import Fault
from device.config.keys import nested
from device.config.layers import Merged, merged
from device.config.schema import Config
from device.link.reports import ConfigFault, Scope, Seen

KEPT = 32
"""Bad versions, and scopes, that are remembered. Older ones are refused as stale anyway."""

MOST_FAULTS = 100

Version = Annotated[int, Meta(ge=1, le=2**53)]
Kind = Literal["live", "rooms", "daemon"]
"""What a change restarts at most: nothing, an engine or the connection, the daemon."""


class Record(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of everything in the file: what is not known is an error, since it was another program that wrote it."""


class Mark(Record, frozen=True, kw_only=True):
    """The newest version that a scope had; ``digest`` of its payload; ``bad``: versions that did not prove themselves."""

    version: Version
    digest: str
    bad: tuple[Version, ...] = ()


class Marks(Record, frozen=True, kw_only=True):
    """Kept apart, so that an unsigned version that somebody else made up, however high, does not block the owner."""

    signed: Mark | None = None
    unsigned: Mark | None = None


class Layer(Record, frozen=True, kw_only=True):
    """One configuration as it was pushed, without what is not for it; ``config`` are nested tables."""

    scope: Scope
    version: Version
    signed: bool
    digest: str
    config: dict[str, Any]


class Layers(Record, frozen=True, kw_only=True):
    """What is in force above the file. ``command`` by path; ``previous``: what the device's own layer was before."""

    group: Layer | None = None
    device: Layer | None = None
    command: dict[str, Any] = {}
    previous: Layer | None = None

    def over(self, file: Mapping[str, Any]) -> Merged:
        """The tables of the whole, above those of the file."""
        pushed = [
            (name, layer.config) for name, layer in (("group", self.group), ("device", self.device)) if layer
        ]
        return merged([("file", file), *pushed, ("command", nested(self.command))])

    def of(self, scope: str) -> Layer | None:
        """The layer that is ``scope``'s."""
        return next((layer for layer in (self.group, self.device) if layer and layer.scope == scope), None)


class Push(Record, frozen=True, kw_only=True):
    """Which message a trial is about."""

    scope: Scope
    version: Version
    signed: bool


class Trial(Record, frozen=True, kw_only=True):
    """A change that is in force and has to prove itself. ``pushes`` is empty where commands made it; ``boots``: how often the
    daemon was started with it; ``sound``: whether there was sound before; ``limit_s``: how long it may take."""

    kind: Kind
    base: Layers
    pushes: tuple[Push, ...] = ()
    boots: int = 0
    sound: bool = False
    limit_s: int = 120


class Good(Record, frozen=True, kw_only=True):
    """The last known good: the tables of the file (with ``--set``) and the layers above it that have run."""

    file: dict[str, Any]
    layers: Layers


class Outcome(Record, frozen=True, kw_only=True):
    """What became of the newest message: the part of the report that is kept over a restart."""

    state: Literal["applied", "pending", "rejected", "rolled_back"] = "applied"
    confirmed: bool = True
    scope: str = ""
    errors: tuple[ConfigFault, ...] = ()
    warnings: tuple[ConfigFault, ...] = ()


class State(Record, frozen=True, kw_only=True):
    """All of it. ``layers`` are in force, on trial or not; ``seen`` is the newest message of each scope."""

    layers: Layers = Layers()
    marks: dict[Scope, Marks] = {}
    trial: Trial | None = None
    good: Good | None = None
    seen: dict[Scope, Seen] = {}
    outcome: Outcome = Outcome()


def digest_of(data: bytes) -> str:
    """What a message is known by: the first 16 hex digits of its SHA-256 (``device.link.reports.Seen``)."""
    return hashlib.sha256(data).hexdigest()[:16]


def config_of(layers: Layers, file: Mapping[str, Any]) -> Config:
    """The whole as a ``Config``; it must be valid."""
    return msgspec.convert(layers.over(file).tables, Config, strict=True)


def faults_of(faults: Sequence[Fault]) -> tuple[ConfigFault, ...]:
    """As they travel; of more than a hundred the first, and a line that says how many more."""
    found = tuple(
        ConfigFault(path=each.path, code=each.code, message=str(each)) for each in faults[:MOST_FAULTS]
    )
    more = len(faults) - len(found)
    return (*found, ConfigFault(path="", code="more", message=f"and {more} more")) if more else found
