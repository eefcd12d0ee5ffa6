"""The file that keeps the ``State``: replaced whole or not at all, whenever the power fails (``device.disk``).

A checksum tells a file that is damaged from one that is whole; a damaged one is put aside, for whoever wants to know why.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from device.disk import Disk, replace, state_folder, sync_folder
from device.errors import EarshotError
from device.settings.state import State

NAME = "config.json"
FORMAT = 1
LARGEST = 4 * 1024 * 1024
"""Bytes that are read at most; ten layers of the greatest length are less."""


class StateDamaged(EarshotError):
    """The file is there and cannot be used."""


class StateUnwritable(EarshotError):
    """The file cannot be written; the one before is as it was."""


class _File(msgspec.Struct):
    format: int
    sha256: str
    state: msgspec.Raw


class _Format(msgspec.Struct):
    format: int


class Store:
    """``config.json`` in ``folder``, mode 0600."""

    def __init__(self, folder: Path | None = None, disk: Disk | None = None) -> None:
        self.path = (folder or state_folder()) / NAME
        self._disk = disk or Disk()

    def load(self) -> State | None:
        """What was saved last; None where nothing ever was. Raises ``StateDamaged``."""
        try:
            with self.path.open("rb") as file:
                data = file.read(LARGEST + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as exc:
            raise StateDamaged(f"{self.path}: cannot be read: {exc.strerror}") from exc
        return decode(data, str(self.path))

    def save(self, state: State) -> None:
        """Replace the file. Raises ``StateUnwritable``, and then nothing has changed on disk that would be read."""
        data = encode(state)
        if len(data) > LARGEST:
            raise StateUnwritable(
                f"{self.path}: {len(data)} bytes are more than the {LARGEST} that are read again"
            )
        try:
            replace(self.path, data, self._disk)
        except OSError as exc:
            raise StateUnwritable(f"{self.path}: cannot be written: {exc.strerror or exc}") from exc

    def set_aside(self) -> Path:
        """Rename the file to ``config.json.bad``. Raises ``StateUnwritable``."""
        bad = self.path.with_name(f"{NAME}.bad")
        try:
            self._disk.rename(self.path, bad)
        except OSError as exc:
            raise StateUnwritable(f"{self.path}: cannot be put aside: {exc.strerror or exc}") from exc
        sync_folder(self.path.parent, self._disk)
        return bad


def encode(state: State) -> bytes:
    """``state`` as the file has it: JSON, with its format and a checksum in front."""
    body = msgspec.json.encode(state)
    file = _File(format=FORMAT, sha256=hashlib.sha256(body).hexdigest(), state=msgspec.Raw(body))
    return msgspec.json.encode(file)


def decode(data: bytes, name: str = NAME) -> State:
    """``encode`` undone. Raises ``StateDamaged``, which says what is wrong with the file ``name``."""
    if len(data) > LARGEST:
        raise StateDamaged(f"{name}: more than {LARGEST} bytes, which earshot never writes")
    try:
        written = msgspec.json.decode(data, type=_Format).format
        if written != FORMAT:
            age = "a newer" if written > FORMAT else "an older"
            raise StateDamaged(f"{name}: of {age} earshot (format {written}; this one reads {FORMAT})")
        file = msgspec.json.decode(data, type=_File)
        body = bytes(file.state)
        if hashlib.sha256(body).hexdigest() != file.sha256:
            raise StateDamaged(f"{name}: damaged: its checksum is wrong")
        return msgspec.json.decode(body, type=State)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise StateDamaged(f"{name}: damaged: {exc}") from exc
