"""The command ``earshot``: one subcommand a module, each in the room it belongs to.

Exit codes: 0 done, 1 tried and failed, 2 cannot be tried (bad usage, bad input, something missing), 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import importlib
import sys

from device import __version__
from device.errors import EarshotError

COMMANDS = (
    "device.daemon_command",
    "device.latency.command",
    "device.demo",
    "device.endpoint.command",
    "device.scenario.command",
    "device.mouth.command",
    "device.audio.command",
    "device.doctor.command",
    "device.models.command",
    "device.configure.command",
    "device.orders.command",
    "device.fleet.command",
    "device.bench.command",
)
"""Modules with ``add_parser(subparsers)``; their ``run(args) -> int`` imports what is heavy."""

DESCRIPTION = """\
earshot: a smart speaker that you can talk over.

Wake word, speech recognition and speech synthesis run on this machine; only text leaves it, as turns over MQTT to
an endpoint that answers them."""

EPILOG = """\
a first look, without any hardware:
  earshot demo              a whole conversation in a simulated room, with a picture of it
on a Raspberry Pi:
  earshot devices           which microphone and loudspeaker there are
  earshot doctor            is the device well, and what is to be done?
  earshot say "hello"       does the loudspeaker work?
  earshot run               listen and answer
  earshot endpoint          answer the turns of the devices on this broker
  earshot trace             where the time between a question and its answer goes
  earshot config show       what is set, and where; `config push` sets it from afar
  earshot send --device X   volume, timers, stop ... of a device on this broker
  earshot fleet init        a certificate for each device, and the rules of the broker

`earshot COMMAND --help` explains each command."""


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="earshot",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"earshot {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name in COMMANDS:
        importlib.import_module(name).add_parser(commands)
    return top


def main(argv: list[str] | None = None) -> int:
    top = parser()
    args = top.parse_args(argv)
    if args.command is None:
        top.print_help()
        return 2
    try:
        return int(args.run(args))
    except EarshotError as exc:
        print(f"earshot {args.command}: {exc}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # the reader went away (`earshot ... | head`): nothing is wrong
        sys.stderr.close()
        return 0
    except SystemExit as exc:
        if isinstance(exc.__context__, BrokenPipeError):  # the same, as rich tells it
            return 0
        raise
