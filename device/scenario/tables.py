"""The tables of a scenario file: every key with type, range and default."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from device.config import Config
from device.config.load import parse as parse_config

EventName = Literal[
    "wake", "partial", "final", "intent", "guess", "turn", "reply_start",
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
