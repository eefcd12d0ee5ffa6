"""What the devices on a broker tell about their latency, as it comes: their state at once, timelines as they happen."""

from __future__ import annotations

import queue
import time
from dataclasses import dataclass
from typing import Self

from device.config.schema import MqttSection
from device.errors import LinkError
from device.link import topics
from device.link.client import Received
from device.link.messages import State, decode
from device.link.telemetry import Timeline
from device.link.visit import Visit

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
        self._broker, self._device = broker, device
        self._seen: queue.Queue[Seen] = queue.Queue(WAITING)
        self._states: dict[str, State] = {}
        self.garbage = 0
        """Messages that no device of this version sends."""

    def __enter__(self) -> Self:
        device = self._device or "+"
        topics_read = (topics.any_up("state", device), topics.any_up("metrics", device))
        self._visit = Visit(self._broker, "trace", topics_read, self._receive).__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._visit.__exit__(*exc)

    @property
    def problem(self) -> str | None:
        """Why nothing comes, in words; None while all is well."""
        return self._visit.problem

    def next(self, timeout_s: float) -> Seen | None:
        """The next timeline, or None when none comes within ``timeout_s``."""
        self._visit.check()
        try:
            return self._seen.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def states(self) -> dict[str, State]:
        """What is retained now, by device. Raises ``LinkError`` where the broker refuses the subscription."""
        self._visit.settle(lambda: len(self._states))
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
