"""``earshot config check``: is a file valid, and if not, all of what is wrong with it and where."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from device.config.files import ConfigFile

EPILOG = """\
examples:
  earshot config check /etc/earshot/earshot.toml
  earshot config check fleet/*.toml               every file, each fault as FILE:LINE: what, why and what instead
  earshot config check kitchen.json --json        one JSON object a file, for programs

exit code: 0 valid, 1 faults, 2 a file cannot be read.
Whether models and sound cards are there is not looked at: the file may be for another machine."""


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "check",
        help="is a file valid? every fault with its line",
        description="Check configuration files, TOML or JSON (by the ending .json).",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help="configuration, TOML or JSON")
    parser.add_argument("--json", action="store_true", help="one JSON object a file, a line each")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from device.config.files import Unreadable

    code = 0
    for path in args.files:
        try:
            keys, faults = judge(path)
        except Unreadable as exc:
            keys, faults = 0, [{"line": None, "path": "", "code": "unreadable", "message": exc.problems[0]}]
            code = 2
        code = max(code, 1) if faults else code
        if args.json:
            print(json.dumps({"file": str(path), "valid": not faults, "keys": keys, "faults": faults}))
            continue
        for fault in faults:
            place = f"{path}:{fault['line']}" if fault["line"] else str(path)
            print(f"{place}: {fault['message']}")
        if not faults:
            print(f"{path}: valid, sets {keys} key{'s' * (keys != 1)}")
    return code


def judge(path: Path) -> tuple[int, list[dict[str, Any]]]:
    """How many keys the file sets, and its faults in the order of its lines: ``line`` (or None), ``path``, ``code``, ``message``.
    Raises ``Unreadable``."""
    from device.config.checking import check
    from device.config.files import Unreadable, read
    from device.config.keys import flatten
    from device.errors import ConfigError

    try:
        file: ConfigFile = read(path)
    except Unreadable:
        raise
    except ConfigError as exc:
        return 0, [
            {"line": None, "path": "", "code": "malformed", "message": str(line)} for line in exc.problems
        ]
    faults = [
        {"line": file.line(fault.path), "path": fault.path, "code": fault.code, "message": str(fault)}
        for fault in check(file.tables)
    ]
    return len(flatten(file.tables)), sorted(faults, key=lambda fault: fault["line"] or 0)
