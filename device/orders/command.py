"""``earshot send``: tell a device over the broker to do something, and hear what became of it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from device.errors import EarshotError
from device.link.options import add_visit_options, check_device
from device.orders.commands import COMMANDS, arguments

DESCRIPTION = """\
Tell a device to do something, wait for its answer, and print it.

Every order has an id and is done once, however often the broker delivers it. Exit code 0: done; 1: refused, or no answer
(then it says whether the device is online); 2: it cannot be tried."""

EXAMPLES = """\
examples:
  earshot send --device kitchen volume percent=40
  earshot send --device kitchen volume step=-10
  earshot send --device kitchen timer.set seconds=600 name=pasta
  earshot send --device kitchen timer.cancel all=true
  earshot send --device kitchen set wake.threshold=0.7
  earshot send --device kitchen --json stop
  earshot send --device kitchen --broker broker.local identify

To have it say something: earshot say --device kitchen "Dinner is ready"."""

PATIENCE_S = 10.0
CHANGE_PATIENCE_S = 35.0
"""A key may take the device some time: a wake word's model is loaded first."""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "send",
        help="tell a device to do something: volume, mute, stop, timers ...",
        description=DESCRIPTION,
        epilog="\n".join([*_table(), "", EXAMPLES]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--device", metavar="NAME", required=True, help="the device, by its device.id")
    parser.add_argument("cmd", metavar="CMD", help="what to do, see below")
    parser.add_argument("args", metavar="KEY=VALUE", nargs="*", default=[], help="its arguments, see below")
    parser.add_argument("--json", action="store_true", help="the answer as one JSON object, for programs")
    parser.add_argument(
        "--timeout", type=float, metavar="S",
        help=f"[s] how long to wait for the answer (default: {PATIENCE_S:g}; set: {CHANGE_PATIENCE_S:g})",
    )  # fmt: skip
    parser.add_argument("--no-wait", action="store_true", help="do not wait for the answer")
    add_visit_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from device.link.ids import uuid7
    from device.link.orders import Cmd
    from device.orders.commands import Refused, parse
    from device.orders.options import check_timeout, deliver

    check_device(args.device)
    check_timeout(args.timeout)
    given = parse_pairs(args.cmd, args.args)
    try:
        parse(args.cmd, given)
    except Refused as exc:
        raise EarshotError(str(exc)) from exc
    usual = CHANGE_PATIENCE_S if args.cmd == "set" else PATIENCE_S
    return deliver(
        args, Cmd(id=uuid7(), cmd=args.cmd, args=given), None if args.no_wait else args.timeout or usual
    )


def parse_pairs(cmd: str, pairs: list[str]) -> dict[str, Any]:
    """``key=value`` pairs as arguments: a value is JSON where it is some, else text. ``set wake.threshold=0.7`` is
    ``set key=wake.threshold value=0.7``. Raises ``EarshotError``."""
    known = [argument.name for argument in arguments(cmd)] if cmd in COMMANDS else None
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise EarshotError(f"{pair!r}: arguments are given as KEY=VALUE")
        if cmd == "set" and "." in key and len(pairs) == 1:
            return {"key": key, "value": _value(text)}
        if known is not None and key not in known:
            raise EarshotError(f"{cmd} takes no {key!r}; it takes: {', '.join(known) or 'nothing'}")
        if key in found:
            raise EarshotError(f"{key} is given twice")
        found[key] = text if known is not None and key in ("name", "key") else _value(text)
    return found


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _table() -> Iterator[str]:
    """Every command, as the device checks it."""
    yield "commands:"
    for name, kind in COMMANDS.items():
        yield f"  {name:<14}{(kind.__doc__ or '').strip()}"
        for argument in arguments(name):
            optional = "" if argument.required else " (optional)"
            yield f"      {argument.name:<10}{argument.help}: {argument.words}{optional}"
