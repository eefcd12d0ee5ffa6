"""Turn ids: UUIDv7, so that ids sort by time in any log."""

from __future__ import annotations

import os
import time


def uuid7(unix_ms: int | None = None, entropy: bytes | None = None) -> str:
    """A UUID version 7 (RFC 9562 §5.7) as text: 48 bits of Unix milliseconds, then 74 random bits.

    ``entropy`` are 10 bytes; both arguments exist so that a test or a scenario can repeat a run. A Pi has no clock
    battery, so the time in an id is a hint for people and never a deadline.
    """
    stamp = (time.time_ns() // 1_000_000 if unix_ms is None else unix_ms) & (1 << 48) - 1
    noise = int.from_bytes(os.urandom(10) if entropy is None else entropy[:10], "big")
    value = stamp << 80 | 0x7 << 76 | (noise >> 62 & 0xFFF) << 64 | 0b10 << 62 | noise & (1 << 62) - 1
    digits = f"{value:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
