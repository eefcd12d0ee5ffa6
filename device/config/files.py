"""Configuration as a file, TOML or JSON: its tables, and at which line each key stands."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device.config import toml_lines
from device.config.faults import Fault
from device.errors import ConfigError

LIMIT = 1024 * 1024
"""Bytes; a configuration with every key is some 4 KiB."""


class Unreadable(ConfigError):
    """There is nothing to judge: no such file, or one that may not be read."""


@dataclass(frozen=True)
class ConfigFile:
    """A file that could be read; whether its ``tables`` are valid is not said yet (``check``)."""

    name: str
    tables: dict[str, Any]
    lines: dict[toml_lines.Path, int]

    def line(self, path: str) -> int | None:
        """The line of a key such as ``wake.threshold``, or of its table where it shares one; None in JSON and for what is not there."""
        return toml_lines.line_of(self.lines, tuple(path.split(".")))

    def located(self, faults: Iterable[Fault]) -> list[Fault]:
        """The same faults in the order of the file, each line with its place in front: ``line 7: wake.threshold = 3: ...``."""
        placed = sorted(((self.line(fault.path), fault) for fault in faults), key=lambda each: each[0] or 0)
        return [
            Fault(f"line {line}: {fault}", fault.path, fault.code) if line else fault
            for line, fault in placed
        ]


def read(path: Path) -> ConfigFile:
    """Read a TOML file, or a JSON file by its ending. Raises ``ConfigError``; ``Unreadable`` where it is the file itself."""
    try:
        with path.open("rb") as file:
            data = file.read(LIMIT + 1)
        if len(data) > LIMIT:
            raise ConfigError(str(path), [f"more than {LIMIT} bytes: this is no configuration"])
        text = data.decode("utf-8-sig")
    except FileNotFoundError as exc:
        raise Unreadable(str(path), ["the file does not exist; check the path"]) from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(str(path), [f"not UTF-8 text: {exc.reason} at byte {exc.start}"]) from exc
    except OSError as exc:
        raise Unreadable(str(path), [f"cannot be read: {exc.strerror}"]) from exc
    return from_json(text, str(path)) if path.suffix.lower() == ".json" else from_toml(text, str(path))


def from_toml(text: str, name: str) -> ConfigFile:
    """A file's text as TOML. Raises ``ConfigError`` with the line."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(name, [syntax_error(text, exc)]) from exc
    except RecursionError as exc:
        raise ConfigError(name, ["not valid TOML: nested too deeply"]) from exc
    except ValueError as exc:  # an integer of thousands of digits
        raise ConfigError(name, [f"not usable TOML: {exc}"]) from exc
    return ConfigFile(name, tables, toml_lines.key_lines(text))


def from_json(text: str, name: str) -> ConfigFile:
    """A file's text as JSON. Raises ``ConfigError``."""
    try:
        tables = json.loads(text, object_pairs_hook=_once)
    except RecursionError as exc:
        raise ConfigError(name, ["not valid JSON: nested too deeply"]) from exc
    except ValueError as exc:
        raise ConfigError(name, [f"not valid JSON: {exc}"]) from exc
    if not isinstance(tables, dict):
        raise ConfigError(name, ['must be a JSON object of tables, as {"device": {"volume": 40}}'])
    return ConfigFile(name, tables, {})


def syntax_error(text: str, exc: tomllib.TOMLDecodeError) -> str:
    """What is wrong with ``text`` as TOML, always with its line (tomllib only says "at end of document")."""
    last = text.rstrip("\n").count("\n") + 1
    return f"not valid TOML: {str(exc).replace('at end of document', f'at line {last}, the end of the file')}"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} is there twice")
    return table
