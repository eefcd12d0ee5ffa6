"""``earshot bench barge-in``: the command line."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from device.bench.options import add, count, with_progress
from device.errors import ScenarioError

DESCRIPTION = """\
How soon the device gives way to a talker, how well it knows that nobody talks, and what "stop", the wake word and
a backchannel do over playback: the whole device in simulated rooms, in lock-step.

In each session 15 s of playback let the canceller converge, 60 s without a talker are watched for false alarms, and
then people interrupt, say mm-hm, "stop" and the wake word, each in the middle of a reply. A session of 4 minutes takes
some 15 s of one core; without options there are 24 conditions in 3 rooms. docs/bench.md tells what each figure means."""
EPILOG = """\
examples:
  earshot bench barge-in --quick --rooms 1
  earshot bench barge-in --ser 0 -10 --playback speech --background quiet --rooms 8 --json
  earshot bench barge-in --speech recordings/ --wake wake_words/ --noise kitchen.wav
  earshot bench barge-in --rooms 0 --plot barge-in.png      the picture alone"""


def add_barge_in(whats: Any) -> None:
    """Register the command."""
    parser = add(
        whats, "barge-in", "how soon it gives way to a talker, and never to nobody", barge_in,
        description=DESCRIPTION, epilog=EPILOG,
    )  # fmt: skip
    option = parser.add_argument
    option("--rooms", type=count(0, 200), default=3, help="how many rooms (default 3)")
    option("--ser", type=_ser, nargs="+", metavar="DB", help="talker over echo (default 5 0 -5 -10)")
    option("--playback", nargs="+", choices=["speech", "music", "tones"], help="what is played (default all)")
    option("--background", nargs="+", choices=["quiet", "noise"], help="what else sounds (default both)")
    option("--quick", action="store_true", help="speech in the quiet at 0 and -10 dB, and less of everything")
    option(
        "--alone", type=_alone, metavar="S", help="playback without a talker in each session (default 60 s)"
    )
    option("--seed", type=count(0, 10**6), default=0, help="another number: other rooms, another order")
    option("--jobs", type=count(1, 64), default=1, help="sessions at a time (default 1)")
    option("--speech", type=Path, metavar="DIR", help="WAV files of people, to interrupt with")
    option("--wake", type=Path, metavar="DIR", help='WAV files of people who say "alexa"')
    option("--noise", type=Path, metavar="WAV", help="background (default: a computed kitchen)")
    option(
        "--recogniser", default="pocketsphinx", metavar="NAME", help="pocketsphinx (default) or a Vosk model"
    )
    option("--plot", type=Path, metavar="FILE", help="draw 12 s of one session (needs matplotlib)")


def barge_in(args: argparse.Namespace) -> int:
    from device.bench.barge_in import figures, plan, run

    chosen = plan.Plan(
        rooms=args.rooms, seed=args.seed, recogniser=args.recogniser, speech=args.speech, wake=args.wake, noise=args.noise
    )  # fmt: skip
    if args.quick:
        chosen = chosen.quick()
    chosen = replace(
        chosen,
        sers=tuple(dict.fromkeys(args.ser or chosen.sers)),
        playbacks=tuple(dict.fromkeys(args.playback or chosen.playbacks)),
        noises=tuple(dict.fromkeys(args.background or chosen.noises)),
        alone_s=chosen.alone_s if args.alone is None else args.alone,
    )
    if args.plot is None and not args.rooms:
        raise ScenarioError(
            "--rooms 0 measures nothing; give 1 or more, or --plot FILE for the picture alone"
        )
    if args.plot is not None:
        from device import pictures
        from device.bench.barge_in import picture

        pictures.require(args.plot)
    run.check(chosen)
    if args.rooms:
        result = with_progress(lambda progress: run.measure(chosen, args.jobs, progress))
        print(json.dumps(result) if args.json else figures.text(result))
    if args.plot is not None:
        picture.draw(run.film(chosen), args.plot)
        print(f"picture: {args.plot}", file=sys.stderr)
    return 0


def _alone(text: str) -> float:
    value = float(text)
    if not 10 <= value <= 36_000:
        raise argparse.ArgumentTypeError(f"{text}: must be from 10 to 36000 seconds")
    return value


def _ser(text: str) -> float:
    value = float(text)
    if not -30 <= value <= 30:
        raise argparse.ArgumentTypeError(f"{text}: must be from -30 to 30 dB")
    return value
