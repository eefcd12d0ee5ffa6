"""Whom the checks look at: this machine, and the configuration that the daemon would run on here."""

from __future__ import annotations

import functools
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from device.config import Config
from device.doctor.running import Running, running

TOOL_S = 4.0
"""A tool of the system that takes longer is left alone."""


@dataclass
class Patient:
    """``faults``: what is wrong with the configuration's file; then ``config`` is what was in force before, or the defaults.
    ``pushed``: version and scope of what came over MQTT. ``root``: where /proc and /sys are looked for."""

    config: Config
    source: str = ""
    faults: Sequence[str] = ()
    notes: Sequence[str] = ()
    pushed: Sequence[str] = ()
    root: Path = Path("/")
    left: threading.Event = field(default_factory=threading.Event)
    """Set when nobody waits for the check any more: it had better end."""
    deadline: float = float("inf")
    """``time.monotonic`` at which the check that runs now is given up."""

    @functools.cached_property
    def running(self) -> Running | None:
        """The daemon that runs on this machine now."""
        return running(self.root)

    @property
    def remaining_s(self) -> float:
        return max(0.0, self.deadline - time.monotonic())

    def read(self, path: str) -> str:
        """A file below ``root``; empty where it cannot be read."""
        try:
            return (self.root / path.lstrip("/")).read_text(errors="replace")
        except OSError:
            return ""

    def tool(self, *command: str) -> str | None:
        """What a tool of the system prints; None where it is not there, fails or hangs."""
        try:
            done = subprocess.run(
                command, check=False, capture_output=True, text=True, errors="replace", timeout=TOOL_S, stdin=subprocess.DEVNULL
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout if done.returncode == 0 else None
