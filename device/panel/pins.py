"""Opens what a board has, with gpiozero; what cannot be opened is said, and the rest works without it.

The pins are lgpio's, unless ``$GPIOZERO_PIN_FACTORY`` names another factory: gpiozero's own search ends in one that writes to the
processor's registers. lgpio, when it is imported, makes a pipe in ``$LG_WD``, or in the working directory, which a service may not
write to; and with ``$LG_WD`` it leaves the whole process there (0.2.2.0). Both are seen to here.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from device.config.schema import PanelSection
from device.panel.boards import Board
from device.panel.lights import Lights, OneLed, RgbLed, Strip

FACTORY = "GPIOZERO_PIN_FACTORY"
LG_WD = "LG_WD"


@dataclass
class Opened:
    """``inputs``: by name, button and switch; each has ``is_active``. ``problems``: what could not be had, a line each."""

    inputs: dict[str, Any] = field(default_factory=dict)
    lights: list[Lights] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def attempt(self, what: str, use: Callable[..., Any], *args: Any) -> Any:
        """What ``use`` returns; None, and a line in ``problems``, where it raises."""
        try:
            return use(*args)
        except Exception as exc:  # noqa: BLE001  a driver's own; none is a reason to be silent or deaf
            self.problems.append(f"{what}: {str(exc).strip() or type(exc).__name__}")
            return None


def needs_gpio(board: Board) -> bool:
    return board.button is not None or board.switch is not None or bool(board.leds)


def prepare() -> str | None:
    """Import lgpio where its pipe can be made. From the main thread, before others open files by relative names.

    Returns the folder that was made for the pipe, to be removed at the end; None where there is none. What goes wrong is told when
    the pins are opened, which imports it again.
    """
    if FACTORY in os.environ or LG_WD in os.environ:
        return None
    runtime = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0] or None
    try:
        here = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return _import_lgpio(tempfile.mkdtemp(prefix="earshot-gpio-", dir=runtime))
        finally:
            os.fchdir(here)
            os.close(here)
    except OSError:  # no folder to be in, or none to write to
        return None


def _import_lgpio(folder: str) -> str | None:
    """``folder`` where it could be imported; else it is removed."""
    os.environ[LG_WD] = folder
    try:
        import lgpio  # noqa: F401
    except Exception:  # noqa: BLE001  its own
        shutil.rmtree(folder, ignore_errors=True)
        return None
    finally:
        del os.environ[LG_WD]
    return folder


def open_factory() -> Any:
    """Where pins come from. Raises whatever is wrong with library, chip or rights."""
    from gpiozero.devices import Device

    if FACTORY in os.environ:
        return Device._default_pin_factory()
    try:
        from gpiozero.pins.lgpio import LGPIOFactory
    except ImportError as exc:
        raise ImportError(f"{exc}; install python3-lgpio, see docs/panel.md") from exc
    return LGPIOFactory()


def open_pins(board: Board, panel: PanelSection, factory: Any) -> Opened:
    """Everything that ``board`` has. ``factory`` None: no pins, and only the strip is tried."""
    opened = Opened()
    contacts = {"button": board.button, "switch": board.switch} if factory is not None else {}
    for name, pin in contacts.items():
        if pin is not None and (contact := opened.attempt(f"{name} on GPIO {pin}", _input, pin, factory)):
            opened.inputs[name] = contact
    leds = board.leds if factory is not None else ()
    if leds:
        what = f"LED on GPIO {', '.join(map(str, leds))}"
        led = opened.attempt(what, _led, leds, panel.led_active_high, factory)
        opened.lights += [led] if led else []
    if board.strip:
        strip = opened.attempt("strip", Strip, panel.strip_device, board.strip)
        opened.lights += [strip] if strip else []
    return opened


def _input(pin: int, factory: Any) -> Any:
    """A contact to ground. Read again and again, not by its edges: a loose wire makes thousands of those a second."""
    from gpiozero import InputDevice

    return InputDevice(pin, pull_up=True, pin_factory=factory)


def _led(pins: tuple[int, ...], active_high: bool, factory: Any) -> Lights:
    """Dimmed where the pins can do that."""
    from gpiozero import LED, PWMLED, RGBLED, PinPWMError

    settings = {"active_high": active_high, "pin_factory": factory}
    try:
        if len(pins) == 1:
            return OneLed(PWMLED(pins[0], **settings), dims=True)
        return RgbLed(RGBLED(*pins, **settings), dims=True)
    except PinPWMError:
        if len(pins) == 1:
            return OneLed(LED(pins[0], **settings), dims=False)
        return RgbLed(RGBLED(*pins, pwm=False, **settings), dims=False)
