"""A file to start from: every key with its meaning and its default, each commented out but those that are given. Pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from typing import Any

from device.config.keys import KEYS, Key, flatten, hints
from device.config.reference import toml
from device.config.schema import Config

_WIDTH = 118
_INTRO = """\
# earshot's configuration. Every key has a default, which stands behind the #; take the # away to set it. Then
#   earshot config check FILE          is it valid?
#   systemctl reload earshot           take it
# docs/config.md says what a change of each takes, and who may make it over MQTT.
"""


def skeleton(given: Mapping[str, Any]) -> str:
    """The TOML text. ``given``: nested tables, valid; their keys are set, and stand first in their sections."""
    values = flatten(given)
    return _INTRO + "".join(_section(name, kind, values) for name, kind in hints(Config).items())


def _section(name: str, kind: type, values: Mapping[str, Any]) -> str:
    keys = [key for key in KEYS.values() if key.section == name]
    keys.sort(key=lambda key: key.path not in values)  # stable: the schema's order otherwise
    lines = [f"\n[{name}]", *_comment(kind.__doc__ or "")]
    for key in keys:
        lines += ["", *_comment(f"{key.help} {_words(key)}"), _line(key, values)]
    return "\n".join(lines) + "\n"


def _words(key: Key) -> str:
    return key.words[0].upper() + key.words[1:] + "."


def _line(key: Key, values: Mapping[str, Any]) -> str:
    if key.path in values:
        return f"{key.name} = {toml(values[key.path])}"
    return f"#{key.name} = {toml(key.default)}"


def _comment(text: str) -> list[str]:
    return ["# " + line for line in textwrap.wrap(re.sub(r"\s+", " ", text.strip()), _WIDTH)]
