"""A mosquitto of our own: on a free loopback port, with nothing kept, gone with the run."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from device import subprocesses
from device.errors import LinkError

START_S = 10
"""[s] mosquitto listens some 20 ms after its start; a busy Raspberry Pi needs a second."""
TRIES = 3
"""The free port that we found may be somebody else's a moment later."""


def mosquitto() -> str:
    """The broker's program; Debian puts it where only root's PATH looks. Raises ``LinkError`` where it is missing."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin"])
    program = shutil.which("mosquitto", path=path)
    if program is None:
        raise LinkError(
            "mosquitto is not installed, and a real-time run needs it: `sudo apt install mosquitto`"
        )
    return program


@contextlib.contextmanager
def private_broker() -> Iterator[tuple[str, int]]:
    """``with private_broker() as (host, port)``: a broker that only this machine reaches, without passwords."""
    program = mosquitto()
    with tempfile.TemporaryDirectory(prefix="earshot-broker-") as folder:
        for attempt in range(1, TRIES + 1):
            port, process = _free_port(), None
            try:
                with subprocesses.uninterrupted():
                    process = _start(program, Path(folder), port)
                if _listens(process, port):
                    yield "127.0.0.1", port
                    return
            finally:
                if process is not None:
                    subprocesses.end(process)
            if attempt == TRIES:
                said = (Path(folder) / "log").read_text(errors="replace").strip().splitlines()
                raise LinkError(f"mosquitto did not start: {said[-1] if said else 'it said nothing'}")


def _start(program: str, folder: Path, port: int) -> subprocess.Popen[bytes]:
    config = folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 1000\n"
    )
    with open(folder / "log", "wb") as log:
        return subprocess.Popen(
            [program, "-c", str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.2):
            return True
        time.sleep(0.01)
    return False
