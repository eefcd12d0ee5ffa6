"""Pins to press and to look at: gpiozero's own mock pins, and a file in place of the SPI bus."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from gpiozero.pins.mock import MockFactory, MockPin, MockPWMPin

from device.config import parse
from device.panel import Mark, Panel

BUTTON, SWITCH, LED = 17, 27, 12


class Busy(Exception):
    """As lgpio raises it: no error of gpiozero, nor an OSError."""


class Wire:
    """A pin that may be another program's, or connected to ground already."""

    def __init__(self, factory: Any, info: Any) -> None:
        if info.name in factory.busy:
            raise Busy("'GPIO busy'")
        super().__init__(factory, info)

    def _set_pull(self, value: str) -> None:
        super()._set_pull(value)
        if self.info.name in self.factory.grounded:
            self.drive_low()


class DimPin(Wire, MockPWMPin):
    pass


class PlainPin(Wire, MockPin):
    pass


class Pins(MockFactory):
    """``press`` connects a pin to ground. ``dims`` False: pins without PWM; ``busy``: those of others; ``grounded``: pressed
    before they are opened."""

    def __init__(self, dims: bool = True, busy: tuple[int, ...] = (), grounded: tuple[int, ...] = ()) -> None:
        self.busy, self.grounded = ({f"GPIO{pin}" for pin in those} for those in (busy, grounded))
        super().__init__(pin_class=DimPin if dims else PlainPin)

    def press(self, pin: int) -> None:
        self.pin(pin).drive_low()

    def release(self, pin: int) -> None:
        self.pin(pin).drive_high()

    def light(self, pin: int) -> float:
        return float(self.pin(pin).state)


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@contextlib.contextmanager
def opened(
    pins: Any = None, mark: Mark | None = None, clock: Callable[[], float] | None = None, **panel: Any
) -> Any:
    """A panel without a thread of its own; closed at the end."""
    one = Panel(parse({"panel": panel}).panel, mark, factory=pins, threaded=False, clock=clock or Clock())
    one.start()
    try:
        yield one
    finally:
        one.close()
