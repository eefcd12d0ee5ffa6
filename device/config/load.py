"""From a file and overrides to one valid ``Config``, or to the list of *everything* that is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from device.config.checking import check, shape
from device.config.contradictions import contradictions
from device.config.files import read
from device.config.layers import merged
from device.config.schema import Config
from device.errors import ConfigError

DEFAULT_PATH = Path("/etc/earshot/earshot.toml")


def load(path: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Config:
    """Read ``path`` (TOML) and lay ``overrides`` (nested tables) over it.

    ``None`` reads ``/etc/earshot/earshot.toml`` where it exists and is content with the defaults where not; a file
    named by the caller must exist. Raises ``ConfigError`` with every problem found, each with its line in the file.
    """
    return msgspec.convert(load_tables(path, overrides), Config, strict=True)


def load_tables(path: Path | None = None, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What ``load`` makes a ``Config`` of: the tables of the file with the overrides in them, valid, without the defaults."""
    tables: Mapping[str, Any] = overrides or {}
    problems = shape(tables)
    if path is None and not DEFAULT_PATH.is_file():
        if problems := problems or check(tables):
            raise ConfigError("built-in defaults", problems)
        return merged([("--set", tables)]).tables
    file = read(path or DEFAULT_PATH)
    if problems := [*file.located(shape(file.tables)), *problems]:
        raise ConfigError(file.name, problems)
    both = merged([("file", file.tables), ("--set", tables)]).tables
    if found := contradictions(msgspec.convert(both, Config, strict=True)):
        raise ConfigError(file.name, file.located(found))
    return both


def parse(tables: Mapping[str, Any], source: str = "config") -> Config:
    """A ``Config`` from nested tables. Raises ``ConfigError`` with every problem found."""
    problems = check(tables)
    if problems:
        raise ConfigError(source, problems)
    return msgspec.convert(dict(tables), Config, strict=True)
