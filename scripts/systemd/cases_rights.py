"""Who may what: units that systemd has nothing against, credentials, hardening that is in force and in nobody's way."""

from __future__ import annotations

import json
import re

from cases import BROKER, CHECKOUT, ENDPOINT, PYTHON, UNIT, case, need, running, stop
from container import Container, Failed
from install import CARD

SCORE = 2.0
SECRET = "not for everybody"


@case("systemd-analyze verify", "nothing to say about the three units")
def verify(box: Container) -> str:
    done = box.run("systemd-analyze", "verify", UNIT, BROKER, ENDPOINT)
    said = [line for line in (done.stdout + done.stderr).splitlines() if "earshot" in line]
    need(done.returncode == 0 and not said, " / ".join(said[:3]))
    return "Type=" + box.show(UNIT, "Type")[0]


def _score(box: Container, unit: str) -> float:
    said = box.run("systemd-analyze", "security", "--no-pager", unit).stdout
    found = re.search(r"exposure level for \S+: ([\d.]+)", said)
    if found is None:
        raise Failed(f"systemd-analyze says nothing of {unit}: {said[-200:]}")
    return float(found[1])


@case("systemd-analyze security", f"each ≤ {SCORE}")
def security(box: Container) -> str:
    scores = {unit: _score(box, unit) for unit in (UNIT, ENDPOINT, BROKER)}
    need(max(scores.values()) <= SCORE, str(scores))
    return ", ".join(f"{unit.removesuffix('.service')} {score}" for unit, score in scores.items())


@case("the sandbox of earshot.service", "everything that it loads works in it; the rest is refused")
def sandbox(box: Container) -> str:
    stop(box)
    unit = box.must("cat", f"/etc/systemd/system/{UNIT}")
    for key, value in {
        "Type": "oneshot", "Restart": "no", "WatchdogSec": "0", "TimeoutStartSec": "300", "ExecReload": "",
        "ExecStart": f"{PYTHON} {CHECKOUT}/scripts/systemd/inside/sandbox.py",
    }.items():  # fmt: skip
        unit = re.sub(rf"^{key}=.*$", f"{key}={value}", unit, flags=re.MULTILINE)
    unit = unit.replace("DeviceAllow=char-alsa rw", f"DeviceAllow=char-alsa rw\nDeviceAllow={CARD} rw")
    box.write("/etc/systemd/system/earshot-sandbox.service", unit)
    box.must("systemctl", "daemon-reload")
    box.run("systemctl", "start", "earshot-sandbox", timeout_s=300)
    said = box.must("journalctl", "-u", "earshot-sandbox", "-o", "cat", "--no-pager")
    lines = [line for line in said.splitlines() if line.startswith('{"works"')]
    need(lines, f"it could not be tried: {said[-300:]}")
    found = json.loads(lines[-1])
    wrong = [f"{name}: {why}" for room in found.values() for name, why in room.items() if why]
    need(not wrong, "; ".join(wrong))
    return f"{len(found['works'])} things work, {len(found['refused'])} are refused"


@case("credentials", "read by the service alone; one that is not there keeps nothing from starting")
def credentials(box: Container) -> str:
    there = "/run/credentials/earshot.service/mqtt-password"
    box.remove("/etc/credstore/earshot.mqtt-password")
    running(box)
    need(box.run("test", "-e", there).returncode != 0, "there is one that nobody put there")
    box.write("/etc/credstore/earshot.mqtt-password", SECRET, "600")
    running(box)
    read = {
        user: box.run("runuser", "-u", user, "--", "cat", there).stdout
        for user in ("earshot", "nobody", "earshot-broker")
    }
    box.remove("/etc/credstore/earshot.mqtt-password")
    need(
        read == {"earshot": SECRET, "nobody": "", "earshot-broker": ""},
        f"read by {[u for u, text in read.items() if text]}",
    )
    need(SECRET not in box.must("systemctl", "show", UNIT), "systemctl shows it")
    return ""
