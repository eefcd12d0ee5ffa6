"""What the devices on a broker tell about their latency, as it comes: their state at once, timelines as they happen."""

from __future__ import annotations

import logging
import os
import queue
import time
from dataclasses import dataclass
from typing import Self

from device.config.schema import MqttSection
from device.errors import LinkError
from device.link import topics
from device.link.client import BrokerClient, Received
from device.link.messages import State, decode
from device.link.telemetry import Timeline

CONNECT_S = 12.0
"""No more patience than this; why there is no connection is known sooner: 5 s for TCP, for TLS and for MQTT, each."""
QUIET_S = 0.6
"""What is retained comes within milliseconds of the subscription: after so much quiet that was all."""
WAITING = 1000
"""Timelines that may wait for whoever shows them; more than that are dropped."""


@dataclass(frozen=True, slots=True)
class Seen:
    """``line`` of ``device``, received at ``time_s`` (seconds since the epoch)."""

    device: str
    time_s: float
    line: Timeline


class Reader:
    """A client that only listens, to ``device`` or, with None, to all of them. Use as a context manager.

    Raises ``LinkError`` on entering where the broker cannot be reached or refuses. Later it connects again by itself.
    """

    def __init__(self, broker: MqttSection, device: str | None) -> None:
        logging.getLogger("device.link").addHandler(logging.NullHandler())  # what matters is raised or shown
        self._broker, self._device = broker, device
        self._seen: queue.Queue[Seen] = queue.Queue(WAITING)
        self._states: dict[str, State] = {}
        self.garbage = 0
        """Messages that no device of this version sends."""

    def __enter__(self) -> Self:
        device = self._device or "+"
        self._client = BrokerClient(
            self._broker,
            f"earshot-trace-{os.getpid()}",
            subscriptions=(topics.any_up("state", device), topics.any_up("metrics", device)),
            receive=self._receive,
            will=None,
            session_expiry_s=0,
            retained=True,
        )
        deadline = time.monotonic() + CONNECT_S
        while not self._client.connected:
            if self._client.problem_code or time.monotonic() > deadline:
                self._client.close()
                another = self._client.problem_code == "broker_unreachable"
                raise LinkError(f"{self.problem}{'; for another one: --broker HOST[:PORT]' if another else ''}")
            self._client.check()
            time.sleep(0.01)
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.close()

    @property
    def problem(self) -> str | None:
        """Why nothing comes, in words; None while all is well."""
        return self._client.problem

    def next(self, timeout_s: float) -> Seen | None:
        """The next timeline, or None when none comes within ``timeout_s``."""
        self._client.check()
        try:
            return self._seen.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def states(self) -> dict[str, State]:
        """What is retained now, by device; returns after ``QUIET_S`` without news. Raises ``LinkError`` where the broker
        refuses the subscription."""
        count, quiet_at = -1, 0.0
        while time.monotonic() < quiet_at or count < len(self._states):
            if count < len(self._states):
                count, quiet_at = len(self._states), time.monotonic() + QUIET_S
            time.sleep(0.01)
        if not self._states and self.problem:
            raise LinkError(self.problem)
        return dict(sorted(self._states.items()))

    def _receive(self, received: Received) -> None:
        """In paho's thread."""
        device = topics.device_of(received.topic) or "?"
        try:
            message = decode(received.topic.rpartition("/")[2], received.payload)
        except LinkError:
            self.garbage += bool(received.payload)  # an empty one clears what was retained
            return
        if isinstance(message, State):
            self._states[device] = message
        elif isinstance(message, Timeline) and not self._seen.full():
            self._seen.put(Seen(device, time.time(), message))
