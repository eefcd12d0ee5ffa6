"""``earshot config docs``: what each key means, as the page docs/config.md or as a file to start from."""

from __future__ import annotations

import argparse
from typing import Any

EPILOG = """\
examples:
  earshot config docs | less
  earshot config docs > docs/config.md
  earshot config docs --toml --set device.id=kitchen > /etc/earshot/earshot.toml"""


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "docs",
        help="the reference of every key, in Markdown or as a file to start from",
        description="Print the reference: every key with type, range, unit, default, meaning, and what a change takes.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--toml", action="store_true", help="as a configuration to start from, every key commented out"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="with --toml: set this key in it"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from device.config.load import parse
    from device.config.options import overrides
    from device.config.reference import page
    from device.config.skeleton import skeleton
    from device.errors import ConfigError

    if not args.toml:
        if args.set:
            raise ConfigError("--set", ["only with --toml"])
        print(page(), end="")
        return 0
    given = overrides(args.set)
    parse(given, "--set")
    print(skeleton(given), end="")
    return 0
