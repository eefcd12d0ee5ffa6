"""How a fetch shows itself: a bar on a terminal, plain lines everywhere else."""

from __future__ import annotations

import sys
from typing import Any, TextIO

from device.models.download import Progress


def make_progress(out: TextIO | None = None) -> Progress:
    """A bar when ``out`` (default: standard error) is a terminal, else a line at the start and every tenth."""
    out = out or sys.stderr
    return Bar(out) if out.isatty() else Lines(out)


class Lines:
    """Plain lines, fit for a log."""

    def __init__(self, out: TextIO) -> None:
        self.out, self.what, self.done, self.shown = out, "", 0, 0
        self.total: int | None = None

    def start(self, what: str, total: int | None, done: int) -> None:
        self.what, self.total, self.done = what, total, done
        self.shown = self._tenth()
        size = f"{total / 1e6:.1f} MB" if total else "size unknown"
        self.note(f"{what}: {size}" + (f", going on at {done / 1e6:.1f} MB" if done else ""))

    def advance(self, n: int) -> None:
        self.done += n
        if self._tenth() > self.shown:
            self.shown = self._tenth()
            self.note(
                f"{self.what}: {self.done / 1e6:.1f} MB" + (f" ({self.shown * 10} %)" if self.total else "")
            )

    def note(self, text: str) -> None:
        print(text, file=self.out, flush=True)

    def stop(self) -> None:
        pass

    def _tenth(self) -> int:
        return self.done * 10 // self.total if self.total else self.done // 10_000_000


class Bar:
    """A bar with size, speed and the time left."""

    def __init__(self, out: TextIO) -> None:
        from rich.console import Console

        self.console = Console(file=out)
        self.bar: Any = None
        self.task: Any = None

    def start(self, what: str, total: int | None, done: int) -> None:
        from rich import progress

        self.stop()
        self.bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.DownloadColumn(),
            progress.TransferSpeedColumn(),
            progress.TimeRemainingColumn(),
            console=self.console,
        )
        self.task = self.bar.add_task(what, total=total, completed=done)
        self.bar.start()

    def advance(self, n: int) -> None:
        if self.bar is not None and self.task is not None:
            self.bar.advance(self.task, n)

    def note(self, text: str) -> None:
        (self.bar.console if self.bar else self.console).print(text, highlight=False, markup=False)

    def stop(self) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None
