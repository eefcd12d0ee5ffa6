"""LEDs as they are wired: each is told what to show, and draws it as well as it can. Only the panel's thread calls them."""

from __future__ import annotations

import fcntl
import os
import struct
from typing import Any, Protocol

from device.panel.apa102 import message
from device.panel.looks import Look
from device.panel.patterns import BLACK, LIT, PATTERNS, glow, lit, shine

SPI_MODE, SPI_SPEED = 0x40016B01, 0x40046B04
"""SPI_IOC_WR_MODE and SPI_IOC_WR_MAX_SPEED_HZ of linux/spi/spidev.h."""
SPEED_HZ = 1_000_000
"""60 LEDs take 2 ms; slow enough for a metre of loose wire."""


class Lights(Protocol):
    def show(self, look: Look, since: int, brightness: float) -> None:
        """Draw ``look`` as it is ``since`` samples after it began. Raises what the driver raises."""

    def close(self) -> None:
        """Dark, and given back."""


class OneLed:
    """An LED of gpiozero, ``PWMLED`` or ``LED``; ``dims``: whether it can be anything between on and off."""

    def __init__(self, led: Any, dims: bool) -> None:
        self._led, self._dims = led, dims
        self._value: float = 0

    def show(self, look: Look, since: int, brightness: float) -> None:
        value = glow(look, since, brightness) if self._dims else float(brightness > 0 and lit(look, since))
        if value != self._value:
            self._led.value = self._value = value

    def close(self) -> None:
        self._led.close()


class RgbLed:
    """An ``RGBLED`` of gpiozero. One that cannot be dimmed shows which of its colours is strong enough to be on."""

    def __init__(self, led: Any, dims: bool) -> None:
        self._led, self._dims = led, dims
        self._value = BLACK

    def show(self, look: Look, since: int, brightness: float) -> None:
        if self._dims:
            [value] = shine(look, since, 1, brightness)
        elif brightness > 0 and lit(look, since):
            red, green, blue = PATTERNS[look].colour
            value = (float(red >= LIT), float(green >= LIT), float(blue >= LIT))
        else:
            value = BLACK
        if value != self._value:
            self._led.value = self._value = value

    def close(self) -> None:
        self._led.close()


class Strip:
    """``count`` APA102 on the SPI bus at ``path``, by the kernel's own interface: no library. Raises OSError."""

    def __init__(self, path: str, count: int) -> None:
        self._count = count
        self._handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        self._sent = b""
        try:
            fcntl.ioctl(self._handle, SPI_MODE, struct.pack("B", 0))
            fcntl.ioctl(self._handle, SPI_SPEED, struct.pack("I", SPEED_HZ))
        except OSError:
            os.close(self._handle)
            raise

    def show(self, look: Look, since: int, brightness: float) -> None:
        self._send(message(shine(look, since, self._count, brightness)))

    def close(self) -> None:
        try:
            self._send(message((BLACK,) * self._count))
        finally:
            os.close(self._handle)

    def _send(self, data: bytes) -> None:
        if data != self._sent:
            os.write(self._handle, data)
            self._sent = data
