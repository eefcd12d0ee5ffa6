"""The envelope that configuration travels in over MQTT: sealing one, and opening what claims to be one. Pure.

    {"v": 1, "kid": "owner", "payload": "<base64url>", "sig": "<base64url>"}

``payload`` is the exact JSON bytes of ``{"version": 7, "scope": "d/kitchen", "config": {"device": {"volume": 40}}}``, base64url
without padding; ``sig`` an Ed25519 signature (RFC 8032) over ``b"earshot-config" NUL scope NUL payload bytes``, so that it is good
for this purpose and this device or group alone. Without ``kid`` and ``sig`` the envelope is unsigned. A key that is there twice is
refused at every depth: readers differ about which one counts.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import msgspec
from msgspec import Meta, Struct

from device.errors import EarshotError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FORMAT = 1
"""``v`` of the envelopes that are made and read here."""
LIMIT = 64 * 1024
"""Bytes of a whole envelope."""
NEWEST = 2**53
"""The largest version: from there on not every reader of JSON tells two integers apart."""
DEEPEST = 16
"""Tables and lists in one another; what is known is three deep."""

_CONTEXT = b"earshot-config"
_SCOPE = re.compile(r"d/[a-z0-9-]{3,32}|g/[a-z0-9-]{1,32}")
_KID = re.compile(r"[a-z0-9-]{1,32}")


class Refused(EarshotError):
    """An envelope that is not taken. ``code``: too_big, malformed, no_keys (signed, but no key is trusted here), unknown_signer,
    bad_signature, wrong_scope."""

    def __init__(self, code: str, line: str) -> None:
        self.code = code
        super().__init__(line)


@dataclass(frozen=True)
class Opened:
    """What an envelope holds. ``config`` are tables of JSON values, not yet checked; ``kid`` is who signed, None: nobody;
    ``payload`` the exact bytes."""

    scope: str
    version: int
    config: dict[str, Any]
    kid: str | None
    payload: bytes


class _Envelope(Struct):
    v: int
    payload: str
    kid: str | None = None
    sig: str | None = None


class _Payload(Struct):
    version: Annotated[int, Meta(ge=1, le=NEWEST)]
    scope: str
    config: dict[str, Any]


_envelopes = msgspec.json.Decoder(_Envelope)
_payloads = msgspec.json.Decoder(_Payload)


def seal(
    config: Mapping[str, Any],
    *,
    version: int,
    scope: str,
    key: Ed25519PrivateKey | None = None,
    kid: str = "",
) -> bytes:
    """``config`` as the bytes of an envelope; ``kid`` is the name of ``key`` on the device, without ``key`` it is unsigned.

    Raises ``Refused`` with the codes malformed and too_big: nothing is sealed that ``open_envelope`` would not open.
    """
    if not _SCOPE.fullmatch(scope):
        _malformed(f"scope {scope!r}: must be d/DEVICE or g/GROUP of a-z, 0-9 and -")
    if key is not None and not _KID.fullmatch(kid):
        _malformed(f"key name {kid!r}: must be 1 to 32 of a-z, 0-9 and -")
    if not 1 <= version <= NEWEST:
        _malformed(f"version {version}: must be from 1 to {NEWEST}")
    try:
        payload = msgspec.json.encode({"version": version, "scope": scope, "config": config})
    except (ValueError, TypeError, OverflowError, RecursionError) as exc:
        _malformed(f"config: cannot be written as JSON: {exc}")
    envelope = {"v": FORMAT, "payload": _base64(payload)}
    if key is not None:
        envelope |= {"kid": kid, "sig": _base64(key.sign(_signed(scope, payload)))}
    data = msgspec.json.encode(envelope)
    peek(data)
    return data


def open_envelope(data: bytes, scope: str, trusted: Sequence[str]) -> Opened:
    """What ``data``, which came as configuration for ``scope``, holds; ``trusted`` are public keys, each ``name:base64url``.

    Raises ``Refused`` and nothing else, whatever the bytes. That the version is new and the tables are valid is not said.
    """
    envelope = _envelope(data)
    payload = _bytes(envelope.payload, "payload")
    if envelope.kid is not None and envelope.sig is not None:
        _verify(envelope.kid, _bytes(envelope.sig, "sig"), scope, payload, trusted)
    opened = _opened(envelope, payload)
    if opened.scope != scope:
        raise Refused("wrong_scope", f"made for {opened.scope!r}, came to {scope!r}; make one for {scope!r}")
    return opened


def peek(data: bytes) -> Opened:
    """What ``data`` says of itself: the signature is not looked at. Raises ``Refused`` for bytes that are no envelope."""
    envelope = _envelope(data)
    return _opened(envelope, _bytes(envelope.payload, "payload"))


# ---------------------------------------------------------------------- signature


def _verify(kid: str, signature: bytes, scope: str, payload: bytes, trusted: Sequence[str]) -> None:
    keys = dict(each.split(":", 1) for each in trusted if ":" in each)
    if not keys:
        raise Refused("no_keys", "signed, but this device trusts no key yet; set keys.trusted in its file")
    if kid not in keys:
        known = ", ".join(sorted(keys))
        raise Refused(
            "unknown_signer",
            f"signed by {_short(kid)}, whom this device does not know; it trusts: {known}",
        )
    if not _good(keys[kid], signature, scope, payload):
        named = _scope_in(payload)
        if named != scope and _good(keys[kid], signature, named, payload):
            raise Refused("wrong_scope", f"signed for {named!r}, came to {scope!r}; make one for {scope!r}")
        raise Refused(
            "bad_signature", f"the signature is not {kid}'s; it was changed on the way, or signed by another"
        )


def _good(public: str, signature: bytes, scope: str, payload: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(_bytes(public, "keys.trusted"))
        key.verify(signature, _signed(scope, payload))
    except (InvalidSignature, ValueError, Refused):
        return False
    return True


def _signed(scope: str, payload: bytes) -> bytes:
    return b"\0".join((_CONTEXT, scope.encode(), payload))


def _scope_in(payload: bytes) -> str:
    """The scope that a payload names; empty where none can be read."""
    try:
        holds: _Payload = _decoded(_payloads, payload, "payload")
    except Refused:
        return ""
    return holds.scope


# ---------------------------------------------------------------------- bytes


def _envelope(data: bytes) -> _Envelope:
    if len(data) > LIMIT:
        raise Refused(
            "too_big", f"the configuration makes {len(data)} bytes, allowed are {LIMIT}; set less in it"
        )
    envelope: _Envelope = _decoded(_envelopes, data, "envelope")
    if envelope.v != FORMAT:
        _malformed(f"envelope: v = {envelope.v}: must be {FORMAT}; is the device's software too old for it?")
    if (envelope.kid is None) is not (envelope.sig is None):
        _malformed("envelope: kid and sig go together; give both, or neither where it is unsigned")
    return envelope


def _opened(envelope: _Envelope, payload: bytes) -> Opened:
    holds: _Payload = _decoded(_payloads, payload, "payload")
    if not _SCOPE.fullmatch(holds.scope):
        _malformed(f"payload: scope = {_short(holds.scope)}: must be d/DEVICE or g/GROUP of a-z, 0-9 and -")
    return Opened(holds.scope, holds.version, holds.config, envelope.kid, payload)


def _decoded(decoder: msgspec.json.Decoder[Any], data: bytes, what: str) -> Any:
    try:
        decoded = decoder.decode(data)
        if _deeper(getattr(decoded, "config", None), DEEPEST):
            raise ValueError(f"tables and lists nested more than {DEEPEST} deep")
        json.loads(data, object_pairs_hook=_once)
    except (msgspec.MsgspecError, ValueError, RecursionError) as exc:
        _malformed(f"{what}: {exc}")
    return decoded


def _once(pairs: list[tuple[str, Any]]) -> None:
    found: set[str] = set()
    for name, _ in pairs:
        if name in found:
            raise ValueError(f"{_short(name)} is there twice")
        found.add(name)


def _deeper(value: Any, than: int) -> bool:
    if isinstance(value, dict):
        return not than or any(_deeper(each, than - 1) for each in value.values())
    if isinstance(value, list):
        return not than or any(_deeper(each, than - 1) for each in value)
    return False


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str, what: str) -> bytes:
    """Strict: of the many texts that lenient decoders take for the same bytes only the one that ``_base64`` makes."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        data = b""
    if _base64(data) != text:
        _malformed(f"envelope: {what}: must be base64url without padding")
    return data


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")


def _malformed(line: str) -> NoReturn:
    raise Refused("malformed", line)
