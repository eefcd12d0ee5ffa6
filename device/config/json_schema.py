"""The configuration as a JSON Schema, draft 2020-12. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from device.config.keys import KEYS, Key, hints
from device.config.schema import Config

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """The schema of the tables, with ``x-`` words for what JSON Schema has none: unit, how a change takes effect, who may make it."""
    return {
        "$schema": DIALECT,
        "title": "earshot configuration",
        **_table({name: _section(name, kind) for name, kind in hints(Config).items()}),
    }


def _section(name: str, kind: type) -> dict[str, Any]:
    keys = {key.name: _key(key) for key in KEYS.values() if key.section == name}
    return {"description": kind.__doc__ or "", **_table(keys)}


def _table(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _key(key: Key) -> dict[str, Any]:
    words: dict[str, Any] = _portable(msgspec.json.schema(key.hint))
    words |= {"description": key.help, "default": msgspec.to_builtins(key.default)}
    if key.unit:
        words["x-unit"] = key.unit
    words |= {"x-apply": key.policy.apply, "x-unsigned": key.policy.unsigned}
    if key.policy.local:
        words["x-local"] = True
    if key.policy.secret:
        words["x-secret"] = True
    return words


def _portable(words: Any) -> Any:
    """``words`` with Python's end of text, ``\\Z``, as the ``$`` of JSON Schema's regular expressions."""
    if isinstance(words, dict):
        return {
            name: value.replace(r"\Z", "$") if name == "pattern" else _portable(value)
            for name, value in words.items()
        }
    return words
