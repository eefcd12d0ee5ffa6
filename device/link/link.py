"""The link as the daemon sees it: commands in, events out, stepped every 10 ms by the ear thread."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from device import __version__
from device.config.schema import Config
from device.link.ids import uuid7
from device.link.messages import Event as EventMessage
from device.link.messages import Message, Open, State, Status
from device.link.mqtt import MqttTransport, new_boot
from device.link.orders import Cmd, Order, OrderAck, Say
from device.link.reports import ConfigReport
from device.link.telemetry import Telemetry
from device.link.transport import BadOrder, Birth, Desired, NoSubscribers, OfflineTransport, Transport
from device.link.turns import Turns, TurnSettings
from device.values import CancelTurn, CommitTurn, Event, OpenTurn, ReviseTurn, SendHeard, Show

log = logging.getLogger(__name__)


class Link:
    """Turns, status, state and events over ``transport`` (None: nobody out there).

    No call blocks; none raises for what the network does. ``mint`` makes turn ids.
    """

    def __init__(
        self,
        config: Config,
        transport: Transport | None = None,
        *,
        mint: Callable[[], str] = uuid7,
    ) -> None:
        self.turns = Turns(_settings(config), mint)
        self.transport: Transport = transport or OfflineTransport()
        self._boot: str = getattr(transport, "boot", "") or new_boot()
        self._sequence = 0
        self._position = 0
        self._was_connected = False
        self.orders: deque[Order | BadOrder] = deque()
        """What came to be done, for the daemon to take."""
        self.wishes: deque[Desired] = deque()
        """Configurations that somebody wants us to have, for the daemon to take."""
        self.births = 0
        """How often Home Assistant has started since we are connected."""
        self._status = Status(state="online", boot=self._boot, version=__version__)
        self._state = State(volume=config.device.volume)
        self.transport.send("status", self._status)
        self.transport.send("state", self._state)

    @property
    def connected(self) -> bool:
        """Whether a turn sent now would reach the broker."""
        return self.transport.connected

    @property
    def alive(self) -> bool:
        """Whether the transport's thread runs (for the watchdog); True where there is none."""
        return getattr(self.transport, "alive", True)

    @property
    def problem(self) -> str | None:
        """Why there is no broker, in words, or None."""
        return getattr(self.transport, "problem", None)

    @property
    def trouble(self) -> tuple[str, ...]:
        """Codes of what is wrong with the connection (``device.problems``)."""
        code = getattr(self.transport, "problem_code", None)
        return () if code is None else (code,)

    @property
    def reported(self) -> bool:
        """Whether the broker of now has the latest report on the configuration."""
        return getattr(self.transport, "reported", False)

    @property
    def counters(self) -> dict[str, int]:
        """Turns' and transport's counters together."""
        return {**self.turns.counters, **self.transport.counters}

    def execute(self, command: OpenTurn | ReviseTurn | CommitTurn | CancelTurn | SendHeard | Show) -> None:
        """Carry out a command; what it causes comes out of the next ``poll``."""
        match command:
            case OpenTurn():
                self.turns.open(command, self._position)
                self._send_turns()
            case ReviseTurn():
                self.turns.revise(command, self._position)
                self._send_turns()
            case CommitTurn():
                self.turns.commit(command.turn)
                self._send_turns()
            case CancelTurn():
                self.turns.cancel(command.turn, command.reason)
                self._send_turns()
            case SendHeard():
                self.turns.heard(command.report)
                self._send_turns()
            case Show():
                self._show(command)

    def poll(self, position: int) -> list[Event]:
        """Everything that happened until capture ``position``, in order."""
        self._position = position
        for message in self.transport.poll():
            match message:
                case NoSubscribers():
                    self.turns.no_subscribers(message.turn, position, message.worker)
                case Desired():
                    self.wishes.append(message)
                case Say() | Cmd() | BadOrder():
                    self.orders.append(message)
                case Birth():
                    self.births += 1
                case _:
                    self.turns.receive(message, position)
        connected = self.transport.connected
        if self._was_connected and not connected:
            self.turns.disconnected(position)
        elif connected and not self._was_connected:
            self.turns.reconnected(position)
        self._was_connected = connected
        self.turns.tick(position)
        self._send_turns()
        return self.turns.events()

    def event(self, kind: str, **fields: Any) -> None:
        """Publish that something happened once (wake, barge_in, resumed, button, error ...).

        ``fields`` are JSON values. Kept while the broker is away (100 at most, an hour).
        """
        self._sequence += 1
        self.transport.send(
            "event", EventMessage(kind=kind, seq=self._sequence, boot=self._boot, data=fields)
        )

    def metrics(self, message: Telemetry) -> None:
        """Publish how a turn or a minute went; lost while the broker is away."""
        self.transport.send("metrics", msgspec.structs.replace(message, boot=self._boot))

    def describe(self, **fields: Any) -> None:
        """Change the retained state: mute, volume, timers, echo, voice, latency (``messages.State``'s keys)."""
        self._put_state(msgspec.structs.replace(self._state, **fields))

    def problems(self, problems: tuple[str, ...] | list[str]) -> None:
        """What is wrong with the device right now; any makes it ``degraded``, none ``online``."""
        self._put_status(state="degraded" if problems else "online", problems=tuple(problems))

    def report(self, report: ConfigReport) -> None:
        """Publish what became of a pushed configuration (retained), and its version with the status."""
        self.transport.send("report", msgspec.structs.replace(report, boot=self._boot))
        self._put_status(config=max(report.applied.values(), default=0))

    def ack(self, ack: OrderAck) -> None:
        """Answer an order; kept while the broker is away."""
        self.transport.send("ack", ack)

    def announce(self, payload: bytes) -> None:
        """Publish the device message for Home Assistant (retained); empty: there is no such device any more."""
        self.transport.send("discovery", payload)

    def reconfigure(self, config: Config) -> None:
        """From now on by ``config``. Another broker, or other credentials, is another connection, and turns are answered locally
        until it stands."""
        self.turns.reconfigure(_settings(config))
        self.transport.reconfigure(config)

    def close(self) -> None:
        """Say offline and leave; at most 1.5 s."""
        self.transport.close()

    def _show(self, show: Show) -> None:
        now = tuple(name for name in ("attending", "thinking", "speaking") if getattr(show, name)) or (
            "idle",
        )
        self._put_state(msgspec.structs.replace(self._state, now=now, ducked=show.ducked, held=show.held))

    def _put_status(self, **fields: Any) -> None:
        status = msgspec.structs.replace(self._status, **fields)
        if status != self._status:
            self._status = status
            self.transport.send("status", status)

    def _put_state(self, state: State) -> None:
        if state != self._state:
            self._state = state
            self.transport.send("state", state)

    def _send_turns(self) -> None:
        """Send what the turns want sent, and keep their events for ``poll``."""
        for message in self.turns.outgoing():
            self._send(message)

    def _send(self, message: Message) -> None:
        kind = "turn" if isinstance(message, Open) else "ctl"
        if self.transport.send(kind, message) is False and isinstance(message, Open):
            self.turns.disconnected(self._position, getattr(self.transport, "failure", "no_broker"))


def _settings(config: Config) -> TurnSettings:
    return TurnSettings(
        ack_ms=config.endpoint.ack_ms,
        attempts=config.endpoint.attempts,
        first_ms=round(config.conversation.answer_s * 1000),
        lang=config.device.language,
    )


def open_transport(config: Config) -> Transport:
    """What carries the messages: MQTT, or nothing when ``mqtt.enabled`` is false."""
    return MqttTransport(config) if config.mqtt.enabled else OfflineTransport()
