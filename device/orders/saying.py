"""``earshot say --device``: have a device say something, and hear whether it was said."""

from __future__ import annotations

import argparse

from device.errors import EarshotError
from device.link.ids import uuid7
from device.link.options import add_broker_options, check_device
from device.link.orders import Say
from device.orders.options import check_timeout, deliver

PATIENCE_S = 120.0
"""A text of normal priority waits until nobody speaks, and takes its time to be said."""
ONLY_HERE = ("engine", "voice", "model", "speed", "out", "times")
"""Options of ``earshot say`` that are about the voice of this machine."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """``--device`` and what goes with it."""
    group = parser.add_argument_group("on a device, over the broker")
    group.add_argument("--device", metavar="NAME", help="have this device say it, by its device.id")
    group.add_argument(
        "--priority", choices=("low", "normal", "alarm"),
        help="low: only if nothing goes on within a minute; normal: as soon as nobody speaks or is answered (default); "
        "alarm: at once, also while muted",
    )  # fmt: skip
    group.add_argument(
        "--interrupt", action="store_true", help="end what is being said, and what waits to be"
    )
    group.add_argument("--volume", type=int, metavar="PERCENT", help="for this text alone, 0 to 100")
    group.add_argument("--chime", action="store_true", help="a sound before it")
    group.add_argument("--no-wait", action="store_true", help="do not wait until it was said")
    group.add_argument(
        "--timeout", type=float, metavar="S", help=f"[s] how long to wait for that (default: {PATIENCE_S:g})"
    )
    add_broker_options(parser)


def check(args: argparse.Namespace) -> None:
    """Options that make no sense together are an ``EarshotError``."""
    if args.device is None:
        for name in ("priority", "interrupt", "volume", "chime", "no_wait", "timeout", "broker"):
            if getattr(args, name) not in (None, False):
                raise EarshotError(
                    f"--{name.replace('_', '-')} goes with --device: it is for a device on the broker"
                )
        return
    for name in ONLY_HERE:
        if getattr(args, name) not in (None, False):
            raise EarshotError(
                f"--{name} is for this machine: a device speaks with its own voice; leave out one"
            )
    check_device(args.device)
    check_timeout(args.timeout)
    if args.volume is not None and not 0 <= args.volume <= 100:
        raise EarshotError(f"--volume {args.volume}: must be a percentage, 0 to 100")


def run(args: argparse.Namespace, text: str) -> int:
    """Send ``text`` and wait until it was said, or not: exit code 0, or 1."""
    if not text.strip() or len(text) > 4096:
        raise EarshotError(f"the text has {len(text)} characters: give 1 to 4096 of them")
    say = Say(
        id=uuid7(),
        text=text,
        priority=args.priority or "normal",
        interrupt=args.interrupt,
        volume=args.volume,
        chime=args.chime,
    )
    return deliver(args, say, None if args.no_wait else args.timeout or PATIENCE_S)
