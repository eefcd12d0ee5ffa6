"""Topics of the contract, below ``earshot/1/``, and how each kind of message travels."""

from __future__ import annotations

from dataclasses import dataclass

PREFIX = "earshot/1/"
KIB = 1024


@dataclass(frozen=True, slots=True)
class Travel:
    """How one kind of message travels.

    ``expiry_s`` None = retained state that stays; ``limit`` is the largest payload in bytes, both ways.
    """

    qos: int
    retain: bool
    expiry_s: int | None
    limit: int = 8 * KIB


TRAVEL: dict[str, Travel] = {
    "status": Travel(qos=1, retain=True, expiry_s=None),
    "state": Travel(qos=0, retain=True, expiry_s=None),
    "turn": Travel(qos=1, retain=False, expiry_s=15, limit=32 * KIB),
    "ctl": Travel(qos=1, retain=False, expiry_s=15),
    "reply": Travel(
        qos=1, retain=False, expiry_s=10
    ),  # but a delta goes at QoS 0: a loss is repaired by `end`
    "event": Travel(qos=1, retain=False, expiry_s=3600),
    "metrics": Travel(qos=0, retain=False, expiry_s=120),
    "worker": Travel(qos=1, retain=True, expiry_s=None),
    "say": Travel(qos=1, retain=False, expiry_s=60),
    "cmd": Travel(qos=1, retain=False, expiry_s=30),
    "ack": Travel(qos=1, retain=False, expiry_s=60),
    "config": Travel(qos=1, retain=True, expiry_s=None, limit=64 * KIB),
    "report": Travel(qos=1, retain=True, expiry_s=None, limit=64 * KIB),
    "discovery": Travel(qos=1, retain=True, expiry_s=None, limit=64 * KIB),
}
"""By kind: device ``status``, ``state``, ``turn``, ``ctl``, ``event``, ``metrics``, ``ack``, ``report`` (up/config), ``discovery``;
worker ``reply`` (dn/turn), ``worker``; whoever may: ``say``, ``cmd``, ``config`` (dn/config of a device or of a group)."""


def up(device: str, leaf: str) -> str:
    """``up("kitchen", "status")``: a topic that the device alone writes."""
    return f"{PREFIX}d/{device}/up/{leaf}"


def down(device: str, leaf: str) -> str:
    """``down("kitchen", "turn")``: a topic that the device reads."""
    return f"{PREFIX}d/{device}/dn/{leaf}"


def group_config(group: str) -> str:
    """Where the shared configuration of ``group`` is kept (retained)."""
    return f"{PREFIX}g/{group}/dn/config"


def discovery(device: str) -> str:
    """Where ``device`` announces itself to Home Assistant (retained)."""
    return f"homeassistant/device/{device}/config"


BIRTH = "homeassistant/status"
"""Where Home Assistant says ``online``: devices announce themselves again."""


def any_up(leaf: str, device: str = "+") -> str:
    """What somebody who watches subscribes to: ``leaf`` of every device, or of one."""
    return f"{PREFIX}d/{device}/up/{leaf}"


def turn(device: str, pool: str) -> str:
    """Where ``device`` asks the workers of ``pool``."""
    return up(device, f"turn/{pool}")


def ctl(device: str, worker: str) -> str:
    """Where ``device`` tells one worker about a turn it has."""
    return up(device, f"ctl/{worker}")


def worker_status(worker: str) -> str:
    """Where ``worker`` says whether it lives (retained)."""
    return f"{PREFIX}w/{worker}/up/status"


def shared_turns(pool: str) -> str:
    """The shared subscription through which the workers of ``pool`` divide the turns of all devices."""
    return f"$share/{pool}/{PREFIX}d/+/up/turn/{pool}"


def any_ctl(worker: str) -> str:
    """What ``worker`` subscribes to: control messages of any device."""
    return f"{PREFIX}d/+/up/ctl/{worker}"


def device_of(topic: str) -> str | None:
    """The device id in a topic of a device's tree, or None when ``topic`` is no such topic."""
    head, _, rest = topic.partition(f"{PREFIX}d/")
    device, slash, _ = rest.partition("/")
    return device if not head and slash and device else None
