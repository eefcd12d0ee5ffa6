"""`earshot doctor` beside the service: as root, as somebody else, and where the service does not run."""

from __future__ import annotations

import json
from typing import Any

from cases import BROKER, CONFIG, EARSHOT, ENDPOINT, UNIT, case, connected, forget, need, running, stop
from container import Container, until


def doctor(box: Container, *options: str, user: str = "root") -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """Its exit code, and what it found by check."""
    done = box.run("runuser", "-u", user, "--", EARSHOT, "doctor", "--json", *options)
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in json.loads(done.stdout)["findings"]:
        found.setdefault(finding["check"], []).append(finding)
    return done.returncode, found


def texts(findings: list[dict[str, Any]]) -> str:
    return " / ".join(finding["text"] for finding in findings)


@case(
    "earshot doctor, while the device runs",
    "no fault, and the device stays connected; also for a user without rights",
)
def beside(box: Container) -> str:
    pid = running(box)
    connected(box)
    box.must("systemctl", "start", ENDPOINT)
    for user in ("root", "nobody"):
        code, found = doctor(box, user=user)
        faults = [one for findings in found.values() for one in findings if one["severity"] == "fault"]
        need(code == 0 and not faults, f"as {user}: {texts(faults)}")
        need("no test question" in texts(found["endpoint"]), f"as {user}: {texts(found['endpoint'])}")
        unit = found["service"][0]["data"]
        need(unit["ActiveState"] == "active" and unit["LimitRTPRIO"] == "60", f"as {user}: {unit}")
        need("watchdog" not in texts(found["service"]), f"as {user}: {texts(found['service'])}")
    need(box.main_pid(UNIT) == pid and "broker ok" in box.status(UNIT), f"the device: {box.status(UNIT)}")
    return ""


@case("earshot doctor, while it is stopped", "says so; asks the endpoint a question")
def stopped(box: Container) -> str:
    stop(box)
    box.must("systemctl", "start", BROKER, ENDPOINT)
    until(lambda: "first words" in texts(doctor(box, "--only", "endpoint")[1]["endpoint"]), "an answer", 20)
    _, found = doctor(box, "--only", "service", "endpoint")
    need("does not run" in texts(found["service"]), texts(found["service"]))
    return texts(found["endpoint"])


@case("earshot doctor, with a broken file", "names the line, and why the service has failed")
def broken(box: Container) -> str:
    forget(box)
    box.write(CONFIG, "[device]\nvolume = 300\n")
    box.run("systemctl", "start", UNIT)
    until(lambda: box.show(UNIT, "ActiveState") == ["failed"], "the failure", 20)
    code, found = doctor(box, "--only", "service", "configuration")
    need(
        code == 1 and "line 2: device.volume = 300" in texts(found["configuration"]),
        texts(found["configuration"]),
    )
    need("exit code 78" in texts(found["service"]), texts(found["service"]))
    forget(box)
    return ""
