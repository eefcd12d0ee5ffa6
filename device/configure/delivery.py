"""Publishing an envelope and waiting for what the devices make of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from device.configure.broker import Watch
from device.configure.outcome import Letter, Outcome, outcome_of, patience_s
from device.link.visit import Visit
from device.settings.state import digest_of


@dataclass
class _Awaited:
    """One device. ``since`` is when its outcome last changed."""

    since: float
    outcome: Outcome


@dataclass
class Delivery:
    """``letter`` on its way to the devices of its scope. ``timeout_s`` None: as long as each device has reason to take.
    ``show(outcomes, seconds)`` is called about ten times a second."""

    watch: Watch
    visit: Visit
    letter: Letter
    timeout_s: float | None = None
    show: Callable[[list[Outcome], float], None] = lambda outcomes, seconds: None
    _awaited: dict[str, _Awaited] = field(default_factory=dict)

    def send(self) -> None:
        """Publish, retained: a device that is not there gets it later. Raises ``LinkError``."""
        self._begun = time.monotonic()
        self.watch.desired = self.letter.data
        self.visit.publish(self.watch.topic, self.letter.data, retain=True)

    def wait(self) -> list[Outcome]:
        """What became of it on each device, in the order of their names; a ``waiting`` among them has not answered in time."""
        shown = -1.0
        while True:
            now = time.monotonic()
            for device in self.watch.members():
                self._look(device, now)
            open_ones = [each for each in self._awaited.values() if each.outcome.open]
            if not any(now < self._deadline(each) for each in open_ones):
                return self._ended()
            if now - shown > 0.1:
                self.show(self.outcomes(), now - self._begun)
                shown = now
            self.visit.step()

    @property
    def waited_s(self) -> float:
        return time.monotonic() - self._begun

    def outcomes(self) -> list[Outcome]:
        """As they are now."""
        return [self._awaited[device].outcome for device in sorted(self._awaited)]

    def _look(self, device: str, now: float) -> None:
        # a member of a group may also come, or join, only now
        awaited = self._awaited.setdefault(device, _Awaited(now, Outcome(device)))
        report, desired = self.watch.reports.get(device), self.watch.desired
        ms = round((now - self._begun) * 1000)
        later = digest_of(desired) if desired and desired != self.letter.data else ""
        found = outcome_of(self.letter, device, report, ms, later)
        if replace(found, ms=None) != replace(awaited.outcome, ms=None):
            awaited.outcome, awaited.since = found, now

    def _deadline(self, awaited: _Awaited) -> float:
        if self.timeout_s is not None:
            return self._begun + self.timeout_s
        device = awaited.outcome.device
        return awaited.since + patience_s(self.watch.reports.get(device), self.watch.online(device))

    def _ended(self) -> list[Outcome]:
        return [
            replace(each, fate="offline") if each.fate == "waiting" and not self.watch.online(each.device) else each
            for each in self.outcomes()
        ]  # fmt: skip
