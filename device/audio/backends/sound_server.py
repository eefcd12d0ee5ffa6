"""What the sound server of this user knows, PipeWire's or PulseAudio's: which nodes there are, and where our own streams are.

    look() ──► nothing has changed: what was known before (one poll of a socket)
           └─► something has: five questions, some 2 ms

A server that takes a microphone away keeps its streams: they hear the next best node, as a rule what the loudspeaker plays, and
nothing in the stream itself tells. Therefore it is asked. Where there is no server, or it does not answer, nothing is known.
"""

from __future__ import annotations

import logging
import os
import select
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from .placement import View
from .pulse_wire import (
    CONTROL,
    EVERYTHING,
    HEADER,
    NO_COOKIE,
    VERSION,
    Command,
    Value,
    WireError,
    default_source,
    length,
    nodes,
    packet,
    read,
    streams,
)

log = logging.getLogger("earshot.audio")

ANSWER_S = 0.3
"""A server that takes longer is not asked for ``AGAIN_S``: it hangs, and the supervisor has other things to do."""
AGAIN_S = 1.0


def address() -> Path | None:
    """The server's socket; None where there is none, or it is on another machine."""
    given = os.environ.get("PULSE_SERVER", "")
    if given:
        path = given.removeprefix("unix:")
        return Path(path) if path.startswith("/") else None
    folder = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    path = Path(folder) / "pulse" / "native"
    return path if path.exists() else None


def cookie() -> bytes:
    """What shows another user's server that we may ask; our own believes us without."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    path = Path(os.environ.get("PULSE_COOKIE") or home / "pulse" / "cookie")
    try:
        found = path.read_bytes()
    except OSError:
        return NO_COOKIE
    return found if len(found) == len(NO_COOKIE) else NO_COOKIE


class SoundServer:
    """One connection, made when it is needed and made again after it broke. For one thread."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._tag = 0
        self._view: View | None = None
        self._dirty = True
        self._not_before = 0.0
        self._said = ""

    def look(self) -> View | None:
        """What is there now; None where nobody knows."""
        now = time.monotonic()
        if self._socket is None and now < self._not_before:
            return None
        try:
            if self._socket is None:
                self._connect()
            self._listen()
            if self._dirty:
                self._dirty = False
                self._view = self._ask_all()
        except (OSError, WireError) as exc:
            if not isinstance(exc, FileNotFoundError | ConnectionRefusedError):
                self._say(str(exc))
            self.close()
            self._not_before = time.monotonic() + AGAIN_S
        return self._view

    def close(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
        self._socket, self._view, self._dirty = None, None, True

    # ------------------------------------------------------------------ inside

    def _say(self, wrong: str) -> None:
        if wrong != self._said:
            self._said = wrong
            log.info("the sound server cannot be asked where our streams are: %s", wrong)

    def _connect(self) -> None:
        path = address()
        if path is None:
            raise FileNotFoundError("no sound server")
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(ANSWER_S)
        self._socket.connect(str(path))
        self._ask(Command.AUTH, VERSION, cookie())
        self._ask(Command.SET_CLIENT_NAME, {"application.name": "earshot"})
        self._ask(Command.SUBSCRIBE, EVERYTHING)

    def _ask_all(self) -> View:
        default = default_source(self._ask(Command.GET_SERVER_INFO))
        sinks = nodes(self._ask(Command.GET_SINK_INFO_LIST), sources=False)
        sources = nodes(self._ask(Command.GET_SOURCE_INFO_LIST), sources=True)
        playing = streams(self._ask(Command.GET_SINK_INPUT_INFO_LIST), recording=False)
        recording = streams(self._ask(Command.GET_SOURCE_OUTPUT_INFO_LIST), recording=True)
        ours = os.getpid()
        return View(
            sources=sources,
            default_source=default,
            sinks=sinks,
            recording=tuple(stream.node for stream in recording if stream.pid == ours),
            playing=tuple(stream.node for stream in playing if stream.pid == ours),
        )

    def _ask(self, command: Command, *values: int | str | bytes | dict[str, str]) -> Sequence[Value]:
        assert self._socket is not None
        self._tag += 1
        self._socket.sendall(packet(command, self._tag, *values))
        while True:
            answer, tag, told = self._receive()
            if tag == self._tag and answer == Command.REPLY:
                return told
            if tag == self._tag:
                raise WireError(f"{command.name} is refused: {told}")
            self._dirty = self._dirty or tag == CONTROL

    def _listen(self) -> None:
        """Take what was told unasked."""
        assert self._socket is not None
        while select.select([self._socket], [], [], 0)[0]:
            self._receive()
            self._dirty = True

    def _receive(self) -> tuple[int, int, list[Value]]:
        return read(self._exactly(length(self._exactly(HEADER.size))))

    def _exactly(self, count: int) -> bytes:
        assert self._socket is not None
        got = b""
        while len(got) < count:
            piece = self._socket.recv(count - len(got))
            if not piece:
                raise ConnectionResetError("the sound server has left")
            got += piece
        return got
