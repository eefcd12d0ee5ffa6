"""``earshot config keygen``: the owner's signing key."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

EPILOG = """\
examples:
  earshot config keygen                           once: the key that push signs with from then on
  earshot config keygen anna-2026 --out anna.pem  another, under another name
  earshot config keygen --show                    the line of the key that is there, for another device

Devices trust a key by a line in their own file, /etc/earshot/earshot.toml, which is printed. To replace a key: make the
new one, push keys.trusted with both, signed by the old; then push it with the new one alone, signed by the new
(docs/security.md).

The file is the power over your devices: keep a copy where only you get at it."""


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "keygen",
        help="make the key that signs what you push",
        description="Make a signing key (Ed25519), and print the line by which devices trust it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "name", metavar="NAME", nargs="?", default="owner", help="its name on the devices (default: owner)"
    )
    parser.add_argument(
        "--out", metavar="FILE", type=Path, help="where to keep it (default: ~/.config/earshot/signing.pem)"
    )
    parser.add_argument(
        "--show", action="store_true", help="make none: print the line of the key that is there"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from device.settings import signing

    place = args.out or signing.default_place()
    if args.show:
        key = signing.load(place)
        print(f"signing key {key.name}: {place}")
    else:
        key = signing.generate(args.name)
        signing.save(key, place)
        print(f"signing key {key.name}: {place} (only you can read it; keep a copy)")
    print("on each device, in /etc/earshot/earshot.toml:\n")
    print(f'[keys]\ntrusted = ["{key.public}"]')
    if args.out:
        print(f"\nto sign with it: earshot config push --key {place} ...")
    return 0
