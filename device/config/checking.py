"""Everything that is wrong with tables of configuration, each fault as one line. Pure.

msgspec stops at the first fault; a person who edits a file wants them all at once. So the tables are walked here,
every value is decoded on its own by ``msgspec.convert`` and each refusal becomes one line that names the key, the
value, what is allowed and how to mend it. The value of a secret is in none of them.
"""

from __future__ import annotations

import difflib
import re
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from device.config.contradictions import contradictions
from device.config.describe import kind
from device.config.faults import Fault
from device.config.keys import KEYS, MASK, hints
from device.config.schema import Config

_GUESSES = 20
"""So many unknown keys get a "did you mean": what comes over MQTT may have ten thousand."""
_ALIKE = 0.7
"""From here on a name is a typing error of another: ``treshold`` is, ``colour`` is none of ``rollout``."""
_LONGEST = 60
"""Characters of a value, or of a name that is no key's, that a message shows."""


def check(tables: Mapping[str, Any]) -> list[Fault]:
    """Every problem of a whole configuration; empty when it is valid."""
    problems = shape(tables)
    return problems or contradictions(msgspec.convert(dict(tables), Config, strict=True))


def shape(tables: Mapping[str, Any]) -> list[Fault]:
    """Every unknown key, wrong type and value out of range. This is all that can be said of one layer alone: whether its values
    go together shows only in the whole (``check``)."""
    return list(_problems(tables))


def split(tables: Mapping[str, Any]) -> tuple[list[Fault], list[Fault]]:
    """``shape`` of a layer that came over MQTT: its faults, and as warnings its unknown keys, which a newer program wrote or a typing
    error. Those are left alone: ``known`` is the rest."""
    problems = shape(tables)
    faults = [fault for fault in problems if fault.code != "unknown_key"]
    return faults, [fault for fault in problems if fault.code == "unknown_key"]


def known(tables: Mapping[str, Any]) -> dict[str, Any]:
    """``tables`` without unknown keys, as tables of their own."""
    sections = hints(Config)
    return {
        section: {name: value for name, value in table.items() if f"{section}.{name}" in KEYS}
        if isinstance(table, Mapping)
        else table
        for section, table in tables.items()
        if section in sections
    }


def _problems(tables: Mapping[str, Any]) -> Iterator[Fault]:
    sections = hints(Config)
    unknown = 0
    for section, table in tables.items():
        if section not in sections:
            unknown += 1
            yield _unknown(section, section, list(sections), "", unknown)
        elif not isinstance(table, Mapping):
            secret = any(key.policy.secret for key in KEYS.values() if key.section == section)
            line = f"{section} = {MASK if secret else _shown(table)}: must be a table, written as [{section}]"
            yield Fault(line, section, "wrong_type")
        else:
            for name, value in table.items():
                path = f"{section}.{name}"
                if path not in KEYS:
                    unknown += 1
                    yield _unknown(path, name, list(hints(sections[section])), section, unknown)
                else:
                    yield from _value(path, value)


def _value(path: str, value: Any) -> Iterator[Fault]:
    key = KEYS[path]
    shown = MASK if key.policy.secret else _shown(value)
    try:
        decoded = msgspec.convert(value, key.hint, strict=True)
    except UnicodeEncodeError:  # half a surrogate where no text belongs
        yield Fault(f"{path} = {shown}: must be {key.words}; it holds half a surrogate", path, "wrong_type")
        return
    except msgspec.ValidationError as exc:
        wrong, entry = value, ""
        if found := re.search(r"at `\$\[(\d+)\]", str(exc)):
            wrong, entry = value[int(found[1])], f"; entry {int(found[1]) + 1} is"
        if ", got `" in str(exc):
            line = (
                f"{path} = {shown}: must be {key.words}{entry or ','} {'' if entry else 'not '}{kind(wrong)}"
            )
            yield Fault(line, path, "wrong_type")
        else:
            line = f"{path} = {shown}: must be {key.words}{entry and entry + ' not'}"
            yield Fault(line, path, "out_of_range")
        return
    texts = decoded if isinstance(decoded, tuple) else (decoded,)
    if not all(_storable(text) for text in texts if isinstance(text, str)):
        line = f"{path} = {shown}: must be text without control characters and half surrogates"
        yield Fault(line, path, "out_of_range")


def _storable(text: str) -> bool:
    """Whether ``text`` is one line that can be written as UTF-8."""
    return not any(char < " " or char == "\x7f" or "\ud800" <= char <= "\udfff" for char in text)


def _unknown(path: str, name: str, keys: Sequence[str], section: str, count: int) -> Fault:
    shown = _cut(path if path.isprintable() else ascii(path)[1:-1])
    guess = count <= _GUESSES and len(name) <= _LONGEST
    near = difflib.get_close_matches(name, keys, 1, _ALIKE) if guess else []
    if near:
        hint = f"did you mean {near[0]!r}?"
    elif section:
        hint = f"[{section}] has: {', '.join(sorted(keys))}"
    else:
        hint = f"the sections are: {', '.join(sorted(keys))}"
    return Fault(f"{shown}: unknown key; {hint}", shown, "unknown_key")


def _shown(value: Any) -> str:
    """``value`` in at most ``_LONGEST`` characters, however long, deep or large it is."""
    return _cut(_BRIEF.repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


class _Brief(reprlib.Repr):
    def repr_int(self, x: int, level: int) -> str:
        return repr(x) if abs(x) < 10**_LONGEST else f"{'-' * (x < 0)}{x.bit_length()} bits"


_BRIEF = _Brief()
_BRIEF.maxstring = _BRIEF.maxother = 2 * _LONGEST
_BRIEF.maxlevel = 3
