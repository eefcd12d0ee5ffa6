"""``earshot config schema``: the configuration as a JSON Schema."""

from __future__ import annotations

import argparse
import json
from typing import Any

EPILOG = """\
examples:
  earshot config schema > earshot.schema.json
  earshot config schema | jq '.properties.wake.properties.threshold'

Editors with a TOML language server complete and check a file that begins with
  #:schema ./earshot.schema.json

Beside the usual words each key has x-apply (what a change restarts: live = nothing), x-unsigned (whether it may come over
MQTT without a signature) and, where it has one, x-unit; x-local keys never come over MQTT, x-secret values never leave the
device."""


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "schema",
        help="every key as a JSON Schema",
        description="Print the JSON Schema (draft 2020-12) of the configuration, of the file as of what is pushed.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from device.config.json_schema import schema

    print(json.dumps(schema(), indent=2))
    return 0
