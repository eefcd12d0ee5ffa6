"""Child processes of every room: what they inherit, and how they are ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

PATIENCE_S = 5.0
"""How long a process may take to end by itself before it is killed."""


def environment() -> dict[str, str]:
    """The environment for ``python -m device...`` from any folder.

    One thread per math library: two OpenMP threads on a busy machine spin and take ten times as long.
    """
    inherited = dict(os.environ)
    for key in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        inherited.setdefault(key, "1")
    root = str(Path(__file__).resolve().parents[1])
    inherited["PYTHONPATH"] = os.pathsep.join(filter(None, [root, inherited.get("PYTHONPATH")]))
    inherited["PYTHONSAFEPATH"] = "1"  # -m must not put the current folder first
    for key in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):  # the service is the parent
        inherited.pop(key, None)
    return inherited


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C waits until the block is over: a process must not be started and then forgotten."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        signal.raise_signal(signal.SIGINT)


def end(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    """Ask ``process`` to end (SIGTERM), kill it if it does not, and reap it."""
    process.terminate()
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
