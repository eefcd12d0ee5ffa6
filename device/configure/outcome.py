"""What became of a pushed configuration, as far as a device's report says. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from device.link.reports import ConfigFault, ConfigReport
from device.settings.state import digest_of

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
    """An envelope on its way: ``data`` for ``scope``, and what it says of itself."""

    scope: str
    version: int
    kid: str | None
    data: bytes

    @property
    def digest(self) -> str:
        """How a report names it."""
        return digest_of(self.data)


def outcome_of(letter: Letter, device: str, report: ConfigReport | None, ms: int, later: str = "") -> Outcome:
    """What ``report`` says of ``letter``; ``later`` is the digest of what somebody has published over it meanwhile."""
    seen = report.seen.get(letter.scope) if report else None
    if report is None or seen is None:
        return Outcome(device)
    if seen.digest != letter.digest:
        return Outcome(device, "superseded" if seen.digest == later else "waiting", ms=ms)
    if report.scope != letter.scope:  # its state is about a message to the other scope that came later
        applied = report.applied.get(letter.scope) == letter.version
        return Outcome(device, "applied" if applied else "waiting", ms=ms)
    return Outcome(
        device, report.state, report.confirmed, report.errors, report.warnings, report.probation_s, ms
    )
