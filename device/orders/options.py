"""What ``earshot send`` and ``earshot say --device`` share on the command line."""

from __future__ import annotations

import argparse
import json
import re
import sys
from typing import TYPE_CHECKING

from device.errors import EarshotError

if TYPE_CHECKING:
    from device.link.orders import Cmd, Say

_DEVICE = re.compile(r"[a-z0-9-]{3,32}")


def check_device(name: str) -> None:
    """Raises ``EarshotError`` for a name that no device can have."""
    if not _DEVICE.fullmatch(name):
        raise EarshotError(f"--device {name!r}: must be 3 to 32 of a-z, 0-9 and -, as its device.id")


def check_timeout(timeout_s: float | None) -> None:
    """Raises ``EarshotError`` for one that is no time."""
    if timeout_s is not None and not 0 < timeout_s <= 86_400:
        raise EarshotError(f"--timeout {timeout_s:g}: must be more than 0 s, and a day at most")


def deliver(args: argparse.Namespace, order: Cmd | Say, timeout_s: float | None) -> int:
    """Send ``order`` to ``args.device``, say what became of it; the exit code. None: do not wait for that."""
    from device.config.options import config_of
    from device.link.credentials import warnings
    from device.link.options import broker_of
    from device.orders.sender import send

    broker = broker_of(args, config_of(args).mqtt)
    for line in warnings(broker):
        print(f"warning: {line}", file=sys.stderr)
    answer = send(broker, args.device, order, timeout_s)
    if answer is None:
        print(json.dumps({"device": args.device, "id": order.id}) if args.json else f"{args.device}: sent")
        return 0
    if args.json:
        print(json.dumps(answer.data))
    else:
        print(answer.line, file=sys.stdout if answer.ok else sys.stderr)
    return 0 if answer.ok else 1
