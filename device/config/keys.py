"""Every key of the configuration as a value of its own, and a configuration as ``{"wake.threshold": 0.6}``. Pure.

Sections are one level deep: a key is always ``section.name``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from device.config.describe import describe, help_of, meta_of, parts, unit_of
from device.config.policy import Policy
from device.config.schema import Config, Section

MASK = "***"
"""What stands in place of a secret that is set."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key. ``words`` is its type with limits and unit (``a whole number from 0 to 100 [percent]``), ``unit`` empty where it has
    none, ``ge``/``le`` None where it has no such limit, ``choices`` empty unless it is one of a few texts."""

    path: str
    section: str
    name: str
    words: str
    unit: str
    default: Any
    help: str
    policy: Policy
    ge: float | None
    le: float | None
    choices: tuple[str, ...]
    hint: Any


@cache
def hints(section: type[Section]) -> dict[str, Any]:
    """The types of a section's keys with their annotations; of ``Config``, its sections."""
    return get_type_hints(section, include_extras=True)


def _key(section: str, name: str, hint: Any) -> Key:
    plain, notes = parts(hint)
    meta = meta_of(hint)
    return Key(
        path=f"{section}.{name}",
        section=section,
        name=name,
        words=describe(hint),
        unit=unit_of(meta),
        default=getattr(getattr(_DEFAULTS, section), name),
        help=help_of(meta),
        policy=next((note for note in notes if isinstance(note, Policy)), Policy()),
        ge=meta.ge,
        le=meta.le,
        choices=get_args(plain) if get_origin(plain) is Literal else (),
        hint=hint,
    )


_DEFAULTS = Config()
KEYS: Mapping[str, Key] = {
    key.path: key
    for section, kind in hints(Config).items()
    for key in (_key(section, name, hint) for name, hint in hints(kind).items())
}
"""By path, in the order of the schema."""


def flatten(tables: Mapping[str, Any]) -> dict[str, Any]:
    """``{"wake": {"threshold": 0.7}}`` as ``{"wake.threshold": 0.7}``; what is no table stays under its own name."""
    flat: dict[str, Any] = {}
    for section, table in tables.items():
        if isinstance(table, Mapping):
            flat.update({f"{section}.{name}": value for name, value in table.items()})
        else:
            flat[section] = table
    return flat


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """``flatten`` undone."""
    tables: dict[str, Any] = {}
    for path, value in flat.items():
        section, dot, name = path.partition(".")
        if dot:
            tables.setdefault(section, {})[name] = value
        else:
            tables[section] = value
    return tables


def value(config: Config, path: str) -> Any:
    """What ``path`` is set to in ``config``. Raises KeyError for a path that is no key."""
    key = KEYS[path]
    return getattr(getattr(config, key.section), key.name)


def values(config: Config) -> dict[str, Any]:
    """Every key with its value."""
    return {path: value(config, path) for path in KEYS}


def changed(old: Config, new: Config) -> frozenset[str]:
    """The keys whose values differ."""
    return frozenset(path for path in KEYS if value(old, path) != value(new, path))


def masked(path: str, value: Any) -> Any:
    """``value``, or ``***`` where the key is a secret and is set. An unknown key is taken for a secret: nobody said it is none."""
    key = KEYS.get(path)
    secret = key is None or key.policy.secret
    return MASK if secret and value not in ("", None) else value
