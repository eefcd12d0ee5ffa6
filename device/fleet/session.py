"""One MQTT 5 connection for questions that need an answer: every call waits for what the broker says. No thread of its own.

The device's connection never waits and never raises; here, where rules are changed and attacked, the answer is the point.
"""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Callable
from typing import Any

from device.fleet.description import FleetError

PATIENCE_S = 10.0
NO_MATCHING_SUBSCRIBERS = 0x10


class Refused(FleetError):
    """The broker, or TLS below it, lets nobody in; the text says how."""


class Session:
    """Connects at once; raises ``Refused``, or ``FleetError`` where there is no broker or it does not answer.

    ``received``: (topic, payload) in order. ``will``: (topic, payload), retained, without delay. ``lasting``: as a device does it,
    go on with the session of this client id where there is one, and have it kept for a minute.
    """

    def __init__(
        self,
        host: str,
        port: int,
        tls: ssl.SSLContext | None,
        client_id: str,
        username: str = "",
        password: str | None = None,
        will: tuple[str, bytes] | None = None,
        lasting: bool = False,
    ) -> None:
        import paho.mqtt.client as paho
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        self.received: list[tuple[str, bytes]] = []
        self._answers: dict[int, Any] = {}
        self._connack: Any = None
        self._lost: Any = None
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv5)
        self._client = client
        client.on_connect = lambda c, u, flags, reason, p: setattr(self, "_connack", reason)
        client.on_disconnect = lambda c, u, flags, reason, p: setattr(self, "_lost", reason)
        client.on_message = lambda c, u, message: self.received.append(
            (message.topic, bytes(message.payload))
        )
        client.on_publish = lambda c, u, mid, reason, p: self._answers.__setitem__(mid, reason)
        client.on_subscribe = lambda c, u, mid, reasons, p: self._answers.__setitem__(mid, reasons[0])
        if tls is not None:
            client.tls_set_context(tls)
        if username:
            client.username_pw_set(username, password)
        if will is not None:
            client.will_set(*will, qos=1, retain=True)
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 60 if lasting else 0
        try:
            client.connect(host, port, clean_start=not lasting, properties=properties)
        except ssl.SSLError as exc:
            raise Refused(f"TLS: {getattr(exc, 'verify_message', '') or exc.reason or exc}") from exc
        except OSError as exc:
            raise FleetError(
                f"broker {host}:{port} cannot be reached: {exc.strerror or exc}; is it running there?"
            ) from exc
        # TLS 1.3 lets a client finish before the server has looked at its certificate
        self._turn(lambda: self._connack is not None or self._lost is not None, "CONNACK")
        if self._connack is None:
            raise Refused("closed before CONNACK")
        if self._connack.is_failure:
            raise Refused(f"CONNACK {self._connack}")

    @property
    def lost(self) -> str | None:
        """Why the connection is gone, or None while it stands."""
        return None if self._lost is None else str(self._lost)

    def publish(self, topic: str, payload: bytes = b"x", qos: int = 1, retain: bool = False) -> str:
        """Returns why the broker refuses it, or "": with QoS 0 it never says."""
        info = self._client.publish(topic, payload, qos, retain)
        return self._answer(info.mid, "PUBACK") if qos else ""

    def subscribe(self, topic: str) -> str:
        """Returns why the broker refuses it, or ""."""
        _, mid = self._client.subscribe(topic, 1)
        return self._answer(mid, "SUBACK") if mid is not None else "not sent"

    def unsubscribe(self, topic: str) -> None:
        self._client.unsubscribe(topic)

    def wait(self, condition: Callable[[], Any], what: str) -> None:
        """Read until ``condition`` holds. Raises ``FleetError`` if it does not within ``PATIENCE_S``."""
        self._turn(lambda: condition() or self._lost is not None, what)
        if not condition():
            raise FleetError(f"waiting for {what}: connection lost ({self._lost})")

    def cut(self) -> None:
        """Gone without a word, as with a cable pulled: the broker publishes the will."""
        sock = self._client.socket()
        if sock is not None:
            sock.close()

    def close(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._client.disconnect()
            self.cut()

    def _answer(self, mid: int, what: str) -> str:
        self._turn(lambda: mid in self._answers or self._lost is not None, what)
        if mid not in self._answers:
            return f"disconnected: {self._lost}"
        reason = self._answers.pop(mid)
        good = not reason.is_failure or reason.value == NO_MATCHING_SUBSCRIBERS
        return "" if good else f"{what} {reason}"

    def _turn(self, done: Callable[[], Any], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not done():
            if time.monotonic() > deadline:
                raise FleetError(f"the broker did not answer within {PATIENCE_S:.0f} s ({what})")
            self._client.loop(0.05)
