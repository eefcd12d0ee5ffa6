"""Every message on the wire as a typed value, and the only places where bytes become values and back.

A message is UTF-8 JSON with its type in ``op``. Unknown keys are ignored (an older reader meets a newer writer);
a wrong type, a missing key, an unknown ``op``, too many bytes or too deep a nesting is a ``LinkError``, which names
the path where there is one.
Character counts (``off``, ``len``, ``chars``) are Unicode code points.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from device.errors import LinkError
from device.link.fields import Code, Count, Name, Text, TurnId
from device.link.orders import Cmd, OrderAck, Say
from device.link.reports import ConfigReport
from device.link.telemetry import Latency, Telemetry
from device.link.topics import TRAVEL


class Message(Struct, frozen=True, kw_only=True, tag_field="op"):
    """Base of everything on the wire."""


class OfTurn(Message, frozen=True, kw_only=True):
    """A message about revision ``rev`` of ``turn``."""

    turn: TurnId
    rev: Count = 0


# --------------------------------------------------------------------------- device -> any worker of the pool


class Line(Struct, frozen=True, kw_only=True):
    """One entry of the conversation. Of the assistant only what was heard; ``interrupted`` = cut off there."""

    role: Annotated[str, Meta(pattern=r"^(user|assistant)\Z")]
    text: Text
    interrupted: bool = False
    notes: Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=8)] = ()
    """Backchannels that the user said over it ("yeah", "mm-hm")."""


class HeardPrev(Struct, frozen=True, kw_only=True):
    """What was heard of the answer before this turn (repeats ``heard``, so that a lost worker costs nothing)."""

    turn: TurnId
    chars: Count
    text: Text
    ms: Count
    reason: Code


class Open(OfTurn, frozen=True, kw_only=True, tag="open"):
    """The first message of a turn. ``budget_ms``: how long the device waits for the first words."""

    attempt: Annotated[int, Meta(ge=1, le=99)] = 1
    speculative: bool = False
    text: Text
    lang: Annotated[str, Meta(max_length=16)] = "en"
    conversation: tuple[Line, ...] = ()
    heard_prev: HeardPrev | None = None
    caps: tuple[Code, ...] = ()
    budget_ms: Count = 15_000


# --------------------------------------------------------------------------- device -> the worker that owns the turn


class Ctl(OfTurn, frozen=True, kw_only=True):
    """``worker`` names the addressee, whose own topic it goes to."""

    worker: Name


class Revise(Ctl, frozen=True, kw_only=True, tag="revise"):
    """The text of a speculative turn changed: ``rev`` is the new revision, older ones are dropped."""

    text: Text


class Commit(Ctl, frozen=True, kw_only=True, tag="commit"):
    """Revision ``rev`` is what the user said: its answer may be spoken."""


class Cancel(Ctl, frozen=True, kw_only=True, tag="cancel"):
    """Stop answering. ``reason``: lost_race, superseded, timeout, or the conversation's own."""

    reason: Code


class HeardMessage(Ctl, frozen=True, kw_only=True, tag="heard"):
    """The user cut in: ``text`` (``chars`` characters, ``ms`` of sound) is all that was heard of the answer, or its end."""

    chars: Count
    text: Text
    ms: Count
    reason: Code


class Resend(Ctl, frozen=True, kw_only=True, tag="resend"):
    """Send the deltas from ``seq`` on again, and the ``end`` if there was one."""

    seq: Count


class ToolResult(Ctl, frozen=True, kw_only=True, tag="tool_result"):
    """What became of tool call ``call``; this device refuses every one with ``unsupported``."""

    call: Code
    ok: bool
    code: Annotated[str, Meta(max_length=64)] = ""
    result: Any = None


# --------------------------------------------------------------------------- worker -> device


class Reply(OfTurn, frozen=True, kw_only=True):
    """``worker`` tells two workers' answers to one turn apart; a worker that leaves it out is taken for the owner."""

    worker: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{0,64}\Z")] = ""


class Ack(Reply, frozen=True, kw_only=True, tag="ack"):
    """``worker`` takes the turn; the first ack wins."""

    worker: Name
    attempt: Annotated[int, Meta(ge=1, le=99)] = 1


class Delta(Reply, frozen=True, kw_only=True, tag="delta"):
    """The ``seq``-th piece (from 0) of the answer, which begins at character ``off``."""

    seq: Count
    off: Count
    text: Text


class Tool(Reply, frozen=True, kw_only=True, tag="tool"):
    """The model wants the device to do something before it goes on."""

    call: Code
    name: Code
    args: dict[str, Any] = {}
    timeout_ms: Count = 5000


class End(Reply, frozen=True, kw_only=True, tag="end"):
    """The answer is complete: ``n`` deltas, ``len`` characters. ``text`` repeats it whole unless it is too long."""

    n: Count
    len: Count
    finish: Code = "stop"
    expect_reply: bool = False
    text: Text | None = None


class Err(Reply, frozen=True, kw_only=True, tag="err"):
    """No answer (any more). ``retry_ms`` 0 = asking again will not help."""

    code: Code
    retry_ms: Count = 0


# --------------------------------------------------------------------------- state and events


class Status(Message, frozen=True, kw_only=True, tag="status"):
    """Life of the device. ``boot`` is random per start, ``conn`` counts connections: a stale will is told apart."""

    state: Annotated[str, Meta(pattern=r"^(online|degraded|updating|offline)\Z")]
    boot: Code
    conn: Count = 0
    version: str = ""
    config: int = 0
    caps: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class Echo(Struct, frozen=True, kw_only=True):
    """How echo cancelling stands (``mode``: hardware, software or none); null = not known. ``problems`` are codes;
    ``bar_raised``: it takes more than usual to interrupt by speaking; ``suppressor``: recogniser and wake words hear the
    residual echo suppressed."""

    mode: Code
    reason: str = ""
    erle_db: float | None = None
    converged: bool = False
    bar_raised: bool = False
    delay_ms: float | None = None
    drift_ppm: float | None = None
    nonlinearity_db: float | None = None
    suppressor: bool = False
    problems: tuple[str, ...] = ()


class Voice(Struct, frozen=True, kw_only=True):
    """Who speaks the next reply: ``engine``, as ``voice``. ``rtf``: the real-time factor of the configured engine, null where it
    is not measured; ``reason``: why that one does not speak, or had better not."""

    engine: Code
    voice: str = ""
    rtf: float | None = None
    reason: str = ""


class State(Message, frozen=True, kw_only=True, tag="state"):
    """What the device does now; ``now`` holds any of attending, thinking, speaking, or only idle."""

    now: tuple[str, ...] = ("idle",)
    ducked: bool = False
    held: bool = False
    mute: bool = False
    hard_mute: bool = False
    """The microphone is closed by hand; only somebody at the device opens it."""
    volume: Annotated[int, Meta(ge=0, le=100)] = 0
    timers: Count = 0
    echo: Echo | None = None
    voice: Voice | None = None
    """Null until it is loaded."""
    latency: Latency | None = None
    """Percentiles since the start; null before the first turn."""
    sound: str = ""
    """Why there is no sound right now, in words: which device, and what is with it; empty while there is."""
    counters: dict[str, int] = {}


class Event(Message, frozen=True, kw_only=True, tag="event"):
    """Something happened once. ``seq`` counts per ``boot``, so that a gap shows."""

    kind: Code
    seq: Count
    boot: Code
    data: dict[str, Any] = {}


class WorkerStatus(Message, frozen=True, kw_only=True, tag="worker"):
    """Life of a worker; for people to look at, never for routing."""

    state: Annotated[str, Meta(pattern=r"^(online|offline)\Z")]
    worker: Name
    pool: Code
    backend: str = ""
    model: str = ""
    load: Count = 0
    boot: Code = "-"
    conn: Count = 0
    version: str = ""


Control = Revise | Commit | Cancel | HeardMessage | Resend | ToolResult
Answer = Ack | Delta | Tool | End | Err

LAST_WORDS = 1000
"""[characters] of a ``heard`` that would be too long; ``chars`` tells how many they all were."""

MAX_NESTING = 64
"""Arguments and results of tools are free JSON: what the decoder itself bears differs (Python 3.11: 1,000 deep,
3.13: thousands), and whoever prints or compares such a value bears less."""

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_encoder = msgspec.json.Encoder()
_decoders: dict[str, msgspec.json.Decoder[Any]] = {
    "turn": msgspec.json.Decoder(Open),
    "ctl": msgspec.json.Decoder(Control),
    "reply": msgspec.json.Decoder(Answer),
    "status": msgspec.json.Decoder(Status),
    "state": msgspec.json.Decoder(State),
    "event": msgspec.json.Decoder(Event),
    "metrics": msgspec.json.Decoder(Telemetry),
    "worker": msgspec.json.Decoder(WorkerStatus),
    "say": msgspec.json.Decoder(Say),
    "cmd": msgspec.json.Decoder(Cmd),
    "ack": msgspec.json.Decoder(OrderAck),
    "report": msgspec.json.Decoder(ConfigReport),
}


def decode(kind: str, payload: bytes) -> Any:
    """``payload`` as the message that ``kind`` (a key of ``topics.TRAVEL``) allows.

    Raises ``LinkError`` naming the kind and the path of the fault; nothing else, whatever the bytes are.
    """
    limit = TRAVEL[kind].limit
    if len(payload) > limit:
        raise LinkError(f"{kind}: {len(payload)} bytes, allowed are {limit}")
    if payload.count(b"{") + payload.count(b"[") > MAX_NESTING and _nesting(payload) > MAX_NESTING:
        raise LinkError(f"{kind}: nested {_nesting(payload)} deep, allowed are {MAX_NESTING}")
    try:
        return _decoders[kind].decode(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError) as exc:
        raise LinkError(f"{kind}: {_in_a_line(str(exc))}") from exc


def _in_a_line(text: str) -> str:
    """An error may quote what came: short, so that it fits into an answer, and without a line of its own in the log."""
    text = "".join(char if char.isprintable() else "?" for char in text)
    return text if len(text) <= 300 else f"{text[:150]}...{text[-100:]}"


def _nesting(payload: bytes) -> int:
    """How deep the objects and lists of a JSON text lie in one another."""
    depth = deepest = 0
    for char in _STRING.sub(b"", payload):
        if char in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        elif char in b"}]":
            depth -= 1
    return deepest


def encode(kind: str, message: Message | Telemetry | OrderAck | ConfigReport) -> bytes:
    """``message`` as bytes within the limit of ``kind``.

    An ``open`` that is too long loses its oldest history first, an ``end`` its repeated text, a ``heard`` all but the last
    words of its text; any other message beyond its limit raises ``LinkError``.
    """
    limit = TRAVEL[kind].limit
    payload = _encoder.encode(message)
    if len(payload) > limit and isinstance(message, Open):
        conversation = message.conversation
        while conversation and len(payload) > limit:
            conversation = conversation[1:]
            payload = _encoder.encode(msgspec.structs.replace(message, conversation=conversation))
    if len(payload) > limit and isinstance(message, End):
        payload = _encoder.encode(msgspec.structs.replace(message, text=None))
    if len(payload) > limit and isinstance(message, HeardMessage):
        payload = _encoder.encode(msgspec.structs.replace(message, text=message.text[-LAST_WORDS:]))
    if len(payload) > limit:
        raise LinkError(
            f"{kind}: a message of {len(payload)} bytes, allowed are {limit}: {type(message).__name__}"
        )
    return payload
