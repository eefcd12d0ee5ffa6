"""Messages between the main process and an engine's, as bytes: length (4 bytes, little-endian), then a pickle.

Both ends are this program on this machine, so a pickle comes from nobody else.
"""

from __future__ import annotations

import pickle
import struct
from typing import Any

_HEADER = struct.Struct("<I")


def frame(value: Any) -> bytes:
    """``value`` as one frame."""
    body = pickle.dumps(value, protocol=5)
    return _HEADER.pack(len(body)) + body


def take_frames(buffer: bytearray) -> list[Any]:
    """Take the whole frames off the front of ``buffer``; what is left is the beginning of the next one."""
    values = []
    at = 0
    while len(buffer) - at >= _HEADER.size:
        (length,) = _HEADER.unpack_from(buffer, at)
        if len(buffer) - at - _HEADER.size < length:
            break
        at += _HEADER.size + length
        values.append(pickle.loads(memoryview(buffer)[at - length : at]))
    del buffer[:at]
    return values
