"""The time: without it certificates "are not valid yet", and the device says a wrong one."""

from __future__ import annotations

import datetime

from device.doctor.finding import Finding, fault, ok, warning
from device.doctor.patient import Patient

SET = "`sudo timedatectl set-ntp true` takes it from the network; without one, a clock module keeps it"


def check(patient: Patient) -> list[Finding]:
    shown = patient.tool("timedatectl", "show") if (patient.root / "run/systemd/system").is_dir() else None
    told = dict(line.split("=", 1) for line in (shown or "").splitlines() if "=" in line)
    return judge(datetime.datetime.now().astimezone(), told, tls=patient.config.mqtt.tls)


def judge(now: datetime.datetime, told: dict[str, str], *, tls: bool = False) -> list[Finding]:
    """``told``: what ``timedatectl show`` says, empty where there is none."""
    from device.link.clock import plausible

    says = f"{now:%Y-%m-%d %H:%M} {now.tzname() or ''}".rstrip()
    if not plausible(now):
        grave = fault if tls else warning
        return [grave(f"the clock is wrong: it says {says}", SET, now=now.isoformat())]
    if told.get("NTPSynchronized") == "no":
        why = "network time is switched off" if told.get("NTP") == "no" else "not yet synchronised"
        return [warning(f"{says}, {why}", SET, now=now.isoformat())]
    sure = ", synchronised by network time" if told.get("NTPSynchronized") == "yes" else ""
    return [ok(f"{says}{sure}", now=now.isoformat())]
