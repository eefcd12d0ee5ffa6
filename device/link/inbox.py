"""What comes in on a device's topics, sorted in the network's thread and taken by the ear's."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

import msgspec

from device.config.schema import Config
from device.errors import LinkError
from device.link import topics
from device.link.client import Received
from device.link.faults import Faults
from device.link.messages import decode
from device.link.orders import OrderId
from device.link.transport import BadOrder, Birth, Desired

WAITING = 256
"""Decoded messages that may wait for the next ``take``, which comes every 10 ms: more is a flood."""


WISHES = 8
"""Configurations of one scope that may wait; then the oldest go. Were only the newest kept, whoever sends garbage all the time
would push out the owner's."""


class Inbox:
    """``receive`` in the network's thread, ``take`` in another. ``config`` says which scopes are ours."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._messages: deque[Any] = deque()
        self._desired: dict[str, deque[bytes]] = {}
        self._lock = threading.Lock()

    def receive(self, received: Received, faults: Faults) -> None:
        """Sort in one message. What is none of the contract is counted and dropped."""
        leaf = received.topic.rpartition("/")[2]
        if leaf == "config":
            self._wish(received)
        elif received.topic == topics.BIRTH:
            if received.payload == b"online" and not received.retain:
                self._put(Birth(), faults)
        elif received.retain:
            faults.report(
                "garbage_retained", f"{received.topic}: retained, which an answer or an order never is"
            )
        else:
            self._read({"say": "say", "cmd": "cmd"}.get(leaf, "reply"), received, faults)

    def take(self) -> list[Any]:
        """What came since the last call, in order, then the newest ``WISHES`` of each scope."""
        found: list[Any] = []
        while self._messages:
            found.append(self._messages.popleft())
        if self._desired:
            with self._lock:
                found += [
                    Desired(scope, each) for scope, waiting in self._desired.items() for each in waiting
                ]
                self._desired.clear()
        return found

    def _wish(self, received: Received) -> None:
        """Of each scope the newest count. An empty message only takes a wish back: nothing here changes."""
        scope = received.topic.removeprefix(topics.PREFIX).removesuffix("/dn/config")
        if received.payload and scope in scopes(self.config):
            with self._lock:
                self._desired.setdefault(scope, deque(maxlen=WISHES)).append(received.payload)

    def _read(self, kind: str, received: Received, faults: Faults) -> None:
        try:
            self._put(decode(kind, received.payload), faults)
        except LinkError as exc:
            faults.report("garbage", f"{received.topic}: {exc}")
            if kind != "reply" and (order := _id_in(received.payload)) is not None:
                self._put(BadOrder(order, str(exc)), faults)

    def _put(self, message: Any, faults: Faults) -> None:
        if len(self._messages) < WAITING:
            self._messages.append(message)
        else:
            faults.report("inbox_full", f"more than {WAITING} messages wait; the newest are dropped")


def scopes(config: Config) -> tuple[str, ...]:
    """Whose configuration this device takes: its own, and its group's."""
    return (f"d/{config.device.id}", *([f"g/{config.device.group}"] if config.device.group else []))


def subscriptions_of(config: Config) -> tuple[tuple[str, ...], frozenset[str]]:
    """What a device reads, and of which topics it also wants what the broker keeps."""
    device, group = config.device.id, config.device.group
    kept = [topics.down(device, "config"), *([topics.group_config(group)] if group else [])]
    orders = [topics.down(device, leaf) for leaf in ("turn", "cmd", "say")]
    births = [topics.BIRTH] if config.homeassistant.discovery else []
    return (*orders, *kept, *births), frozenset(kept)


class _WithId(msgspec.Struct):
    id: OrderId


_ids = msgspec.json.Decoder(_WithId)


def _id_in(payload: bytes) -> str | None:
    """The id of an order that is otherwise wrong."""
    try:
        return _ids.decode(payload).id
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
