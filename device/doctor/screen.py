"""The report of ``earshot doctor echo`` for people: what there is, what was measured, what to do."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from .echo import EchoReport, Verdict, worst

MARKS: dict[Verdict, str] = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "fault": "[red]✗[/]"}
VERDICTS: dict[Verdict, str] = {
    "ok": "[green]Echo cancelling works.[/]",
    "warning": "[yellow]Echo cancelling works, with reservations.[/]",
    "fault": "[red]Something is wrong.[/]",
}
AEC = {
    "yes": "cancels the echo itself",
    "no": "has no echo canceller",
    "unproven": "echo canceller not proven",
}


def show(report: EchoReport, console: Console) -> None:
    """Print ``report``."""
    table = _table()
    for name, text in _devices(report):
        table.add_row("", name, escape(text))
    console.print(table)
    console.print()
    table = _table()
    for codes, name, text in _measured(report):
        mark = MARKS[worst([p for p in report.problems if p.code in codes])]
        table.add_row(mark, name, escape(text))
    console.print(table)
    console.print()
    for problem in report.problems:
        console.print(Padding(f"{MARKS[worst([problem])]} [bold]{escape(problem.text)}[/]", (0, 0, 0, 1)))
        console.print(Padding(f"to do: {escape(problem.fix)}", (0, 0, 0, 3)))
        console.print(Padding(f"({problem.code})", (0, 0, 0, 3)), style="dim")
    console.print(" " + _verdict(report))


def _table() -> Table:
    table = Table(box=None, show_header=False, pad_edge=True, padding=(0, 1))
    table.add_column(width=1)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _devices(report: EchoReport) -> Iterator[tuple[str, str]]:
    sound, entry = report.sound, report.sound.device
    which = f", channel {sound.channel} of {sound.channels}" if sound.channels > 1 else ""
    yield "microphone", (sound.microphone or "?") + which
    same = {True: " (the same card)", False: " (another card)", None: ""}[sound.same_card]
    yield "loudspeaker", (sound.loudspeaker or "?") + same
    yield "recognised", f"{entry.name}: {AEC[entry.aec]}" if entry else "no device of the table"
    if entry and entry.quirk:
        yield "  to know", " ".join(entry.quirk.split())
    if entry and entry.probe:
        yield "  its tools", entry.probe
    yield "canceller", f"{report.state.mode}: {report.state.reason}"


def _measured(report: EchoReport) -> Iterator[tuple[set[str], str, str]]:
    """Problems that belong to the line, its name, its text."""
    path, check = report.path, report.check
    if not path.played:
        yield {"echo_not_played"}, "playback", "nothing was played"
        return
    noise = f"noise at {path.noise_dbfs:.0f} dBFS"
    if not path.heard:
        yield {"echo_not_heard"}, "echo", f"nothing heard of the sweep; {noise}"
    else:
        yield (
            {"echo_unsure"},
            "echo",
            f"{path.snr_db:.0f} dB above the noise; {noise}; likeness of both sweeps {path.confidence:.2f}",
        )
    if path.sure:
        yield {"echo_delay"}, "delay", f"{path.delay_ms:.1f} ms from playback to microphone"
        yield {"echo_drift", "echo_slips"}, "clocks", _drift(path.drift_ppm)
        suppressed = (
            "; what is left of the echo is suppressed for wake words and recogniser"
            if report.state.suppressor
            else ""
        )
        yield {"echo_nonlinear"}, "distortion", f"harmonics at {path.nonlinearity_db:.0f} dB{suppressed}"
    if report.before is not None:
        told = f"playback comes back {_loss(report.before.loss_db)}"
        yield {"echo_hardware_not_cancelling"}, "its canceller", told
    if check is not None and check.played:
        if report.state.mode == "software":
            text = (
                f"playback comes back {_loss(check.loss_db)}, after cancelling {_loss(check.clean_loss_db)}"
            )
            yield {"echo_software_not_cancelling"}, "cancelling", f"{text}: {check.erle_db:.0f} dB taken away"
        else:
            yield (
                {"echo_hardware_not_cancelling"},
                "cancelling",
                f"playback comes back {_loss(check.loss_db)}",
            )
    elif path.loss_db is not None:
        yield set(), "loss", f"playback comes back {_loss(path.loss_db)}"


def _verdict(report: EchoReport) -> str:
    if report.state.mode == "none" and report.verdict == "ok":
        return "No echo is cancelled, as configured."
    if report.verdict == "warning" and any(problem.code == "echo_unsure" for problem in report.problems):
        return "[yellow]Nothing certain could be measured.[/]"
    return VERDICTS[report.verdict]


def _drift(ppm: float | None) -> str:
    if ppm is None:
        return "not measured: playback slipped meanwhile (is the machine busy?)"
    if abs(ppm) < 2:
        return f"one clock (drift {ppm + 0.0:.1f} ppm)"
    return (
        f"the loudspeaker's is {abs(ppm):.0f} ppm {'faster' if ppm > 0 else 'slower'} than the microphone's"
    )


def _loss(db: float) -> str:
    return f"{abs(db):.0f} dB {'lower' if db >= 0 else 'higher'}"
