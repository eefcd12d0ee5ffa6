"""The version that a configuration gets when nobody gives one. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from device.errors import EarshotError
from device.settings.envelope import NEWEST

PLAUSIBLE = 2**44
"""More than anybody's counting, or time in milliseconds, comes to: larger ones are only believed where our own key signed them.
Anybody who can write to the broker could else use up the numbers for us."""


def next_version(seen: Iterable[int], own: Iterable[int], *, signed: bool) -> int:
    """One more than the largest of ``seen`` (what is on the broker and what the device says it saw) and of ``own`` (signed by the key
    that signs now).

    An unsigned one must be newer than all; a signed one only than those that were signed: implausible ``seen`` are left out. Raises
    ``EarshotError`` where there is no larger one.
    """
    counted = [version for version in seen if not signed or version < PLAUSIBLE]
    version = 1 + max((*counted, *own), default=0)
    if version > NEWEST:
        fix = "give another with --version" if signed else "sign this one (--key): that starts anew"
        raise EarshotError(f"version {NEWEST}, the largest there is, is taken; {fix}")
    return version
