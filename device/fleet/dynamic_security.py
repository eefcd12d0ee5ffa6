"""The rules as mosquitto's dynamic-security plugin wants them: a file to start with, commands for one that runs. Pure.

The plugin and not ``acl_file``: with that any device may join ``$share/<pool>/...`` and swallow half of all questions,
although it is not sent their content (measured on 2.0.11). A certificate says who somebody is, so the clients of the
file have no password (and cannot log in with one), but for those who use both.

Other clients and roles of the same broker are left alone: ours are named ``PREFIX...`` and described as ``OURS``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from device.fleet.description import Fleet, Member
from device.fleet.passwords import Hashed
from device.fleet.rights import rights

OURS = "earshot fleet"
PREFIX = "earshot-"
CONTROL = "$CONTROL/dynamic-security/v1"
RESPONSE = f"{CONTROL}/response"
DEFAULTS = {
    "publishClientSend": False,
    "publishClientReceive": False,
    "subscribe": False,
    "unsubscribe": True,
}
"""Deny by default, to be sent something too: nothing arrives on a topic that nobody was given."""
_ADMIN = "$CONTROL/dynamic-security/#"


def rules(member: Member) -> list[dict[str, Any]]:
    """The access rules of one member, in the order in which the plugin lists them."""
    if member.role == "admin":
        pairs = [(kind, _ADMIN) for kind in ("publishClientSend", "publishClientReceive", "subscribePattern")]
    else:
        mine = rights(member)
        shared = [topic for _, topic in mine.shared]
        pairs = [
            *(("publishClientSend", topic) for topic in mine.write),
            *(("publishClientReceive", topic) for topic in (*mine.read, *shared)),
            *(("subscribeLiteral", f"$share/{group}/{topic}") for group, topic in mine.shared),
            *(("subscribePattern", topic) for topic in mine.read),
        ]
    return [{"acltype": kind, "topic": topic, "priority": 0, "allow": True} for kind, topic in pairs]


def role(member: Member) -> dict[str, Any]:
    return {"rolename": f"{PREFIX}{member.name}", "textname": OURS, "acls": rules(member)}


def client(member: Member, password: Hashed | None) -> dict[str, Any]:
    """Without the password itself; ``textdescription`` tells which one is meant, so that a new one is noticed."""
    found: dict[str, Any] = {"username": member.name, "textname": OURS, "textdescription": member.role}
    if password is not None:
        found["textdescription"] = f"{member.role}, password {password.number}"
    if member.role == "homeassistant":
        found["clientid"] = member.name  # it could push a device off the broker by taking its client id
    return {**found, "roles": [{"rolename": f"{PREFIX}{member.name}", "priority": 0}]}


def document(fleet: Fleet, passwords: Mapping[str, Hashed]) -> dict[str, Any]:
    """What ``plugin_opt_config_file`` is to hold when the broker starts for the first time."""
    clients = []
    for member in fleet:
        password = passwords.get(member.name)
        secret = {} if password is None else {
            "password": password.digest, "salt": password.salt, "iterations": password.iterations
        }  # fmt: skip
        clients.append({**client(member, password), **secret})
    return {
        "defaultACLAccess": DEFAULTS,
        "clients": clients,
        "groups": [],
        "roles": [role(member) for member in fleet],
    }


def plan(
    fleet: Fleet,
    hashed: Mapping[str, Hashed],
    plain: Mapping[str, str],
    there: Mapping[str, Sequence[Mapping[str, Any]]],
) -> list[dict[str, Any]]:
    """The commands that make a running broker's rules those of ``fleet``; none where they are already.

    ``there``: ``clients``, ``roles`` and ``defaults`` as the broker lists them. A command about a client ends its connection,
    so nobody is mentioned who stays as he is. ``plain`` needs the passwords of those who are new or have a new one: a
    ``KeyError`` names who lacks it.
    """
    commands: list[dict[str, Any]] = []
    if {one["acltype"]: one["allow"] for one in there["defaults"]} != DEFAULTS:
        acls = [{"acltype": kind, "allow": allow} for kind, allow in DEFAULTS.items()]
        commands.append({"command": "setDefaultACLAccess", "acls": acls})
    roles = {one["rolename"]: one for one in there["roles"]}
    clients = {one["username"]: one for one in there["clients"]}
    for member in fleet:
        want = role(member)
        have = roles.pop(want["rolename"], None)
        if have is None:
            commands.append({"command": "createRole", **want})
        elif not _same_rules(have["acls"], want["acls"]):
            commands.append({"command": "modifyRole", **want})
        wanted, found = client(member, hashed.get(member.name)), clients.pop(member.name, None)
        if found is not None and (member.role == "admin" or _same_client(found, wanted)):
            continue  # the administrator is who asks: a command about him would end this connection
        if found is not None:
            commands.append({"command": "deleteClient", "username": member.name})
        if member.password:
            wanted["password"] = plain[member.name]
        commands.append({"command": "createClient", **wanted})
    commands += [
        {"command": "deleteClient", "username": name}
        for name, one in clients.items()
        if one.get("textname") == OURS
    ]
    commands += [
        {"command": "deleteRole", "rolename": name}
        for name, one in roles.items()
        if name.startswith(PREFIX) and one.get("textname") == OURS
    ]
    return commands


def _same_rules(have: Sequence[Mapping[str, Any]], want: Sequence[Mapping[str, Any]]) -> bool:
    def keys(acls: Sequence[Mapping[str, Any]]) -> set[tuple[Any, ...]]:
        return {(a["acltype"], a["topic"], a["allow"]) for a in acls}

    return keys(have) == keys(want)


def _same_client(have: Mapping[str, Any], want: Mapping[str, Any]) -> bool:
    named = ("username", "clientid", "textname", "textdescription")
    return (
        all(have.get(key) == want.get(key) for key in named)
        and {one["rolename"] for one in have.get("roles", [])} == {one["rolename"] for one in want["roles"]}
        and not have.get("disabled")
    )
