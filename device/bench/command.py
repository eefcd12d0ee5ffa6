"""``earshot bench``: the command line of the benchmarks."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

EPILOG = """\
examples:
  earshot bench idle                 what listening costs (ring, VAD, wake word), and the ring alone
  earshot bench load --seconds 30    how late the ear is while the recogniser and the voice work
  earshot bench idle --json          the same for scripts
  earshot bench stop --trials 20     from "stop" to silence, on a real loudspeaker before a real microphone

Machines are shared and noisy: run a benchmark several times and compare medians and ratios."""

LINES = {
    "cpu_s_per_s": "CPU seconds per second of audio, taken as fast as it comes",
    "cpu_s_per_s_paced": "the same in real time: with 100 wake-ups a second",
    "rss_mib": "resident memory of the main process [MiB]",
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
    "trials": "stops by each of them",
    "device_latency_ms": "latency of the device itself [ms]",
    "output_latency_ms": "latency with our queue [ms]",
}


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "bench",
        help="measure what it costs on this machine",
        description="Measure speed and memory of the real parts on this machine; needs no sound card.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=["idle", "load", "stop"], help="which benchmark")
    parser.add_argument(
        "--seconds", type=_seconds, default=20.0, help="length of the measurement (default 20)"
    )
    parser.add_argument("--trials", type=_trials, default=10, help="stop: stops by each method (default 10)")
    parser.add_argument("--config", help="stop: TOML file, for its devices")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.set_defaults(run=run)


def _seconds(text: str) -> float:
    value = float(text)
    if not 1 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text}: must be from 1 to 3600 seconds")
    return value


def _trials(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"{text}: must be from 1 to 1000")
    return value


def run(args: argparse.Namespace) -> int:
    if args.what == "stop":
        return _stop(args)
    if args.what == "idle":
        from device.bench.idle import measure
    else:
        from device.bench.load import measure
    return _tell(measure(args.seconds), args.json)


def _stop(args: argparse.Namespace) -> int:
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


def _tell(figures: dict[str, Any], as_json: bool) -> int:
    if as_json:
        print(json.dumps(figures))
    else:
        width = max(len(text) for text in LINES.values())
        for key, value in figures.items():
            print(f"{LINES.get(key, key):<{width}}  {value}")
    return 0
