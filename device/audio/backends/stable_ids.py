"""Names for a device that mean the same after a restart, whatever the order in which cards were found. Pure.

    card:ReSpeaker              the id that ALSA gives to a card; the second of one kind gets another one, by chance
    usb:2886:0018               vendor and product of a USB device
    usb:2886:0018:SERIAL        ... and its serial number, where it has one of its own
    usb:2886:0018@1-1.2         ... or the socket that it is in
    node:alsa_input.usb-...     a source or sink of PipeWire or PulseAudio

A card with several devices is meant with its first; ",1" at the end means another: "card:vc4hdmi,1".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .cards import Card

FORMS = (
    re.compile(r"card:(?P<card>[^,:@]+)(,(?P<device>\d+))?\Z"),
    re.compile(
        r"usb:(?P<usb>[0-9a-f]{4}:[0-9a-f]{4})(:(?P<serial>[^,@]+))?(@(?P<port>[0-9.\-]+))?(,(?P<device>\d+))?\Z",
        re.IGNORECASE,
    ),
    re.compile(r"node:(?P<node>.+)\Z"),
)
OWN_SERIAL = re.compile(r"[A-Za-z0-9_.\-]{4,40}\Z")
"""Serial numbers that may be one: many devices have "0", or the maker's name."""


@dataclass(frozen=True, slots=True)
class StableId:
    """One of ``card``, ``usb`` and ``node``. ``device``: which one of the card's, None: the first that fits."""

    card: str = ""
    usb: str = ""
    serial: str = ""
    port: str = ""
    node: str = ""
    device: int | None = None

    def fits(self, card: Card) -> bool:
        if self.card:
            return self.card == card.id
        return (
            bool(self.usb)
            and self.usb == card.usb_id
            and self.serial in ("", card.serial)
            and self.port in ("", card.port)
        )


def parse(wanted: str) -> StableId | None:
    """The id that ``wanted`` is; None where it is a part of a name."""
    for form in FORMS:
        if found := form.match(wanted.strip()):
            parts = {name: part for name, part in found.groupdict().items() if part and name != "device"}
            device = found.groupdict().get("device")
            if "usb" in parts:
                parts["usb"] = parts["usb"].lower()
            return StableId(**parts, device=int(device) if device else None)
    return None


def best_id(card: Card, every: Sequence[Card]) -> str:
    """What to write for ``card`` among ``every`` card there is: the shortest that no other one has; "" for none."""
    if card.usb_id:
        twins = [other for other in every if other.usb_id == card.usb_id and other.number != card.number]
        if not twins:
            return f"usb:{card.usb_id}"
        own = OWN_SERIAL.match(card.serial) and all(other.serial != card.serial for other in twins)
        if own:
            return f"usb:{card.usb_id}:{card.serial}"
        if card.port:
            return f"usb:{card.usb_id}@{card.port}"
    return f"card:{card.id}" if card.id else ""
