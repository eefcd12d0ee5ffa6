"""The file that keeps the ``State``: replaced whole or not at all, whenever the power fails.

write a temporary file, fsync it, rename it over the old one, fsync the folder. A checksum tells a file that is damaged from one
that is whole; a damaged one is put aside, for whoever wants to know why.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

import msgspec

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


class Disk:
    """The system calls of a save, one a method. A test dies at every single one."""

    def folder(self, path: Path) -> None:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def create(self, path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def write(self, handle: int, data: bytes) -> int:
        return os.write(handle, data)

    def sync(self, handle: int) -> None:
        os.fsync(handle)

    def close(self, handle: int) -> None:
        os.close(handle)

    def rename(self, old: Path, new: Path) -> None:
        os.replace(old, new)

    def open_folder(self, path: Path) -> int:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def state_folder() -> Path:
    """Systemd's state directory (``$STATE_DIRECTORY``), ``/var/lib/earshot`` for root, else the user's (XDG)."""
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        return Path(given)
    if os.geteuid() == 0:
        return Path("/var/lib/earshot")
    base = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(base):  # the XDG specification: a relative path is to be ignored
        base = os.path.join(os.path.expanduser("~"), ".local", "state")
    return Path(base) / "earshot"


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
        disk, temporary = self._disk, self.path.with_name(f".{NAME}.new")
        try:
            disk.folder(self.path.parent)
            handle = disk.create(temporary)
            try:
                rest = memoryview(data)
                while rest:
                    rest = rest[disk.write(handle, bytes(rest)) :]
                disk.sync(handle)
            finally:
                disk.close(handle)
            disk.rename(temporary, self.path)
        except OSError as exc:
            with contextlib.suppress(OSError):  # the card may be full: leave no half file on it
                temporary.unlink(missing_ok=True)
            raise StateUnwritable(f"{self.path}: cannot be written: {exc.strerror or exc}") from exc
        self._sync_folder()

    def set_aside(self) -> Path:
        """Rename the file to ``config.json.bad``. Raises ``StateUnwritable``."""
        bad = self.path.with_name(f"{NAME}.bad")
        try:
            self._disk.rename(self.path, bad)
        except OSError as exc:
            raise StateUnwritable(f"{self.path}: cannot be put aside: {exc.strerror or exc}") from exc
        self._sync_folder()
        return bad

    def _sync_folder(self) -> None:
        """Make the new name last. Where that fails (some file systems know no such thing) the file is new already, and after a
        power cut it is the old or the new one: no reason to call it unwritten."""
        with contextlib.suppress(OSError):
            folder = self._disk.open_folder(self.path.parent)
            try:
                self._disk.sync(folder)
            finally:
                self._disk.close(folder)


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
