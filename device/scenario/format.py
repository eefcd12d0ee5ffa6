"""Reads scenario files, strictly: one that cannot be used is refused as a whole.

``docs/scenarios.md`` explains the format with examples. One ``ScenarioError`` lists every problem with its line, its
key, the value and what is allowed.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from device.config import toml_lines
from device.config.files import syntax_error
from device.errors import ScenarioError
from device.scenario import check
from device.scenario.tables import Scenario

__all__ = ["load", "parse", "place"]


def load(path: str | Path) -> Scenario:
    """Read and check a scenario file. Raises ``ScenarioError`` with every problem and its line."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as exc:
        raise ScenarioError(f"{path}: not UTF-8 text: {exc.reason} at byte {exc.start}") from exc
    except OSError as exc:
        raise ScenarioError(f"{path}: cannot be read: {exc.strerror}") from exc
    return parse(text, str(path))


def parse(text: str, path: str = "scenario.toml") -> Scenario:
    """The same from a text; ``path`` is for messages and relative file names."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ScenarioError(f"{path}: {syntax_error(text, exc)}") from exc
    found = [*check.shape(Scenario, tables, ()), *check.configuration(tables.get("device", {}))]
    if not found:
        tables["path"] = path
        _number(tables)
        scenario = msgspec.convert(tables, Scenario, strict=True)
        found = list(check.meaning(scenario))
    if found:
        lines = toml_lines.key_lines(text)
        placed = sorted((toml_lines.line_of(lines, where) or 1, message) for where, message in found)
        raise ScenarioError("\n".join(f"{path}:{line}: {message}" for line, message in placed))
    return scenario


def place(scenario: Scenario, *where: str | int) -> str:
    """``file:line: say[2].voice`` of a key, for faults that show only when the file is run."""
    try:
        lines = toml_lines.key_lines(Path(scenario.path).read_text(encoding="utf-8"))
    except OSError:  # not read from a file, or gone since
        lines = {}
    return f"{scenario.path}:{toml_lines.line_of(lines, where) or 1}: {check.dotted(where)}"


def _number(tables: dict[str, Any]) -> None:
    """Lines without an id get ``line1``, ``line2`` ... by their place."""
    for index, say in enumerate(tables.get("say", ()), 1):
        say.setdefault("id", f"line{index}")
