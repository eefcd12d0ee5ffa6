"""The device's transport over MQTT 5: its topics, its will, and slots in which the latest status and state win."""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import Any

import msgspec

from device.config.schema import Config
from device.errors import LinkError
from device.link import topics
from device.link.client import NO_MATCHING_SUBSCRIBERS, BrokerClient, Will
from device.link.faults import Faults
from device.link.inbox import Inbox, subscriptions_of
from device.link.messages import Commit, Open, Revise, Status, encode
from device.link.outbox import Outgoing
from device.link.topics import TRAVEL
from device.link.transport import RETAINED, NoSubscribers, Sendable

log = logging.getLogger(__name__)

SLOT_S = 0.25
"""Status and state are published at most four times a second, what is seldom at once; the latest wins."""
RARE = ("report", "discovery")
SESSION_S = 60
"""The broker keeps what comes for us over an outage this long; after that nobody waits for it any more."""
WILL_DELAY_S = 5
"""A reconnect within this time is no death: the will is not published."""
REFUSED = 0x80
"""Reason codes from here on are refusals (MQTT 5, 2.4)."""
AWAITED = 32
"""Messages whose PUBACK may still come and tell that nobody reads them."""


def new_boot() -> str:
    """Random per start, so that a will of the life before is told from this one."""
    return os.urandom(6).hex()


class MqttTransport:
    """``transport.Transport`` over a broker; starts connecting at once and for ever. No call blocks or raises."""

    def __init__(self, config: Config, boot: str | None = None) -> None:
        self.boot = boot or new_boot()
        self._config = config
        self._device = config.device.id
        self._slots: dict[str, Sendable | None] = dict.fromkeys(RETAINED)
        self._dirty: set[str] = set()
        self._slot_at = dict.fromkeys(self._slots, -SLOT_S)
        self._connection = 0
        self._again_at: float | None = None
        self._inbox = Inbox(config)
        self._awaited: dict[int, NoSubscribers | str] = {}
        self.reported = False
        """Whether the broker of now has the latest report."""
        self._token = 0
        self._lock = threading.Lock()
        self._moving: threading.Thread | None = None
        self._closed = False
        self._before: dict[str, int] = {}
        self.client = self._open(config, 0)

    def _open(self, config: Config, conn: int) -> BrokerClient:
        subscriptions, kept = subscriptions_of(config)
        faults = Faults(log)  # a message may come before there is a ``self.client`` to ask for them
        return BrokerClient(
            config.mqtt,
            self._device,
            subscriptions=subscriptions,
            receive=lambda received: self._inbox.receive(received, faults),
            will=self._will,
            session_expiry_s=SESSION_S,
            retained=kept,
            conn=conn,
            faults=faults,
        )

    @property
    def connected(self) -> bool:
        return self.client.connected and self._moving is None

    @property
    def alive(self) -> bool:
        """Whether the network thread runs."""
        return self.client.alive or self._moving is not None

    @property
    def problem(self) -> str | None:
        return self.client.problem

    @property
    def problem_code(self) -> str | None:
        """What is wrong with the connection, for programs."""
        return self.client.problem_code if self._moving is None else None

    @property
    def counters(self) -> dict[str, int]:
        counters = dict(self._before)
        for kind, count in self.client.counters.items():
            counters[kind] = counters.get(kind, 0) + count
        return counters

    def reconfigure(self, config: Config) -> None:
        with self._lock:
            old, self._config = self._config, config
            self._inbox.config = config
            if config.mqtt != old.mqtt:
                self.reported = False
                if self._moving is None:
                    self._moving = threading.Thread(target=self._move, name="mqtt-move", daemon=True)
                    self._moving.start()
            elif subscriptions_of(config) != subscriptions_of(old) and self._moving is None:
                self.client.subscribe(*subscriptions_of(config))

    def _move(self) -> None:
        """Leave the one broker, then call the other: two clients of one name would push each other off."""
        while True:
            config, client = self._config, self.client
            client.close(self._will(client.conn))
            self._before, client.faults.counters = self.counters, {}
            if config.mqtt.enabled and not self._closed:
                self.client = self._open(config, client.conn)
            with self._lock:
                now = self._config
                if now.mqtt == config.mqtt or self._closed:
                    if subscriptions_of(now) != subscriptions_of(
                        config
                    ):  # it has changed its group meanwhile
                        self.client.subscribe(*subscriptions_of(now))
                    self._moving = None
                    return

    def send(self, kind: str, message: Sendable) -> bool:
        if kind in self._slots:
            self._slots[kind] = message
            self._dirty.add(kind)
            self.reported &= kind != "report"
            return True
        try:
            payload = _bytes(kind, message)
        except LinkError as exc:
            self.client.faults.report("unsendable", str(exc))
            return False
        if self._moving is not None:
            return False
        travel = TRAVEL[kind]
        if isinstance(message, Open):
            outgoing = Outgoing(
                topics.turn(self._device, self._config.endpoint.pool),
                payload,
                qos=travel.qos,
                expiry_s=travel.expiry_s,
                response_topic=topics.down(self._device, "turn"),
                correlation=message.turn.encode(),
            )
            return self.client.publish(outgoing, self._await(NoSubscribers(message.turn)))
        if kind in ("event", "metrics", "ack"):
            topic = topics.up(self._device, kind)
        else:
            topic = topics.ctl(self._device, getattr(message, "worker", "-"))
        # an event or what became of an order may wait for the broker; a control message for a turn of before the outage
        # would be stale
        keep = kind in ("event", "ack")
        token = None
        if isinstance(message, Revise | Commit):
            token = self._await(NoSubscribers(message.turn, message.worker))
        return self.client.publish(
            Outgoing(topic, payload, qos=travel.qos, expiry_s=travel.expiry_s, keep_offline=keep), token
        )

    def _await(self, unread: NoSubscribers | str) -> int:
        """The token of a message whose PUBACK may come to ``unread``, or tells that a slot is out."""
        self._token += 1
        self._awaited[self._token] = unread
        while len(self._awaited) > AWAITED:
            self._awaited.pop(next(iter(self._awaited)))
        return self._token

    def poll(self) -> list[Any]:
        if self._moving is None:
            self.client.check()
            self._flush()
        found: list[Any] = []
        while self.client.pubacks:
            token, reason = self.client.pubacks.popleft()
            unread = self._awaited.pop(token, None)
            if isinstance(unread, NoSubscribers) and reason == NO_MATCHING_SUBSCRIBERS:
                found.append(unread)
            elif unread == "report":
                self.reported = reason < REFUSED and "report" not in self._dirty
        return found + self._inbox.take()

    def close(self) -> None:
        self._closed = True
        if (moving := self._moving) is not None:
            moving.join(1.5)
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
            self.reported = False
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
            elif (kind in RARE or now - self._slot_at[kind] >= SLOT_S) and self._publish_slot(kind, message):
                self._slot_at[kind] = now
                self._dirty.discard(kind)
                if message == b"":
                    # taken back, once: Home Assistant complains of every further time
                    self._slots[kind] = None

    def _publish_slot(self, kind: str, message: Sendable) -> bool:
        if isinstance(message, Status):
            message = msgspec.structs.replace(message, boot=self.boot, conn=self.client.conn)
        try:
            payload = _bytes(kind, message)
        except LinkError as exc:
            self.client.faults.report("unsendable", str(exc))
            return True
        travel = TRAVEL[kind]
        topic = {
            "report": topics.up(self._device, "config"),
            "discovery": topics.discovery(self._device),
        }.get(kind, topics.up(self._device, kind))
        token = self._await(kind) if travel.qos else None
        return self.client.publish(Outgoing(topic, payload, qos=travel.qos, retain=True), token)

    def _will(self, conn: int) -> Will:
        status = Status(state="offline", boot=self.boot, conn=conn)
        return Will(topics.up(self._device, "status"), encode("status", status), delay_s=WILL_DELAY_S)


def _bytes(kind: str, message: Sendable) -> bytes:
    return message if isinstance(message, bytes) else encode(kind, message)
