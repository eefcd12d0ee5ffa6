"""What became of a pushed configuration, as far as a device's report says. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from device.link.reports import ConfigFault, ConfigReport, Seen

Fate = Literal["waiting", "applied", "pending", "rejected", "rolled_back", "superseded", "offline"]
"""waiting: no word yet; superseded: another push came after it; offline: no word, and the device is not there; the others as in
``ConfigReport``."""

GOOD: tuple[Fate, ...] = ("applied",)
OPEN: tuple[Fate, ...] = ("waiting", "pending")


@dataclass(frozen=True)
class Outcome:
    """Of one push on one device. ``probation_s``: how much longer a pending one may try; ``ms``: from the push to this report."""

    device: str
    fate: Fate = "waiting"
    confirmed: bool = False
    errors: tuple[ConfigFault, ...] = ()
    warnings: tuple[ConfigFault, ...] = ()
    probation_s: int = 0
    ms: int | None = None

    @property
    def open(self) -> bool:
        """Whether something else may still become of it."""
        return self.fate in OPEN


@dataclass(frozen=True)
class Letter:
    """An envelope on its way: ``data`` for ``scope``, what it says of itself, and what each device had seen before it."""

    scope: str
    version: int
    kid: str | None
    data: bytes

    @property
    def digest(self) -> str:
        """How a report names it."""
        return hashlib.sha256(self.data).hexdigest()[:16]


def outcome_of(
    letter: Letter, device: str, report: ConfigReport | None, before: Seen | None, ms: int
) -> Outcome:
    """What ``report`` says of ``letter``; ``before`` is what the device had seen in its scope when the letter was sent."""
    seen = report.seen.get(letter.scope) if report else None
    if report is None or seen is None:
        return Outcome(device)
    if seen.digest != letter.digest:
        return Outcome(device, "superseded" if seen != before else "waiting", ms=ms)
    if report.scope != letter.scope:  # its state is about a message to the other scope that came later
        applied = report.applied.get(letter.scope) == letter.version
        return Outcome(device, "applied" if applied else "waiting", ms=ms)
    return Outcome(
        device, report.state, report.confirmed, report.errors, report.warnings, report.probation_s, ms
    )
