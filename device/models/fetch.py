"""Fetch a model: room on disk, download or given files, pin, unpack, verify, one rename.

    models folder/
      .fetch/NAME.lock           held (flock) while a fetch of NAME runs
      .fetch/NAME/FILE.part      what is downloaded so far
      .fetch/NAME/new/           the model being put together
      NAME/                      appears by rename when it is whole and usable

The checksum of what came first is pinned in the model's ``earshot.toml`` (trust on first use): a later fetch of the same
model must bring the same bytes, or is refused.
"""

from __future__ import annotations

import datetime
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from device.models.catalogue import Entry, File, catalogue
from device.models.download import FetchError, Progress, download
from device.models.lookup import MARKER, Model, find, folders, load, state_folder
from device.models.place import (
    content_sha256,
    copy_tree,
    file_sha256,
    locked,
    put_back,
    put_in_place,
    tree_size,
)
from device.models.unpack import is_archive, unpack, unpacked_size

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
SPARE_BYTES = 16_000_000
"""Left free on the disk beside what the model takes."""
UNKNOWN_LIMIT_MB = 4000
"""Most that a model outside the catalogue may take."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch did. ``pinned`` tells how far ``sha256`` can be trusted; ``was_there`` that nothing was to do."""

    model: Model
    sha256: dict[str, str]
    pinned: str
    was_there: bool = False
    seen: bool = True


def fetch(
    name: str,
    progress: Progress,
    *,
    given: Sequence[Path] = (),
    urls: Sequence[str] = (),
    to: Path | None = None,
    force: bool = False,
    repin: bool = False,
) -> Fetched:
    """Bring the model ``name`` into the models folder ``to`` (default: the state directory). Blocks.

    ``given``: files or a folder on this machine instead of a download; ``urls`` replace the catalogue's. A model that
    is there already stays unless ``force``; other bytes than the pinned ones are refused unless ``repin``. Raises
    ``FetchError``; then the old model, if any, is untouched, and what was downloaded is kept for the next try.
    """
    if not NAME.fullmatch(name):
        raise FetchError(f"model name {name!r} must be letters, digits, '.', '_' or '-' (64 at most)")
    entry = _entry(name, given, urls)
    root = (to or state_folder()).expanduser()
    there = root / name if to else (find(name) or root / name)
    old = load(there) if there.is_dir() else None
    if old is not None and not old.problem and not force and not repin:
        return Fetched(old, old.sha256, old.pinned, was_there=True, seen=root in folders())
    with locked(root, name) as work:
        put_back(root / name, work / "old")
        pin_holder = load(root / name) if (root / name).is_dir() else None
        pins = dict(pin_holder.sha256) if pin_holder and not repin else {}
        new = work / "new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        fetcher = _Fetch(entry, root, work, new, pins, progress)
        if given:
            fetcher.take([p.expanduser() for p in given])
        else:
            fetcher.download()
        model = fetcher.verified()
        pinned = fetcher.write_marker(model, pin_holder if pins else None)
        put_in_place(new, root / name, work / "old")
        shutil.rmtree(work, ignore_errors=True)
    placed = load(root / name)
    if placed is None or placed.problem:
        raise FetchError(
            f"{root / name} is not usable after the fetch: {placed.problem if placed else 'empty'}"
        )
    return Fetched(placed, placed.sha256, pinned, seen=root in folders())


def _entry(name: str, given: Sequence[Path], urls: Sequence[str]) -> Entry:
    known = catalogue().get(name)
    if known is None and not given and not urls:
        raise FetchError(
            f"the catalogue has no model {name!r}; it has: {', '.join(catalogue())}. Another model can be "
            "fetched under a name of your choice with --url URL or --from FILE"
        )
    if not urls:
        return known or Entry(name, "", "", "", UNKNOWN_LIMIT_MB / 2, ())
    if known and len(urls) != len(known.files):
        raise FetchError(
            f"{name} has {len(known.files)} file(s): give --url that many times, in the catalogue's order"
        )
    was = known.files if known else (None,) * len(urls)
    files = tuple(File(u, f.size_mb if f else 0, f.role if f else "") for u, f in zip(urls, was, strict=True))
    if known:
        return Entry(name, known.kind, known.about, known.licence, known.unpacked_mb, files)
    return Entry(name, "", "", "", UNKNOWN_LIMIT_MB / 2, files)


class _Fetch:
    """One fetch under way: ``new`` is filled, then judged."""

    def __init__(
        self, entry: Entry, root: Path, work: Path, new: Path, pins: dict[str, str], progress: Progress
    ):
        self.entry, self.root, self.work, self.new, self.progress = entry, root, work, new, progress
        self.pins = pins
        self.sha256: dict[str, str] = {}
        self.sources: dict[str, str] = {}
        self.limit = int(entry.unpacked_mb * 2e6)

    def download(self) -> None:
        """All files of the entry; the space for everything is asked for before the first byte comes."""
        ahead = int(self.entry.download_mb * 1e6)
        for file in self.entry.files:
            ahead -= int(file.size_mb * 1e6)
            part = self.work / f"{file.name}.part"
            unpacks = int(self.entry.unpacked_mb * 1e6) if not file.role else 0
            download(
                file.url,
                part,
                self.progress,
                room_for=partial(self.need, more=ahead + unpacks),
                limit=self.limit,
            )
            self.progress.stop()
            whole = part.with_name(file.name)
            part.replace(whole)
            self.sources[file.name] = file.url
            try:
                self.add(whole, file, moved=True)
            finally:
                whole.unlink(missing_ok=True)

    def take(self, given: list[Path]) -> None:
        """Files or a folder from this machine; they are copied, never moved."""
        for path in given:
            if path.is_dir():
                self.need(tree_size(path))
                copy_tree(path, self.new, self.limit)
                self.sources[path.name] = str(path.resolve())
            elif path.is_file():
                self.sources[path.name] = str(path.resolve())
                role = next((f.role for f in self.entry.files if f.name == path.name), "")
                self.add(path, File(path.name, role=role), moved=False)
            else:
                raise FetchError(f"--from {path}: no such file or folder")

    def add(self, file: Path, what: File, moved: bool) -> None:
        """One whole file: pin, then unpack it or put it into the model as it is."""
        name = what.name
        digest = file_sha256(file)
        for expected, by in ((what.sha256, "the catalogue"), (self.pins.get(name, ""), "the first fetch")):
            if expected and expected != digest:
                raise FetchError(self.mismatch(name, digest, expected, by))
        if not what.role and is_archive(file):
            size = unpacked_size(file)
            if size > self.limit:
                raise FetchError(
                    f"{name} would unpack to {size / 1e6:.0f} MB, expected are about {self.entry.unpacked_mb:.0f} MB; refused"
                )
            self.need(size)
            self.progress.note(f"unpacking {name}")
            unpack(file, self.new, self.limit)
        elif moved:
            self.looks_right(file, name)
            file.replace(self.new / name)
        else:
            self.looks_right(file, name)
            self.need(file.stat().st_size)
            shutil.copyfile(file, self.new / name)
        self.sha256[name] = digest

    def looks_right(self, file: Path, name: str) -> None:
        """A plain file must at least not be a web page or a stump."""
        with file.open("rb") as f:
            head = f.read(512).lstrip().lower()
        if head.startswith((b"<!doctype", b"<html", b"<?xml")):
            raise FetchError(f"{name} is a web page, not a model; was a log-in page downloaded?")
        if not name.endswith((".onnx", ".bin", ".tflite", ".json")):
            raise FetchError(
                f"{name} is no zip or tar archive (or is cut short) and no model file that is known"
            )

    def mismatch(self, name: str, got: str, expected: str, by: str) -> str:
        return (
            f"{name} is not the file that {by} had.\n  sha256 now:      {got}\n  sha256 expected: {expected}\n"
            f"  The model in place is untouched. If the publisher has a new version that you trust, take it with: "
            f"earshot models fetch {self.entry.name} --repin"
        )

    def verified(self) -> Model:
        """The model in ``new``, or ``FetchError`` if an engine could not load it."""
        model = load(self.new)
        if model is None:
            found = ", ".join(sorted(p.name for p in self.new.iterdir())[:8]) or "nothing"
            raise FetchError(f"what came for {self.entry.name} is no model that is known; it holds: {found}")
        if self.entry.kind and model.kind != self.entry.kind and not model.problem:
            raise FetchError(
                f"{self.entry.name} should be a {self.entry.kind} model, but a {model.kind} model came"
            )
        if model.problem:
            raise FetchError(f"what came for {self.entry.name} is not usable: {model.problem}")
        self.sha256["content"] = content_sha256(self.new)
        expected = self.pins.get("content", "")
        if expected and expected != self.sha256["content"]:
            raise FetchError(
                self.mismatch("the model's content", self.sha256["content"], expected, "the first fetch")
            )
        return model

    def write_marker(self, model: Model, before: Model | None) -> str:
        """Write ``earshot.toml``: what the model is, where from, and its pin."""
        pinned = (
            before.pinned if before and before.pinned else f"first fetch, {datetime.date.today().isoformat()}"
        )
        sha256 = {**(before.sha256 if before else {}), **self.sha256}
        head = {
            "name": self.entry.name,
            "kind": model.kind,
            "test": model.test,
            "licence": model.licence or self.entry.licence,
            "about": model.about or self.entry.about,
            "pinned": pinned,
        }
        files = {role: file.name for role, file in model.files.items()}
        # an archive's checksum says nothing of the files that came out of it, and a length is quickly compared
        lengths = {
            path.relative_to(self.new).as_posix(): path.stat().st_size
            for path in sorted(self.new.rglob("*"))
            if path.is_file() and path.name != MARKER
        }
        tables: dict[str, Mapping[str, object]] = {
            "files": files,
            "sha256": sha256,
            "source": self.sources,
            "bytes": lengths,
        }
        lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in head.items()]
        for table, rows in tables.items():
            if rows:
                lines += ["", f"[{table}]"]
                lines += [f"{json.dumps(k)} = {json.dumps(v, ensure_ascii=False)}" for k, v in rows.items()]
        (self.new / MARKER).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return pinned

    def need(self, n: int, more: int = 0) -> None:
        """``FetchError`` unless ``n + more`` bytes and a little to spare are free."""
        n += more
        free = shutil.disk_usage(self.root).free
        if free < n + SPARE_BYTES:
            raise FetchError(
                f"{self.root} has {free / 1e6:.0f} MB free, {self.entry.name} needs {(n + SPARE_BYTES) / 1e6:.0f} MB: "
                "free some space or choose another disk with --to DIR"
            )
