"""From TOML to one valid ``Config``, or to the list of *everything* that is wrong with it.

msgspec stops at the first fault; a person who edits a file wants them all at once. So the tables are walked here,
every value is decoded on its own by ``msgspec.convert`` and each refusal becomes one line that names the key, the
value, what is allowed and how to mend it.
"""

from __future__ import annotations

import difflib
import re
import tomllib
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from device.config.faults import Fault
from device.config.schema import Config, Section
from device.errors import ConfigError

DEFAULT_PATH = Path("/etc/earshot/earshot.toml")


def load(path: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Config:
    """Read ``path`` (TOML) and lay ``overrides`` (nested tables) over it.

    ``None`` reads ``/etc/earshot/earshot.toml`` where it exists and is content with the defaults where not; a file
    named by the caller must exist. Raises ``ConfigError`` with every problem found.
    """
    source, tables = "built-in defaults", {}
    if path is not None or DEFAULT_PATH.is_file():
        chosen = path or DEFAULT_PATH
        source, tables = str(chosen), _read(chosen)
    problems: list[Fault] = []
    for table in (tables, overrides or {}):
        problems += check(table)
    if problems:
        raise ConfigError(source, problems)
    return parse(_merged(tables, overrides or {}), source)


def parse(tables: Mapping[str, Any], source: str = "config") -> Config:
    """A ``Config`` from nested tables. Raises ``ConfigError`` with every problem found."""
    problems = check(tables)
    if problems:
        raise ConfigError(source, problems)
    return msgspec.convert(dict(tables), Config, strict=True)


def check(tables: Mapping[str, Any]) -> list[Fault]:
    """Every problem of ``tables``, each as one line; empty when they are valid."""
    problems = list(_problems(Config, tables, ""))
    return problems or list(_contradictions(msgspec.convert(dict(tables), Config, strict=True)))


def syntax_error(text: str, exc: tomllib.TOMLDecodeError) -> str:
    """What is wrong with ``text`` as TOML, always with its line (tomllib only says "at end of document")."""
    last = len(text.splitlines()) or 1
    return f"not valid TOML: {str(exc).replace('at end of document', f'at line {last}, the end of the file')}"


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as exc:
        raise ConfigError(str(path), ["the file does not exist; check the path given to --config"]) from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(str(path), [f"not UTF-8 text: {exc.reason} at byte {exc.start}"]) from exc
    except OSError as exc:
        raise ConfigError(str(path), [f"cannot be read: {exc.strerror}"]) from exc
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(str(path), [syntax_error(text, exc)]) from exc


def _merged(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(low)
    for key, value in high.items():
        known = out.get(key)
        if isinstance(value, Mapping) and isinstance(known, Mapping):
            value = _merged(known, value)
        out[key] = value
    return out


def _problems(section: type[Section], table: Any, path: str) -> Iterator[Fault]:
    if not isinstance(table, Mapping):
        yield Fault(f"{path} = {_shown(table)}: must be a table, written as [{path}]", path, "wrong_type")
        return
    hints = get_type_hints(section, include_extras=True)
    for key, value in table.items():
        where = f"{path}.{key}" if path else str(key)
        if key not in hints:
            yield Fault(_unknown(where, key, list(hints), path), where, "unknown_key")
        elif isinstance(hints[key], type) and issubclass(hints[key], Section):
            yield from _problems(hints[key], value, where)
        else:
            try:
                msgspec.convert(value, hints[key], strict=True)
            except msgspec.ValidationError as exc:
                reason = _reason(exc)
                line = f"{where} = {_shown(value)}: must be {describe(hints[key])} ({reason})"
                yield Fault(line, where, "wrong_type" if ", got `" in reason else "out_of_range")


def _contradictions(config: Config) -> Iterator[Fault]:
    """Values that are valid each, and not together."""
    ends = config.endpointing
    if ends.min_ms > ends.max_ms:
        yield Fault(
            f"endpointing.min_ms = {ends.min_ms}: must be at most endpointing.max_ms, which is {ends.max_ms}; "
            "lower the one or raise the other",
            "endpointing.min_ms",
            "contradiction",
        )


def _unknown(where: str, key: str, known: list[str], path: str) -> str:
    near = difflib.get_close_matches(str(key), known, 1)
    inside = f"[{path}]" if path else "the top level"
    hint = f"did you mean {near[0]!r}?" if near else f"{inside} has: {', '.join(sorted(known))}"
    return f"{where}: unknown key; {hint}"


def _reason(exc: msgspec.ValidationError) -> str:
    text = str(exc).split(" - at")[0]
    return text[:1].lower() + text[1:]


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def describe(hint: Any) -> str:
    """A type with its limits in words: ``a whole number from 0 to 100 [percent]``."""
    meta = None
    if get_origin(hint) is Annotated:
        hint, meta = get_args(hint)[:2]
    words = _named(hint)
    if meta is None:
        return words
    if meta.ge is not None and meta.le is not None:
        words += f" from {meta.ge} to {meta.le}"
    elif meta.ge is not None:
        words += f" of at least {meta.ge}"
    if meta.pattern:
        words += " matching " + meta.pattern.replace(r"\Z", "$")
    if meta.min_length is not None and meta.max_length is not None:
        words += f" with {meta.min_length} to {meta.max_length} entries"
    elif meta.min_length:
        words += ", not empty"
    unit = re.match(r"\[[^]]+\]", meta.description or "")
    return f"{words} {unit.group(0)}" if unit else words


def _named(hint: Any) -> str:
    origin = get_origin(hint)
    if origin is Literal:
        return "one of " + ", ".join(repr(a) for a in get_args(hint))
    if origin in (Union, types.UnionType):
        return " or ".join(_named(a) for a in get_args(hint))
    if origin in (tuple, list):
        return f"a list of {_named(get_args(hint)[0])}"
    return {bool: "true or false", int: "a whole number", float: "a number", str: "text"}.get(hint, str(hint))
