"""Temperature, and a Raspberry Pi's firmware that slows the processor: a weak power supply is what most Pis suffer from."""

from __future__ import annotations

import re

from device.doctor.finding import Finding, fault, ok, skipped, warning
from device.doctor.patient import Patient

WARM_C, HOT_C = 80.0, 85.0
"""A Pi slows down from 80 °C on (soft limit 60 °C on a 3B+), and hard at 85 °C."""
COOL = "give it a heat sink or a fan, or a case with holes"
SUPPLY = "use the official power supply (5.1 V, 3 A; Pi 5: 5 A) and a short cable, without a hub in between"
BITS = (
    (0, "the supply voltage is too low", SUPPLY),
    (1, "the processor's clock is capped", SUPPLY),
    (2, "the processor is throttled", COOL),
    (3, "the soft temperature limit is reached", COOL),
)
"""Bits of ``get_throttled``: as they are now, and 16 bits higher as they were at any time since the start."""
SINCE = 16
FIRMWARE = (
    "/sys/devices/platform/soc/soc:firmware/get_throttled",
    "/sys/devices/platform/soc/firmware/get_throttled",
)


def check(patient: Patient) -> list[Finding]:
    temperatures = {}
    for zone in sorted((patient.root / "sys/class/thermal").glob("thermal_zone*")):
        at = f"/{zone.relative_to(patient.root)}"
        text = patient.read(f"{at}/temp").strip()
        if re.fullmatch(r"-?\d+", text):
            temperatures[patient.read(f"{at}/type").strip() or zone.name] = int(text) / 1000
    return judge(temperatures, _throttled(patient))


def _throttled(patient: Patient) -> int | None:
    """The firmware's word, from the kernel or from its tool; None where there is no such firmware."""
    texts = [patient.read(path) for path in FIRMWARE]
    if not any(texts) and patient.read("/proc/device-tree/model").startswith("Raspberry"):
        texts = [patient.tool("vcgencmd", "get_throttled") or ""]
    for text in texts:
        if found := re.search(r"(?:0x)?([0-9a-fA-F]+)\s*$", text.strip().rpartition("=")[2]):
            return int(found.group(1), 16)
    return None


def judge(temperatures: dict[str, float], throttled: int | None) -> list[Finding]:
    """``temperatures`` in °C by the name of their zone; ``throttled``: the bits, None where nobody tells them."""
    found = []
    hottest = max(temperatures.values(), default=None)
    data = {"temperatures_c": temperatures, "throttled": throttled}
    if hottest is not None and hottest >= WARM_C:
        grave = fault if hottest >= HOT_C else warning
        found.append(grave(f"{hottest:.0f} °C: the processor slows down from {WARM_C:.0f} on", COOL, **data))
    for bit, text, mend in BITS:
        if throttled and throttled >> bit & 1:
            # with too little voltage cards and USB devices fail, too
            grave = fault if bit == 0 else warning
            found.append(grave(f"{text}, right now", mend, bit=bit, **data))
        elif throttled and throttled >> (bit + SINCE) & 1:
            was = text.replace(" is ", " was ", 1)
            found.append(warning(f"{was} at some time since the start", mend, bit=bit + SINCE, **data))
    if found:
        return found
    if hottest is None and throttled is None:
        return [skipped("this machine does not tell its temperature")]
    told = [] if hottest is None else [f"{hottest:.0f} °C"]
    told += [] if throttled is None else ["never throttled, voltage fine"]
    return [ok(", ".join(told), **data)]
