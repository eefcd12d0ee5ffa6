"""Which ALSA cards there are, and which one is behind a name of PortAudio's: from /proc/asound and /sys/class/sound.

"ReSpeaker 4 Mic Array (UAC1.0): USB Audio (hw:2,0)"  ->  card 2  ->  /proc/asound/card2/usbid  ->  "2886:0018"
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc/asound")
SYS = Path("/sys/class/sound")
BLUETOOTH = re.compile(r"bluealsa|bluez|bluetooth|a2dp", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Card:
    """``number`` as ALSA counts; ``usb_id`` ("vendor:product") only of USB devices; ``name`` holds all that it is called.

    ``id`` is ALSA's short name for it. ``serial`` and ``port`` ("1-1.2": the socket, through which hubs) are a USB device's.
    """

    number: int
    usb_id: str | None
    name: str
    id: str = ""
    serial: str = ""
    port: str = ""


def card_of(device_name: str, root: Path = PROC, sys: Path = SYS) -> Card | None:
    """The card of a PortAudio device; None where the name does not lead to one ("default", "pulse")."""
    found = re.search(r"\(hw:(\d+)", device_name)
    return _card(int(found.group(1)), device_name, root, sys) if found else None


def every_card(root: Path = PROC, sys: Path = SYS) -> list[Card]:
    """All that ALSA knows, also those that PortAudio could not look at."""
    numbers = re.findall(r"^\s*(\d+)\s+\[", _read(root / "cards"), re.MULTILINE)
    return [_card(int(number), f"(hw:{number},", root, sys) for number in numbers]


def _card(number: int, called: str, root: Path, sys: Path) -> Card:
    folder = root / f"card{number}"
    listed = ""
    for line in _read(root / "cards").splitlines():
        if re.match(rf"\s*{number}\s+\[", line):
            listed = line
    short = _read(folder / "id").strip()
    name = " ".join(f"{called} {short} {listed}".split())
    usb_id = _read(folder / "usbid").strip().lower()
    serial = port = ""
    if usb_id:
        interface = (sys / f"card{number}" / "device").resolve()  # .../1-1.2/1-1.2:1.0
        port = interface.name.partition(":")[0]
        serial = _read(interface.parent / "serial").strip()
    return Card(number, usb_id or None, name, short, serial, port if "-" in port else "")


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
