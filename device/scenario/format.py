"""The scenario file: every table and key with type, range and default, and the strict reader.

``docs/scenarios.md`` explains them with examples. A file that cannot be used is refused as a whole: one
``ScenarioError`` lists every problem with its line, its key, the value and what is allowed.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct, field

from device.config import Config
from device.config import check as check_config
from device.config.load import describe
from device.config.load import parse as parse_config
from device.errors import ScenarioError
from device.scenario import toml_lines

EventName = Literal[
    "wake", "partial", "final", "intent", "turn", "reply_start",
    "duck", "hold", "cancel", "resume", "heard", "error",
]  # fmt: skip
"""What may be expected."""

CUES = ("reply_start", "reply_end", "wake", "quiet")
"""What a line may wait for, besides the id of another line."""


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every table of a scenario."""


class Room(Table):
    """``[room]``: where the microphone stands. Left-out keys take the simulated room's own defaults."""

    rt60_s: Annotated[float, Meta(ge=0.1, le=1.5)] | None = None
    ser_db: Annotated[float, Meta(ge=-40, le=40)] | None = None
    echo_delay_ms: Annotated[float, Meta(ge=0, le=500)] | None = None
    drift_ppm: Annotated[float, Meta(ge=-500, le=500)] | None = None
    distortion: Literal["none", "soft", "clip"] | None = None
    noise: str = ""
    snr_db: Annotated[float, Meta(ge=-20, le=80)] | None = None


class Reply(Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """``[[endpoint.reply]]``: the answer to a turn whose text contains ``when``."""

    when: Annotated[str, Meta(min_length=1)] = "*"
    text: Annotated[str, Meta(min_length=1)]
    expect_reply: bool = False


class Endpoint(Table):
    """``[endpoint]``: the scripted worker that answers turns; ``worker = false`` means that nobody answers."""

    worker: bool = True
    first_token_ms: Annotated[int, Meta(ge=0, le=60_000)] = 300
    tokens_per_s: Annotated[float, Meta(ge=1, le=10_000)] = 30.0
    reply: tuple[Reply, ...] = ()


class Say(Table):
    """``[[say]]``: one line of a talker."""

    id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,40}$")] = ""
    wav: str = ""
    text: str = ""
    voice: str = ""
    gain_db: Annotated[float, Meta(ge=-60, le=30)] = 0.0
    at_s: Annotated[float, Meta(ge=0, le=3600)] | None = None
    after: str = ""
    plus_ms: Annotated[int, Meta(ge=-60_000, le=600_000)] = 0


class Expect(Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """``[[expect]]``: one thing that must (or, with ``absent``, must not) happen."""

    event: EventName
    of: str = ""
    within_ms: Annotated[int, Meta(ge=0, le=600_000)] | None = None
    text: str = ""
    absent: bool = False


class Scenario(Table, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A whole file. ``path`` is where it was read from (``wav`` and ``noise`` are relative to it)."""

    title: Annotated[str, Meta(min_length=1)]
    seed: Annotated[int, Meta(ge=0, le=2**32 - 1)] = 1
    attention: bool = False
    max_s: Annotated[float, Meta(ge=1, le=3600)] = 60.0
    room: Room = field(default_factory=Room)
    device: dict[str, Any] = field(default_factory=dict)
    endpoint: Endpoint = field(default_factory=Endpoint)
    say: tuple[Say, ...] = ()
    expect: tuple[Expect, ...] = ()
    path: str = ""

    @property
    def folder(self) -> Path:
        return Path(self.path).parent

    def config(self) -> Config:
        """The device's configuration for this run: the overrides over the defaults, always in the room."""
        tables = {key: dict(value) for key, value in self.device.items()}
        tables["audio"] = {**tables.get("audio", {}), "backend": "room"}
        return parse_config(tables, f"{self.path} [device]")


def load(path: str | Path) -> Scenario:
    """Read and check a scenario file. Raises ``ScenarioError`` with every problem and its line."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as exc:
        raise ScenarioError(f"{path}: not UTF-8 text: {exc.reason} at byte {exc.start}") from exc
    except OSError as exc:
        raise ScenarioError(f"{path}: cannot be read: {exc.strerror}") from exc
    return parse(text, str(path))


def parse(text: str, path: str = "scenario.toml") -> Scenario:
    """The same from a text; ``path`` is for messages and relative file names."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ScenarioError(f"{path}: not valid TOML: {exc}") from exc
    found = [*_table(Scenario, tables, ()), *_device(tables.get("device", {}))]
    if not found:
        tables["path"] = path
        _number(tables)
        scenario = msgspec.convert(tables, Scenario, strict=True)
        found = list(_meaning(scenario))
    if found:
        lines = toml_lines.key_lines(text)
        placed = sorted((toml_lines.line_of(lines, where) or 1, message) for where, message in found)
        raise ScenarioError("\n".join(f"{path}:{line}: {message}" for line, message in placed))
    return scenario


def place(scenario: Scenario, *where: str | int) -> str:
    """``file:line: say[2].voice`` of a key, for faults that show only when the file is run."""
    try:
        lines = toml_lines.key_lines(Path(scenario.path).read_text(encoding="utf-8"))
    except OSError:  # not read from a file, or gone since
        lines = {}
    return f"{scenario.path}:{toml_lines.line_of(lines, where) or 1}: {_dotted(where)}"


Problem = tuple[toml_lines.Path, str]


def _table(kind: type[Table], table: Any, where: toml_lines.Path) -> Iterator[Problem]:
    """Every problem of shape, type and range."""
    if not isinstance(table, dict):
        yield where, f"{_dotted(where)}: must be a table"
        return
    hints = get_type_hints(kind, include_extras=True)
    hints.pop("path", None)
    for key, value in table.items():
        here = (*where, key)
        if key not in hints:
            yield here, f"{_dotted(here)}: unknown key; {_suggest(key, list(hints))}"
            continue
        hint = hints[key]
        inner = _array_of(hint)
        if isinstance(hint, type) and issubclass(hint, Table):
            yield from _table(hint, value, here)
        elif inner is not None:
            if not isinstance(value, list):
                yield here, f"{_dotted(here)}: must be written as [[{_dotted(here)}]]"
                continue
            for index, item in enumerate(value):
                yield from _table(inner, item, (*here, index))
        else:
            try:
                msgspec.convert(value, hint, strict=True)
            except msgspec.ValidationError as exc:
                yield here, f"{_dotted(here)} = {_short(value)}: must be {_described(hint)} ({_reason(exc)})"
    for item in msgspec.structs.fields(kind):
        if item.required and item.name not in table:
            yield where, f"{_dotted((*where, item.name))}: missing; it must be {_described(hints[item.name])}"


def _number(tables: dict[str, Any]) -> None:
    """Lines without an id get ``line1``, ``line2`` ... by their place."""
    for index, say in enumerate(tables.get("say", ()), 1):
        say.setdefault("id", f"line{index}")


def _meaning(scenario: Scenario) -> Iterator[Problem]:
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
                f"{_dotted((*here, 'of'))} = {expect.of!r}: no such line; {_suggest(expect.of, ids)}",
            )
        if expect.within_ms is not None and not expect.of and len(ids) != 1:
            yield (
                (*here, "within_ms"),
                f"{_dotted((*here, 'within_ms'))} needs `of`: the id of the line it is counted from",
            )
    if not scenario.endpoint.worker and scenario.endpoint.reply:
        yield (
            ("endpoint", "worker"),
            "endpoint.worker = false: nobody answers, so [[endpoint.reply]] is unused",
        )


def _device(tables: Any) -> Iterator[Problem]:
    """Every problem of the configuration in ``[device]``."""
    if not isinstance(tables, dict):
        return  # `_table` has said so
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
    name = _dotted(here)
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


def _dotted(where: toml_lines.Path) -> str:
    """``("say", 1, "at_s")`` as people count: ``say[2].at_s``."""
    out = ""
    for part in where:
        out += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if out else part
    return out or "the file"


__all__ = ["Endpoint", "Expect", "Reply", "Room", "Say", "Scenario", "load", "parse", "place"]
