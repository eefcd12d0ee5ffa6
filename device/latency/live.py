"""The table of ``earshot trace --follow`` on a terminal: the last turns, the one that speaks among them, kept up to date."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from device.latency.reader import Seen
from device.latency.table import HEADINGS, cells


class Live:
    """``with Live(kept) as show``: ``kept`` holds the turns that are over; ``show(seen)`` after each change."""

    def __init__(self, kept: Iterable[Seen]) -> None:
        from rich.live import Live as RichLive

        self._kept = kept
        self._speaking: dict[tuple[str, str], Seen] = {}
        """By device and its start: at most one turn of each speaks."""
        self._live = RichLive(get_renderable=self._table, auto_refresh=False, vertical_overflow="visible")

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
        from rich.table import Table

        table = Table(
            box=None, pad_edge=False, header_style="bold", caption="costs in ms, ! = over its budget"
        )
        table.add_column("time")
        for at, heading in enumerate(HEADINGS):
            inner = 0 < at < len(HEADINGS) - 1
            table.add_column(heading, justify="right" if inner else "left", no_wrap=inner)
        for seen in (*self._kept, *self._speaking.values()):
            table.add_row(*self._row(seen))
        return table

    @staticmethod
    def _row(seen: Seen) -> list[Any]:
        from rich.text import Text

        line = seen.line
        base = "dim" if line.outcome == "speaking" else ""
        clock = time.strftime("%H:%M:%S", time.localtime(seen.time_s))
        row = [Text(cell.text, "bold red" if cell.over else base) for cell in cells(seen.device, line)]
        return [Text(clock, base), *row]
