"""The native protocol of PulseAudio, which PipeWire speaks too, as far as it takes to ask who is there. Pure: bytes in, values out.

    packet = length, channel, offset (2), flags: 32 bits each, then tagged values: command, tag, what the command wants

Every value carries its type, so a reply can be read without knowing it; how many belong to one entry of a list depends on the
version that was agreed upon, and that is 15: the first with a node's state (src/pulsecore/native-common.h, tagstruct.c).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

VERSION = 15
HEADER = struct.Struct(">5I")
CONTROL = 0xFFFFFFFF
"""The channel of everything that is no sound; also "none" where an index is expected."""
MOST = 1 << 20
"""[bytes] Longest packet that is believed."""
NO_COOKIE = bytes(256)
SUSPENDED = 2
NODE_FIELDS, RECORDING_FIELDS, PLAYING_FIELDS = 19, 12, 14


class Command(IntEnum):
    ERROR = 0
    REPLY = 2
    AUTH = 8
    SET_CLIENT_NAME = 9
    GET_SERVER_INFO = 20
    GET_SINK_INFO_LIST = 22
    GET_SOURCE_INFO_LIST = 24
    GET_SINK_INPUT_INFO_LIST = 30
    GET_SOURCE_OUTPUT_INFO_LIST = 32
    SUBSCRIBE = 35


EVERYTHING = 0x02FF
"""Mask for ``SUBSCRIBE``: whatever comes, goes or changes."""

Value = int | str | bytes | bool | dict[str, str] | None


class WireError(ValueError):
    """These bytes are not of this protocol."""


@dataclass(frozen=True, slots=True)
class Node:
    """A source or a sink. ``monitor``: what a loudspeaker plays, no microphone."""

    index: int
    name: str
    description: str
    monitor: bool
    suspended: bool
    muted: bool


@dataclass(frozen=True, slots=True)
class Stream:
    """Somebody records from, or plays into, the node with the index ``node``. ``pid`` as its client says, or None."""

    node: int
    pid: int | None


def packet(command: Command, tag: int, *values: int | str | bytes | dict[str, str]) -> bytes:
    payload = b"".join(_write(value) for value in (int(command), tag, *values))
    return HEADER.pack(len(payload), CONTROL, 0, 0, 0) + payload


def length(header: bytes) -> int:
    """Of the payload that follows. Raises WireError where that cannot be."""
    size, *_ = HEADER.unpack(header)
    if size > MOST:
        raise WireError(f"a packet of {size} bytes")
    return int(size)


def read(payload: bytes) -> tuple[int, int, list[Value]]:
    """Command, tag and the values. Raises WireError."""
    try:
        values = list(_Reader(payload))
    except (struct.error, IndexError, ValueError) as exc:
        raise WireError(f"not to be read: {exc}") from exc
    if len(values) < 2 or not isinstance(values[0], int) or not isinstance(values[1], int):
        raise WireError("neither command nor tag")
    return values[0], values[1], values[2:]


def default_source(values: Sequence[Value]) -> str:
    """Of a reply to ``GET_SERVER_INFO``: the name of the microphone that everybody gets; "" for none. Raises WireError."""
    match values:
        case [_, _, _, _, _, _, str() | None as name, *_]:  # program, version, user, host, sample spec, sink
            return name or ""
    raise WireError("no account of a server")


def nodes(values: Sequence[Value], sources: bool) -> tuple[Node, ...]:
    """Of a reply to ``GET_SOURCE_INFO_LIST`` (``sources``), else to ``GET_SINK_INFO_LIST``. Raises WireError."""
    found = []
    for entry in _entries(values, NODE_FIELDS):
        match entry:
            # sample spec, channel map, module, volume; ``other``: the sink that a source monitors, the monitor that a sink has
            case [int(index), str(name), str() | None as told, _, _, _, _, bool(muted), int(other), *rest]:
                monitor = sources and other != CONTROL
                found.append(Node(index, name, told or "", monitor, rest[7] == SUSPENDED, muted))
            case _:
                raise WireError(f"no source and no sink: {entry[:3]}")
    return tuple(found)


def streams(values: Sequence[Value], recording: bool) -> tuple[Stream, ...]:
    """Of a reply to ``GET_SOURCE_OUTPUT_INFO_LIST`` (``recording``), else to ``GET_SINK_INPUT_INFO_LIST``, whose entries have
    volume and mute besides. Raises WireError."""
    found = []
    for entry in _entries(values, RECORDING_FIELDS if recording else PLAYING_FIELDS):
        match entry:
            case [int(), _, _, _, int(node), *_, dict(properties)]:
                pid = properties.get("application.process.id", "")
                found.append(Stream(node, int(pid) if pid.isdecimal() else None))
            case _:
                raise WireError(f"no stream: {entry[:3]}")
    return tuple(found)


def _entries(values: Sequence[Value], fields: int) -> list[Sequence[Value]]:
    if len(values) % fields:
        raise WireError(f"{len(values)} values: no multiple of {fields}")
    return [values[at : at + fields] for at in range(0, len(values), fields)]


def _write(value: int | str | bytes | dict[str, str]) -> bytes:
    match value:
        case int():
            return b"L" + struct.pack(">I", value)
        case str():
            return b"t" + value.encode() + b"\0"
        case bytes():
            return b"x" + struct.pack(">I", len(value)) + value
        case dict():
            held = {key: text.encode() + b"\0" for key, text in value.items()}
            return b"P" + b"".join(_write(k) + _write(len(v)) + _write(v) for k, v in held.items()) + b"N"


class _Reader:
    """The values of a payload, one after the other."""

    def __init__(self, payload: bytes) -> None:
        self._bytes, self._at = payload, 0

    def __iter__(self) -> _Reader:
        return self

    def __next__(self) -> Value:
        if self._at >= len(self._bytes):
            raise StopIteration
        return self._value()

    def _take(self, count: int) -> bytes:
        if count < 0 or self._at + count > len(self._bytes):
            raise IndexError("it ends too soon")
        taken = self._bytes[self._at : self._at + count]
        self._at += count
        return taken

    def _number(self) -> int:
        return int(struct.unpack(">I", self._take(4))[0])

    def _value(self) -> Value:
        match kind := self._take(1):
            case b"L":
                return self._number()
            case b"t":
                end = self._bytes.index(b"\0", self._at)
                text = self._take(end - self._at).decode(errors="replace")
                self._at += 1
                return text
            case b"N":
                return None
            case b"1" | b"0":
                return kind == b"1"
            case b"U" | b"R":
                return int(struct.unpack(">Q", self._take(8))[0])
            case b"x":
                return self._take(self._number())
            case b"a":
                return self._take(6)
            case b"m":
                return self._take(self._take(1)[0])
            case b"v":
                return self._take(4 * self._take(1)[0])
            case b"V":
                return self._take(4)
            case b"B":
                return self._take(1)[0]
            case b"T":
                return self._take(8)
            case b"P":
                return dict(self._properties())
        raise ValueError(f"a value of the unknown type {kind!r}")

    def _properties(self) -> list[tuple[str, str]]:
        found = []
        while (key := self._value()) is not None:
            size, value = self._value(), self._value()
            if not isinstance(key, str) or not isinstance(value, bytes) or size != len(value):
                raise ValueError("a broken list of properties")
            found.append((key, value.rstrip(b"\0").decode(errors="replace")))
        return found
