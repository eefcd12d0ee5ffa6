"""``earshot trace``: where the time of each turn went, from the broker or a file, as a table, as data or as a picture."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from device.errors import EarshotError
from device.link.options import add_visit_options, broker_for, check_device

if TYPE_CHECKING:
    from device.latency.reader import Reader, Seen

DESCRIPTION = """\
Where does the time between your last word and the first sound of the answer go?

Without options: percentiles since each device started, stage by stage. With --follow: each turn as it happens. A stage
costs what you waited because of it; what a guess did before you had finished costs nothing. Stages over their budget
([budget] in the configuration of the device) are marked and named. No words are shown: none are sent."""

EPILOG = """\
the stages of a turn:
  endpoint      last sample of your speech, to the decision that it was the last
  commit        to the question asked for good: the last words are known
  ack           to a worker having taken it
  token         to the first words of the answer
  clause        to the first clause for the voice
  sample        to its first sound at the loudspeaker

examples:
  earshot trace                                 percentiles of every device on the broker
  earshot trace --follow                        every turn of every device, until Ctrl-C
  earshot trace --follow --device kitchen
  earshot trace --follow --json > turns.jsonl   one JSON object a turn, for later
  earshot trace --from turns.jsonl --plot turns.png --last 10
  earshot trace --plot turns.png --count 5      wait for the next five turns, then draw them
  earshot trace --from out/timeline.json        the turns of an `earshot scenario --out out`
  earshot trace --broker broker.local           another broker than the configuration's"""

LAST = 20
ROWS = 500
"""Turns that a picture has room for."""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "trace",
        help="where the time of each turn goes: live, as percentiles, as a picture",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "-f", "--follow", action="store_true", help="show each turn as it happens, until Ctrl-C"
    )
    parser.add_argument("--device", metavar="NAME", help="only this device (default: all on the broker)")
    parser.add_argument(
        "--last",
        type=int,
        default=LAST,
        metavar="N",
        help=f"turns that table and picture show (default: {LAST})",
    )
    parser.add_argument("--count", type=int, metavar="N", help="leave after N turns have come")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, for programs")
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw the turns into this picture (.png, .svg, .pdf)"
    )
    parser.add_argument(
        "--from",
        dest="source",
        metavar="FILE",
        help="turns saved by --json, or a scenario's timeline.json; - reads stdin",
    )
    add_visit_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    _check(args)
    if args.plot:
        from device import pictures

        pictures.require(args.plot)
    if args.source:
        return _show_saved(args)
    from device.latency.reader import Reader

    with Reader(broker_for(args), args.device) as reader:
        if args.follow or args.plot or args.count:
            return _follow(args, reader)
        return _summary(args, reader)


# ---------------------------------------------------------------------- three ways to look


def _summary(args: argparse.Namespace, reader: Reader) -> int:
    import msgspec

    from device.latency.table import percentiles

    states = reader.states()
    if not states:
        who = f"device {args.device!r}" if args.device else "no device"
        print(
            f"{who} has {'not ' if args.device else ''}reported to this broker: is `earshot run` running?",
            file=sys.stderr,
        )
        return 1
    if args.json:
        for device, state in states.items():
            print(json.dumps({"device": device, "latency": msgspec.to_builtins(state.latency)}))
        return 0
    print("\n\n".join(percentiles(device, state.latency) for device, state in states.items()))
    print("\neach turn as it happens: earshot trace --follow")
    return 0


def _follow(args: argparse.Namespace, reader: Reader) -> int:
    kept: deque[Seen] = deque(maxlen=args.last)
    over = 0
    count = args.count or (args.last if args.plot and not args.follow else None)
    whose = f"device {args.device}" if args.device else "all devices"
    print(
        f"waiting for turns of {whose}{f', {count} of them' if count else ''}; Ctrl-C ends it",
        file=sys.stderr,
    )
    try:
        with _view(args, kept) as show:
            for seen in _turns(reader):
                if seen.line.outcome != "speaking":
                    kept.append(seen)
                    over += 1
                show(seen)
                if over == count:
                    break
    except KeyboardInterrupt:
        if not args.plot:
            raise
    return _draw(args, list(kept))


def _show_saved(args: argparse.Namespace) -> int:
    from device.latency.saved import read

    try:
        text = sys.stdin.read() if args.source == "-" else Path(args.source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise EarshotError(f"--from {args.source!r} cannot be read: {exc}") from exc
    turns = [seen for seen in read(args.source, text) if args.device in (None, seen.device)][-args.last :]
    if not turns:
        raise EarshotError(f"--from {args.source!r} has no turn of device {args.device!r}")
    if args.plot and not args.json:
        return _draw(args, turns)
    with _lines(args) as show:
        for seen in turns:
            show(seen)
    return _draw(args, turns)


def _draw(args: argparse.Namespace, turns: list[Seen]) -> int:
    if not args.plot:
        return 0
    if not turns:
        print("no turn has come, so there is nothing to draw", file=sys.stderr)
        return 1
    from device.latency.picture import draw

    draw(turns, args.plot)
    print(f"{len(turns)} turn{'s' * (len(turns) != 1)} drawn: {args.plot}", file=sys.stderr)
    return 0


# ---------------------------------------------------------------------- showing turns


def _turns(reader: Reader) -> Iterator[Seen]:
    """Timelines as they come, for ever; says it once where the broker goes away."""
    problem = None
    while True:
        seen = reader.next(0.5)
        if reader.problem != problem:
            problem = reader.problem
            if problem:
                print(f"earshot trace: {problem}", file=sys.stderr)
        if seen is not None:
            yield seen


def _view(args: argparse.Namespace, kept: deque[Seen]) -> AbstractContextManager[Any]:
    if args.json or not sys.stdout.isatty():
        return _lines(args)
    from device.latency.live import Live

    return Live(kept)


def _lines(args: argparse.Namespace) -> AbstractContextManager[Any]:
    """Each turn that is over as a line, of JSON or of a table."""
    from device.latency.saved import line_of
    from device.latency.table import HEADINGS, cells, plain

    if not args.json:
        print("time      " + plain(HEADINGS), flush=True)

    def show(seen: Seen) -> None:
        if seen.line.outcome == "speaking":
            return
        if args.json:
            print(line_of(seen), flush=True)
        else:
            clock = time.strftime("%H:%M:%S", time.localtime(seen.time_s))
            print(f"{clock}  {plain([cell.text for cell in cells(seen.device, seen.line)])}", flush=True)

    return nullcontext(show)


def _check(args: argparse.Namespace) -> None:
    """Raises ``EarshotError`` for options that make no sense, alone or together."""
    if args.device is not None:
        check_device(args.device)
    for name in ("last", "count"):
        number = getattr(args, name)
        if number is not None and not 1 <= number <= 10_000:
            raise EarshotError(f"--{name} {number}: must be 1..10000 turns")
    if args.plot and args.last > ROWS:
        raise EarshotError(f"--last {args.last}: a picture has room for 1..{ROWS} turns")
    if args.source and (args.follow or args.count):
        raise EarshotError(
            "--from reads turns that are over: it does not go together with --follow or --count"
        )
