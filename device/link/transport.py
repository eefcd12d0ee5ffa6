"""What the link needs of the world: something that carries messages. MQTT for real, a script in a scenario."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from device.config import Config
from device.link.messages import Message
from device.link.orders import OrderAck
from device.link.reports import ConfigReport
from device.link.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class NoSubscribers:
    """The broker says that nobody read the ``open`` of ``turn`` (PUBACK 0x10), or what was sent about it to ``worker``.
    A hint: some brokers say so falsely."""

    turn: str
    worker: str | None = None


@dataclass(frozen=True, slots=True)
class Desired:
    """A configuration that somebody wants us to have: bytes as they came, of ``scope`` (``d/<device>`` or ``g/<group>``)."""

    scope: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Birth:
    """Home Assistant has just started."""


@dataclass(frozen=True, slots=True)
class BadOrder:
    """An order that is none, but has an id to answer to."""

    id: str
    reason: str


Sendable = Message | Telemetry | OrderAck | ConfigReport | bytes


class Transport(Protocol):
    """Carries messages; no call blocks and none raises for what the network does."""

    @property
    def counters(self) -> dict[str, int]:
        """What went wrong or was dropped, by kind."""

    @property
    def connected(self) -> bool:
        """Whether a message sent now would leave now."""

    def send(self, kind: str, message: Sendable) -> bool | None:
        """Send ``message``; False when it cannot be taken. Kinds: status, state, report, discovery (JSON as bytes), turn, ctl,
        event, metrics, ack.

        A ``ctl`` goes to the worker that it names. The first four are retained: the last one given is published again on
        every new connection, so they may be given at any time.
        """

    def poll(self) -> list[Any]:
        """What arrived since the last call, in order: worker's messages (``messages.Answer``), ``NoSubscribers``, orders
        (``orders.Order``, ``BadOrder``), ``Birth``; and the newest few ``Desired`` of each scope."""

    def reconfigure(self, config: Config) -> None:
        """From now on for the pool, the group and the broker of ``config``. Another broker, or other credentials, is another
        connection: made off the caller's thread, ``connected`` is False until it stands."""

    def close(self) -> None:
        """Say offline, then leave; at most 1.5 s; idempotent."""


RETAINED = ("status", "state", "report", "discovery")


class OfflineTransport:
    """``mqtt.enabled = false``: nobody out there."""

    failure = "disabled"
    """Code of the ``TurnFailed`` that every turn gets; without this attribute it is no_broker."""
    connected = False

    def __init__(self) -> None:
        self.counters: dict[str, int] = {}

    def send(self, kind: str, message: Sendable) -> bool:
        return kind in RETAINED

    def poll(self) -> list[Any]:
        return []

    def reconfigure(self, config: Config) -> None:
        pass

    def close(self) -> None:
        pass
