"""A type with its limits in words, for messages and for the reference page. Pure."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from msgspec import Meta

_NAMES = {
    bool: ("true or false", "truth values"),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    str: ("text", "texts"),
}


def parts(hint: Any) -> tuple[Any, list[Any]]:
    """``Annotated[int, Meta(...), Policy(...)]`` as the plain type and what it is annotated with."""
    if get_origin(hint) is not Annotated:
        return hint, []
    plain, *notes = get_args(hint)
    return plain, notes


def meta_of(hint: Any) -> Meta:
    """The limits of a type; without any, an empty ``Meta``."""
    return next((note for note in parts(hint)[1] if isinstance(note, Meta)), Meta())


def describe(hint: Any) -> str:
    """``a whole number from 0 to 100 [percent]``, ``a list of 1 to 4 texts``."""
    unit = unit_of(meta_of(hint))
    return f"{limited(hint)} [{unit}]" if unit else limited(hint)


def limited(hint: Any, *, several: bool = False) -> str:
    """The same without the unit; with ``several`` in the plural."""
    plain, meta = parts(hint)[0], meta_of(hint)
    if get_origin(plain) in (tuple, list):
        return f"a list of {_count(meta)}{limited(get_args(plain)[0], several=True)}"
    if meta.title:
        return meta.title  # what a pattern means, in words; of a list's entries in the plural
    words = _named(plain, several) + _range(meta)
    if plain is str:
        words += _length(meta)
    return words


def kind(value: Any) -> str:
    """What a value of a TOML or JSON text is, in the words of ``describe``."""
    if value is None:
        return "null"
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, bool):
        return "a truth value"
    return _NAMES[type(value)][0] if type(value) in _NAMES else "a date or time"


def unit_of(meta: Meta) -> str:
    """The unit that a description begins with, in brackets; empty where it has none."""
    found = re.match(r"\[([^]]+)\]", meta.description or "")
    return found[1] if found else ""


def help_of(meta: Meta) -> str:
    """A description without its unit."""
    return re.sub(r"^\[[^]]+\]\s*", "", meta.description or "")


def _named(plain: Any, several: bool) -> str:
    if get_origin(plain) is Literal:
        choices = get_args(plain)
        return "one of " * (len(choices) > 1) + ", ".join(repr(choice) for choice in choices)
    if get_origin(plain) in (Union, types.UnionType):
        return " or ".join(limited(each, several=several) for each in get_args(plain))
    return _NAMES[plain][several] if plain in _NAMES else str(plain)


def _range(meta: Meta) -> str:
    if meta.ge is not None and meta.le is not None:
        return f" from {meta.ge} to {meta.le}"
    if meta.ge is not None:
        return f" of at least {meta.ge}"
    return f" of at most {meta.le}" if meta.le is not None else ""


def _length(meta: Meta) -> str:
    low, high = meta.min_length or 0, meta.max_length
    if high is not None:
        return f" of {low} to {high} characters" if low else f" of at most {high} characters"
    return ", not empty" if low == 1 else f" of at least {low} characters" if low else ""


def _count(meta: Meta) -> str:
    low, high = meta.min_length or 0, meta.max_length
    if high is not None:
        return f"{low} to {high} " if low else f"at most {high} "
    return f"at least {low} " if low else ""
