"""Archives from strangers: every entry is checked before a byte of it is written.

Refused: absolute paths and ``..``, Windows drives and backslashes, links, devices, entries named twice, more entries
or bytes than expected. Nothing is extracted by the library itself, no mode, owner or time is taken over.
"""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from device.models.download import FetchError

MOST_ENTRIES = 10_000
CHUNK = 1 << 20


def is_archive(file: Path) -> bool:
    """Whether ``file`` is a zip or tar; a Kokoro voices file (an npz, so a zip of ``.npy``) is not one."""
    if zipfile.is_zipfile(file):
        try:
            with zipfile.ZipFile(file) as z:
                return not z.namelist() or not all(n.endswith(".npy") for n in z.namelist())
        except zipfile.BadZipFile:
            return True
    try:
        return tarfile.is_tarfile(file)
    except OSError:
        return False


def unpacked_size(file: Path) -> int:
    """What the archive says it takes on disk, in bytes."""
    try:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as z:
                return sum(i.file_size for i in z.infolist())
        with tarfile.open(file) as t:
            return sum(m.size for m in t)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise FetchError(f"{file.name} is damaged or cut short: {error}") from None


def unpack(file: Path, target: Path, limit: int) -> None:
    """Unpack ``file`` into the empty folder ``target``; a single folder around everything is taken off.

    Raises ``FetchError`` for a trick, a damaged archive, or more than ``limit`` bytes.
    """
    try:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as z:
                _write(_zip_entries(z), target, limit, file.name)
        else:
            with tarfile.open(file) as t:
                _write(_tar_entries(t), target, limit, file.name)
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        EOFError,
        zlib.error,
        RuntimeError,
        NotImplementedError,
    ) as error:
        raise FetchError(f"{file.name} is damaged or cut short: {error}") from None
    inside = list(target.iterdir())
    if len(inside) == 1 and inside[0].is_dir():
        wrapper = inside[0].rename(target / ".wrapper")
        for child in wrapper.iterdir():
            child.rename(target / child.name)
        wrapper.rmdir()


Entry = tuple[str, int, "IO[bytes] | None"]
"""Path in the archive, declared size, open file (None for a folder)."""


def _zip_entries(archive: zipfile.ZipFile) -> Iterator[Entry]:
    for info in archive.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise FetchError(f"{info.filename!r} in the archive is a link or a device; refused")
        if info.is_dir():
            yield info.filename, 0, None
        else:
            with archive.open(info) as source:
                yield info.filename, info.file_size, source


def _tar_entries(archive: tarfile.TarFile) -> Iterator[Entry]:
    for member in archive:
        if member.isdir():
            yield member.name, 0, None
        elif member.isreg() and not member.issparse():
            yield member.name, member.size, archive.extractfile(member)
        else:
            raise FetchError(f"{member.name!r} in the archive is a link, a device or sparse; refused")


def _write(entries: Iterator[Entry], target: Path, limit: int, archive: str) -> None:
    total, count = 0, 0
    for name, size, source in entries:
        count += 1
        if count > MOST_ENTRIES:
            raise FetchError(f"{archive} holds more than {MOST_ENTRIES} entries; refused")
        if source is None and not PurePosixPath(name).parts:  # tar's "./"
            continue
        path = target / _safe(name)
        try:
            if source is None:
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            left = size
            with path.open("xb") as out:
                while chunk := source.read(CHUNK):
                    left -= len(chunk)
                    total += len(chunk)
                    if left < 0 or total > limit:
                        raise FetchError(
                            f"{archive} unpacks to more than it says or than the {limit / 1e6:.0f} MB allowed"
                            f" (at {name!r}); refused"
                        )
                    out.write(chunk)
                out.flush()
                os.fsync(out.fileno())
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise FetchError(f"{archive} holds {name!r} twice; refused") from None
        if left:
            raise FetchError(f"{archive} is damaged or cut short: {left} bytes of {name!r} are missing")


def _safe(name: str) -> PurePosixPath:
    """``name`` as a relative path that stays inside, or ``FetchError``."""
    path = PurePosixPath(name)
    if (
        not path.parts
        or path.is_absolute()
        or ".." in path.parts
        or "\\" in name
        or ":" in path.parts[0]
        or any(ord(c) < 32 for c in name)
    ):
        raise FetchError(f"{name!r} in the archive would leave the model's folder; refused")
    return path
