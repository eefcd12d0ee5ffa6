"""``earshot scenario``: run conversations from files and say whether they went as expected."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from device.scenario.result import Result

DESCRIPTION = """\
Run whole conversations with the real device in a simulated room.

A scenario is a TOML file: the room, the lines that talkers say and when, what the endpoint answers, and which events
must follow within which time. Without --realtime it runs in lock-step: as fast as this machine can, without a broker,
and with the same events for the same seed every time. With --realtime the room is paced, engines run in their own
processes and turns go through a real broker: that is where latencies are measured."""

EPILOG = """\
examples:
  earshot scenario tests/scenarios/*.toml                   do they all go as expected?
  earshot scenario story.toml --out out                     also a recording, a picture and a transcript
  earshot scenario story.toml --json | jq .measures         one JSON object per file
  earshot scenario story.toml --realtime                    latencies that count computing

exit code: 0 everything as expected, 1 an expectation failed, 2 a file cannot be used (file, line and key are named).
The file format is explained in docs/scenarios.md."""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add ``scenario`` to the command line."""
    parser = subparsers.add_parser(
        "scenario",
        help="run conversations from files in a simulated room",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help="scenario file (TOML)")
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        help="leave conversation.wav (left: microphone, right: loudspeaker), timeline.json, timeline.png and "
        "transcript.md in DIR; with several files in a folder of DIR each, named after the file",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per file, a line each")
    parser.add_argument(
        "--realtime",
        action="store_true",
        help="pace the room to real time, with a real broker and engine processes",
    )
    parser.add_argument("--verbose", action="store_true", help="let the device's log and its libraries speak")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run every file; a bad file is reported and the others still run."""
    import json
    import sys

    from device.errors import EarshotError
    from device.scenario import format
    from device.scenario.child import run_file
    from device.scenario.report import Report

    if args.out is not None:
        from device import pictures

        pictures.require_matplotlib()
    report = Report(quiet=args.json)
    worst = 0
    for file, folder in zip(args.files, _folders(args.files, args.out), strict=True):
        try:
            format.load(file)  # refused here, before a process is started for it
            result: Result = run_file(
                file,
                realtime=args.realtime,
                out_dir=folder,
                on_event=report.live(args.realtime),
                verbose=args.verbose,
            )
        except EarshotError as exc:
            print(f"earshot scenario: {exc}", file=sys.stderr)
            worst = 2
            continue
        if args.json:
            print(json.dumps(result.as_dict(), ensure_ascii=False), flush=True)
        report.finished(result, folder)
        worst = max(worst, 0 if result.passed else 1)
    report.summary()
    return worst


def _folders(files: list[Path], out: Path | None) -> list[Path | None]:
    """Where each file's output goes; two files of one name in different folders do not meet."""
    if out is None:
        return [None] * len(files)
    if len(files) == 1:
        return [out]
    folders: list[Path | None] = []
    for file in files:
        name, number = file.stem, 2
        while out / name in folders:
            name, number = f"{file.stem}-{number}", number + 1
        folders.append(out / name)
    return folders
