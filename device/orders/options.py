"""What ``earshot send`` and ``earshot say --device`` share on the command line."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from device.errors import EarshotError

if TYPE_CHECKING:
    from device.link.orders import Cmd, Say


def check_timeout(timeout_s: float | None) -> None:
    """Raises ``EarshotError`` for one that is no time."""
    if timeout_s is not None and not 0 < timeout_s <= 86_400:
        raise EarshotError(f"--timeout {timeout_s:g}: must be more than 0 s, and a day at most")


def deliver(args: argparse.Namespace, order: Cmd | Say, timeout_s: float | None) -> int:
    """Send ``order`` to ``args.device``, say what became of it; the exit code. None: do not wait for that."""
    from device.link.options import broker_for
    from device.orders.sender import send

    answer = send(broker_for(args), args.device, order, timeout_s)
    if answer is None:
        print(json.dumps({"device": args.device, "id": order.id}) if args.json else f"{args.device}: sent")
        return 0
    if args.json:
        print(json.dumps(answer.data))
    else:
        print(answer.line, file=sys.stdout if answer.ok else sys.stderr)
    return 0 if answer.ok else 1
