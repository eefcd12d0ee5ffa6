"""Changes the rules of a mosquitto that runs, through its ``$CONTROL`` topic, and checks every answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from device.fleet.description import Fleet, FleetError
from device.fleet.dynamic_security import CONTROL, RESPONSE, plan
from device.fleet.passwords import Hashed
from device.fleet.session import Session

BATCH = 50
"""Commands a message: the broker takes no more than 256 KiB."""


def apply(
    session: Session, fleet: Fleet, hashed: Mapping[str, Hashed], plain: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Make the rules those of ``fleet``; returns the commands that were needed, none if nothing was different.

    Raises ``FleetError`` when the broker refuses one, or lacks the plugin, or a new password is not at hand.
    """
    if refused := session.subscribe(RESPONSE):
        raise FleetError(f"the broker does not let the administrator in: {refused}")
    try:
        commands = plan(fleet, hashed, plain, rules_of(session))
    except KeyError as exc:
        raise FleetError(
            f"the password of {exc.args[0]} is not here any more: `earshot fleet renew {exc.args[0]}`"
        ) from exc
    for start in range(0, len(commands), BATCH):
        ask(session, commands[start : start + BATCH])
    return commands


def rules_of(session: Session) -> dict[str, list[dict[str, Any]]]:
    """``clients``, ``roles`` and ``defaults`` of a broker, as it lists them."""
    clients, roles, defaults = ask(
        session,
        [
            {"command": "listClients", "verbose": True},
            {"command": "listRoles", "verbose": True},
            {"command": "getDefaultACLAccess"},
        ],
    )
    return {"clients": clients["clients"], "roles": roles["roles"], "defaults": defaults["acls"]}


def ask(session: Session, commands: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Send ``commands``; returns the data of each answer. Raises ``FleetError`` that names the first one refused."""
    session.received.clear()
    refused = session.publish(CONTROL, json.dumps({"commands": commands}).encode())
    if refused:
        raise FleetError(f"the broker refuses the commands: {refused}")
    session.wait(lambda: session.received, "the answer of the dynamic-security plugin: is it loaded?")
    answers = json.loads(session.received[0][1])["responses"]
    for command, answer in zip(commands, answers, strict=True):
        if "error" in answer:
            what = command.get("username") or command.get("rolename") or ""
            raise FleetError(f"the broker refuses {command['command']} {what}: {answer['error']}")
    return [answer.get("data", {}) for answer in answers]
