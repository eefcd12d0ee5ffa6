"""Publishing an envelope and waiting for what the devices make of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from device.configure.broker import Watch
from device.configure.outcome import Letter, Outcome, outcome_of
from device.link.visit import Visit
from device.settings.state import digest_of

ANSWER_S = 30.0
"""A device that is there says within this what it makes of a configuration; it takes milliseconds as a rule."""
OFFLINE_S = 10.0
"""So long a device that is not there may take to come back: a restart, or the broker's."""
GRACE_S = 30.0
"""On top of a device's probation: a restart, and the way here."""


@dataclass
class _Awaited:
    """One device. ``since`` is when it last gave reason to hope."""

    since: float
    outcome: Outcome
    online: bool | None = None
    trial_s: int = 0
    """How long something may still be on trial there, be it ours or what has to be decided before it."""


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
        online, desired = self.watch.online(device), self.watch.desired
        if online and not awaited.online:
            awaited.since = now
        awaited.online = online
        report = self.watch.reports.get(device)
        awaited.trial_s = report.probation_s if report and report.state == "pending" else 0
        ms = round((now - self._begun) * 1000)
        later = digest_of(desired) if desired and desired != self.letter.data else ""
        found = outcome_of(self.letter, device, report, ms, later)
        if replace(found, ms=None) != replace(awaited.outcome, ms=None):
            awaited.outcome, awaited.since = found, now

    def _deadline(self, awaited: _Awaited) -> float:
        if self.timeout_s is not None:
            return self._begun + self.timeout_s
        if awaited.trial_s:
            return awaited.since + awaited.trial_s + GRACE_S
        return awaited.since + (OFFLINE_S if awaited.online is False else ANSWER_S)

    def _ended(self) -> list[Outcome]:
        return [
            replace(each, fate="offline") if each.fate == "waiting" and not self.watch.online(each.device) else each
            for each in self.outcomes()
        ]  # fmt: skip
