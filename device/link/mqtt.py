"""The device's transport over MQTT 5: its topics, its will, and slots in which the latest status and state win."""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from typing import Any

import msgspec

from device.config.schema import Config
from device.errors import LinkError
from device.link import topics
from device.link.client import NO_MATCHING_SUBSCRIBERS, BrokerClient, Received, Will
from device.link.messages import Commit, Message, Open, Revise, Status, decode, encode
from device.link.outbox import Outgoing
from device.link.telemetry import Telemetry
from device.link.topics import TRAVEL
from device.link.transport import NoSubscribers

log = logging.getLogger(__name__)

INBOX = 256
"""Decoded messages that may wait for the next ``poll``, which comes every 10 ms: more is a flood."""
SLOT_S = 0.25
"""Status and state are published at most four times a second; the latest wins."""
SESSION_S = 60
"""The broker keeps what comes for us over an outage this long; after that nobody waits for it any more."""
WILL_DELAY_S = 5
"""A reconnect within this time is no death: the will is not published."""
AWAITED = 32
"""Messages whose PUBACK may still come and tell that nobody reads them."""


def new_boot() -> str:
    """Random per start, so that a will of the life before is told from this one."""
    return os.urandom(6).hex()


class MqttTransport:
    """``transport.Transport`` over a broker; starts connecting at once and for ever. No call blocks or raises."""

    def __init__(self, config: Config, boot: str | None = None) -> None:
        self.boot = boot or new_boot()
        self._device, self._pool = config.device.id, config.endpoint.pool
        self._slots: dict[str, Message | None] = {"status": None, "state": None}
        self._dirty: set[str] = set()
        self._slot_at = dict.fromkeys(self._slots, -SLOT_S)
        self._connection = 0
        self._again_at: float | None = None
        self._inbox: deque[Any] = deque()
        self._awaited: dict[int, NoSubscribers] = {}
        self._token = 0
        self.client = BrokerClient(
            config.mqtt,
            self._device,
            subscriptions=(topics.down(self._device, "turn"),),
            receive=self._receive,
            will=self._will,
            session_expiry_s=SESSION_S,
        )

    @property
    def connected(self) -> bool:
        return self.client.connected

    @property
    def alive(self) -> bool:
        """Whether the network thread runs."""
        return self.client.alive

    @property
    def problem(self) -> str | None:
        return self.client.problem

    @property
    def counters(self) -> dict[str, int]:
        return self.client.counters

    def send(self, kind: str, message: Message | Telemetry) -> bool:
        if kind in self._slots:
            self._slots[kind] = message
            self._dirty.add(kind)
            return True
        try:
            payload = encode(kind, message)
        except LinkError as exc:
            self.client.faults.report("unsendable", str(exc))
            return False
        travel = TRAVEL[kind]
        if isinstance(message, Open):
            outgoing = Outgoing(
                topics.turn(self._device, self._pool),
                payload,
                qos=travel.qos,
                expiry_s=travel.expiry_s,
                response_topic=topics.down(self._device, "turn"),
                correlation=message.turn.encode(),
            )
            return self.client.publish(outgoing, self._await(NoSubscribers(message.turn)))
        if kind in ("event", "metrics"):
            topic = topics.up(self._device, kind)
        else:
            topic = topics.ctl(self._device, getattr(message, "worker", "-"))
        # an event may wait for the broker; a control message for a turn of before the outage would be stale
        keep = kind == "event"
        token = None
        if isinstance(message, Revise | Commit):
            token = self._await(NoSubscribers(message.turn, message.worker))
        return self.client.publish(
            Outgoing(topic, payload, qos=travel.qos, expiry_s=travel.expiry_s, keep_offline=keep), token
        )

    def _await(self, unread: NoSubscribers) -> int:
        """The token of a message whose PUBACK may come to ``unread``."""
        self._token += 1
        self._awaited[self._token] = unread
        while len(self._awaited) > AWAITED:
            self._awaited.pop(next(iter(self._awaited)))
        return self._token

    def poll(self) -> list[Any]:
        self.client.check()
        self._flush()
        found: list[Any] = []
        while self.client.pubacks:
            token, reason = self.client.pubacks.popleft()
            unread = self._awaited.pop(token, None)
            if unread is not None and reason == NO_MATCHING_SUBSCRIBERS:
                found.append(unread)
        while self._inbox:
            found.append(self._inbox.popleft())
        return found

    def close(self) -> None:
        self.client.close(self._will(self.client.conn))

    # ----------------------------------------------------------------- retained slots

    def _flush(self) -> None:
        if not self.client.connected:
            return
        now = time.monotonic()
        if self._connection != self.client.conn:
            # a new connection, perhaps to a broker that forgot everything
            self._connection = self.client.conn
            self._dirty.update(self._slots)
            self._slot_at = dict.fromkeys(self._slots, now - SLOT_S)
            self._again_at = now + WILL_DELAY_S + 1
        elif self._again_at is not None and now >= self._again_at:
            # the delayed will of a life that was killed just before this one may have overwritten our status
            self._again_at = None
            self._dirty.add("status")
        for kind in sorted(self._dirty):
            message = self._slots[kind]
            if message is None:
                self._dirty.discard(kind)
            elif now - self._slot_at[kind] >= SLOT_S and self._publish_slot(kind, message):
                self._slot_at[kind] = now
                self._dirty.discard(kind)

    def _publish_slot(self, kind: str, message: Message) -> bool:
        if isinstance(message, Status):
            message = msgspec.structs.replace(message, boot=self.boot, conn=self.client.conn)
        try:
            payload = encode(kind, message)
        except LinkError as exc:
            self.client.faults.report("unsendable", str(exc))
            return True
        travel = TRAVEL[kind]
        topic = topics.up(self._device, kind)
        return self.client.publish(Outgoing(topic, payload, qos=travel.qos, retain=True))

    def _will(self, conn: int) -> Will:
        status = Status(state="offline", boot=self.boot, conn=conn)
        return Will(topics.up(self._device, "status"), encode("status", status), delay_s=WILL_DELAY_S)

    # ----------------------------------------------------------------- paho's thread

    def _receive(self, received: Received) -> None:
        if received.retain:
            self.client.faults.report(
                "garbage_retained", f"{received.topic}: retained, which an answer never is"
            )
            return
        try:
            message = decode("reply", received.payload)
        except LinkError as exc:
            self.client.faults.report("garbage", f"{received.topic}: {exc}")
            return
        if len(self._inbox) >= INBOX:
            self.client.faults.report(
                "inbox_full", f"more than {INBOX} messages wait; the newest are dropped"
            )
            return
        self._inbox.append(message)
