"""Every command with its arguments, in one place: from it come the checks, the error messages and ``earshot send --help``. Pure."""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from device.errors import EarshotError

LONGEST_TIMER_S = 24 * 3600
MOST_LOG_S = 900

TimerName = Annotated[
    str,
    Meta(
        pattern=r"^[^\x00-\x1f]{1,40}\Z",
        title="a name like pasta, 40 characters at most",
        description="what it is for",
    ),
]


class Refused(EarshotError):
    """An order that is not carried out. ``code`` goes into its ack; ``argument`` is the one that is wrong, if one is."""

    def __init__(self, code: str, text: str, argument: str = "") -> None:
        super().__init__(text)
        self.code, self.argument = code, argument


class Args(Struct, frozen=True, kw_only=True):
    """Base of a command's arguments. Those that it does not know are ignored, as everywhere on the wire."""


class Volume(Args, frozen=True, kw_only=True):
    """Set the playback volume; ends a mute."""

    percent: Annotated[int, Meta(ge=0, le=100, description="the volume")] | None = None
    step: Annotated[int, Meta(ge=-100, le=100, description="or by how much louder, or quieter")] | None = None

    def __post_init__(self) -> None:
        if (self.percent is None) == (self.step is None):
            raise ValueError("give either percent or step")


class Mute(Args, frozen=True, kw_only=True):
    """Silence the loudspeaker, or let it sound again; it listens all the same."""

    on: Annotated[bool, Meta(description="whether it is silent")]


class Stop(Args, frozen=True, kw_only=True):
    """As if somebody had said "stop": answers, announcements and alarms end."""


class Listen(Args, frozen=True, kw_only=True):
    """As if somebody had said the wake word."""


class TimerSet(Args, frozen=True, kw_only=True):
    """Set a timer, which rings at its end and survives a restart."""

    seconds: Annotated[int, Meta(ge=1, le=LONGEST_TIMER_S, description="how long")]
    name: TimerName | None = None


class TimerCancel(Args, frozen=True, kw_only=True):
    """Cancel a timer: the one of that name, all, or the only one there is."""

    name: TimerName | None = None
    all: Annotated[bool, Meta(description="every timer")] = False


class Identify(Args, frozen=True, kw_only=True):
    """A chime, and the device says its name: which one is it?"""


class Restart(Args, frozen=True, kw_only=True):
    """Start the daemon again."""


class Log(Args, frozen=True, kw_only=True):
    """Log more, or less, for a while; then as configured again."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="least severity that is logged")
    ]
    seconds: Annotated[int, Meta(ge=1, le=MOST_LOG_S, description="for how long")] = MOST_LOG_S


class Set(Args, frozen=True, kw_only=True):
    """Change one key of the configuration that needs no signature (`earshot config docs` lists them)."""

    key: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)+\Z",
            title="a key like wake.threshold",
            description="which one",
        ),
    ]
    value: Annotated[Any, Meta(title="what the key takes", description="its new value")]


COMMANDS: Mapping[str, type[Args]] = {
    "volume": Volume,
    "mute": Mute,
    "stop": Stop,
    "listen": Listen,
    "timer.set": TimerSet,
    "timer.cancel": TimerCancel,
    "identify": Identify,
    "restart": Restart,
    "log": Log,
    "set": Set,
}


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument as a person reads it: ``words`` are its type and range ("a whole number from 0 to 100")."""

    name: str
    words: str
    help: str
    required: bool


@functools.cache
def arguments(name: str) -> tuple[Argument, ...]:
    """The arguments of the command ``name``."""
    hints = typing.get_type_hints(COMMANDS[name], include_extras=True)
    fields = msgspec.structs.fields(COMMANDS[name])
    return tuple(Argument(field.name, *_in_words(hints[field.name]), field.required) for field in fields)


def parse(name: str, args: Mapping[str, Any]) -> Args:
    """The arguments of the command ``name`` as a value.

    Raises ``Refused``: ``unknown_cmd`` with the commands there are, ``bad_args`` with the argument, its value and what is allowed.
    """
    kind = COMMANDS.get(name)
    if kind is None:
        raise Refused("unknown_cmd", f"there is no command {name[:64]!r}; there are: {', '.join(COMMANDS)}")
    try:
        return msgspec.convert(dict(args), kind, strict=True)
    except msgspec.ValidationError as exc:
        raise _bad(name, args, str(exc)) from None


def _bad(name: str, args: Mapping[str, Any], reason: str) -> Refused:
    for argument in arguments(name):
        if argument.required and argument.name not in args:
            text = f"{name}: {argument.name} is missing: give {argument.words}"
            return Refused("bad_args", text, argument.name)
        if f"`$.{argument.name}" in reason:
            text = f"{name}: {argument.name} = {_shown(args.get(argument.name))} is not allowed: give {argument.words}"
            return Refused("bad_args", text, argument.name)
    return Refused("bad_args", f"{name}: {reason.removesuffix(' - at `$`')}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _in_words(hint: Any) -> tuple[str, str]:
    """Type and range of an argument, and its help."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):  # optional
        return _in_words(next(part for part in typing.get_args(hint) if part is not types.NoneType))
    kind, *notes = typing.get_args(hint)
    meta = next(note for note in notes if isinstance(note, Meta))
    return " ".join(_words(kind, meta)), meta.description or ""


def _words(kind: Any, meta: Meta) -> Iterator[str]:
    if meta.title is not None:
        yield meta.title
    elif typing.get_origin(kind) is Literal:
        yield "one of " + ", ".join(typing.get_args(kind))
    elif kind is bool:
        yield "true or false"
    else:
        yield "a whole number"
        yield f"from {meta.ge} to {meta.le}"
