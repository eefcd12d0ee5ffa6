"""paho-mqtt behind a thin wrapper that never blocks, never raises for what the network does, and never dies of it.

What paho 2.2 does by itself and what is done about it here (figures: a mosquitto on loopback):

    an exception in a callback kills its thread, while is_connected() stays True    every callback is guarded, and a
      (one way: a topic that is no UTF-8 raises when it is read)                    dead thread is replaced (``check``)
    it reconnects at 1, 2, 4 ... 120 s without jitter: a fleet in step              1 ... 30 s plus as much at random
    it does not tell why a connect failed                                           caught on its way (``telling``)
    it takes credentials once and for all                                           read anew at every connect
    it reads a packet of any size into memory                                       cut off beyond ``ACCEPT_BYTES``
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

import contextlib
import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from device.config.schema import MqttSection
from device.link.credentials import read_password, warnings
from device.link.faults import Faults
from device.link.health import Health
from device.link.outbox import QUEUED, Outbox, Outgoing
from device.link.subscribing import wishes
from device.link.trouble import where

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage

log = logging.getLogger(__name__)

INFLIGHT = 100
"""QoS 1 messages on their way at once: paho looks through all of them at every PUBACK."""
CONNECT_S = 5.0
"""For TCP to connect, and as much again for TLS."""
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
        faults: Faults | None = None,
    ) -> None:
        self.broker, self.client_id = broker, client_id
        self.faults = faults or Faults(log)
        self.connected = False
        self.subscribed = False
        """Whether the broker has answered our subscriptions: what it keeps for them comes within moments of that."""
        self.conn = conn
        """Connections tried since start; the one that is up has this number."""
        self.pubacks: deque[tuple[int, int]] = deque(maxlen=1000)
        """(token, reason code) of QoS 1 messages that were given a token."""
        self._subscriptions, self._receive, self._will = subscriptions, receive, will
        self._connected_now, self._session_expiry_s = connected_now, session_expiry_s
        self._retained = retained
        self._closing = threading.Event()
        self._health = Health(broker, client_id, self.faults)
        self._socket: Any = None
        self._warned: set[str] = set()
        self._revived_at = time.monotonic()
        self._had_session = False
        self._start()

    # ----------------------------------------------------------------- for the owner's thread

    @property
    def counters(self) -> dict[str, int]:
        return self.faults.counters

    @property
    def problem(self) -> str | None:
        """Why there is no connection, or what is wrong with the one there is, with the fix; None while all is well."""
        found = self._health.trouble
        return found.text if found else None

    @property
    def problem_code(self) -> str | None:
        """The same as a code for the status (``device.link.trouble``); None also before the first try has ended."""
        found = self._health.trouble
        return (found.code or None) if found else None

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
        """Once in a while (10 ms to 1 s): replace a dead network thread, sort the PUBACKs, watch the broker's manners."""
        self.pubacks.extend(self._outbox.settled())
        now = time.monotonic()
        self._health.look()
        # it was told, and paho would read it all
        if self._client._in_packet["remaining_length"] > ACCEPT_BYTES:
            self._cut_off()
        if not self.alive and not self._closing.is_set() and now - self._revived_at > REVIVE_S:
            self._revived_at = now
            self.connected = False
            self._health.died()
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

        from device.link.telling import TellingClient
        from device.link.tls import Encryption

        client = TellingClient(
            paho.CallbackAPIVersion.VERSION2, client_id=self.client_id, protocol=paho.MQTTv5, wait=self._wait
        )
        client.max_queued_messages_set(QUEUED)
        client.max_inflight_messages_set(INFLIGHT)
        client.connect_timeout = CONNECT_S
        client.reconnect_delay_set(0, 0)  # ``_wait`` does it
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
        if self.broker.tls:
            client.tls_set_context(Encryption(self.broker))
        self._client: TellingClient = client
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

    def _wait(self) -> None:
        """Before a try to connect."""
        self._closing.wait(self._health.wait_s())
        if self._closing.is_set():
            raise OSError("closing")

    def _on_pre_connect(self, client: Client, _userdata: Any) -> None:
        self._health.trying()
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
        for line in warnings(self.broker):
            if line not in self._warned:
                self._warned.add(line)
                log.warning("%s", line)
        if self.broker.username:
            client.username_pw_set(self.broker.username, read_password(self.broker.password_file))

    def _on_socket_open(self, _client: Client, _userdata: Any, sock: Any) -> None:
        self._socket = sock
        self._health.opened(sock)
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _on_connect(self, client: Client, _userdata: Any, _flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._health.refused(reason.value, str(reason))
            return
        self._had_session = True
        self._outbox.max_packet = getattr(properties, "MaximumPacketSize", None)
        receive_maximum = getattr(properties, "ReceiveMaximum", None) or INFLIGHT
        # the public setter refuses an open connection, and only now is the figure known
        client._max_inflight_messages = max(1, min(INFLIGHT, receive_maximum))
        wanted = self._subscriptions
        self._subscribe(client)
        self._health.connected()
        self.connected = True
        if self._subscriptions is not wanted:  # changed by another thread, which took us for not connected
            self._subscribe(client)
        self.faults.count("connects")
        log.info("connected to broker %s as %s", where(self.broker), self.client_id)
        if self._connected_now:
            self._connected_now()

    def _subscribe(self, client: Client) -> None:
        if self._subscriptions:
            self.subscribed = False
            client.subscribe(wishes(self._subscriptions, self._retained))

    def _on_subscribe(
        self, _client: Client, _userdata: Any, _mid: int, reasons: Any, _properties: Any
    ) -> None:
        refused = [
            f"{topic} ({reason})"
            for topic, reason in zip(self._subscriptions, reasons, strict=False)
            if reason.is_failure
        ]
        if refused:
            self._health.subscription_refused(refused)
        self.subscribed = True

    def _on_connect_fail(self, client: Any, _userdata: Any) -> None:
        if not self._closing.is_set():
            self._health.failed(client.failure)

    def _on_disconnect(
        self, _client: Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        was, self.connected = self.connected, False  # paho calls twice when keep-alive runs out
        if not self._closing.is_set():
            self._health.ended(was, reason.value, str(reason))

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
            self.faults.report("refused_message", f"broker {where(self.broker)} refuses a message: {reason}")

    # ----------------------------------------------------------------- small things

    def _cut_off(self) -> None:
        """End a connection in which a packet comes that is larger than we said we take."""
        self.faults.report(
            "oversized", f"broker {where(self.broker)} sends a packet of more than {ACCEPT_BYTES} bytes"
        )
        with contextlib.suppress(OSError):  # it has ended by itself
            # not SSLSocket.shutdown, which takes the encryption away under paho's hands
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
