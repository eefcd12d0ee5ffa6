"""The table of ``earshot trace --follow`` on a terminal: the last turns, the one that speaks among them, kept up to date."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from device.latency.reader import Seen
from device.latency.table import HEADINGS, cells

WIDE = 110
"""[columns] A terminal of less shows no ``SPARE`` columns."""
SPARE = ("time", "ahead", "calls")


class Live:
    """``with Live(kept) as show``: ``kept`` holds the turns that are over; ``show(seen)`` after each change."""

    def __init__(self, kept: Iterable[Seen]) -> None:
        from rich.console import Console
        from rich.live import Live as RichLive

        self._kept, self._console = kept, Console()
        self._speaking: dict[tuple[str, str], Seen] = {}
        """By device and its start: at most one turn of each speaks."""
        self._live = RichLive(
            get_renderable=self._table,
            console=self._console,
            auto_refresh=False,
            vertical_overflow="visible",
        )

    def __enter__(self) -> Callable[[Seen], None]:
        self._live.start()
        return self._show

    def __exit__(self, *exc: object) -> None:
        self._speaking.clear()
        self._live.refresh()
        self._live.stop()

    def _show(self, seen: Seen) -> None:
        key = (seen.device, seen.line.boot)
        self._speaking.pop(key, None)
        if seen.line.outcome == "speaking":
            self._speaking[key] = seen
        self._live.refresh()

    def _table(self) -> Any:
        """As much as fits: the newest rows, and on a narrow terminal no ``SPARE`` columns."""
        from rich.table import Table

        console = self._console
        headings = [name for name in ("time", *HEADINGS) if console.width >= WIDE or name not in SPARE]
        table = Table(
            box=None, pad_edge=False, header_style="bold", caption="costs in ms, ! = over its budget"
        )
        for heading in headings:
            wraps = heading == headings[-1]
            left = wraps or heading in ("time", "device")
            table.add_column(heading, justify="left" if left else "right", no_wrap=not wraps)
        rows = (*self._kept, *self._speaking.values())
        for seen in rows[-max(1, console.height - 4) :]:
            row = self._row(seen)
            table.add_row(*(row[heading] for heading in headings))
        return table

    @staticmethod
    def _row(seen: Seen) -> dict[str, Any]:
        from rich.text import Text

        base = "dim" if seen.line.outcome == "speaking" else ""
        texts = {"time": Text(time.strftime("%H:%M:%S", time.localtime(seen.time_s)), base)}
        for heading, cell in zip(HEADINGS, cells(seen.device, seen.line), strict=True):
            texts[heading] = Text(cell.text, "bold red" if cell.over else base)
        return texts
