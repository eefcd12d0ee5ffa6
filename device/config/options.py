"""``--config FILE`` and ``--set KEY=VALUE``: how commands are told which configuration to use."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from device.config.load import load
from device.config.schema import Config
from device.errors import ConfigError


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add both options to a command."""
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="TOML file (default: /etc/earshot/earshot.toml)"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override one key, e.g. mqtt.host=broker.local; may be given several times",
    )


def config_of(args: argparse.Namespace) -> Config:
    """The configuration that a command line asks for. Raises ConfigError with every problem found."""
    return load(args.config, overrides(args.set))


def overrides(pairs: Sequence[str], option: str = "--set") -> dict[str, Any]:
    """``["wake.threshold=0.7"]`` as nested tables; a value that is no TOML is taken as text. Raises ConfigError, which
    calls the pairs by the name of their ``option``."""
    tables: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise ConfigError(option, [f"{pair!r}: must be KEY=VALUE, as in --set device.volume=40"])
        try:
            parsed = tomllib.loads(f"value = {value}")["value"]
        except (ValueError, RecursionError):
            parsed = value
        *path, last = key.strip().split(".")
        table = tables
        for part in path:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise ConfigError(option, [f"{pair!r}: {part!r} is set as a value and as a table"])
        table[last] = parsed
    return tables
