"""Layers of configuration: later ones win, key by key, and it stays known which one each key is from. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from device.config.keys import flatten, nested

DEFAULT = "default"
"""Origin of a key that no layer sets."""


@dataclass(frozen=True, slots=True)
class Merged:
    """``tables`` as ``parse`` takes them; ``origin``: which layer each key that is set at all is from, by path."""

    tables: dict[str, Any]
    origin: dict[str, str]

    def origin_of(self, path: str) -> str:
        """The layer of ``path``, or ``default``."""
        return self.origin.get(path, DEFAULT)


def merged(layers: Sequence[tuple[str, Mapping[str, Any]]]) -> Merged:
    """Lay ``layers`` (name and tables, lowest first) over each other. A layer that sets what a lower one has set alike is
    where the key is from all the same: taking the lower one away would change nothing."""
    flat: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for name, tables in layers:
        for path, value in flatten(tables).items():
            flat[path] = value
            origin[path] = name
    return Merged(nested(flat), origin)
