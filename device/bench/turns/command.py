"""``earshot bench turns``: the command line."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from device.bench.options import add, count, with_progress

TURNS = """\
How soon the device answers, how often it answers into a pause, and how many calls of a language model that costs: the whole
device in a quiet simulated room, in lock-step, between scripted services with given delays (recogniser, language model,
voice), without and with speculation. docs/bench.md tells what each figure means."""
EPILOG = """\
examples:
  earshot bench turns --quick               a first look
  earshot bench turns --jobs 2 --json > turns.json
  earshot bench turns --speech recordings/  recorded people besides the synthetic ones
  earshot bench turns --plot turns.png      the distributions as a picture (needs the extra `plot`)"""


def add_turns(whats: Any) -> None:
    """Register the command."""
    parser = add(
        whats, "turns", "how soon it answers, how often too soon, and what that costs", turns, description=TURNS, epilog=EPILOG
    )  # fmt: skip
    option = parser.add_argument
    option("--quick", action="store_true", help="less of everything")
    option(
        "--seed",
        type=count(0, 10**6),
        default=0,
        metavar="N",
        help="another number: other rooms, pauses and order",
    )
    option(
        "--jobs",
        type=count(1, 64),
        default=os.cpu_count() or 1,
        metavar="N",
        help="sessions at a time (default: all cores)",
    )
    option(
        "--speech", type=Path, metavar="DIR", help="WAV files of people: finished turns besides the others"
    )
    option("--plot", type=Path, metavar="FILE", help="draw the distributions (needs matplotlib)")


def turns(args: argparse.Namespace) -> int:
    from device.bench.turns import figures, run
    from device.bench.turns.plan import Plan
    from device.bench.turns.speech import recordings

    chosen = Plan(
        seed=args.seed, quick=args.quick, speech=recordings(args.speech) if args.speech is not None else ()
    )
    if args.plot is not None:
        from device import pictures
        from device.bench.turns import picture

        pictures.require(args.plot)
    result = with_progress(lambda progress: run.measure(chosen, args.jobs, progress))
    print(json.dumps(result) if args.json else figures.text(result))
    if args.plot is not None:
        picture.draw(result, args.plot)
        print(f"picture: {args.plot}", file=sys.stderr)
    return 0
