"""Where a device keeps what it remembers, and how a file there is replaced: whole or not at all, whenever the power fails.

write a temporary file, fsync it, rename it over the old one, fsync the folder
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

SYSTEM_STATE = Path("/var/lib/earshot")
"""The service's, and root's."""


def state_folder() -> Path:
    """Systemd's state directory (``$STATE_DIRECTORY``), ``SYSTEM_STATE`` for root, else the user's (XDG)."""
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        return Path(given)
    return SYSTEM_STATE if os.geteuid() == 0 else user_state()


def user_state() -> Path:
    """The user's own, as the XDG specification has it."""
    base = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(base):  # the specification: a relative path is to be ignored
        base = os.path.join(os.path.expanduser("~"), ".local", "state")
    return Path(base) / "earshot"


class Disk:
    """The system calls of a replacement, one a method. A test dies at every single one."""

    def folder(self, path: Path) -> None:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def create(self, path: Path) -> int:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        if (
            os.geteuid() == 0
        ):  # root, in the folder of the service: which could not read it, and would begin anew
            with contextlib.suppress(OSError):
                owner = path.parent.stat()
                os.fchown(handle, owner.st_uid, owner.st_gid)
        return handle

    def write(self, handle: int, data: bytes) -> int:
        return os.write(handle, data)

    def sync(self, handle: int) -> None:
        os.fsync(handle)

    def close(self, handle: int) -> None:
        os.close(handle)

    def rename(self, old: Path, new: Path) -> None:
        os.replace(old, new)

    def open_folder(self, path: Path) -> int:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def replace(path: Path, data: bytes, disk: Disk | None = None) -> None:
    """``data`` becomes the file at ``path``, mode 0600; its folder is made where it is missing. One writer a file.

    Raises ``OSError``, and then the file is as it was.
    """
    disk, temporary = disk or Disk(), path.with_name(f".{path.name}.new")
    try:
        disk.folder(path.parent)
        handle = disk.create(temporary)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[disk.write(handle, bytes(rest)) :]
            disk.sync(handle)
        finally:
            disk.close(handle)
        disk.rename(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):  # the card may be full: leave no half file on it
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent, disk)


def sync_folder(path: Path, disk: Disk) -> None:
    """Make names in the folder last. Where that fails (some file systems know no such thing) the file is new already, and after a
    power cut it is the old or the new one: no reason to call it unwritten."""
    with contextlib.suppress(OSError):
        folder = disk.open_folder(path)
        try:
            disk.sync(folder)
        finally:
            disk.close(folder)
