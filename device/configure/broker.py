"""The owner's side of the broker: what is asked of a device or a group, and what the devices report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from device.config.schema import MqttSection
from device.errors import LinkError
from device.link import topics
from device.link.client import Received
from device.link.messages import Status, decode
from device.link.options import DEVICE
from device.link.reports import ConfigReport
from device.link.visit import Visit


class Watch:
    """What is retained about ``scope`` (``d/DEVICE`` or ``g/GROUP``), and what comes as long as the connection stands: of the device,
    or of every device, for which of them are in a group only they know.

    ``reports`` and ``statuses`` are by device; ``desired`` is what the scope was last asked to be, empty bytes: nothing.
    """

    def __init__(self, scope: str) -> None:
        self.scope = scope
        self.reports: dict[str, ConfigReport] = {}
        self.statuses: dict[str, Status] = {}
        self.desired: bytes | None = None
        self.unreadable: set[str] = set()
        """Devices whose report is none that this version knows."""
        self._came = 0

    @property
    def topic(self) -> str:
        """Where configuration for the scope is published."""
        return f"{topics.PREFIX}{self.scope}/dn/config"

    @property
    def topics(self) -> tuple[str, ...]:
        kind, _, name = self.scope.partition("/")
        device = name if kind == "d" else "+"
        return self.topic, topics.any_up("config", device), topics.any_up("status", device)

    def receive(self, received: Received) -> None:
        """In the network's thread."""
        self._came += 1
        device = topics.device_of(received.topic)
        if received.topic == self.topic:
            self.desired = received.payload
        elif device is None or not DEVICE.fullmatch(device) or not received.payload:
            return  # nobody's name; and an empty one only clears what was retained
        elif received.topic == topics.up(device, "config"):
            self._report(device, received.payload)
        elif received.topic == topics.up(device, "status"):
            try:
                self.statuses[device] = decode("status", received.payload)
            except LinkError:
                return  # the report counts; this only tells who is there

    def _report(self, device: str, payload: bytes) -> None:
        try:
            self.reports[device] = decode("report", payload)
            self.unreadable.discard(device)
        except LinkError:
            self.unreadable.add(device)

    def online(self, device: str) -> bool | None:
        """Whether the device is there; None: it never said."""
        status = self.statuses.get(device)
        return status.state != "offline" if status else None

    def members(self) -> list[str]:
        """The devices that the scope is for: the one, or those that report to be in the group."""
        kind, _, name = self.scope.partition("/")
        if kind == "d":
            return [name]
        return sorted(device for device, report in list(self.reports.items()) if _is_in(report, name))

    def count(self) -> int:
        """Messages received."""
        return self._came

    def complete(self) -> bool:
        """Whether everything of one device that is retained has come."""
        return bool(self.scope.startswith("d/") and self.desired and self.reports and self.statuses)


@contextmanager
def watching(broker: MqttSection, scope: str, name: str = "config") -> Iterator[tuple[Watch, Visit]]:
    """A connection on which everything that is retained has come. Raises ``LinkError``."""
    watch = Watch(scope)
    with Visit(broker, name, watch.topics, watch.receive) as visit:
        visit.settle(watch.count, watch.complete)
        yield watch, visit


def _is_in(report: ConfigReport, group: str) -> bool:
    if "device.group" in report.effective:
        return bool(report.effective["device.group"] == group)
    return f"g/{group}" in report.applied
