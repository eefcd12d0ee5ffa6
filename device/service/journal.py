"""Log lines for systemd's journal, with fields that it can be asked for: ``journalctl -u earshot EARSHOT_STAGE=endpoint``.

    log.info("...", extra={"fields": {"turn": 3, "stage": "endpoint", "ms": 412}})
       └► stderr is the journal ($JOURNAL_STREAM): native protocol, MESSAGE, PRIORITY, EARSHOT_TURN, EARSHOT_STAGE, EARSHOT_MS
       └► else: stderr, the text alone

A journal that does not read costs lines (``lost``), never the ear's time.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import struct
import sys
from collections.abc import Mapping

SOCKET = "/run/systemd/journal/socket"
LONGEST = 48_000
"""Bytes of one field: a datagram on a local socket holds some 200 KB."""
PRIORITY = {
    logging.DEBUG: 7,
    logging.INFO: 6,
    logging.WARNING: 4,
    logging.ERROR: 3,
    logging.CRITICAL: 2,
}
"""syslog(3)."""
FORMAT = "%(levelname)s %(name)s: %(message)s"


def stderr_is_journal(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether what we write to stderr goes to the journal, by device and inode (systemd.exec(5), $JOURNAL_STREAM)."""
    device, _, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        there = os.fstat(2)
    except OSError:
        return False
    return (device, inode) == (str(there.st_dev), str(there.st_ino))


def handler(environ: Mapping[str, str] = os.environ, address: str = SOCKET) -> logging.Handler:
    """Where log lines go."""
    stderr = logging.StreamHandler(sys.stderr)
    found = JournalHandler(address, stderr) if stderr_is_journal(environ) else stderr
    for each in {found, stderr}:
        each.setFormatter(logging.Formatter(FORMAT))
    return found


def entry(fields: Mapping[str, object]) -> bytes:
    """One entry in the journal's native protocol: ``NAME=value`` a line, or length and bytes where the value has several."""
    out = bytearray()
    for name, value in fields.items():
        data = str(value).encode(errors="replace")[:LONGEST]
        if b"\n" in data:
            out += name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"
        else:
            out += name.encode() + b"=" + data + b"\n"
    return bytes(out)


class JournalHandler(logging.Handler):
    """``otherwise`` takes the lines while nobody listens at ``address``."""

    def __init__(self, address: str, otherwise: logging.Handler) -> None:
        super().__init__()
        self.lost = 0
        self._address, self._otherwise = address, otherwise
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            data = entry(
                {
                    "MESSAGE": self.format(record),
                    "PRIORITY": PRIORITY.get(record.levelno, 6),
                    "SYSLOG_IDENTIFIER": "earshot",
                    "EARSHOT_ROOM": record.name.removeprefix("device."),
                    **{
                        f"EARSHOT_{name.upper()}": value
                        for name, value in getattr(record, "fields", {}).items()
                        if value is not None
                    },
                }
            )
            self._socket.sendto(data, self._address)
        except OSError as exc:
            if exc.errno in (errno.EAGAIN, errno.ENOBUFS, errno.EMSGSIZE):
                self.lost += 1
            else:  # it is not there (yet, or again)
                self._otherwise.emit(record)
        except Exception:  # noqa: BLE001  logging's own way with a message that cannot be made
            self.handleError(record)
