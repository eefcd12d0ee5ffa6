"""Who holds a card: only one program may, and ALSA says which.

/proc/asound/card2/pcm0c/sub0/status   "closed", or "state: RUNNING ... owner_pid   : 812"
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .cards import PROC

PROCESSES = Path("/proc")
LETTER = {"input": "c", "output": "p"}
OWNER = re.compile(r"^owner_pid\s*:\s*(\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Holder:
    """``name`` is empty where the system does not tell us about other people's processes."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"{self.name!r} (process {self.pid})" if self.name else f"process {self.pid}"


def holder(number: int, direction: str, root: Path = PROC, processes: Path = PROCESSES) -> Holder | None:
    """Another process that has the card ``number`` open in that direction; None where there is none."""
    for status in sorted((root / f"card{number}").glob(f"pcm*{LETTER[direction]}/sub*/status")):
        with suppress(OSError):
            if found := OWNER.search(status.read_text(errors="replace")):
                pid = _process_of(int(found.group(1)), processes)
                if pid != os.getpid():
                    return Holder(pid, _name(pid, processes))
    return None


def _process_of(thread: int, processes: Path) -> int:
    """ALSA notes the thread that opened."""
    with suppress(OSError):
        found = re.search(r"^Tgid:\s*(\d+)", (processes / str(thread) / "status").read_text(), re.MULTILINE)
        if found:
            return int(found.group(1))
    return thread


def _name(pid: int, processes: Path) -> str:
    try:
        return (processes / str(pid) / "comm").read_text(errors="replace").strip()
    except OSError:
        return ""
