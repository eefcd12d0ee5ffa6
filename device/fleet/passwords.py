"""Passwords as the broker keeps them: PBKDF2-HMAC-SHA512 (RFC 8018), as mosquitto's own tools make them."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass

ITERATIONS = 101
"""Mosquitto's own figure. More would protect a password that can be guessed: these are 32 random bytes, and each connection
costs the broker, which has one thread, that much longer."""
SALT_BYTES = 12  # mosquitto 2.0 knows no other


@dataclass(frozen=True, slots=True)
class Hashed:
    """``number`` counts the passwords that this member has had; ``salt`` and ``digest`` are base64."""

    number: int
    salt: str
    digest: str
    iterations: int = ITERATIONS


def new_password() -> str:
    """32 random bytes, base64url."""
    return secrets.token_urlsafe(32)


def hashed(password: str, number: int) -> Hashed:
    salt = secrets.token_bytes(SALT_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    return Hashed(number, base64.b64encode(salt).decode(), base64.b64encode(digest).decode())
