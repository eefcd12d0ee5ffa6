"""What a service tells systemd: one datagram each to the socket in ``$NOTIFY_SOCKET`` (sd_notify(3)); nothing without it.

No message ever waits: a manager that does not read costs the message, not the ear's time. What has to arrive (READY) is sent
again by whoever sees that it was not taken.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping

LONGEST = 400
"""Characters of a status: `systemctl status` shows one line."""


def watchdog_s(environ: Mapping[str, str] = os.environ) -> float | None:
    """[s] How often at least systemd wants to be told that we live (``WatchdogSec=``), None where it does not."""
    with contextlib.suppress(ValueError):
        if int(environ.get("WATCHDOG_PID", os.getpid())) == os.getpid():
            usec = int(environ.get("WATCHDOG_USEC", "0"))
            return usec / 1e6 if usec > 0 else None
    return None


class Notifier:
    """Every call returns whether the message was taken; True where nobody is there to be told. ``lost`` counts the rest."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self.lost = 0
        self._socket: socket.socket | None = None
        address = environ.get("NOTIFY_SOCKET", "")
        if address[:1] not in ("/", "@"):
            return
        self._address = "\0" + address[1:] if address[0] == "@" else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    @property
    def wanted(self) -> bool:
        """Whether there is somebody to tell."""
        return self._socket is not None

    def ready(self, status: str) -> bool:
        """It works, after a start or a reload."""
        return self._send("READY=1", _status(status))

    def status(self, status: str) -> bool:
        return self._send(_status(status))

    def watchdog(self) -> bool:
        return self._send("WATCHDOG=1")

    def extend(self, seconds: float) -> bool:
        """Starting takes longer: ``seconds`` more from now on."""
        return self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}")

    def reloading(self, status: str) -> bool:
        """The configuration is read anew, or the program starts again within its process; READY follows."""
        return self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", _status(status))

    def stopping(self, status: str) -> bool:
        return self._send("STOPPING=1", _status(status))

    def _send(self, *lines: str) -> bool:
        if self._socket is None:
            return True
        try:
            self._socket.sendto("\n".join(lines).encode(errors="replace"), self._address)
        except OSError:  # full, or gone
            self.lost += 1
            return False
        return True


def _status(text: str) -> str:
    """One line, whatever is in it: a device's name with a line break in it must not become a message of its own."""
    line = "".join(char if char.isprintable() else " " for char in text)
    return f"STATUS={line if len(line) <= LONGEST else line[: LONGEST - 1] + '…'}"
