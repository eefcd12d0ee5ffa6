"""Where a key stands in a TOML text: ``tomllib`` gives values without line numbers, people want the line."""

from __future__ import annotations

import re

Path = tuple[str | int, ...]
"""A key's way down: ``("say", 1, "at_s")`` is ``at_s`` of the second ``[[say]]``."""

_PART = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"^\s*(\[\[?)\s*({_DOTTED})\s*\]\]?")
_KEY = re.compile(rf"^\s*({_DOTTED})\s*=")
_QUOTED = re.compile(
    r"""\"{3}(?:\\.|[^\\])*?(?:\"{3}|$)|'{3}.*?(?:'{3}|$)|"(?:\\.|[^"\\])*"|'[^']*'|\#.*""", re.VERBOSE
)
"""Strings, the last of a line perhaps without its end, and comments."""


def key_lines(text: str) -> dict[Path, int]:
    """The line (from 1) of every table header and of every key that begins a line."""
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    fence, depth = "", 0
    for number, line in enumerate(text.split("\n"), 1):  # TOML knows no other ends of lines
        if fence:
            if fence not in line:
                continue
            line, fence = line.partition(fence)[2], ""
        elif depth:
            pass  # an array goes on
        elif header := _HEADER.match(line):
            table = _descend(_parts(header[2]), counts)
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            parts = _parts(key[1])
            for length in range(1, len(parts) + 1):
                lines.setdefault((*table, *parts[:length]), number)
        for quoted in _QUOTED.findall(line):
            mark = quoted[:3]
            if mark in ('"""', "'''") and (len(quoted) < 6 or not quoted.endswith(mark)):
                fence = mark
        bare = _QUOTED.sub("", line)
        depth = max(0, depth + bare.count("[") - bare.count("]"))
    return lines


def line_of(lines: dict[Path, int], path: Path) -> int | None:
    """The line of ``path``, or of the nearest table above it; None where nothing of it is in the text."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in re.findall(_PART, dotted)]


def _descend(parts: list[str], counts: dict[Path, int]) -> Path:
    """A header's path with the index of the last element of each array of tables on the way."""
    path: Path = ()
    for depth, part in enumerate(parts):
        path = (*path, part)
        if depth + 1 < len(parts) and path in counts:
            path = (*path, counts[path])
    return path
