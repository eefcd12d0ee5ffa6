"""The models that ``earshot models fetch`` knows, read from ``catalogue.toml`` beside this file."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True, slots=True)
class File:
    """One file to download. ``size_mb`` is the publisher's round figure; ``sha256`` only where one is published."""

    url: str
    size_mb: float = 0.0
    role: str = ""
    sha256: str = ""

    @property
    def name(self) -> str:
        """The file's own name, from the URL."""
        return unquote(urlsplit(self.url).path).rsplit("/", 1)[-1] or "download"


@dataclass(frozen=True, slots=True)
class Entry:
    """A model that can be fetched; ``unpacked_mb`` is about what it takes on disk."""

    name: str
    kind: str
    about: str
    licence: str
    unpacked_mb: float
    files: tuple[File, ...]

    @property
    def download_mb(self) -> float:
        return sum(f.size_mb for f in self.files)


@functools.cache
def catalogue() -> dict[str, Entry]:
    """Every known model by name."""
    table = tomllib.loads(Path(__file__).with_name("catalogue.toml").read_text(encoding="utf-8"))
    return {
        name: Entry(
            name=name, files=tuple(File(**f) for f in row["file"]), **{k: row[k] for k in row if k != "file"}
        )
        for name, row in table.items()
    }


def how_to_get(name: str, kind: str = "") -> str:
    """How ``name`` comes onto this machine, as the second half of a sentence."""
    if name in catalogue():
        return f"get it with: earshot models fetch {name}"
    known = ", ".join(n for n, e in catalogue().items() if not kind or e.kind == kind) or "none"
    return f"and the catalogue has none of that name (it has: {known}); see: earshot models list"
