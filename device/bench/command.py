"""``earshot bench``: the command line of the benchmarks."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from device.bench.barge_in.command import add_barge_in
from device.bench.options import add, count, with_progress
from device.bench.turns.command import add_turns

EPILOG = """\
examples:
  earshot bench idle                        what listening costs (ring, VAD, wake word), and the ring alone
  earshot bench load --seconds 30           how late the ear is while the recogniser and the voice work
  earshot bench stop --trials 20            from "stop" to silence, on a real loudspeaker before a real microphone
  earshot bench replug                      how soon a device that was taken away and came back is used (card-less rig)
  earshot bench barge-in --quick --rooms 1  a first look at how the device gives way to a talker
  earshot bench echo --json                 the echo canceller alone, for scripts
  earshot bench turns --quick               how soon it answers, and how often too soon
  earshot bench config                      from a pushed configuration to its report, and what the ear notices
  earshot bench turn-model --speech people/ what a verdict of a turn-end model costs, and how often it is right

Machines are shared and noisy: run a benchmark of CPU or lateness several times and compare medians and ratios."""

LINES = {
    "cpu_s_per_s": "CPU seconds per second of audio, taken as fast as it comes",
    "cpu_s_per_s_paced": "the same in real time: with 100 wake-ups a second",
    "rss_mib": "resident memory of the process [MiB]",
    "ring_us": "ring: 10 ms written and read by three readers [us CPU]",
    "ear_late_p50_ms": "ear's step late, median [ms]",
    "ear_late_p99_ms": "ear's step late, 99th percentile [ms]",
    "ear_late_max_ms": "ear's step late, worst [ms]",
    "baseline_p50_ms": "empty loop in its own process, median [ms]",
    "baseline_p99_ms": "empty loop in its own process, 99th percentile [ms]",
    "baseline_max_ms": "empty loop in its own process, worst [ms]",
    "lost_frames": "10 ms frames lost",
    "utterances": "utterances recognised meanwhile",
    "clauses": "clauses synthesised meanwhile",
    "seconds": "seconds measured",
    "ramp": "stop to silence: ramp in the next block, then zeros",
    "flush": "stop to silence: ramp at the head of the queue, then zeros",
    "abort": "stop to silence: the device drops what it holds",
    "trials": "trials of each of them",
    "microphone_noticed_ms": "microphone gone to named in the state [ms]",
    "microphone_back_ms": "microphone there again to heard [ms]",
    "loudspeaker_noticed_ms": "loudspeaker gone to named in the state [ms]",
    "loudspeaker_back_ms": "loudspeaker there again to named no more [ms]",
    "moved": "streams that the sound server had put elsewhere",
    "stuck": "streams that stood still",
    "device_latency_ms": "latency of the device itself [ms]",
    "output_latency_ms": "latency with our queue [ms]",
    "pushes": "configurations pushed",
    "push_p50_ms": "push to report, median [ms]",
    "push_p95_ms": "push to report, 95th percentile [ms]",
    "push_max_ms": "push to report, longest [ms]",
    "verify_us": "opening and checking an envelope of 4 kB [us CPU]",
    "verdict_p50_ms": "asked to answered, median [ms]",
    "verdict_p95_ms": "asked to answered, 95th percentile [ms]",
    "cpu_ms": "CPU time of the engine process for a verdict [ms]",
    "load_s": "load time [s]",
    "verdicts": "verdicts measured",
    "recordings": "recordings",
    "whole_complete": "whole ones taken for complete [0..1]",
    "broken_off_complete": "broken-off ones taken for complete [0..1]",
}


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "bench",
        help="measure what it costs on this machine, and how well it works",
        description="Measure the real parts on this machine; needs no sound card.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whats = parser.add_subparsers(dest="what", metavar="WHAT", title="benchmarks", required=True)
    for name, text in (("idle", "what listening costs"), ("load", "how late the ear is under load")):
        one = add(whats, name, text, cost)
        one.add_argument(
            "--seconds", type=_seconds, default=20.0, help="length of the measurement (default 20)"
        )
    stop = add(whats, "stop", "from stop to silence on a real loudspeaker", stop_to_silence, description=STOP)
    stop.add_argument("--trials", type=count(1, 1000), default=10, help="stops by each method (default 10)")
    stop.add_argument("--config", help="TOML file, for its devices")
    replug = add(whats, "replug", "until a device that came back is used", replugged, description=REPLUG)
    replug.add_argument("--trials", type=count(1, 1000), default=10, help="of each device (default 10)")
    add_barge_in(whats)
    _add_echo(whats)
    add_turns(whats)
    _add_turn_model(whats)
    _add_config(whats)


# ---------------------------------------------------------------------- idle, load


def cost(args: argparse.Namespace) -> int:
    if args.what == "idle":
        from device.bench.idle import measure
    else:
        from device.bench.load import measure
    return _tell(measure(args.seconds), args.json)


def _tell(figures: dict[str, Any], as_json: bool) -> int:
    if as_json:
        print(json.dumps(figures))
    else:
        width = max(len(text) for text in LINES.values())
        for key, value in figures.items():
            print(f"{LINES.get(key, key):<{width}}  {value}")
    return 0


# ---------------------------------------------------------------------- stop

STOP = """\
From "stop" to silence on the configured loudspeaker, heard by the configured microphone, by each method there is: a ramp
behind what is queued, the queue taken back, the stream aborted."""


def stop_to_silence(args: argparse.Namespace) -> int:
    from device.bench.stop import measure
    from device.config import load
    from device.errors import AudioError

    try:
        figures = measure(load(args.config), args.trials)
    except AudioError as exc:
        print(f"earshot bench stop: no sound device to measure: {exc}", file=sys.stderr)
        print("  without a card: scripts/sound-rig .venv/bin/earshot bench stop", file=sys.stderr)
        return 2
    return _tell(figures, args.json)


# ---------------------------------------------------------------------- replug

REPLUG = """\
Microphone and loudspeaker are taken away from the private sound server and given back: how soon that is named in the state,
and how soon the microphone is heard and the loudspeaker played again."""


def replugged(args: argparse.Namespace) -> int:
    from device.bench.replug import measure
    from device.errors import AudioError

    try:
        figures = measure(args.trials)
    except AudioError as exc:
        print(f"earshot bench replug: {exc}", file=sys.stderr)
        return 2
    return _tell(figures, args.json)


# ---------------------------------------------------------------------- echo

ECHO = """\
The echo canceller alone, in simulated rooms: how much echo it takes away (ERLE), after how long, what of a talker it
leaves (STOI), and its CPU time beside libspeexdsp's in the same run. docs/bench.md tells what each figure means."""


def _add_echo(whats: Any) -> None:
    parser = add(whats, "echo", "the echo canceller alone", echo, description=ECHO)
    parser.add_argument("--case", nargs="+", metavar="NAME", help="some cases only (default all)")
    parser.add_argument(
        "--rooms", type=count(1, 50), default=3, help="rooms a case, the median counts (default 3)"
    )
    parser.add_argument("--seed", type=count(0, 10**6), default=0, help="another number: other rooms")
    parser.add_argument(
        "--real", type=Path, metavar="DIR", help="also recordings named as in the AEC challenge"
    )


def echo(args: argparse.Namespace) -> int:
    from device.bench.echo import figures
    from device.bench.echo.cases import chosen
    from device.bench.echo.measure import measure

    cases = chosen(args.case)
    result = with_progress(lambda progress: measure(cases, args.rooms, args.seed, args.real, progress))
    print(json.dumps(result) if args.json else figures.text(result))
    return 0


# ---------------------------------------------------------------------- turn-model

TURN_MODEL = """\
A turn-end model (endpointing.model) in its own process: time and CPU time of a verdict, memory, and with recordings of
finished sentences how often it takes them for finished, whole and broken off at 60 %, in the middle of a word."""


def _add_turn_model(whats: Any) -> None:
    parser = add(
        whats, "turn-model", "what a verdict of a turn-end model costs", turn_model, description=TURN_MODEL
    )
    parser.add_argument(
        "--model", default="smart-turn", metavar="NAME", help="name or path (default smart-turn)"
    )
    parser.add_argument(
        "--speech", type=Path, metavar="DIR", help="WAV files of people, a finished sentence each"
    )


def turn_model(args: argparse.Namespace) -> int:
    from device.bench.barge_in.people import recording, wavs
    from device.bench.turn_model import measure

    speech = [] if args.speech is None else [recording(path) for path in wavs(args.speech, "--speech")]
    path = Path(args.model)
    name = str(path.resolve()) if path.is_file() else args.model
    return _tell(measure(name, speech), args.json)


# ---------------------------------------------------------------------- config

CONFIG = """\
From pushing a signed configuration to the device's report that it is in force (a daemon of its own, on a private
mosquitto); CPU time of opening and checking an envelope of 4 kB; and, with a device that listens in real time, how long
after a frame was due the ear had it, while wake word, thresholds, voice, volume and endpoint are changed."""


def _add_config(whats: Any) -> None:
    parser = add(whats, "config", "how long a pushed configuration takes", pushed_config, description=CONFIG)
    parser.add_argument("--pushes", type=count(2, 1000), default=50, help="configurations (default 50)")


def pushed_config(args: argparse.Namespace) -> int:
    from device.bench.config import measure

    figures = measure(args.pushes)
    if args.json:
        return _tell(figures, as_json=True)
    changes = figures.pop("changes_ms")
    _tell(figures, as_json=False)
    print("from a frame being due to the ear having heard it [ms]: median, longest, frames")
    for name, each in changes.items():
        print(f"  {name:<13}{'':2}{'  '.join(f'{value:8g}' for value in each.values())}")
    return 0


def _seconds(text: str) -> float:
    value = float(text)
    if not 1 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text}: must be from 1 to 3600 seconds")
    return value
