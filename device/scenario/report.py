"""Scenarios in the terminal: the conversation as it happens, then what was expected and what was measured."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from device.scenario.expectations import Happened
from device.scenario.result import Result, seconds
from device.scenario.transcript import shown, wording

LOG_WIDTH = 140

_SHOWN = {
    "line": ("bold blue", "{of}"),
    "wake": ("magenta", "wakes"),
    "final": ("cyan", "understood"),
    "intent": ("cyan", "command"),
    "guess": ("cyan", "guesses, and asks"),
    "turn": ("cyan", "asks"),
    "first_token": ("green", "first token"),
    "duck": ("yellow", "ducks"),
    "hold": ("yellow", "holds"),
    "cancel": ("red", "cancels"),
    "resume": ("green", "resumes"),
    "error": ("bold red", "error"),
}


class Live:
    """Prints a conversation line by line while it happens."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: dict[str, int] = {}

    def __call__(self, one: Happened) -> None:
        if one.event == "line":
            self._last[one.of] = one.data["last"]
            self._print(one.position, "bold blue", "talker", f"“{one.text}”")
        elif one.event == "reply_start":
            since = self._since(one)
            self._print(one.position, "bold yellow", "earshot", f"begins to speak{since}")
        elif one.event == "heard" and one.text:
            cut = " [red](cut off)[/]" if one.data.get("interrupted") else ""
            self._print(
                one.position, "bold yellow", "earshot", f"said “{escape(one.text)}”{cut}", markup=True
            )
        elif one.event == "final" and not one.data.get("accepted", True):
            self._print(
                one.position, "dim", "", f"is not sure of “{one.text}”" if one.text else "understands nothing"
            )
        elif one.event == "turn" and one.data.get("guessed"):
            self._print(one.position, "cyan", "", "it was that")
        elif one.event in _SHOWN and (one.text or one.event not in ("final",)):
            style, name = _SHOWN[one.event]
            text = f"{name} “{one.text}”" if one.text else name
            self._print(one.position, style, "", text)

    def _since(self, one: Happened) -> str:
        last = self._last.get(one.of)
        if last is None or one.position <= last:
            return ""
        return f", {1000 * (one.position - last) / 16000:.0f} ms after the talker's last sound"

    def _print(self, position: int, style: str, who: str, text: str, markup: bool = False) -> None:
        body = text if markup else escape(text)
        self._console.print(f"[dim]{seconds(position):7.2f} s[/]  [{style}]{who:>8}[/]  [{style}]{body}[/]")


class Report:
    """One block per file and a summary; ``quiet`` says nothing (the JSON says it)."""

    def __init__(self, quiet: bool = False) -> None:
        # a log file has no width of its own, and 80 columns would break every second row
        self._console = Console(
            quiet=quiet, highlight=False, width=None if sys.stdout.isatty() else LOG_WIDTH
        )
        self._quiet = quiet
        self._passed = self._failed = 0

    def live(self, realtime: bool) -> Callable[[Happened], None] | None:
        """A watcher for a run that people wait for."""
        return Live(self._console) if realtime and not self._quiet else None

    def finished(self, result: Result, folder: Path | None) -> None:
        """What one run gave."""
        self._passed += result.passed
        self._failed += not result.passed
        mark = "[bold green]passed[/]" if result.passed else "[bold red]FAILED[/]"
        speed = result.seconds / max(result.wall_s, 1e-3)
        pace = "real time" if result.clock == "real" else f"{speed:.0f} × real time"
        print_ = self._console.print
        print_(
            f"{mark}  [bold]{escape(result.title)}[/]  [dim]{escape(result.path)} · {result.seconds:.1f} s · {pace}[/]"
        )
        if result.verdicts:
            print_(_expectations(result))
        for trouble in result.troubles:
            print_(f"  [red]✗ {escape(trouble)}[/]")
        figures = [
            f"{name} {shown(value)}"
            for name, value in result.measures.as_dict().items()
            if value not in (None, [], 0) and name != "cpu_s_per_s"
        ]
        if figures:
            print_(f"  [dim]{escape(' · '.join(figures))}[/]")
        if folder is not None:
            print_(f"  [dim]recording, picture and transcript in {escape(str(folder))}[/]")
        print_()

    def summary(self) -> None:
        if self._passed + self._failed > 1:
            failed = f", [bold red]{self._failed} failed[/]" if self._failed else ""
            self._console.print(
                f"{self._passed} of {self._passed + self._failed} scenarios as expected{failed}"
            )


def _expectations(result: Result) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    table.add_column(width=3, justify="right")
    table.add_column()
    table.add_column(justify="right")
    table.add_column(style="dim")
    for verdict in result.verdicts:
        mark, style = ("✓", "green") if verdict.passed else ("✗", "bold red")
        measured = "" if verdict.measured_ms is None else f"{verdict.measured_ms:.0f} ms"
        table.add_row(f"[{style}]{mark}[/]", escape(wording(verdict.expect)), measured, escape(verdict.why))
    return table
