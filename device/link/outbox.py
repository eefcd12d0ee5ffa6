"""Publishing through one paho client: what may wait and how much of it, and which PUBACK belongs to what.

QoS 1 goes into paho's own queue, which is bounded and refuses the newest. QoS 0 packets pile up in paho without any
bound while the broker is frozen (measured: 1559 of 20 kB), so those that are not yet on the socket are counted here.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from device.link.faults import Faults

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessageInfo

QUEUED = 100
"""QoS 1 messages that may wait for the broker: 1.85 kB each."""
SPARED = 50
"""Places of these that no event and no answer to an order takes while there is a connection: whoever sends orders without end
must not keep a turn, or the status, from the broker."""
UNSENT = 64
"""QoS 0 packets that may wait for the socket."""
HEADER_BYTES = 160
"""Room for topic and properties beside the payload when it is compared with the broker's Maximum Packet Size."""
MQTT_ERR_QUEUE_SIZE = 15


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to publish. ``keep_offline`` queues it (QoS 1 only) while there is no connection."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    expiry_s: int | None = None
    response_topic: str | None = None
    correlation: bytes | None = None
    keep_offline: bool = False


class Outbox:
    """For one thread beside paho's, which only calls ``acknowledged``."""

    def __init__(self, client: Client, faults: Faults) -> None:
        self.max_packet: int | None = None
        """The broker's Maximum Packet Size, once known."""
        self._client, self._faults = client, faults
        self._unsent: deque[MQTTMessageInfo] = deque()
        self._tokens: dict[int, int] = {}
        self._reasons: deque[tuple[int, int]] = deque(maxlen=10 * QUEUED)
        self._properties: dict[int | None, Any] = {}

    def publish(self, message: Outgoing, connected: bool, token: int | None = None) -> bool:
        """Hand ``message`` over; False when it will not be sent (counted).

        With a ``token`` the reason code of its PUBACK comes out of ``settled``.
        """
        if not connected and not (message.keep_offline and message.qos):
            self._faults.count("refused_offline")
            return False
        size = len(message.payload)
        if self.max_packet is not None and size + HEADER_BYTES > self.max_packet:
            self._faults.report(
                "too_big", f"{message.topic}: {size} bytes, the broker takes {self.max_packet}"
            )
            return False
        if connected and message.keep_offline and len(self._client._out_messages) >= QUEUED - SPARED:
            self._faults.report(
                "queue_full", f"{QUEUED - SPARED} messages wait for the broker; {message.topic} is dropped"
            )
            return False
        if message.qos == 0 and not self._room():
            self._faults.count("unsent_dropped")
            return False
        try:
            info = self.hand_over(message)
        except (ValueError, RuntimeError, OSError) as exc:
            self._faults.report("publish_failed", f"{message.topic}: {exc}")
            return False
        if message.qos == 0:
            if info.rc == 0:
                self._unsent.append(info)
            return info.rc == 0
        # 4 (NO_CONN) is no failure at QoS 1: it is queued and sent later
        if info.rc == MQTT_ERR_QUEUE_SIZE:
            self._faults.report(
                "queue_full", f"{QUEUED} messages wait for the broker; {message.topic} is dropped"
            )
            return False
        if token is not None:
            self._tokens[info.mid] = token
        return True

    def hand_over(self, message: Outgoing) -> MQTTMessageInfo:
        """Give ``message`` to paho as it is; raises what paho raises."""
        return self._client.publish(
            message.topic, message.payload, message.qos, message.retain, self._publish_properties(message)
        )

    def acknowledged(self, mid: int, reason: int) -> None:
        """A PUBACK came (paho's thread)."""
        self._reasons.append((mid, reason))

    def settled(self) -> list[tuple[int, int]]:
        """(token, reason code) of the PUBACKs since the last call."""
        found = []
        while self._reasons:
            mid, reason = self._reasons.popleft()
            token = self._tokens.pop(mid, None)
            if token is not None:
                found.append((token, reason))
        if len(self._tokens) > 4 * QUEUED:
            self._tokens.clear()  # their PUBACKs will not come any more: a new broker
        return found

    def _room(self) -> bool:
        while self._unsent and (self._unsent[0].rc != 0 or self._unsent[0].is_published()):
            self._unsent.popleft()
        return len(self._unsent) < UNSENT

    def _publish_properties(self, message: Outgoing) -> Any:
        plain = message.response_topic is None and message.correlation is None
        if plain and message.expiry_s in self._properties:  # building one costs 20 us
            return self._properties[message.expiry_s]
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        properties = Properties(PacketTypes.PUBLISH)
        if message.expiry_s is not None:
            properties.MessageExpiryInterval = message.expiry_s
        if message.response_topic is not None:
            properties.ResponseTopic = message.response_topic
        if message.correlation is not None:
            properties.CorrelationData = message.correlation
        if plain:
            self._properties[message.expiry_s] = properties
        return properties
