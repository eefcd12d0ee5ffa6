"""Is a model's file whole? By its pin where it has one, else by the marks that its format has at its end.

An interrupted copy, a full card or a card that dies leaves files that are too short, and engines then crash without a word.
"""

from __future__ import annotations

import hashlib
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

CHUNK = 1 << 20
SHORTEST_ZIP = 22
"""Bytes of an empty archive: its table of contents."""


class TooSlow(Exception):
    """The time is over and the file is not read to its end."""


def sha256(file: Path, deadline: float) -> str:
    """Raises ``TooSlow`` at ``deadline`` (``time.monotonic``)."""
    digest = hashlib.sha256()
    with file.open("rb") as handle:
        while data := handle.read(CHUNK):
            digest.update(data)
            if time.monotonic() > deadline:
                raise TooSlow(file.name)
    return digest.hexdigest()


def content_sha256(folder: Path, marker: str, deadline: float) -> str:
    """As ``device.models.place.content_sha256``, but it gives up at ``deadline``."""
    whole = hashlib.sha256()
    names = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()}
    for name in sorted(names):
        if name != marker:
            whole.update(f"{sha256(names[name], deadline)}  {name}\n".encode())
    return whole.hexdigest()


def broken(file: Path) -> str | None:
    """What is wrong with ``file`` by its own format, in words; None where it is whole, or tells nothing."""
    try:
        size = file.stat().st_size
        if size == 0:
            return "is empty"
        look = LOOKS.get(file.suffix)
        return look(file, size) if look else None
    except OSError as exc:
        return f"cannot be read ({exc.strerror})"


def _zip(file: Path, size: int) -> str | None:
    """An npz (voices of Kokoro, our own weights): its table of contents is at its end."""
    with file.open("rb") as handle:
        if size >= SHORTEST_ZIP and handle.read(2) != b"PK":
            return None  # another format of that suffix
    return None if zipfile.is_zipfile(file) else f"is cut short after {size} bytes"


def _onnx(file: Path, size: int) -> str | None:
    """A protocol buffer: fields one after the other, each with its length, and the last one ends with the file."""
    at = 0
    with file.open("rb") as handle:
        while at < size:
            tag, at = _varint(handle, at)
            if tag is None:
                return f"is cut short after {size} bytes"
            kind = tag & 7
            if kind == 2:
                length, at = _varint(handle, at)
                if length is None or at + length > size:
                    missing = f" of {at + length}" if length is not None else ""
                    return f"is cut short: {size}{missing} bytes are there"
                at += length
                handle.seek(at)
            elif kind == 0:
                value, at = _varint(handle, at)
                if value is None:
                    return f"is cut short after {size} bytes"
            else:
                return "is no ONNX model"
    return None


def _varint(handle: object, at: int) -> tuple[int | None, int]:
    value = shift = 0
    while data := handle.read(1):  # type: ignore[attr-defined]
        at += 1
        value |= (data[0] & 0x7F) << shift
        if not data[0] & 0x80:
            return value, at
        shift += 7
        if shift > 63:
            break
    return None, at


def _tflite(file: Path, size: int) -> str | None:
    """A flatbuffer: its root and the table of that root lie within the file; the buffers are what is cut off first."""
    data = file.read_bytes()
    if size < 8 or data[4:8] != b"TFL3":
        return "is no TFLite model"
    (root,) = struct.unpack_from("<I", data)
    return f"is cut short after {size} bytes" if root + 4 > size else None


LOOKS: dict[str, Callable[[Path, int], str | None]] = {
    ".bin": _zip,
    ".npz": _zip,
    ".onnx": _onnx,
    ".tflite": _tflite,
}
