"""Rows of figures as a table of plain text. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Column = tuple[str, str, str]
"""Heading, key of the row, format."""
Group = tuple[int, int, str]
"""First column, column after the last, and what they have in common."""


def table(
    title: str, columns: Sequence[Column], rows: Sequence[dict[str, Any]], groups: Sequence[Group]
) -> str:
    """``title``, the names of the groups, the headings, and a line a row."""
    cells = [[heading for heading, _, _ in columns]]
    cells += [[cell(row[key], form) for _, key, form in columns] for row in rows]
    widths = [max(len(row[k]) for row in cells) for k in range(len(columns))]
    for first, last, name in groups:  # a group is at least as wide as its name
        widths[first] += max(0, len(name) - sum(widths[first:last]) - 2 * (last - first - 1))
    above = ""
    for first, last, name in groups:
        above = above.ljust(sum(widths[:first]) + 2 * first)
        above += name.center(sum(widths[first:last]) + 2 * (last - first - 1), "-")
    lines = [
        "  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    return "\n".join((title, above, *lines))


def cell(value: Any, form: str) -> str:
    """``value`` formatted, "-" for none."""
    return "-" if value is None else format(value, form)
