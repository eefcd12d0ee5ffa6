"""What each member may do on the broker: the one description from which the rules of every kind of broker are made. Pure.

Everything else is denied. A device has its own tree in two lines, whatever is added below it later.
"""

from __future__ import annotations

from dataclasses import dataclass

from device.fleet.description import Member
from device.link import topics

READABLE = ("status", "state", "event", "metrics", "ack", "config", "models")
"""What a device says to those who watch over it: everything but words. Questions (`up/turn`), what was heard of the answers
(`up/ctl`) and the answers (`dn/turn`) are between a device and the workers of its pool."""
STEERING = ("config", "cmd", "say")


@dataclass(frozen=True, slots=True)
class Rights:
    """Topic filters: ``write`` to publish; ``read`` to subscribe to (or to anything narrower) and to be sent; ``shared``:
    shared subscriptions, ``(group, filter)``, to be joined exactly so."""

    write: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    shared: tuple[tuple[str, str], ...] = ()


def wake(house: str, device: str) -> str:
    """Where ``device`` claims a wake word that several in ``house`` have heard; "+" for all of them."""
    return f"{topics.PREFIX}h/{house}/wake/{device}"


def rights(member: Member) -> Rights:
    """The rights of ``member``; those of the administrator are a matter of each kind of broker, and empty here."""
    name = member.name
    if member.role == "device":
        group = (topics.group_config(member.group),) if member.group else ()
        return Rights(
            write=(topics.up(name, "#"), wake(member.house, name), topics.discovery(name)),
            read=(topics.down(name, "#"), *group, wake(member.house, "+"), topics.BIRTH),
        )
    if member.role == "worker":
        return Rights(
            write=(topics.down("+", "turn"), f"{topics.PREFIX}w/{name}/up/#"),
            read=(topics.any_ctl(name),),
            shared=((member.pool, topics.up("+", f"turn/{member.pool}")),),
        )
    if member.role == "operator":
        return Rights(
            write=(*(topics.down("+", leaf) for leaf in STEERING), topics.group_config("+")),
            read=(
                *(topics.any_up(leaf) for leaf in READABLE),
                *(topics.down("+", leaf) for leaf in STEERING),
                topics.group_config("+"),
                topics.worker_status("+"),
                wake("+", "+"),
                "homeassistant/#",
            ),
        )
    if member.role == "homeassistant":
        return Rights(
            write=(topics.down("+", "cmd"), topics.down("+", "say"), topics.BIRTH),
            read=(*(topics.any_up(leaf) for leaf in READABLE), "homeassistant/#"),
        )
    return Rights()
