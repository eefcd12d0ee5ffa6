"""Which ALSA card is behind a name of PortAudio's, and what it is: from /proc/asound.

"ReSpeaker 4 Mic Array (UAC1.0): USB Audio (hw:2,0)"  ->  card 2  ->  /proc/asound/card2/usbid  ->  "2886:0018"
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc/asound")
BLUETOOTH = re.compile(r"bluealsa|bluez|bluetooth|a2dp", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Card:
    """``number`` as ALSA counts; ``usb_id`` ("vendor:product") only of USB devices; ``name`` holds all that it is called."""

    number: int
    usb_id: str | None
    name: str


def card_of(device_name: str, root: Path = PROC) -> Card | None:
    """The card of a PortAudio device; None where the name does not lead to one ("default", "pulse")."""
    found = re.search(r"\(hw:(\d+)", device_name)
    if not found:
        return None
    number = int(found.group(1))
    folder = root / f"card{number}"
    listed = ""
    for line in _read(root / "cards").splitlines():
        if re.match(rf"\s*{number}\s+\[", line):
            listed = line
    name = " ".join(" ".join((device_name, _read(folder / "id"), listed)).split())
    usb_id = _read(folder / "usbid").strip().lower()
    return Card(number, usb_id or None, name)


def is_bluetooth(device_name: str) -> bool:
    """Whether a device's name says that it is a Bluetooth loudspeaker. One behind "default" does not show."""
    return bool(BLUETOOTH.search(device_name))


def same_card(microphone: str, loudspeaker: str) -> bool | None:
    """Whether two PortAudio devices are one card; None where that cannot be known."""
    one, other = card_of(microphone), card_of(loudspeaker)
    return None if one is None or other is None else one.number == other.number


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
