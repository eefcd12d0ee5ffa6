"""``earshot run`` as a user starts it, in a process of its own, without a sound card."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers_broker import CHECKOUT


class Daemon:
    """One daemon. What it remembers is kept in ``folder``, so that a second one there is the first after a restart."""

    def __init__(self, folder: Path, *settings: str, config: Path | None = None) -> None:
        self.log = folder / "daemon.log"
        pairs = ["device.id=kitchen", "audio.backend=none", *settings]
        command = [sys.executable, "-m", "device", "run", *(x for pair in pairs for x in ("--set", pair))]
        command += ["--config", str(config)] if config is not None else []
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "STATE_DIRECTORY": str(folder / "state")},
            )  # fmt: skip

    @property
    def said(self) -> str:
        """The log so far; a daemon that ended by itself fails the test at once."""
        text = self.log.read_text(errors="replace")
        assert self.process.poll() in (None, 0, 2), text
        return text

    def terminate(self) -> float:
        """SIGTERM; seconds until it was gone."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        return time.monotonic() - began

    def children(self) -> list[int]:
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in found.split()]

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def daemons() -> Iterator[list[Daemon]]:
    started: list[Daemon] = []
    yield started
    for daemon in started:
        daemon.kill()
