"""Everything that is wrong with a scenario file, each with the place of the key: first its shape, then its meaning.

Pure but for one question to the disk: whether the named WAV files are there.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from device.config import check as check_config
from device.config import toml_lines
from device.config.describe import describe
from device.scenario.tables import CUES, Say, Scenario, Table

Problem = tuple[toml_lines.Path, str]


def shape(kind: type[Table], table: Any, where: toml_lines.Path) -> Iterator[Problem]:
    """Every problem of shape, type and range."""
    if not isinstance(table, dict):
        yield where, f"{dotted(where)}: must be a table"
        return
    hints = get_type_hints(kind, include_extras=True)
    hints.pop("path", None)
    for key, value in table.items():
        here = (*where, key)
        if key not in hints:
            yield here, f"{dotted(here)}: unknown key; {_suggest(key, list(hints))}"
            continue
        hint = hints[key]
        inner = _array_of(hint)
        if isinstance(hint, type) and issubclass(hint, Table):
            yield from shape(hint, value, here)
        elif inner is not None:
            if not isinstance(value, list):
                yield here, f"{dotted(here)}: must be written as [[{dotted(here)}]]"
                continue
            for index, item in enumerate(value):
                yield from shape(inner, item, (*here, index))
        else:
            try:
                msgspec.convert(value, hint, strict=True)
            except msgspec.ValidationError as exc:
                yield here, f"{dotted(here)} = {_short(value)}: must be {_described(hint)} ({_reason(exc)})"
    for item in msgspec.structs.fields(kind):
        if item.required and item.name not in table:
            yield where, f"{dotted((*where, item.name))}: missing; it must be {_described(hints[item.name])}"


def meaning(scenario: Scenario) -> Iterator[Problem]:
    """Every problem between keys."""
    ids = [say.id for say in scenario.say]
    for index, say in enumerate(scenario.say):
        yield from _say(say, index, ids)
        if say.wav and not (scenario.folder / say.wav).is_file():
            yield ("say", index, "wav"), _no_file(f"say[{index + 1}].wav", say.wav, scenario)
    if scenario.room.noise and not (scenario.folder / scenario.room.noise).is_file():
        yield ("room", "noise"), _no_file("room.noise", scenario.room.noise, scenario)
    for index, expect in enumerate(scenario.expect):
        here = ("expect", index)
        if expect.of and expect.of not in ids:
            yield (
                (*here, "of"),
                f"{dotted((*here, 'of'))} = {expect.of!r}: no such line; {_suggest(expect.of, ids)}",
            )
        if expect.within_ms is not None and not expect.of and len(ids) != 1:
            yield (
                (*here, "within_ms"),
                f"{dotted((*here, 'within_ms'))} needs `of`: the id of the line it is counted from",
            )
    if not scenario.endpoint.worker and scenario.endpoint.reply:
        yield (
            ("endpoint", "worker"),
            "endpoint.worker = false: nobody answers, so [[endpoint.reply]] is unused",
        )


def configuration(tables: Any) -> Iterator[Problem]:
    """Every problem of the configuration in ``[device]``."""
    if not isinstance(tables, dict):
        return  # `shape` has said so
    for message in check_config(tables):
        key = re.match(r"[\w.-]+", message)
        yield ("device", *(key[0].split(".") if key else ())), f"device.{message}"
    audio = tables.get("audio", {})
    if isinstance(audio, dict) and audio.get("backend", "room") != "room":
        yield (
            ("device", "audio", "backend"),
            f"device.audio.backend = {audio['backend']!r}: a scenario always runs in the room; leave the key out",
        )


def _say(say: Say, index: int, ids: list[str]) -> Iterator[Problem]:
    here = ("say", index)
    name = dotted(here)
    if ids.index(say.id) != index:
        yield (*here, "id"), f"{name}.id = {say.id!r}: used twice; every line needs its own"
    if say.id in CUES:
        yield (*here, "id"), f"{name}.id = {say.id!r}: that is the name of a cue; choose another"
    if bool(say.wav) == bool(say.text) and not (say.wav and not say.voice):
        yield here, f"{name}: needs either `wav` (a file) or `text` (with `voice`)"
    if say.wav and say.voice:
        yield (*here, "voice"), f"{name}.voice: a wav has its own voice; leave one of the two out"
    if (say.at_s is None) == (not say.after):
        yield (
            here,
            f"{name}: needs either `at_s` (seconds from the start) or `after` ({', '.join(CUES)}, an id)",
        )
    if not say.after:
        return
    if say.after not in CUES and say.after not in ids:
        yield (*here, "after"), f"{name}.after = {say.after!r}: {_suggest(say.after, [*CUES, *ids])}"
    elif say.after == say.id:
        yield (*here, "after"), f"{name}.after = {say.after!r}: a line cannot wait for itself"
    elif say.after in ids[index:]:
        yield (
            (*here, "after"),
            f"{name}.after = {say.after!r}: that line comes later in the file; put it before",
        )
    elif say.after in CUES and say.plus_ms < 0:
        yield (
            (*here, "plus_ms"),
            f"{name}.plus_ms = {say.plus_ms}: only `after` = a line's id can be anticipated; must be at least 0",
        )


def _no_file(key: str, name: str, scenario: Scenario) -> str:
    return f"{key} = {name!r}: no such file; the path is relative to {scenario.folder.resolve()}"


def _array_of(hint: Any) -> type[Table] | None:
    if get_origin(hint) is tuple:
        inner = get_args(hint)[0]
        if isinstance(inner, type) and issubclass(inner, Table):
            return inner
    return None


def _suggest(given: str, known: list[str]) -> str:
    near = difflib.get_close_matches(given, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"there is: {', '.join(known) or 'none'}"


def _described(hint: Any) -> str:
    options = [arg for arg in get_args(hint) if arg is not type(None)]
    if (
        type(None) in get_args(hint) and len(options) == 1
    ):  # X | None: the key may be left out, TOML has no null
        return describe(options[0])
    return "a table" if get_origin(hint) is dict else describe(hint)


def _reason(exc: msgspec.ValidationError) -> str:
    text = str(exc).split(" - at")[0].replace(" | null", "")
    return text[:1].lower() + text[1:]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def dotted(where: toml_lines.Path) -> str:
    """``("say", 1, "at_s")`` as people count: ``say[2].at_s``."""
    out = ""
    for part in where:
        out += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if out else part
    return out or "the file"
