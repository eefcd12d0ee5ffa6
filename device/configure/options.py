"""The options that the owner's commands share: whose configuration, signed with which key, how long to wait."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from device.errors import EarshotError
from device.link.options import check_device

if TYPE_CHECKING:
    from device.settings.signing import SigningKey

LONGEST_S = 3600.0
GROUP = re.compile(r"[a-z0-9-]{1,32}")


def add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", metavar="NAME", required=True, help="the device, by its device.id")


def add_target(parser: argparse.ArgumentParser) -> None:
    """``--device`` or ``--group``, one of them."""
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--device", metavar="NAME", help="for this device, by its device.id")
    target.add_argument(
        "--group", metavar="NAME", help="for all devices of this group, by their device.group"
    )


def scope_of(args: argparse.Namespace) -> str:
    """``d/DEVICE`` or ``g/GROUP``. Raises ``EarshotError`` for a name that nobody can have."""
    group = getattr(args, "group", None)
    if group is not None:
        if not GROUP.fullmatch(group):
            raise EarshotError(f"--group {group!r}: must be 1 to 32 of a-z, 0-9 and -")
        return f"g/{group}"
    check_device(args.device)
    return f"d/{args.device}"


def add_key(parser: argparse.ArgumentParser) -> None:
    """Signed with which key, or not at all."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--key", metavar="FILE", type=Path,
        help="your signing key (default: ~/.config/earshot/signing.pem where it exists, else unsigned)",
    )  # fmt: skip
    which.add_argument(
        "--unsigned", action="store_true", help="do not sign, even if there is a key: only some keys may come so"
    )  # fmt: skip


def key_of(args: argparse.Namespace) -> SigningKey | None:
    """The key to sign with, None: unsigned. Raises ``EarshotError`` where it cannot be read."""
    from device.settings import signing

    place: Path | None = args.key
    if getattr(args, "unsigned", False):
        return None
    if place is None:
        place = signing.default_place()
        if not place.exists():
            return None
    if signing.open_to_others(place):
        print(
            f"warning: {place}: other users of this machine can read it; chmod 600 {place}", file=sys.stderr
        )
    return signing.load(place)


def add_version(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        "--version", type=int, metavar="N", help=f"version of the configuration (default: {default})"
    )


def add_waiting(parser: argparse.ArgumentParser) -> None:
    """How long to wait, and how to tell."""
    parser.add_argument(
        "--timeout", type=float, metavar="SECONDS",
        help="wait so long for the devices' reports (default: 30 s, and as long as each has to prove itself)",
    )  # fmt: skip
    parser.add_argument("--no-wait", action="store_true", help="leave as soon as the broker has it")
    parser.add_argument("--json", action="store_true", help="one JSON object, for programs")


def check_waiting(args: argparse.Namespace) -> None:
    """Raises ``EarshotError``."""
    if args.timeout is not None and not 0 < args.timeout <= LONGEST_S:
        raise EarshotError(
            f"--timeout {args.timeout:g}: must be more than 0 and at most {LONGEST_S:.0f} seconds"
        )
