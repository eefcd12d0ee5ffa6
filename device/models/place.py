"""The handwork on disk behind a fetch: lock, rename into place, checksums, copying a folder."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from device.models.download import FetchError
from device.models.lookup import MARKER

WORK = ".fetch"
"""Folder inside a models folder where fetches are under way."""


@contextlib.contextmanager
def locked(root: Path, name: str) -> Iterator[Path]:
    """The work folder of ``name``, for one fetch at a time. The lock ends with its process, however that ends."""
    try:
        work = root / WORK / name
        work.mkdir(parents=True, exist_ok=True)
        lock = (root / WORK / f"{name}.lock").open("a+")
    except OSError as error:
        raise FetchError(
            f"cannot write into {root}: {error.strerror}; run it as the user who owns that folder, or give another "
            "with --to DIR"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise FetchError(
                f"{name} is already being fetched by process {lock.read().strip() or '?'}"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        work.mkdir(exist_ok=True)
        yield work


def put_back(target: Path, aside: Path) -> None:
    """Undo a replacement that a power cut broke off between its two renames."""
    if aside.is_dir() and not target.exists():
        aside.rename(target)


def put_in_place(new: Path, target: Path, aside: Path) -> None:
    """Rename ``new`` to ``target``, whatever was there moved aside first (``put_back``)."""
    for folder, _, files in os.walk(new):
        for file in files:
            _fsync(Path(folder) / file)
        _fsync(Path(folder))
    shutil.rmtree(aside, ignore_errors=True)
    if target.exists():
        target.rename(aside)
    try:
        new.rename(target)
    except OSError as error:
        if aside.exists():
            aside.rename(target)
        raise FetchError(f"cannot put the model into {target}: {error.strerror}") from None
    _fsync(target.parent)


def _fsync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def file_sha256(file: Path) -> str:
    with file.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def content_sha256(folder: Path) -> str:
    """One hash over all files of a model by path and content, its ``earshot.toml`` left out.

    The same for a download, an archive packed otherwise and a folder: sha256 over the lines ``sha256  path``.
    """
    whole = hashlib.sha256()
    for path in sorted(
        (p for p in folder.rglob("*") if p.is_file()), key=lambda p: p.relative_to(folder).as_posix()
    ):
        if path.relative_to(folder).as_posix() != MARKER:
            whole.update(f"{file_sha256(path)}  {path.relative_to(folder).as_posix()}\n".encode())
    return whole.hexdigest()


def tree_size(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def copy_tree(source: Path, target: Path, limit: int) -> None:
    """Copy a folder's plain files; links in it are not followed out of it."""
    if tree_size(source) > limit:
        raise FetchError(f"{source} holds more than the {limit / 1e6:.0f} MB allowed for this model")

    def skip(at: str, names: list[str]) -> set[str]:
        return {n for n in names if (Path(at) / n).is_symlink() or n.startswith(".")}

    shutil.copytree(source, target, dirs_exist_ok=True, ignore=skip, copy_function=shutil.copyfile)
