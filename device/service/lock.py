"""One daemon at a time on one state folder: a second one would play into the same card and overwrite what the first remembers.

A lock on a file in the folder (flock(2)), or, where nothing can be written, an abstract socket named after the folder. The
kernel frees both however the process ends. A daemon that executes itself anew takes the lock along (``pass_on``), so nobody
slips in between.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import socket
import struct
from pathlib import Path

from device.errors import EarshotError

NAME = "lock"
PASSED = "EARSHOT_LOCK_FD"
"""The file descriptor of the lock, for the next life of the same process."""


def address(folder: Path) -> str:
    """The abstract socket that stands for ``folder``; it has room for 107 bytes, a path may have more."""
    return f"\0earshot-{hashlib.sha256(bytes(folder.resolve())).hexdigest()}"


class AlreadyRunning(EarshotError):
    """Another daemon has the lock; the message names its process."""


class Lock:
    """Held until ``release``, or the process ends. Raises ``AlreadyRunning``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        passed = os.environ.pop(PASSED, "")
        if passed.isdigit() and self._is_lock(int(passed)):
            self._fd = int(passed)
            os.set_inheritable(self._fd, False)
            return
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError:  # a read-only root
            self._fd = self._bind()
        else:
            self._take()

    def pass_on(self) -> None:
        """The next program of this process has it."""
        os.set_inheritable(self._fd, True)
        os.environ[PASSED] = str(self._fd)

    def release(self) -> None:
        """Another may have it; the end of the process does the same."""
        os.close(self._fd)

    def _take(self) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = os.pread(self._fd, 32, 0).decode(errors="replace").strip() or "of unknown number"
            os.close(self._fd)
            raise self._running(other, self._folder / NAME) from None
        except OSError:  # a file system without locks
            os.close(self._fd)
            self._fd = self._bind()
            return
        with contextlib.suppress(OSError):  # a full disk: only the number is missing then
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def _bind(self) -> int:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as ours:
            try:
                ours.bind(address(self._folder))
            except OSError:
                raise self._running(self._holder(), self._folder) from None
            ours.listen(1)
            return ours.detach()

    def _holder(self) -> str:
        """Who listens at our address; the kernel knows."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.settimeout(1.0)
            asking.connect(address(self._folder))
            size = struct.calcsize("3i")
            return str(struct.unpack("3i", asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[0])
        return "of unknown number"

    def _is_lock(self, fd: int) -> bool:
        """Whether ``fd`` is what it is said to be: the environment may be anybody's."""
        with contextlib.suppress(OSError):
            there = os.fstat(fd)
            if os.path.samestat(there, os.stat(self._folder / NAME)):
                return True
        with (
            contextlib.suppress(OSError),
            socket.socket(fileno=os.dup(fd)) as passed,
        ):
            return passed.getsockname() == address(self._folder).encode()
        return False

    @staticmethod
    def _running(pid: str, where: Path) -> AlreadyRunning:
        return AlreadyRunning(
            f"another earshot runs already, process {pid} ({where}): stop it first (systemctl stop earshot), or give this one "
            "a state folder of its own ($STATE_DIRECTORY)"
        )
