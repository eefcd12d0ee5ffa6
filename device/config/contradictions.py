"""Values that are valid each, and not together. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from device.config.faults import Fault
from device.config.schema import Config


def contradictions(config: Config) -> list[Fault]:
    """Everything in ``config`` that makes no sense together; the path of a fault is the key that is better mended."""
    return [Fault(line, path, "contradiction") for path, line in _found(config)]


def _found(config: Config) -> Iterator[tuple[str, str]]:
    ends = config.endpointing
    if ends.min_ms > ends.max_ms:
        line = (
            f"endpointing.min_ms = {ends.min_ms}: must be at most endpointing.max_ms, which is {ends.max_ms}; "
            "lower the one or raise the other"
        )
        yield "endpointing.min_ms", line
