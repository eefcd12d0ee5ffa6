"""``earshot config diff``: what pushing a file to a device would change."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from device.configure.options import add_device, scope_of
from device.link.options import add_visit_options, broker_for

EPILOG = """\
examples:
  earshot config diff --device kitchen kitchen.toml
  earshot config diff --device kitchen kitchen.toml && echo nothing to push

A push replaces what was pushed before: a key that is not in FILE any more goes back to what the group, the device's own
file or the default says. exit code: 0 nothing would change, 1 something would, 2 cannot be said."""


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "diff",
        help="what pushing a file to a device would change",
        description="Compare a file with what a device reports to be in force.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="configuration, TOML or JSON")
    add_device(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object, for programs")
    add_visit_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from dataclasses import asdict

    from device.configure.broker import watching
    from device.configure.differences import differences
    from device.configure.display import say
    from device.configure.draft import read_draft
    from device.configure.get import silence
    from device.errors import EarshotError

    scope = scope_of(args)
    draft = read_draft(args.file, scope)
    with watching(broker_for(args), scope, "diff") as (watch, _):
        report = watch.reports.get(args.device)
    if report is None:
        raise EarshotError(silence(args.device, args.device in watch.unreadable))
    found = differences(draft.tables, report)
    changes = [each for each in found if each.kind != "secret"]
    if args.json:
        print(json.dumps({"device": args.device, "differences": [asdict(each) for each in found]}))
    else:
        for warning in draft.file.located(draft.warnings):
            print(f"warning: {args.file}: {warning}", file=sys.stderr)
        say([str(each) for each in found] or [f"{args.device}: nothing would change"])
    return 1 if changes else 0
