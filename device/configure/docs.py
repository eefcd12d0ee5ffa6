"""``earshot config docs``: what each key means, as the page docs/config.md."""

from __future__ import annotations

import argparse
from typing import Any

EPILOG = """\
examples:
  earshot config docs | less
  earshot config docs > docs/config.md"""


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "docs",
        help="the reference of every key, in Markdown",
        description="Print the reference: every key with type, range, unit, default, meaning, and what a change takes.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from device.config.reference import page

    print(page(), end="")
    return 0
