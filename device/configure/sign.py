"""``earshot config sign``: an envelope to be published later, or from another machine than the one with the key."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from device.configure.options import add_key, add_target, add_version, key_of, scope_of
from device.errors import EarshotError

EPILOG = """\
examples:
  earshot config sign kitchen.toml --device kitchen --out kitchen.json
  earshot config push --device kitchen kitchen.json      on the machine that reaches the broker
  mosquitto_pub -r -q 1 -t earshot/1/d/kitchen/dn/config -f kitchen.json

A device takes a version once, and never an older one than it has: without --version it is the seconds since 1970."""


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "sign",
        help="sign a file without pushing it",
        description="Check a configuration file and put it, signed, into an envelope.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="configuration, TOML or JSON")
    add_target(parser)
    add_key(parser)
    add_version(parser, "the seconds since 1970")
    parser.add_argument(
        "--out", metavar="FILE", type=Path, help="write the envelope there (default: print it)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from device.configure.draft import read_draft
    from device.settings.signing import default_place, seal_by

    scope = scope_of(args)
    draft, key = read_draft(args.file, scope), key_of(args)
    if key is None and not args.unsigned:
        raise EarshotError(
            f"there is no signing key in {default_place()}: `earshot config keygen` makes one, --key FILE names another"
        )
    for warning in draft.file.located(draft.warnings):
        print(f"warning: {args.file}: {warning}", file=sys.stderr)
    version = int(time.time()) if args.version is None else args.version
    data = seal_by(key, draft.tables, version=version, scope=scope)
    signer = f"signed by {key.name}" if key else "unsigned"
    if args.out is not None:
        try:
            args.out.write_bytes(data + b"\n")
        except OSError as exc:
            raise EarshotError(f"--out {args.out}: cannot be written: {exc.strerror}") from exc
    print(f"{scope} version {version}, {signer}, {len(data)} bytes", file=sys.stderr)
    if args.out is None:
        print(data.decode())
    return 0
