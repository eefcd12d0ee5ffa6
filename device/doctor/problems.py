"""``earshot doctor problems``: what the codes in a device's status mean, and what to do."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import json
from typing import TYPE_CHECKING, Any

from device.errors import EarshotError

if TYPE_CHECKING:
    from device.problems import Entry

EPILOG = """\
examples:
  earshot doctor problems                        all of them
  earshot doctor problems echo_unconverged       one, or several
  earshot doctor problems --json                 for programs
  earshot doctor problems --markdown             as docs/problems.md

A device tells its problems in `problems` of its status (topic earshot/1/d/NAME/up/status), and in its log.

Exit code: 0, or 2 for a code that there is not."""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "problems",
        help="what a problem's code means, and what to do",
        description="What the codes in a device's status, state and log mean, and what to do about each.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("codes", nargs="*", metavar="CODE", help="only these")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="as one JSON object, for programs")
    shape.add_argument(
        "--markdown", action="store_true", help="as a page of the documentation, always all of them"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from device.problems import CATALOGUE, markdown

    if args.markdown:
        print(markdown(), end="")
        return 0
    unknown = [code for code in args.codes if code not in CATALOGUE]
    if unknown:
        near = difflib.get_close_matches(unknown[0], CATALOGUE, 1)
        hint = (
            f"did you mean {near[0]!r}?" if near else "`earshot doctor problems` lists those that there are"
        )
        raise EarshotError(f"{unknown[0]!r} is no problem's code; {hint}")
    entries = [CATALOGUE[code] for code in args.codes or CATALOGUE]
    if args.json:
        print(json.dumps({"problems": [dataclasses.asdict(entry) for entry in entries]}, indent=2))
    else:
        _show(entries)
    return 0


def _show(entries: list[Entry]) -> None:
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console, room = Console(highlight=False), ""
    for entry in entries:
        if entry.room != room:
            room = entry.room
            console.print(Text(room, style="bold underline"))
        console.print(Text(entry.code, style="bold"))
        console.print(Padding(Text(entry.means), (0, 0, 0, 4)))
        console.print(Padding(Text(f"do: {entry.fix}", style="green"), (0, 0, 1, 4)))
