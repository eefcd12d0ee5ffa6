"""Phrases that a slow voice has rendered already: in memory, and on disk those that the device often says.

One file a phrase, named by a hash of all that makes its sound (engine, model, voice, versions, speed, text), written beside
its place and renamed into it. What cannot be read whole is a miss and is thrown away; a disk that cannot be written
is no loss but of time. What an endpoint lets the device say is never written to disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from device.mouth.voices.timing import Span

FORMAT = b"earshot phrase 1\n"
DISK_BYTES = 32_000_000
"""Eleven minutes of speech at 24 kHz; what was used longest ago goes first."""
MEMORY_BYTES = 8_000_000
LONGEST_BYTES = 2_000_000
"""A clause of 40 s: nothing longer is kept, or read."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """int16 ``pcm`` at ``rate_hz``, and its words as ``((char, char), (sample, sample))``."""

    pcm: bytes
    rate_hz: int
    words: tuple[tuple[Span, Span], ...]


class Phrases:
    """``identity`` names voice, model and versions, a phrase's ``text`` whatever else makes its sound; ``folder`` None keeps everything in memory.

    ``problem``: why nothing is written to disk any more, or None.
    """

    def __init__(self, identity: str, folder: Path | None, disk_bytes: int = DISK_BYTES) -> None:
        self._identity, self._folder, self._disk_bytes = identity, folder, disk_bytes
        self._memory: OrderedDict[str, Phrase] = OrderedDict()
        self._held = 0
        self.problem: str | None = None

    def get(self, text: str) -> Phrase | None:
        """The phrase for ``text``, or None."""
        key = self._key(text)
        if key in self._memory:
            self._memory.move_to_end(key)
            return self._memory[key]
        phrase = self._read(key)
        if phrase is not None:
            self._remember(key, phrase)
        return phrase

    def put(self, text: str, phrase: Phrase, keep: bool) -> None:
        """Remember ``phrase`` for ``text``; ``keep``: on disk as well."""
        if len(phrase.pcm) > LONGEST_BYTES:
            return
        key = self._key(text)
        self._remember(key, phrase)
        if keep and self._folder is not None and self.problem is None:
            try:
                if not (self._folder / f"{key}.phrase").exists():
                    self._write(self._folder, key, phrase)
            except OSError as exc:
                self.problem = f"phrases are not kept in {self._folder}: {exc.strerror or exc}"

    def _key(self, text: str) -> str:
        return hashlib.sha256(f"{self._identity}\n{text}".encode()).hexdigest()[:40]

    def _remember(self, key: str, phrase: Phrase) -> None:
        self._held += len(phrase.pcm) - len(self._memory[key].pcm if key in self._memory else b"")
        self._memory[key] = phrase
        self._memory.move_to_end(key)
        while self._held > MEMORY_BYTES:
            _, oldest = self._memory.popitem(last=False)
            self._held -= len(oldest.pcm)

    # ------------------------------------------------------------------ on disk

    def _read(self, key: str) -> Phrase | None:
        if self._folder is None:
            return None
        path = self._folder / f"{key}.phrase"
        try:
            with path.open("rb") as file:
                content = file.read(LONGEST_BYTES + 100_000)
        except OSError:
            return None
        phrase = _parse(content)
        with contextlib.suppress(OSError):  # a disk that cannot be written
            if phrase is None:
                path.unlink()
            else:
                os.utime(path)
        return phrase

    def _write(self, folder: Path, key: str, phrase: Phrase) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        header = {"rate_hz": phrase.rate_hz, "words": phrase.words}
        body = json.dumps(header).encode() + b"\n" + phrase.pcm
        handle, name = tempfile.mkstemp(suffix=".part", dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(FORMAT + hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
            os.replace(name, folder / f"{key}.phrase")
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
        self._tidy_up(folder)

    def _tidy_up(self, folder: Path) -> None:
        """Throw away what was used longest ago until the rest fits; what a power cut left half written counts too."""
        found: list[tuple[os.stat_result, str]] = []
        for entry in os.scandir(folder):
            with contextlib.suppress(FileNotFoundError):  # another device's process was faster
                if entry.name.endswith((".phrase", ".part")):
                    found.append((entry.stat(), entry.path))
        size = sum(status.st_size for status, _ in found)
        for status, path in sorted(found, key=lambda each: each[0].st_mtime_ns):
            if size <= self._disk_bytes:
                break
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            size -= status.st_size


def _parse(content: bytes) -> Phrase | None:
    """The phrase in a file's ``content``; None where it is not whole."""
    if not content.startswith(FORMAT):
        return None
    digest, _, body = content[len(FORMAT) :].partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != digest:
        return None
    header, _, pcm = body.partition(b"\n")
    told = json.loads(header)
    words = tuple(((a, b), (c, d)) for (a, b), (c, d) in told["words"])
    return Phrase(pcm, told["rate_hz"], words)


def folder() -> Path | None:
    """Where phrases are kept: systemd's cache directory, root's, or the user's; None where there is no home."""
    given = os.environ.get("CACHE_DIRECTORY", "").split(":")[0]
    if given:
        return Path(given) / "phrases"
    if os.geteuid() == 0:
        return Path("/var/cache/earshot/phrases")
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "earshot" / "phrases"
    except RuntimeError:
        return None
