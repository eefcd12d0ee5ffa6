"""An engine in its own process, behind a door that never makes the caller wait.

::

    main process                                      engine process (python -m device.engines.child)
      send() ──► bounded backlog ──► socket ────────►   inbox ──► engine.handle() ─┐
      poll() ◄──────────────────── socket ◄───────────  count of handled, replies ◄┘
              stdin of the child = lifeline: it closes when the parent dies, however that happens

``ProcessDoor`` has no thread of its own: ``send`` and ``poll`` read, write, watch and restart without blocking, so
whoever steps the device (every 10 ms) also drives it. Starting a process costs the caller one ``vfork``/``exec``.

A plain child process, not ``multiprocessing``: its spawn runs the parent's main module again (a script without a
``__main__`` guard starts twice) and adds a resource tracker process, 10 MB on a Pi that has 1 GB.
"""

from __future__ import annotations

import contextlib
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from typing import Any

from device import subprocesses
from device.engines.door import EngineDoor, InProcessDoor
from device.engines.frames import frame, take_frames

HANG_S = 20.0
"""A voice may think this long about one clause: Kokoro's real-time factor on a Pi 4 is up to 7.6."""
START_S = 120.0
"""A 310 MB model from an SD card at 10 MB/s takes half a minute."""
BACKOFF_S = (0.5, 30.0)
"""Shortest and longest wait before the next start; doubled each time: a missing model must not cost a core."""
HEALTHY_S = 60.0
"""An engine that worked this long starts with the shortest back-off when it fails again."""
SLEPT_S = 1.0
"""Not polled for longer than this, we slept (suspend, debugger), and silence proves nothing about the engine."""
MAX_WAITING = 500
"""Messages sent and not yet handled: 10 s of audio in 20 ms pieces."""


class ProcessDoor:
    """See ``EngineDoor``. All calls from one thread.

    ``hang_s``: no reply and no message handled for this long while messages wait means hung.
    ``tries``: an engine that fails so often before it was ever made stays down (0: it is tried for ever).
    ``lost`` counts messages that ``send`` refused or that died with a process.
    """

    def __init__(
        self,
        name: str,
        factory: str,
        settings: Any,
        *,
        hang_s: float = HANG_S,
        start_s: float = START_S,
        backoff_s: tuple[float, float] = BACKOFF_S,
        tries: int = 0,
        nice: int = 5,
    ) -> None:
        self.name = name
        self.restarts = 0
        self.lost = 0
        self.failure: str | None = None
        self._setup = frame((sys.path, pickle.dumps((factory, settings)), nice))
        self._hang_s, self._start_s, self._backoff_s = hang_s, start_s, backoff_s
        self._tries = tries
        self._worked = False
        self._replies: list[Any] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._wait_s = 0.0  # back-off before the next start; 0 = shortest
        self._start_at: float | None = None  # when to start again
        self._closed = False
        self._polled = time.monotonic()
        self._launch()

    @property
    def pid(self) -> int | None:
        """Process id of the running engine process, or None."""
        return self._process.pid if self._process else None

    @property
    def loaded(self) -> bool:
        """Whether the engine has been made and takes messages without delay."""
        return self._process is not None and self._loaded

    def send(self, message: Any) -> bool:
        if self._closed or self._process is None or self._sent - self._handled >= MAX_WAITING:
            self.lost += 1
            return False
        if self._sent == self._handled:
            self._progress = time.monotonic()
        self._sent += 1
        self._out.append(memoryview(frame(message)))
        self._write()
        return True

    def poll(self) -> list[Any]:
        now = time.monotonic()
        if now - self._polled > SLEPT_S:
            self._progress = now
        self._polled = now
        if self._process is not None:
            self._write()
            self._read(now)
        if self._process is not None:
            self._watch(now)
        if self._start_at is not None and now >= self._start_at and not self._closed:
            self.restarts += 1
            self._launch()
        replies, self._replies = self._replies, []
        return replies

    def wait_loaded(self, timeout_s: float) -> bool:
        """Sleep until the engine has been made; False after ``timeout_s``. Loses no reply. Not for the ear's thread."""
        deadline = time.monotonic() + timeout_s
        while True:
            self._replies = self.poll()
            if self.loaded or time.monotonic() >= deadline:
                return self.loaded
            time.sleep(0.01)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._start_at = None
        if self._process is not None:
            self._end_process(patience_s=0.5)
        self.failure = f"{self.name} is closed"

    # ------------------------------------------------------------------ life of the process

    def _launch(self) -> None:
        self._start_at = None
        self._sent = self._handled = 0
        self._loaded = False
        self._out: deque[memoryview] = deque([memoryview(self._setup)])
        self._in = bytearray()
        self._began = self._progress = time.monotonic()
        ours, theirs = socket.socketpair()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "device.engines.child", str(theirs.fileno()), self.name],
                stdin=subprocess.PIPE,  # never written: the lifeline
                stdout=2,  # an engine that prints must not spoil what the program itself prints
                pass_fds=(theirs.fileno(),),
                process_group=0,  # Ctrl-C in the terminal is the parent's affair
                env=subprocesses.environment(),
            )
        except OSError as exc:
            ours.close()
            self._process = None
            self._fail(f"{self.name} process cannot be started: {exc}")
            return
        finally:
            theirs.close()
        ours.setblocking(False)
        self._socket = ours
        self._write()

    def _watch(self, now: float) -> None:
        assert self._process is not None
        code = self._process.poll()
        if code is not None:
            self._read(now)  # its last words may say why
            if self._process is not None:
                self._fail(f"{self.name} process {_how_it_ended(code)}")
        elif not self._loaded:
            if now - self._began > self._start_s:
                self._fail(f"{self.name} was not ready within {self._start_s:g} s")
        elif self._sent > self._handled and now - self._progress > self._hang_s:
            waiting = self._sent - self._handled
            self._fail(
                f"{self.name} hung: no progress for {self._hang_s:g} s with {waiting} message(s) waiting"
            )

    def _fail(self, reason: str) -> None:
        """Note why, end what is left of the process and plan the next start."""
        self.failure = reason
        self.lost += self._sent - self._handled
        now = time.monotonic()
        shortest, longest = self._backoff_s
        healthy = self._loaded and now - self._began > HEALTHY_S
        self._wait_s = shortest if healthy or not self._wait_s else min(self._wait_s * 2, longest)
        self._end_process(patience_s=0.0)
        given_up = self._tries and not self._worked and self.restarts + 1 >= self._tries
        self._start_at = None if given_up else now + self._wait_s

    def _end_process(self, patience_s: float) -> None:
        process, self._process = self._process, None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if process is None:
            return
        if process.stdin is not None and patience_s:
            # Closing the lifeline kills at once; the closed socket alone asks politely.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(patience_s)
        if process.poll() is None:
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):  # stuck in the kernel: reaped when it can be
            process.wait(0.4)

    # ------------------------------------------------------------------ bytes

    def _write(self) -> None:
        while self._out and self._socket is not None:
            try:
                sent = self._socket.send(self._out[0])
            except BlockingIOError:
                return
            except OSError:  # the process is gone: _read and _watch find out why
                self._out.clear()
                return
            if sent < len(self._out[0]):
                self._out[0] = self._out[0][sent:]
                return
            self._out.popleft()

    def _read(self, now: float) -> None:
        while self._socket is not None:
            try:
                data = self._socket.recv(1 << 18)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                break  # _watch sees the exit code
            self._in += data
        for handled, kind, payload in take_frames(self._in):
            self._handled, self._progress = handled, now
            if kind == "reply":
                self._replies.append(payload)
            elif kind == "loaded":
                self._loaded = self._worked = True
                self.failure = None
            elif kind == "failed":
                self._fail(payload)
                return


def open_door(
    name: str, factory: str, settings: Any, in_process: bool, *, hang_s: float = HANG_S, tries: int = 0
) -> EngineDoor:
    """The engine in its own process, or (``in_process``) computing inside ``send`` for lock-step runs.

    In-process a faulty engine raises here (``EngineError``); a process is started in the background and says what
    is wrong in ``failure``.
    """
    if in_process:
        return InProcessDoor(name, factory, settings)
    return ProcessDoor(name, factory, settings, hang_s=hang_s, tries=tries)


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
