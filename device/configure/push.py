"""``earshot config push``: a configuration to a device or to a group, and what became of it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from device.configure.options import (
    add_key,
    add_target,
    add_version,
    add_waiting,
    check_waiting,
    key_of,
    scope_of,
)
from device.link.options import add_visit_options, broker_for

if TYPE_CHECKING:
    from device.configure.draft import Draft

EPILOG = """\
examples:
  earshot config push --device kitchen kitchen.toml
  earshot config push --device kitchen kitchen.toml --broker broker.local
  earshot config push --group upstairs upstairs.json --timeout 60
  earshot config push --device kitchen kitchen.toml --json | jq -r '.devices[].state'

FILE is the whole layer: what an earlier push set and FILE does not is taken back to what the group, the device's own
file or the default says (`earshot config diff` shows it). The broker keeps it, so a device that is off takes it later.

Signed with your key (`earshot config keygen`, once) everything may be set but who the device is; unsigned only what can
do no harm, such as volume and sensitivity: `earshot config docs` has the list.

The device checks it, applies it without ceasing to listen, and must then prove itself; else it goes back to what it had.

exit code: 0 applied, 1 rejected, rolled back or no answer, 2 cannot be tried."""


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "push",
        help="send a configuration to a device or a group, and wait for its word",
        description="Push a configuration file to a device or to a group, and wait until it is applied, rejected or rolled back.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "file", metavar="FILE", type=Path, help="configuration, TOML or JSON, or what sign made of one"
    )
    add_target(parser)
    add_key(parser)
    add_version(parser, "one more than there is")
    add_waiting(parser)
    add_visit_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from device.configure.broker import watching
    from device.configure.draft import Invalid
    from device.configure.pushing import deliver, sealed
    from device.errors import EarshotError
    from device.settings.signing import seal_by

    scope = scope_of(args)
    check_waiting(args)
    try:
        draft, letter = _read(args.file, scope)
    except Invalid as exc:
        if not args.json:
            raise
        print(json.dumps({"scope": scope, "state": "invalid", "errors": exc.rows}))
        return 2
    key = None if letter else key_of(args)
    if letter and (args.key or args.unsigned or args.version is not None):
        raise EarshotError(
            f"{args.file} is an envelope, which has its signature and its version: leave out --key, --unsigned and --version"
        )
    if not letter:  # too big, or a version that cannot be? said before anybody is called
        seal_by(key, draft.tables, version=1 if args.version is None else args.version, scope=scope)
    if not (letter or key or args.unsigned) and (paths := draft.to_be_signed):
        print(
            f"note: unsigned, and {', '.join(paths)} may need a signature: `earshot config keygen`",
            file=sys.stderr,
        )
    if not draft.tables:
        print(f"note: {args.file} sets nothing: what was pushed before is taken back", file=sys.stderr)
    for warning in [] if args.json else draft.file.located(draft.warnings):
        print(f"warning: {args.file}: {warning}", file=sys.stderr)
    with watching(broker_for(args), scope, "push") as (watch, visit):
        letter = letter or sealed(watch, draft.tables, key, args.version)
        return deliver(args, watch, visit, letter, file=draft.file, warnings=draft.warnings)


def _read(path: Path, scope: str) -> tuple[Draft, Any]:
    """The file as a draft; where it is an envelope already, also as a letter. Raises ``EarshotError``."""
    from device.config.files import ConfigFile, read
    from device.configure.draft import checked
    from device.configure.outcome import Letter
    from device.errors import EarshotError
    from device.settings.envelope import peek

    file = read(path)
    if not {"v", "payload"} <= set(file.tables):
        return checked(file, scope), None
    data = path.read_bytes().strip()
    opened = peek(data)
    if opened.scope != scope:
        raise EarshotError(f"{path} is an envelope for {opened.scope}, not for {scope}; sign one for that")
    draft = checked(ConfigFile(file.name, opened.config, {}), scope)
    return draft, Letter(scope, opened.version, opened.kid, data)
