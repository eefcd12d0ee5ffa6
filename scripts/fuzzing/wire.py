"""Hostile messages for every topic that a device reads: a valid message with one thing changed, changed bytes, garbage.

A configuration that is changed inside is signed again half of the time, so that what lies behind the signature is reached.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from device.link import topics

DEVICE, GROUP = "kitchen", "upstairs"
Seal = Callable[[dict[str, Any], int, str, bool], bytes]
"""(config, version, scope, signed) -> envelope."""

NASTY: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 2**64, -(2**63), 0.5, 1e308, -1e-320, "", " ", "x" * 9000, "\x00", "\ud800",
    "../../etc/passwd", "/dev/zero", "a/b", "#", "+", "$share/x/#", "\u202e", "\U0001f50a" * 50, "k1:" + "A" * 43, "NaN", [], {}, [[]],
    [None] * 2000, {"": ""}, {"a": {"b": {"c": {}}}}, ["x"] * 300, {str(n): n for n in range(300)},
)  # fmt: skip
CONFIGS: tuple[dict[str, Any], ...] = (
    {"device": {"volume": 40}},
    {"wake": {"threshold": 0.7, "words": ["alexa"]}, "voice": {"speed": 1.2}},
    {"endpoint": {"pool": "home", "ack_ms": 300}, "conversation": {"history": 4}, "budget": {"ack_ms": 100}},
    {"endpointing": {"min_ms": 300, "max_ms": 1000, "strategy": "fixed"}, "privacy": {"transcripts": False}},
    {"barge_in": {"sensitivity": 0.4, "mode": "considerate", "duck_db": -20.0}, "log": {"level": "error"}},
    {"keys": {"trusted": []}, "rollout": {"probation_s": 30}, "homeassistant": {"discovery": True}},
)
TURN = {"turn": "0193f0f0-0000-7000-8000-000000000000", "rev": 0, "worker": "w1"}
REPLIES: tuple[dict[str, Any], ...] = (
    {"op": "ack", "attempt": 1, **TURN},
    {"op": "delta", "seq": 0, "off": 0, "text": "Hello.", **TURN},
    {"op": "tool", "call": "c1", "name": "light", "args": {"on": True}, **TURN},
    {"op": "end", "n": 1, "len": 6, "text": "Hello.", **TURN},
    {"op": "err", "code": "busy", "retry_ms": 100, **TURN},
)
COMMANDS: tuple[dict[str, Any], ...] = tuple(
    {"id": "c1", "cmd": name, "args": args}
    for name, args in (
        ("volume", {"percent": 20}), ("mute", {"on": True}), ("stop", {}), ("listen", {}), ("timer.set", {"seconds": 60, "name": "tea"}),
        ("timer.cancel", {"name": "tea"}), ("identify", {}), ("log", {"level": "debug", "seconds": 5}),
        ("set", {"key": "wake.threshold", "value": 0.6}),
    )
)  # fmt: skip
SAYINGS: tuple[dict[str, Any], ...] = (
    {"id": "s1", "text": "Dinner is ready.", "priority": "normal", "chime": True, "volume": 20},
    {"id": "s2", "text": "x", "priority": "low", "interrupt": False, "lang": "en"},
)


def messages(seed: int, count: int, seal: Seal) -> Iterator[tuple[str, bytes]]:
    """``count`` pairs of topic and payload; the same for the same ``seed``."""
    rng = random.Random(seed)
    makers = (_reply, _cmd, _say, _config, _config, _birth)
    for number in range(count):
        topic, payload = rng.choice(makers)(rng, number + 1, seal)
        yield topic, payload[: 90 * 1024]


def _reply(rng: random.Random, number: int, seal: Seal) -> tuple[str, bytes]:
    return topics.down(DEVICE, "turn"), _hostile(rng, rng.choice(REPLIES))


def _cmd(rng: random.Random, number: int, seal: Seal) -> tuple[str, bytes]:
    return topics.down(DEVICE, "cmd"), _hostile(rng, {**rng.choice(COMMANDS), "id": f"c{number}"})


def _say(rng: random.Random, number: int, seal: Seal) -> tuple[str, bytes]:
    return topics.down(DEVICE, "say"), _hostile(rng, {**rng.choice(SAYINGS), "id": f"s{number}"})


def _birth(rng: random.Random, number: int, seal: Seal) -> tuple[str, bytes]:
    return topics.BIRTH, rng.choice((b"online", b"offline", b"", _garbage(rng)))


def _config(rng: random.Random, number: int, seal: Seal) -> tuple[str, bytes]:
    group = rng.random() < 0.3
    topic = topics.group_config(GROUP) if group else topics.down(DEVICE, "config")
    scope = f"g/{GROUP}" if group else f"d/{DEVICE}"
    config = rng.choice(CONFIGS)
    if rng.random() < 0.5:
        config = _changed(rng, config)
        if not isinstance(config, dict):
            config = {"device": config}
        try:
            return topic, seal(config, number, scope, rng.random() < 0.7)
        except (ValueError, UnicodeError):  # not even JSON can say it
            return topic, _garbage(rng)
    return topic, _hostile(rng, json.loads(seal(config, number, scope, rng.random() < 0.7)))


def _hostile(rng: random.Random, value: Any) -> bytes:
    kind = rng.random()
    if kind < 0.1:
        return json.dumps(value).encode()
    if kind < 0.15:
        return _garbage(rng)
    if kind < 0.65:
        return json.dumps(_changed(rng, value), ensure_ascii=rng.random() < 0.5).encode(
            errors="surrogatepass"
        )
    return _bytes_changed(rng, json.dumps(value).encode())


def _changed(rng: random.Random, value: Any) -> Any:
    """``value`` with one thing in it replaced, left out, or put where it does not belong."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(list(value))
        kind = rng.random()
        if kind < 0.1:
            return {k: v for k, v in value.items() if k != key}
        if kind < 0.2:
            return {
                **value,
                rng.choice(("", "x", "op", "__class__", "volume", "a.b", "\x00")): rng.choice(NASTY),
            }
        return {**value, key: _changed(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.5:
        return [*value[:-1], _changed(rng, value[-1])]
    return rng.choice(NASTY)


def _bytes_changed(rng: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(out) + 1)
        match rng.randrange(6):
            case 0 if at < len(out):
                out[at] = rng.randrange(256)
            case 1:
                out.insert(at, rng.randrange(256))
            case 2:
                del out[at : at + rng.randint(1, 8)]
            case 3:
                del out[at:]
            case 4:
                out[at:at] = out[: rng.randint(1, 40)]
            case 5:
                out[at:at] = rng.choice(
                    (b"\xff\xfe", b"\x00", b'"', b"}" * 9, b"{" * 200, b"1e999", b"\\ud800", b"NaN")
                )
    return bytes(out)


def _garbage(rng: random.Random) -> bytes:
    kind = rng.randrange(6)
    if kind == 0:
        return rng.randbytes(rng.randint(0, 300))
    if kind == 1:
        return b"[" * rng.randint(1, 60_000)
    if kind == 2:
        return b'{"a":' * rng.randint(1, 9_000)
    if kind == 3:
        return b'"' + b"x" * rng.randint(1, 70_000) + b'"'
    if kind == 4:
        return json.dumps(rng.choice(NASTY)).encode()
    return b"9" * rng.randint(1, 9_000)
