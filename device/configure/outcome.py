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


ANSWER_S = 30.0
"""A device that is there says within this what it makes of a configuration; it takes milliseconds as a rule."""
OFFLINE_S = 10.0
"""So long a device that is not there may take to come back: a restart, or the broker's."""
GRACE_S = 30.0
"""On top of a device's probation: a restart, and the way here."""


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


def patience_s(report: ConfigReport | None, online: bool | None) -> float:
    """How many seconds after its last word a device may take for the next; ``online`` None: nothing is known of it."""
    # on trial is ours, or what has to be decided before it
    if report is not None and report.state == "pending":
        return report.probation_s + GRACE_S
    return OFFLINE_S if online is False else ANSWER_S
