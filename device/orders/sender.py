"""One order brought to a device over the broker, and the device's answer to it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import msgspec

from device.config.schema import MqttSection
from device.errors import LinkError
from device.link import topics
from device.link.client import Received
from device.link.messages import Status, decode
from device.link.orders import Cmd, OrderAck, Say
from device.link.visit import Visit


@dataclass(frozen=True, slots=True)
class Answer:
    """``ack`` None: the device did not answer; ``state`` is then what its status says, empty: it never reported here."""

    device: str
    order: Cmd | Say
    ack: OrderAck | None
    state: str = ""

    @property
    def ok(self) -> bool:
        return self.ack is not None and self.ack.ok

    @property
    def data(self) -> dict[str, Any]:
        """For programs."""
        found = {"device": self.device, "id": self.order.id, "answered": self.ack is not None}
        if self.ack is None:
            return {**found, "ok": False, "code": "no_answer", "result": None, "status": self.state or None}
        return {**found, "ok": self.ack.ok, "code": self.ack.code, "result": self.ack.result}

    @property
    def line(self) -> str:
        """For people."""
        if self.ack is None:
            return f"{self.device}: no answer; {_WHY.get(self.state, _WHY['there'])}"
        result = self.ack.result if isinstance(self.ack.result, dict) else {}
        if not self.ack.ok:
            return f"{self.device}: {self.ack.code}: {result.get('message', 'refused')}"
        told = ", ".join(f"{key} {value}" for key, value in result.items())
        return f"{self.device}: done{f' ({told})' if told else ''}"


_WHY = {
    "": "no device of this name has reported to this broker (its name is device.id, in `earshot config show`)",
    "offline": "the device is offline",
    "there": "the device is online; it may be too busy, or its broker's rules may keep its answers from this user",
}


class _Post:
    """What comes from the device meanwhile; in the network's thread."""

    def __init__(self, device: str, order: Cmd | Say) -> None:
        self._device, self._order = device, order
        self.came = 0
        self.ack: OrderAck | None = None
        self.status: Status | None = None

    def receive(self, received: Received) -> None:
        self.came += 1
        leaf = received.topic.rpartition("/")[2]
        try:
            message = decode(leaf, received.payload)
        except LinkError:
            return  # nothing that a device sends, and a cleared status
        if isinstance(message, Status):
            self.status = message
        elif isinstance(message, OrderAck) and message.id == self._order.id and not received.retain:
            self.ack = message


def send(broker: MqttSection, device: str, order: Cmd | Say, timeout_s: float | None) -> Answer | None:
    """Bring ``order`` to ``device`` and wait ``timeout_s`` for its answer; None: not at all, and there is none.

    Raises ``LinkError`` where the broker cannot be reached, or does not take it.
    """
    kind = "say" if isinstance(order, Say) else "cmd"
    payload = msgspec.json.encode(order)
    limit = topics.TRAVEL[kind].limit
    if len(payload) > limit:
        raise LinkError(f"{kind}: {len(payload)} bytes, allowed are {limit}")
    post = _Post(device, order)
    with Visit(broker, kind, (topics.up(device, "ack"), topics.up(device, "status")), post.receive) as visit:
        visit.settle(lambda: post.came, lambda: post.status is not None)
        expiry_s = topics.TRAVEL[kind].expiry_s
        visit.publish(topics.down(device, kind), payload, expiry_s=expiry_s)
        if timeout_s is None:
            return None
        deadline = time.monotonic() + timeout_s
        while post.ack is None and time.monotonic() < deadline:
            visit.step()
    return Answer(device, order, post.ack, post.status.state if post.status is not None else "")
