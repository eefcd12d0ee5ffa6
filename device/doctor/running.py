"""Does a daemon run on this machine? Found without touching its lock, so that one which is about to start is not turned away.

The lock (``device.service.lock``) is a file with a flock, or an address in the kernel's list of sockets; /proc tells both.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from device.disk import state_folder
from device.service.lock import NAME, address

SYSTEM = Path("/var/lib/earshot")
PROGRAMS = ("earshot", "device")
"""The word of a command line that comes before the name of our command."""


@dataclass(frozen=True, slots=True)
class Running:
    """``pid`` is 0 where the system does not tell it."""

    pid: int
    folder: Path

    def __str__(self) -> str:
        return f"earshot runs (process {self.pid})" if self.pid else "earshot runs"


def running(root: Path = Path("/")) -> Running | None:
    """The daemon that has our state folder, or the service's."""
    ours = [state_folder()] if os.environ.get("STATE_DIRECTORY") else [state_folder(), SYSTEM]
    for folder in dict.fromkeys(ours):
        if (pid := _locked(folder, root)) is not None:
            return Running(pid, folder)
    return None


def _locked(folder: Path, root: Path) -> int | None:
    try:
        inode = (folder / NAME).stat().st_ino
        # "1: FLOCK  ADVISORY  WRITE 812 08:02:1234 0 EOF"
        locks = (root / "proc/locks").read_text()
        if found := re.search(rf"FLOCK\s+ADVISORY\s+WRITE\s+(-?\d+)\s+\S+:{inode}\s", locks):
            return max(0, int(found.group(1)))
    except (
        PermissionError
    ):  # the service's own, and we are somebody else: its process is to be seen all the same
        with suppress(OSError):
            return process_of(folder.stat().st_uid, root)
    except OSError:
        pass
    with suppress(OSError):
        if f"@{address(folder)[1:]}\n" in (root / "proc/net/unix").read_text():
            return 0
    return None


def process_of(user: int, root: Path = Path("/")) -> int | None:
    """A process of ``user`` that was started as `earshot run`, or `python -m device run`."""
    for place in sorted((root / "proc").glob("[0-9]*")):
        with suppress(OSError):
            words = (place / "cmdline").read_text(errors="replace").split("\0")
            program = next((at for at, word in enumerate(words) if Path(word).name in PROGRAMS), len(words))
            if words[program + 1 : program + 2] == ["run"] and place.stat().st_uid == user:
                return int(place.name)
    return None
