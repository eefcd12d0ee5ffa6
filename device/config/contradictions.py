"""Values that are valid each, and not together. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from device.config.faults import Fault
from device.config.schema import (
    BargeInSection,
    Config,
    EndpointingSection,
    KeysSection,
    MqttSection,
    PanelSection,
    WakeSection,
)

RESPEAKER_BUTTON = 17
"""GPIO of the button on the ReSpeaker 2-Mic HAT."""

Found = Iterator[tuple[str, str]]
"""The path of the key that is better mended, and the line without it."""


def contradictions(config: Config) -> list[Fault]:
    """Everything in ``config`` that makes no sense together. The values of secrets are in no line."""
    found = (
        *_endpointing(config.endpointing),
        *_barge_in(config.barge_in),
        *_wake(config.wake),
        *_mqtt(config.mqtt),
        *_panel(config.panel),
        *_keys(config.keys),
    )
    return [Fault(f"{path}{line}", path, "contradiction") for path, line in found]


def _endpointing(ends: EndpointingSection) -> Found:
    if ends.min_ms > ends.max_ms:
        line = f" = {ends.min_ms}: must be at most endpointing.max_ms, which is {ends.max_ms}; lower the one or raise the other"
        yield "endpointing.min_ms", line


def _barge_in(barge: BargeInSection) -> Found:
    if barge.hold_ms > barge.cancel_ms:
        line = f" = {barge.hold_ms}: must be at most barge_in.cancel_ms, which is {barge.cancel_ms}: a reply falls silent "
        yield "barge_in.hold_ms", f"{line}before it is cancelled; lower the one or raise the other"


def _wake(wake: WakeSection) -> Found:
    if len(set(wake.words)) < len(wake.words):
        yield "wake.words", f" = {list(wake.words)}: has a word twice; give each once"
    if wake.stop in wake.words:
        yield "wake.stop", f" = {wake.stop!r}: is one of wake.words too; a word wakes or stops, not both"


def _mqtt(mqtt: MqttSection) -> Found:
    if mqtt.cert_file and not mqtt.key_file:
        yield "mqtt.key_file", " is empty, but mqtt.cert_file is set; give both or neither"
    if mqtt.key_file and not mqtt.cert_file:
        yield "mqtt.cert_file", " is empty, but mqtt.key_file is set; give both or neither"
    if mqtt.password_file and not mqtt.username:
        yield "mqtt.username", " is empty, but mqtt.password_file is set; say whose password it is"
    if not mqtt.tls:
        for name in ("ca_file", "cert_file"):
            if getattr(mqtt, name):
                yield f"mqtt.{name}", " is set, but mqtt.tls = false would not use it; set mqtt.tls = true"


def _panel(panel: PanelSection) -> Found:
    single = {"button_pin": panel.button_pin, "mute_pin": panel.mute_pin}
    wired = [name for name, pin in single.items() if pin >= 0]
    wired += ["led_pins"] if panel.led_pins else []
    wired += ["strip_leds"] if panel.strip_leds else []
    if panel.profile == "none" and wired:
        yield (
            f"panel.{wired[0]}",
            ' is set, but panel.profile = "none" would not use it; set panel.profile = "gpio"',
        )
    if panel.profile == "gpio" and not wired:
        yield (
            "panel.profile",
            ' = "gpio": no pin is given; give panel.led_pins, panel.button_pin or panel.mute_pin',
        )
    if len(panel.led_pins) == 2:
        yield "panel.led_pins", f" = {list(panel.led_pins)}: must be one pin, or three: red, green, blue"
    pins = [*panel.led_pins, *(pin for pin in single.values() if pin >= 0)]
    for pin in sorted({pin for pin in pins if pins.count(pin) > 1}):
        yield "panel.led_pins" if pin in panel.led_pins else "panel.mute_pin", f": GPIO {pin} is given twice"
    if panel.profile == "respeaker-2mic":
        for name, given in (("led_pins", panel.led_pins), ("mute_pin", (panel.mute_pin,))):
            if RESPEAKER_BUTTON in given and panel.button_pin < 0:
                yield (
                    f"panel.{name}",
                    f": GPIO {RESPEAKER_BUTTON} is the board's own button; give another pin",
                )


def _keys(keys: KeysSection) -> Found:
    names = [trusted.partition(":")[0] for trusted in keys.trusted]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield (
            "keys.trusted",
            f": {name!r} names several keys; give each its own name, as `earshot config keygen NAME` does",
        )
