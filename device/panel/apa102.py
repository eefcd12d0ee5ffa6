"""What an APA102 strip is sent: a start, four bytes for each LED, and clocks until the last one has its own. Pure.

Source: APA102C data sheet; the end frame after T. Ollmann's measurements (one clock for two LEDs, and 32 zero bits for SK9822,
which takes over its new value with them).
"""

from __future__ import annotations

from collections.abc import Sequence

from device.panel.patterns import Colour

STEPS = 31
"""Of the current that all three colours of an LED share: it makes the dark end of a fade smooth."""


def message(lights: Sequence[Colour]) -> bytes:
    """The bytes for ``lights``, the first one nearest to the wire."""
    return bytes(4) + b"".join(map(_led, lights)) + bytes(4 + (len(lights) + 15) // 16)


def _led(light: Colour) -> bytes:
    share = max(light)
    steps = min(STEPS, max(1, -int(-share * STEPS // 1))) if share > 0 else 0
    red, green, blue = (round(min(1.0, part * STEPS / steps) * 255) if steps else 0 for part in light)
    return bytes((0xE0 | steps, blue, green, red))
