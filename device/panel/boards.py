"""What is wired where: ready boards, and the pins of the configuration. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from device.config.contradictions import RESPEAKER_BUTTON
from device.config.schema import PanelSection


@dataclass(frozen=True, slots=True)
class Board:
    """GPIO numbers (BCM); None: there is none. ``strip``: LEDs of an APA102 strip."""

    button: int | None = None
    switch: int | None = None
    leds: tuple[int, ...] = ()
    strip: int = 0

    @property
    def anything(self) -> bool:
        return self.button is not None or self.switch is not None or bool(self.leds) or self.strip > 0


READY = {"none": Board(), "gpio": Board(), "respeaker-2mic": Board(button=RESPEAKER_BUTTON, strip=3)}
"""The ReSpeaker 2-Mic HAT and its copies (v1 and v2): a button on GPIO 17, three APA102 on SPI 0. They have no select line, so
/dev/spidev0.0 and 0.1 are the same to them."""


def board(panel: PanelSection) -> Board:
    """The ready board of ``panel.profile``, and over it whatever the configuration names."""
    ready = READY[panel.profile]
    if panel.profile == "none":
        return ready
    return Board(
        button=panel.button_pin if panel.button_pin >= 0 else ready.button,
        switch=panel.mute_pin if panel.mute_pin >= 0 else None,
        leds=panel.led_pins,
        strip=panel.strip_leds or ready.strip,
    )
