"""What the steward wants done; ``Steward.poll`` hands it over. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from device.config.faults import Fault
from device.link.reports import ConfigReport


@dataclass(frozen=True, slots=True)
class Adopt:
    """Go on by another configuration: what ``prepare`` made for it."""

    prepared: Any


@dataclass(frozen=True, slots=True)
class Restart:
    """Leave and start again, for ``reason``: the next start has the new configuration."""

    reason: str


@dataclass(frozen=True, slots=True)
class Publish:
    """Tell what became of it (``up/config``)."""

    report: ConfigReport


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of the command ``token``: done, or nothing changed and ``faults`` say why."""

    token: str
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What became of reading the file anew: it is in force (after a restart that follows, where it ``restarts``), or nothing has
    changed and ``faults`` say why."""

    faults: tuple[str, ...] = ()
    restarts: bool = False


Action = Adopt | Restart | Publish | Changed | Reloaded
