"""``earshot demo``: a whole conversation, live in the terminal, without any hardware.

A private mosquitto, an endpoint worker with built-in answers and the real device (real engines in their own
processes, real turns over MQTT) run in real time; only the room and the talkers in it are simulated.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SCENARIO = Path(__file__).with_name("demo.toml")
WORKER_READY_S = 20
"""[s] A worker is reachable a second after its start; a busy Raspberry Pi needs some."""

EPILOG = """\
examples:
  earshot demo                         the conversation, live
  earshot demo --out conversation      ... and what it left: a recording, a picture, a timeline, a transcript

The output folder gets conversation.wav (left what the microphone heard, right what was played), timeline.png,
timeline.json and transcript.md. Exit code: 0 = all went as expected, 1 = not, 2 = something is missing."""


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "demo",
        help="a whole conversation in a simulated room, with a picture of it",
        description="Watch earshot in a conversation: a command in one breath with the wake word, a question to "
        "the endpoint, a cut-in over the long answer, and a follow-up. Needs no hardware; takes about a minute.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        default=Path("earshot-demo"),
        help="output folder (default: earshot-demo)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from rich.console import Console

    from device import pictures
    from device.scenario.broker import private_broker
    from device.scenario.format import load
    from device.scenario.output import FILES
    from device.scenario.report import Live, Report
    from device.scenario.runner import run_scenario

    pictures.require_matplotlib()
    console = Console(highlight=False)
    scenario = load(SCENARIO)
    args.out.mkdir(parents=True, exist_ok=True)  # fails now, not after a minute
    console.print("[bold]earshot: a conversation in a simulated room[/]")
    console.print(
        "[dim]Real parts: wake word, Vosk (a tiny test model), MQTT through a private mosquitto, an endpoint worker with "
        "built-in answers, espeak-ng, echo canceller, barge-in. Simulated: the room and the people in it.[/]\n"
    )
    with private_broker() as broker, endpoint_worker(*broker, scenario.config().endpoint.pool):
        result = run_scenario(
            scenario,
            realtime=True,
            broker=broker,
            worker=False,
            out_dir=args.out,
            on_event=Live(console),
            now=datetime.datetime.now,
        )
    console.print()
    Report().finished(result, None)
    for name in FILES:
        console.print(f"  {args.out / name}")
    return 0 if result.passed else 1


@contextlib.contextmanager
def endpoint_worker(host: str, port: int, pool: str) -> Iterator[None]:
    """``earshot endpoint`` with its built-in answers, in a process of its own, ready to take turns."""
    import subprocess
    import threading

    from device import subprocesses
    from device.errors import LinkError

    command = [sys.executable, "-m", "device.endpoint", "--host", host, "--port", str(port), "--pool", pool]
    process = subprocess.Popen(
        [*command, "--name", "demo"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=subprocesses.environment(),
    )
    assert process.stderr is not None
    too_late = threading.Timer(WORKER_READY_S, process.kill)  # ends the reading below
    too_late.start()
    try:
        if not any(b"connected to broker" in line for line in process.stderr):
            raise LinkError(f"the endpoint worker did not start (exit {process.wait()})")
        too_late.cancel()
        yield
    finally:
        too_late.cancel()
        subprocesses.end(process)
        process.stderr.close()
