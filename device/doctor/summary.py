"""What ``earshot doctor`` found, for people: what is wrong with its fix first, and everything on one screen.

 ✗ sound        the microphone's card is in use by 'pulseaudio' (process 812)
                to do: end that program, or set audio.input to `pulse`
 ✓ voice        espeak: real-time factor 0.00, first sound after 12 ms

Where the lines are too many what is well is drawn together, and then warnings beyond the screen are only counted.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from device.doctor.checkup import Checkup
from device.doctor.finding import GRAVITY, Finding, Severity

MARKS: dict[Severity, tuple[str, str]] = {
    "ok": ("✓", "green"),
    "warning": ("!", "yellow"),
    "fault": ("✗", "red"),
    "skipped": ("-", "dim"),
}
NAME = 14
"""Columns of a check's name."""
INDENT = NAME + 3
WHOLE = 10_000
"""Columns where nobody looks at a screen: a file, a log, another program."""


def show(checkup: Checkup, console: Console, *, height: int | None = None) -> None:
    """Print ``checkup``; ``height``: lines of the screen, None: as many as it takes."""
    width = console.width if console.is_terminal else WHOLE
    for line in lines(checkup, width, height):
        console.print(line, soft_wrap=True)


def lines(checkup: Checkup, width: int, height: int | None) -> list[Text]:
    """At most ``height`` - 1 lines (one is left for the prompt), none longer than ``width``."""
    bad = sorted(
        (finding for finding in checkup.findings if finding.severity in ("fault", "warning")),
        key=lambda finding: -GRAVITY[finding.severity],
    )
    well = [finding for finding in checkup.findings if finding.severity in ("ok", "skipped")]
    verdict = [Text(), _verdict(checkup, bad)]
    blocks = [_block(finding, width) for finding in bad]
    rest = [_row(finding, width) for finding in well]
    room = None if height is None else height - 1 - len(verdict)
    if room is None or sum(map(len, blocks)) + len(rest) <= room:
        return [line for block in blocks for line in block] + rest + verdict
    rest = _together(well, width)
    kept, left_out, used = [], 0, len(rest) + 1
    for block in blocks:
        if left_out or used + len(block) > room:
            left_out += 1
        else:
            kept += block
            used += len(block)
    if left_out:
        text = f"... and {left_out} more: earshot doctor --verbose"
        kept.append(Text(f" {text}", style="yellow"))
    return kept + rest + verdict


def _block(finding: Finding, width: int) -> list[Text]:
    """The line, and its fix below it; each over at most two lines of the screen."""
    first, *more = _folded(finding.text, width - INDENT)
    rows = [_row(finding, width, first), *(Text(" " * INDENT + line) for line in more)]
    if finding.fix:
        for number, line in enumerate(_folded(f"to do: {finding.fix}", width - INDENT)):
            indent = INDENT + (2 if number else 0)
            rows.append(Text(" " * indent + line[: width - indent], style="cyan"))
    return rows


def _row(finding: Finding, width: int, text: str | None = None) -> Text:
    mark, style = MARKS[finding.severity]
    text = _cut(finding.text, width - INDENT) if text is None else text
    row = Text(f" {mark} ", style=style)
    row.append(f"{finding.check:<{NAME}}", style="bold" if finding.severity != "skipped" else "dim")
    row.append(text, style="dim" if finding.severity == "skipped" else "")
    return row


def _together(well: Sequence[Finding], width: int) -> list[Text]:
    """The names of the checks that found nothing wrong, and of those that were not tried."""
    rows = []
    for severity, title in (("ok", "well"), ("skipped", "not tried")):
        names = dict.fromkeys(finding.check for finding in well if finding.severity == severity)
        if names:
            mark, style = MARKS[severity]  # type: ignore[index]
            for number, line in enumerate(_folded(", ".join(names), width - INDENT)):
                head = f" {mark} {title:<{NAME}}" if not number else " " * INDENT
                rows.append(Text(head, style=style).append(line))
    return rows


def _verdict(checkup: Checkup, bad: Sequence[Finding]) -> Text:
    took_s = sum(checkup.took_s.values())
    faults = sum(finding.severity == "fault" for finding in bad)
    counted = [
        f"{n} {word}{'s' if n > 1 else ''}"
        for n, word in ((faults, "fault"), (len(bad) - faults, "warning"))
        if n
    ]
    match checkup.verdict:
        case "fault":
            text, style = f"Something is wrong: {', '.join(counted)}", "red"
        case "warning":
            text, style = f"It works, with reservations: {', '.join(counted)}", "yellow"
        case "ok":
            text, style = "All is well", "green"
        case _:
            text, style = "Nothing could be tried", "yellow"
    return Text(f" {text} ({took_s:.0f} s).", style=style)


def _folded(text: str, width: int, most: int = 2) -> list[str]:
    """``text`` over at most ``most`` lines, cut where that is not enough."""
    rows: list[str] = []
    while text and len(rows) < most - 1 and len(text) > width:
        at = text.rfind(" ", 0, width + 1)
        at = at if at > width // 2 else width
        rows.append(text[:at])
        text = text[at:].lstrip()
    return [*rows, _cut(text, width - (2 if rows else 0))]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
