"""What a fleet is: its broker and its members. Read from and written as ``fleet.toml``. Pure."""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from device.errors import EarshotError

Role = Literal["device", "worker", "operator", "homeassistant", "admin"]

TABLES: dict[str, Role] = {
    "devices": "device",
    "workers": "worker",
    "operators": "operator",
    "homeassistant": "homeassistant",
}
"""Tables of the file and the role of what is in them."""
KEYS: dict[Role, tuple[str, ...]] = {"device": ("house", "group"), "worker": ("pool",)}
"""What may be said of a member, by role; nothing of the others."""
PASSWORD_ROLES = frozenset({"operator", "homeassistant"})
"""They log in with a password besides their certificate, since one of them may be connected more than once."""
NAME = re.compile(r"[a-z0-9-]{3,32}\Z")
LABEL = re.compile(r"[a-z0-9-]{1,32}\Z")
HOST = re.compile(r"[A-Za-z0-9.:-]{1,253}\Z")
ADMIN = "fleet-admin"
RESERVED = frozenset({ADMIN, "broker"})
"""Names of folders and certificates of the fleet itself."""


class FleetError(EarshotError):
    """The fleet's description or folder cannot be used, or the broker did not do what was asked."""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody with a certificate; the name is its common name, its user name at the broker and, of a device, ``device.id``."""

    name: str
    role: Role
    house: str = ""
    group: str = ""
    pool: str = ""

    @property
    def password(self) -> bool:
        return self.role in PASSWORD_ROLES


@dataclass(frozen=True, slots=True)
class Broker:
    """``names``: how members reach it, the first is the one they are told; ``port`` for certificates alone, ``people_port``
    for certificate and password; ``folder``: where its files lie on its own machine."""

    names: tuple[str, ...]
    port: int = 8883
    people_port: int = 8884
    folder: str = "/etc/mosquitto/earshot"


@dataclass(frozen=True, slots=True)
class Fleet:
    broker: Broker
    members: tuple[Member, ...] = ()

    def __iter__(self) -> Iterator[Member]:
        """Everybody, the administrator first."""
        yield Member(ADMIN, "admin")
        yield from self.members

    def get(self, name: str) -> Member | None:
        return next((member for member in self if member.name == name), None)

    def with_member(self, member: Member) -> Fleet:
        """Raises ``FleetError`` for a name that is taken or cannot be one."""
        if self.get(member.name) or member.name in RESERVED:
            raise FleetError(f"{member.name!r} is taken: every member of a fleet has a name of its own")
        check_member(member)
        return replace(self, members=_in_order((*self.members, member)))

    def without(self, name: str) -> Fleet:
        return replace(self, members=tuple(member for member in self.members if member.name != name))


def check_member(member: Member) -> None:
    """Raises ``FleetError`` for a name or a label that cannot stand in a topic."""
    if not NAME.match(member.name):
        raise FleetError(f"{member.name!r} cannot be a name: 3 to 32 of a-z, 0-9 and -")
    for key in KEYS.get(member.role, ()):
        label = getattr(member, key)
        if not (LABEL.match(label) or (key == "group" and not label)):
            raise FleetError(f"{key} {label!r} of {member.name}: 1 to 32 of a-z, 0-9 and -")


def read(text: str, source: str) -> Fleet:
    """Parse ``fleet.toml``; raises ``FleetError`` with every fault."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise FleetError(f"{source} is no TOML: {exc}") from exc
    faults: list[str] = []
    broker = _broker(tables.pop("broker", {}), faults)
    members: list[Member] = []
    for table, inside in tables.items():
        role = TABLES.get(table)
        if role is None:
            faults.append(f"[{table}] is no table of a fleet: broker, {', '.join(TABLES)}")
        elif not isinstance(inside, Mapping):
            faults.append(f"{table} must be tables like [{table}.NAME]")
        else:
            members += [_member(name, role, values, faults) for name, values in inside.items()]
    names = [member.name for member in members]
    for name in sorted({name for name in names if names.count(name) > 1 or name in RESERVED}):
        faults.append(f"{name!r} is there twice or reserved: every member has a name of its own")
    if faults:
        raise FleetError(
            f"{source}: {len(faults)} problem(s)\n" + "\n".join(f"  {fault}" for fault in faults)
        )
    return Fleet(broker, _in_order(members))


def _in_order(members: Iterable[Member]) -> tuple[Member, ...]:
    """By role, as ``write`` has them: whatever is made from a fleet is then the same before it was written and after."""
    roles = list(TABLES.values())
    return tuple(sorted(members, key=lambda member: roles.index(member.role)))


def write(fleet: Fleet) -> str:
    """The text of ``fleet.toml``; ``read`` gives the same fleet."""
    broker = fleet.broker
    lines = [
        "# Members of the fleet. `earshot fleet add` and `revoke` write this file; after a change by hand run",
        "# `earshot fleet rules`, which writes the broker's files anew.",
        "",
        "[broker]",
        f"names = [{', '.join(_quoted(name) for name in broker.names)}]",
        f"port = {broker.port}                # certificates alone: devices and workers",
        f"people_port = {broker.people_port}         # certificate and password: operators and Home Assistant",
        f"folder = {_quoted(broker.folder)}    # where its files lie on the broker's machine",
    ]
    for table, role in TABLES.items():
        for member in (one for one in fleet.members if one.role == role):
            lines += ["", f"[{table}.{member.name}]"]
            lines += [
                f"{key} = {_quoted(getattr(member, key))}"
                for key in KEYS.get(role, ())
                if getattr(member, key)
            ]
    return "\n".join(lines) + "\n"


def check_host(host: str) -> str:
    """Raises ``FleetError`` for what can be no name or address of a broker."""
    if not _is_host(host):
        raise FleetError(f"broker {host!r}: must be a host name or an IP address, without a port")
    return host


def _is_host(host: str) -> bool:
    if not HOST.match(host):
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # a name with a colon would be a port, and one that ends in a number a mistyped address (RFC 3696, 2)
        return ":" not in host and not host.rstrip(".").rpartition(".")[2].isdigit()
    return True


def _broker(values: Any, faults: list[str]) -> Broker:
    if not isinstance(values, Mapping):
        faults.append("broker must be a table")
        values = {}
    names = values.get("names")
    if not (isinstance(names, list) and names and all(isinstance(n, str) and _is_host(n) for n in names)):
        faults.append(f"broker.names is {names!r}: a list of host names or addresses, at least one")
        names = ["localhost"]
    ports = {}
    for key in ("port", "people_port"):
        port = values.get(key, getattr(Broker(("-",)), key))
        if type(port) is not int or not 1 <= port <= 65535:
            faults.append(f"broker.{key} is {port!r}: 1..65535")
        ports[key] = port
    if ports["port"] == ports["people_port"]:
        faults.append("broker.port and broker.people_port are the same: two ports are needed")
    folder = values.get("folder", Broker(("-",)).folder)
    if not isinstance(folder, str) or not folder.startswith("/") or any(char.isspace() for char in folder):
        faults.append(f"broker.folder is {folder!r}: an absolute path without spaces")
    faults += [f"broker.{key} is no key" for key in values if key not in ("names", "folder", *ports)]
    return Broker(tuple(names), folder=folder, **ports)


def _member(name: str, role: Role, values: Any, faults: list[str]) -> Member:
    known = KEYS.get(role, ())
    if not isinstance(values, Mapping):
        faults.append(f"{name} must be a table")
        values = {}
    faults += [
        f"{name}.{key} is no key of a {role}{': ' + ', '.join(known) if known else ''}"
        for key in values
        if key not in known
    ]
    labels = {key: values[key] for key in known if isinstance(values.get(key), str)}
    faults += [f"{name}.{key} must be a text" for key in known if key in values and key not in labels]
    member = Member(name, role, **{**defaults(role), **labels})
    try:
        check_member(member)
    except FleetError as exc:
        faults.append(str(exc))
    return member


def defaults(role: Role) -> dict[str, str]:
    """What a member has when nothing is said: one house, one pool, no group."""
    return {key: "" if key == "group" else "home" for key in KEYS.get(role, ())}


def _quoted(text: str) -> str:
    return f'"{text}"'  # nothing that needs escaping passes the checks above
