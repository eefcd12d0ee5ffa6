"""paho-mqtt behind a thin wrapper that never blocks, never raises for what the network does, and never dies of it.

What paho 2.2 does by itself and what is done about it here (figures: a mosquitto on loopback):

    an exception in a callback kills its thread, while is_connected() stays True    every callback is guarded, and a
      (one way: a topic that is no UTF-8 raises when it is read)                    dead thread is replaced (``check``)
    it reconnects at 1, 2, 4 ... 120 s without jitter: a fleet in step              1 ... 30 s plus as much at random
    it forgets subscriptions that the broker forgot                                 subscribed on every connect
    QoS 1 while offline is queued without end (116 MB) and sent when stale          100 at most; turns only when online
    QoS 0 to a frozen broker piles up (1559 packets of 20 kB)                       ``UNSENT`` at most, then dropped
    its in-flight table is scanned per PUBACK: 38 us a message at 100, 143 at 5000  100 at most
    it ignores the broker's Receive Maximum and Maximum Packet Size                 taken from the CONNACK
    it does not set TCP_NODELAY (33 ms spikes without it)                           set
    keep-alive notices a frozen broker only after twice its time                    the 400 ms of a turn's ack notices

``publish`` may be called from any one thread beside paho's own.
"""

from __future__ import annotations

import logging
import random
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from device.config.schema import MqttSection
from device.errors import LinkError
from device.link.credentials import read_password
from device.link.faults import Faults
from device.link.outbox import QUEUED, Outbox, Outgoing
from device.link.reconnect import MAX_S, MIN_S, Reconnects

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage

log = logging.getLogger(__name__)

INFLIGHT = 100
"""QoS 1 messages on their way at once: paho looks through all of them at every PUBACK."""
REVIVE_S = 2.0
"""A network thread that dies again at once must not be replaced in a hot loop."""
ACCEPT_BYTES = 96 * 1024
"""Largest packet we let the broker send: the largest payload of the contract is 64 KiB."""
NO_MATCHING_SUBSCRIBERS = 0x10
"""Reason code of a PUBACK (MQTT 5, 3.4.2.1)."""


@dataclass(frozen=True, slots=True)
class Received:
    """One PUBLISH from the broker."""

    topic: str
    payload: bytes
    retain: bool
    response_topic: str | None
    correlation: bytes | None


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says when the connection dies; also the shape of the last words of a clean stop."""

    topic: str
    payload: bytes
    delay_s: int = 0
    expiry_s: int | None = None


class BrokerClient:
    """One MQTT 5 connection that keeps itself up until ``close``.

    ``receive`` and ``connected_now`` run in paho's thread and must be quick. ``will`` gets the number of the
    connection, so that a will tells which connection died; None: nobody misses us. ``retained``: whether what the
    broker keeps comes after each connect, too, or of which of the topics. ``conn``: connections that another client tried
    before under this name.
    """

    def __init__(
        self,
        broker: MqttSection,
        client_id: str,
        *,
        subscriptions: tuple[str, ...],
        receive: Callable[[Received], None],
        will: Callable[[int], Will] | None,
        session_expiry_s: int,
        connected_now: Callable[[], None] | None = None,
        retained: bool | frozenset[str] = False,
        conn: int = 0,
    ) -> None:
        self.broker, self.client_id = broker, client_id
        self.faults = Faults(log)
        self.connected = False
        self.problem: str | None = "not connected yet"
        self.conn = conn
        """Connections tried since start; the one that is up has this number."""
        self.pubacks: deque[tuple[int, int]] = deque(maxlen=1000)
        """(token, reason code) of QoS 1 messages that were given a token."""
        self._subscriptions, self._receive, self._will = subscriptions, receive, will
        self._connected_now, self._session_expiry_s = connected_now, session_expiry_s
        self._retained = retained
        self._closing = threading.Event()
        self._reconnects = Reconnects()
        self._revived_at = time.monotonic()
        self._had_session = False
        self._start()

    # ----------------------------------------------------------------- for the owner's thread

    @property
    def counters(self) -> dict[str, int]:
        return self.faults.counters

    @property
    def alive(self) -> bool:
        """Whether paho's network thread runs: what a watchdog has to look at, ``connected`` would lie."""
        return self._thread is None or self._thread.is_alive()

    def publish(self, message: Outgoing, token: int | None = None) -> bool:
        """Hand ``message`` over; False when it will not be sent (counted).

        With a ``token`` the broker's answer appears in ``pubacks`` after the next ``check``.
        """
        return self._outbox.publish(message, self.connected, token)

    def subscribe(self, topics: tuple[str, ...], retained: bool | frozenset[str] = False) -> None:
        """Read these ``topics`` from now on, and no others; as at the start."""
        gone = [topic for topic in self._subscriptions if topic not in topics]
        self._subscriptions, self._retained = topics, retained
        if self.connected:  # else the next connect does it
            if gone:
                self._client.unsubscribe(gone)
            self._subscribe(self._client)

    def check(self) -> None:
        """Once in a while (10 ms to 1 s): replace a dead network thread, sort the PUBACKs."""
        self.pubacks.extend(self._outbox.settled())
        now = time.monotonic()
        if not self.alive and not self._closing.is_set() and now - self._revived_at > REVIVE_S:
            self._revived_at = now
            self.connected = False
            self.faults.report("network_thread_died", "the MQTT network thread died; starting another")
            self._start()

    def close(self, last: Will | None = None, wait_s: float = 0.5) -> None:
        """Publish ``last`` (retained: a clean DISCONNECT suppresses the will), wait for its PUBACK, disconnect.

        At most ``wait_s`` + 1 s; idempotent.
        """
        if self._closing.is_set():
            return
        try:
            if last is not None and self.connected:
                words = Outgoing(last.topic, last.payload, retain=True, expiry_s=last.expiry_s)
                info = self._outbox.hand_over(words)
                info.wait_for_publish(wait_s)
        except (ValueError, RuntimeError, OSError) as exc:
            self.faults.report("publish_failed", f"last words: {exc}")
        self._closing.set()
        self.connected = False
        self._client.disconnect()
        # loop_stop joins without a limit, and the thread may sit in a connect or a name look-up
        stopper = threading.Thread(target=self._client.loop_stop, name="mqtt-stop", daemon=True)
        stopper.start()
        stopper.join(1.0)

    # ----------------------------------------------------------------- starting

    def _start(self) -> None:
        import paho.mqtt.client as paho
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=self.client_id, protocol=paho.MQTTv5)
        client.max_queued_messages_set(QUEUED)
        client.max_inflight_messages_set(INFLIGHT)
        client.reconnect_delay_set(MIN_S, MAX_S)
        client.on_pre_connect = self._on_pre_connect
        client.on_socket_open = self._guarded(self._on_socket_open)
        client.on_connect = self._guarded(self._on_connect)
        client.on_connect_fail = self._guarded(self._on_connect_fail)
        client.on_disconnect = self._guarded(self._on_disconnect)
        client.on_message = self._guarded(self._on_message)
        client.on_publish = self._guarded(self._on_publish)
        client.on_subscribe = self._guarded(self._on_subscribe)
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = self._session_expiry_s
        properties.MaximumPacketSize = ACCEPT_BYTES
        # "first only": a clean start at boot, the session (expiry permitting) at every reconnect
        clean: Any = False if self._had_session else paho.MQTT_CLEAN_START_FIRST_ONLY
        self._client: Client = client
        self._outbox = Outbox(client, self.faults)
        client.connect_async(
            self.broker.host,
            self.broker.port,
            self.broker.keepalive_s,
            clean_start=clean,
            properties=properties,
        )
        client.loop_start()
        self._thread: threading.Thread | None = getattr(client, "_thread", None)

    def _guarded(self, callback: Callable[..., None]) -> Callable[..., None]:
        def guard(*arguments: Any) -> None:
            try:
                callback(*arguments)
            except Exception as exc:  # noqa: BLE001  what escapes kills the thread without a word
                name = callback.__name__.removeprefix("_")
                self.faults.report(f"{name}_failed", f"{name}: {type(exc).__name__}: {exc}")

        return guard

    # ----------------------------------------------------------------- paho's thread

    def _on_pre_connect(self, client: Client, _userdata: Any) -> None:
        self._closing.wait(random.uniform(0, self._reconnects.jitter_s))
        if self._closing.is_set():
            raise OSError("closing")
        self._reconnects.trying()
        self.conn += 1
        self._prepare(client)

    def _prepare(self, client: Client) -> None:
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        if self._will is not None:
            will = self._will(self.conn)
            properties = Properties(PacketTypes.WILLMESSAGE)
            properties.WillDelayInterval = will.delay_s
            if will.expiry_s is not None:
                properties.MessageExpiryInterval = will.expiry_s
            client.will_set(will.topic, will.payload, qos=1, retain=True, properties=properties)
        if self.broker.username:
            password = None
            try:
                password = read_password(self.broker.password_file)
            except LinkError as exc:
                self._trouble("password_unreadable", str(exc))
            client.username_pw_set(self.broker.username, password)

    def _on_socket_open(self, _client: Client, _userdata: Any, sock: Any) -> None:
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _on_connect(self, client: Client, _userdata: Any, _flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._trouble("refused_by_broker", f"broker {self._where} refuses {self.client_id!r}: {reason}")
            return
        self._reconnects.connected(time.monotonic())
        self._had_session = True
        self._outbox.max_packet = getattr(properties, "MaximumPacketSize", None)
        receive_maximum = getattr(properties, "ReceiveMaximum", None) or INFLIGHT
        # the public setter refuses an open connection, and only now is the figure known
        client._max_inflight_messages = max(1, min(INFLIGHT, receive_maximum))
        self._subscribe(client)
        self.problem = None
        self.connected = True
        self.faults.count("connects")
        log.info("connected to broker %s as %s", self._where, self.client_id)
        if self._connected_now:
            self._connected_now()

    def _subscribe(self, client: Client) -> None:
        from paho.mqtt.subscribeoptions import SubscribeOptions

        def options(topic: str) -> SubscribeOptions:
            # requests and answers are never retained: what is, somebody has planted
            wanted = self._retained if isinstance(self._retained, bool) else topic in self._retained
            handling = (
                SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE if wanted else SubscribeOptions.RETAIN_DO_NOT_SEND
            )
            # as published: else what is planted while we are connected looks like any other message
            return SubscribeOptions(qos=1, retainAsPublished=not wanted, retainHandling=handling)

        if self._subscriptions:
            client.subscribe([(topic, options(topic)) for topic in self._subscriptions])

    def _on_subscribe(
        self, _client: Client, _userdata: Any, _mid: int, reasons: Any, _properties: Any
    ) -> None:
        refused = [
            f"{topic} ({reason})"
            for topic, reason in zip(self._subscriptions, reasons, strict=False)
            if reason.is_failure
        ]
        if refused:
            self._trouble("subscription_refused", f"broker {self._where} refuses: {', '.join(refused)}")

    def _on_connect_fail(self, _client: Client, _userdata: Any) -> None:
        if not self._closing.is_set():
            self._trouble("connect_failed", f"broker {self._where} cannot be reached; trying on")

    def _on_disconnect(
        self, _client: Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        was, self.connected = self.connected, False  # paho calls twice when keep-alive runs out
        if not was or self._closing.is_set():
            return
        self.problem = f"broker {self._where} lost: {reason}"
        self._reconnects.lost(time.monotonic())
        self.faults.report("disconnects", f"{self.problem}; reconnecting")
        if self._reconnects.flapping:
            self._trouble(
                "flapping", f"broker {self._where} drops {self.client_id!r} again and again: does another client use "
                "this name? Each needs its own",
            )  # fmt: skip

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        properties = message.properties
        self._receive(
            Received(
                message.topic,
                bytes(message.payload),
                bool(message.retain),
                getattr(properties, "ResponseTopic", None),
                getattr(properties, "CorrelationData", None),
            )
        )

    def _on_publish(self, _client: Client, _userdata: Any, mid: int, reason: Any, _properties: Any) -> None:
        self._outbox.acknowledged(mid, reason.value)
        if reason.is_failure:
            self.faults.report("refused_message", f"broker {self._where} refuses a message: {reason}")

    # ----------------------------------------------------------------- small things

    @property
    def _where(self) -> str:
        return f"{self.broker.host}:{self.broker.port}"

    def _trouble(self, kind: str, text: str) -> None:
        self.problem = text
        self.faults.report(kind, text)
