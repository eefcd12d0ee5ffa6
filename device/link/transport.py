"""What the link needs of the world: something that carries messages. MQTT for real, a script in a scenario."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from device.link.messages import Message
from device.link.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class NoSubscribers:
    """The broker says that nobody read the ``open`` of ``turn`` (PUBACK 0x10), or what was sent about it to ``worker``.
    A hint: some brokers say so falsely."""

    turn: str
    worker: str | None = None


class Transport(Protocol):
    """Carries messages; no call blocks and none raises for what the network does."""

    @property
    def counters(self) -> dict[str, int]:
        """What went wrong or was dropped, by kind."""

    @property
    def connected(self) -> bool:
        """Whether a message sent now would leave now."""

    def send(self, kind: str, message: Message | Telemetry) -> bool | None:
        """Send ``message``; False when it cannot be taken. Kinds: status, state, turn, ctl, event,
        metrics.

        A ``ctl`` goes to the worker that it names. ``status`` and ``state`` are retained: the last one given is
        published again on every new connection, so they may be given at any time.
        """

    def poll(self) -> list[Any]:
        """What arrived since the last call, in order: worker's messages (``messages.Answer``) and ``NoSubscribers``."""

    def close(self) -> None:
        """Say offline, then leave; at most 1.5 s; idempotent."""


class OfflineTransport:
    """``mqtt.enabled = false``: nobody out there."""

    failure = "disabled"
    """Code of the ``TurnFailed`` that every turn gets; without this attribute it is no_broker."""
    connected = False

    def __init__(self) -> None:
        self.counters: dict[str, int] = {}

    def send(self, kind: str, message: Message | Telemetry) -> bool:
        return kind in ("status", "state")

    def poll(self) -> list[Any]:
        return []

    def close(self) -> None:
        pass
