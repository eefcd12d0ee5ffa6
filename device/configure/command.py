"""``earshot config``: what can be set, what is set, and setting it. One module a subcommand, each with
``add(subparsers)``, which names its ``run(args) -> int``."""

from __future__ import annotations

import argparse
import importlib
from typing import Any

SUBCOMMANDS = (
    "device.configure.show",
    "device.configure.check",
    "device.configure.push",
    "device.configure.get",
    "device.configure.diff",
    "device.configure.rollback",
    "device.configure.keygen",
    "device.configure.sign",
    "device.configure.docs",
    "device.configure.schema",
)
"""In the order of the help. Importing one must be cheap: whatever is heavy is imported by its ``run``."""

DESCRIPTION = """\
The configuration of a device: which keys there are, what they are set to and by whom, whether a file is valid, and
(signed with your key) pushing one to a device over MQTT.

Later layers win: built-in defaults, /etc/earshot/earshot.toml, what was pushed to the device's group, what was pushed
to the device, what a command set."""

EPILOG = """\
examples:
  earshot config show --origin                  every key in force here, and which layer it is from
  earshot config check kitchen.toml             is it valid? every mistake with its line
  earshot config push --device kitchen kitchen.toml --broker broker.local
  earshot config get --device kitchen           what it made of that, and what is in force there
  earshot config docs | less                    what each key means
  earshot config schema > earshot.schema.json   for editors that complete and check TOML

`earshot config COMMAND --help` explains each."""


def add_parser(subparsers: Any) -> None:
    top = subparsers.add_parser(
        "config",
        help="show, check, sign and push the configuration of devices",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.set_defaults(run=lambda args: top.print_help() or 2)
    commands = top.add_subparsers(metavar="COMMAND", title="commands")
    for name in SUBCOMMANDS:
        importlib.import_module(name).add(commands)
