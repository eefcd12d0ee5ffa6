"""The engine's side of an engine process: ``python -m device.engines.child SOCKET NAME``, started by ``process``.

::

    socket ──► inbox ──► engine.handle() ──► replies, and after each message how many were handled ──► socket
    stdin: the lifeline; when it closes, the parent is gone and so are we
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pickle
import select
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable
from typing import Any

from device.engines.door import load_factory
from device.engines.frames import frame, take_frames
from device.errors import EarshotError


class _Child:
    """Reads messages, lets the engine work, answers; ends when the parent does."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.buffer = bytearray()
        self.inbox: deque[Any] = deque()
        self.handled = 0
        self.preempts: Callable[[Any], bool] | None = None

    def run(self) -> int:
        sys.path, payload, nice = self.receive()
        with contextlib.suppress(OSError):
            os.nice(nice)  # the ear in the main process goes first
        try:
            factory, settings = pickle.loads(payload)
            engine = load_factory(factory)(settings)
            self.preempts = getattr(engine, "preempts", None)
            for reply in getattr(engine, "start", tuple)():
                self.answer("reply", reply)
            self.answer("loaded", None)
            try:
                while True:
                    self.serve(engine, self.receive())
            except EOFError:
                return 0
            finally:
                getattr(engine, "close", tuple)()
        except EOFError:
            return 0
        except Exception as exc:  # noqa: BLE001  whatever it is, the parent learns the reason and starts us again
            expected = isinstance(exc, EarshotError)
            if not expected:
                sys.excepthook(type(exc), exc, exc.__traceback__)
            self.answer("failed", str(exc) if expected else f"{type(exc).__name__}: {exc}")
            return 1

    def serve(self, engine: Any, message: Any) -> None:
        replies = iter(engine.handle(message))
        for reply in replies:
            if reply is not None:
                self.answer("reply", reply)
            if self.preempts:
                self.fill(wait=False)
                if self.overtaken():
                    close = getattr(replies, "close", None)
                    if close:
                        close()
                    break
        self.handled += 1
        self.answer("handled", None)

    def overtaken(self) -> bool:
        """Whether a message in the inbox overtakes what is in work; what lies before it is dropped."""
        if self.preempts is None:
            return False
        first = next((i for i, message in enumerate(self.inbox) if self.preempts(message)), None)
        for _ in range(first or 0):
            self.inbox.popleft()
            self.handled += 1
        return first is not None

    def receive(self) -> Any:
        while not self.inbox:
            self.fill(wait=True)
        self.overtaken()
        return self.inbox.popleft()

    def fill(self, wait: bool) -> None:
        """Move what has arrived into the inbox."""
        while wait or select.select([self.connection], [], [], 0)[0]:
            try:
                data = self.connection.recv(1 << 16)
            except ConnectionError:  # the parent closed with answers of ours unread
                data = b""
            if not data:
                raise EOFError
            self.buffer += data
            self.inbox.extend(take_frames(self.buffer))
            wait = False

    def answer(self, kind: str, payload: Any) -> None:
        try:
            self.connection.sendall(frame((self.handled, kind, payload)))
        except OSError:
            raise EOFError from None


def _die_with_parent() -> None:
    """End this process at once when the other end of stdin closes, even while an engine holds the GIL.

    The kernel sends SIGIO, whose default action is to terminate. (``PR_SET_PDEATHSIG`` would fire when the *thread*
    that started us ends; a thread that waits for end-of-file would never get the GIL from a hung engine.)
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([0], [], [], 0)[0]:  # it had died before we asked
        sys.exit(0)


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # systemd sends it to the whole group; the parent closes us
    _die_with_parent()
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        try:
            return _Child(connection).run()
        except EOFError:  # the parent left before it had said what to load
            return 0


if __name__ == "__main__":
    sys.exit(main())
