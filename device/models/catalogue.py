"""The models that ``earshot models fetch`` knows: name, where from, how big, what for, under which licence."""

from __future__ import annotations


def how_to_get(name: str, kind: str = "") -> str:
    """The command that brings ``name`` onto this machine, as the second half of a sentence."""
    return f"get it with: earshot models fetch {name}"
