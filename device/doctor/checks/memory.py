"""Memory: what is left, and whether the kernel had to end programs already."""

from __future__ import annotations

import re

from device.doctor.finding import Finding, fault, ok, warning
from device.doctor.patient import Patient

SHORT_MIB, OUT_MIB = 120, 40
"""The daemon takes 66 MiB, PocketSphinx 40; below 40 the kernel ends something soon."""
LESS = 'use a smaller model (recogniser.engine = "pocketsphinx", voice.engine = "espeak"), or stop other programs'


def check(patient: Patient) -> list[Finding]:
    return judge(patient.read("/proc/meminfo"), patient.read("/proc/vmstat"))


def available_mib(meminfo: str) -> int | None:
    """What programs may still take; None where the kernel does not say."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo, re.MULTILINE)
    return int(found.group(1)) // 1024 if found else None


def judge(meminfo: str, vmstat: str = "") -> list[Finding]:
    """The text of /proc/meminfo and /proc/vmstat."""
    left = available_mib(meminfo)
    if left is None:
        return []
    total = re.search(r"^MemTotal:\s+(\d+) kB", meminfo, re.MULTILINE)
    whole = int(total.group(1)) // 1024 if total else 0
    killed = re.search(r"^oom_kill (\d+)", vmstat, re.MULTILINE)
    kills = int(killed.group(1)) if killed else 0
    data = {"available_mib": left, "total_mib": whole, "oom_kills": kills}
    text = f"{left} of {whole} MiB available"
    if left < OUT_MIB:
        return [fault(text, LESS, **data)]
    if left < SHORT_MIB:
        return [warning(text, LESS, **data)]
    if kills:
        text += f"; since the start the kernel ended {kills} program(s) for lack of memory"
        return [warning(text, f"`journalctl -k -g oom` says which; {LESS}", **data)]
    return [ok(text, **data)]
