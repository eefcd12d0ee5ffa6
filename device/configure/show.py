"""``earshot config show``: what is in force on this machine, as TOML, and which layer each key is from."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any

from device.config.options import add_options

EPILOG = """\
examples:
  earshot config show                           every key with its value, as TOML
  earshot config show --origin wake voice.name  those keys, and which layer each is from
  earshot config show --set wake.threshold=0.7  what would be in force with that
  earshot config show --json | jq '.effective["mqtt.host"]'

The layers are default, file, --set, group and device (pushed over MQTT), command (set by Home Assistant or a command).
What was pushed to a service is kept where only root can read it: sudo earshot config show. Of a device elsewhere:
earshot config get. Secrets are shown as "***"."""


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "show",
        help="what is in force on this machine, and where it is from",
        description="Show every key that is in force: the defaults, the file, and what was pushed to this device.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("keys", metavar="KEY", nargs="*", help="only this key or section, e.g. wake")
    parser.add_argument("--origin", action="store_true", help="say which layer each value is from")
    parser.add_argument("--json", action="store_true", help="one JSON object: effective values and origins")
    parser.add_argument(
        "--state",
        metavar="DIR",
        type=Path,
        help="where the device keeps what was pushed (default: where it would)",
    )
    add_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from device.config.keys import masked, values
    from device.config.load import parse
    from device.config.options import overrides
    from device.configure.in_force import in_force

    both, notes = in_force(args.config, overrides(args.set), args.state)
    paths = chosen(args.keys)
    effective = {
        path: masked(path, value) for path, value in values(parse(both.tables)).items() if path in paths
    }
    origin = {path: both.origin_of(path) for path in effective}
    for note in notes:
        print(f"earshot config show: {note}", file=sys.stderr)
    if args.json:
        print(json.dumps({"effective": effective, "origin": origin, "notes": notes}))
        return 0
    rows = list(toml_rows(effective, origin if args.origin else {}))
    if sys.stdout.isatty():
        _print_coloured(rows, both.origin)
    else:
        print("\n".join(line for line, _ in rows))
    return 0


def chosen(names: list[str]) -> frozenset[str]:
    """The paths that keys and sections stand for; without any, all. Raises ConfigError for a name that is neither."""
    from device.config.keys import KEYS
    from device.errors import ConfigError

    sections = {key.section for key in KEYS.values()}
    if wrong := [name for name in names if name not in KEYS and name not in sections]:
        raise ConfigError(
            "KEY",
            [f"{name!r}: no key and no section; they are: {', '.join(sorted(sections))}" for name in wrong],
        )
    return frozenset(path for path, key in KEYS.items() if not names or {path, key.section} & set(names))


def toml_rows(effective: Mapping[str, Any], origin: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The values as lines of TOML, each with its path (empty: a heading); each that has an ``origin`` with that as its comment."""
    from device.config.keys import KEYS
    from device.config.reference import toml

    section = ""
    for path, value in effective.items():
        key = KEYS[path]
        if key.section != section:
            if section:
                yield "", ""
            section = key.section
            yield f"[{section}]", ""
        line = f"{key.name} = {toml(value)}"
        yield f"{line:<40}  # {origin[path]}" if path in origin else line, path


def _print_coloured(rows: list[tuple[str, str]], is_set: Container[str]) -> None:
    """What somebody has set stands out from the defaults."""
    from rich.console import Console
    from rich.text import Text

    console = Console()
    for line, path in rows:
        style = "cyan" if not path else "bold" if path in is_set else "dim"
        console.print(Text(line, style), soft_wrap=True)
