"""What ``earshot doctor`` looks at: one file a check, in the order in which they are run.

A check is a function ``check(patient) -> list[Finding]``. It runs in a thread of its own, may take ``limit_s`` seconds, and is left
behind after that; what it looks at it leaves as it was.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from device.doctor.finding import Finding
    from device.doctor.patient import Patient


@dataclass(frozen=True, slots=True)
class Check:
    """``doing``: what is said meanwhile. ``full``: only with ``--full``. ``stuck``: what to do where it hangs."""

    name: str
    doing: str
    limit_s: float
    full: bool = False
    stuck: str = "is the machine busy (top)?"

    @property
    def function(self) -> Callable[[Patient], list[Finding]]:
        module = importlib.import_module(f"{__name__}.{self.name}")
        return module.check  # type: ignore[no-any-return]


STUCK_SOUND = "plug the sound device in again, or restart the sound server that has it (PipeWire, PulseAudio)"
CHECKS = (
    Check("configuration", "reading the configuration", 5),
    Check("packages", "looking at the Python packages", 5),
    Check("clock", "looking at the clock", 5),
    Check("disk", "looking at the disk", 5),
    Check("memory", "looking at the memory", 2),
    Check("heat", "taking the temperature", 5),
    Check("service", "asking systemd", 5),
    Check("sound", "listening, and playing softly", 12, stuck=STUCK_SOUND),
    Check("models", "checking the models", 15),
    Check("wake", "loading the wake words", 8),
    Check("recogniser", "letting the recogniser listen", 20),
    Check("voice", "letting the voice speak", 20),
    Check("broker", "calling the broker", 12),
    Check("endpoint", "asking the endpoint the time", 20),
    Check("echo", "measuring the echo path", 60, full=True, stuck=STUCK_SOUND),
)
"""Those that take the machine's strength or time come last, when everything cheap is known already."""
