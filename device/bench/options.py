"""What the command lines of the benchmarks share: a parser each, numbers within bounds, a bar of progress."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any


def add(whats: Any, name: str, text: str, run: Callable[[argparse.Namespace], int], **more: Any) -> Any:
    """The parser of ``bench name``, with ``--json``."""
    parser = whats.add_parser(
        name, help=text, formatter_class=argparse.RawDescriptionHelpFormatter, **{"description": text, **more}
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.set_defaults(run=run)
    return parser


def count(least: int, most: int) -> Callable[[str], int]:
    """A whole number from ``least`` to ``most``."""

    def number(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text}: must be from {least} to {most}")
        return value

    return number


def with_progress(work: Callable[[Callable[[int, int], None]], dict[str, Any]]) -> dict[str, Any]:
    """``work(progress)`` with a bar on standard error where somebody watches."""
    if not sys.stderr.isatty():
        return work(lambda done, of: None)
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("", total=None)
        return work(lambda done, of: bars.update(bar, completed=done, total=of))
