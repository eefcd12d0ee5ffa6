"""``up/config``: which configuration the device was told, what became of it, and what is in force (retained)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from device.link.fields import Code

Scope = Annotated[str, Meta(pattern=r"^[dg]/[a-z0-9-]{1,32}\Z")]
"""``d/<device>`` or ``g/<group>``."""


class Seen(Struct, frozen=True, kw_only=True):
    """The newest message on a config topic. ``version`` null where none could be read; ``digest``: the first 16 hex digits of the
    SHA-256 of its bytes, so that whoever pushed it knows it again."""

    version: int | None
    digest: str


class ConfigFault(Struct, frozen=True, kw_only=True):
    """One thing that is wrong: the key (``wake.threshold``; empty: the message as a whole), a code, a line for people."""

    path: str
    code: Code
    message: str


class Previous(Struct, frozen=True, kw_only=True):
    """The configuration that the device's own scope had before, so that anybody with a key can go back to it."""

    version: int
    config: dict[str, Any]


class ConfigReport(Struct, frozen=True, kw_only=True):
    """``state`` is that of the newest message of any scope:

    applied: in force (``confirmed`` once it has proved itself too); pending: taken, and not in force before a restart or a new
    connection has worked (``probation_s``: for how much longer it may try); rejected: nothing changed, see ``errors``;
    rolled_back: it did not prove itself, what was before is in force again, see ``errors``.
    ``seen`` and ``applied`` by scope; ``effective`` are all keys with their values, secrets masked, ``origin`` where each that is not
    a default comes from (file, group, device, command); ``warnings`` are unknown keys, which are left alone.
    """

    state: Literal["applied", "pending", "rejected", "rolled_back"]
    confirmed: bool = True
    boot: Code = "-"
    scope: str = ""
    """Whose message ``state`` is about; empty before any came."""
    seen: dict[Scope, Seen] = {}
    applied: dict[Scope, int] = {}
    errors: tuple[ConfigFault, ...] = ()
    warnings: tuple[ConfigFault, ...] = ()
    probation_s: int = 0
    effective: dict[str, Any] = {}
    origin: dict[str, str] = {}
    previous: Previous | None = None
