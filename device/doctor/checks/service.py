"""The daemon as systemd sees it: does it run, does it start with the machine, is it watched, may its sound have real time?"""

from __future__ import annotations

from collections.abc import Mapping

from device.doctor.finding import Finding, fault, ok, skipped, warning
from device.doctor.patient import Patient

UNIT = "earshot.service"
PROPERTIES = (
    *(
        "LoadState",
        "ActiveState",
        "SubState",
        "Result",
        "ExecMainStatus",
        "NRestarts",
        "StatusText",
        "UnitFileState",
    ),
    *("MainPID", "WatchdogUSec", "LimitRTPRIO", "LimitMEMLOCK", "NeedDaemonReload"),
)
EXITS = {
    "78": (
        "its configuration cannot be used",
        "`earshot config check /etc/earshot/earshot.toml` shows every mistake",
    ),
    "2": ("something that it needs is missing", f"`journalctl -u {UNIT} -n 30` names it"),
    "1": ("another earshot runs already, or a part of it died", f"`journalctl -u {UNIT} -n 30` says which"),
}
"""Exit codes of `earshot run`."""
RT_PRIORITY, MEMLOCK = 20, 64 * 1024 * 1024
"""What the sound's threads ask for (``pa_taps.PRIORITY``), and bytes that may be locked."""
REWRITE = "put the unit of this version in place (docs/systemd.md), then `systemctl daemon-reload`"


def check(patient: Patient) -> list[Finding]:
    if not (patient.root / "run/systemd/system").is_dir():
        return [skipped(f"no systemd here; {_outside(patient)}")]
    shown = patient.tool("systemctl", "show", UNIT, "--property", ",".join(PROPERTIES))
    if shown is None:
        return [skipped("systemd does not answer")]
    told = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    if told.get("LoadState") == "not-found":
        return [skipped(f"{UNIT} is not installed; {_outside(patient)}")]
    return judge(told)


def _outside(patient: Patient) -> str:
    return f"{patient.running}, started by hand" if patient.running else "the daemon does not run"


def judge(told: Mapping[str, str]) -> list[Finding]:
    """``told``: what ``systemctl show`` says, by property."""
    state, status = told.get("ActiveState", ""), told.get("StatusText", "")
    data = {name: value for name, value in told.items() if name in PROPERTIES}
    if state == "failed":
        code = told.get("ExecMainStatus", "")
        text, mend = EXITS.get(code, ("", f"`journalctl -u {UNIT} -n 50` says why"))
        return [
            fault(f"has failed ({told.get('Result')}, exit code {code}){text and ': ' + text}", mend, **data)
        ]
    found = _settings(told, data)
    if state == "activating":
        found.insert(
            0, warning(f"is starting: {status or told.get('SubState')}", "wait, and look again", **data)
        )
    elif state != "active":
        # what it would be given when it runs is not told before
        return [warning(f"does not run ({state})", f"`sudo systemctl enable --now {UNIT}` starts it", **data)]
    elif "degraded" in status or status.startswith("stuck"):
        found.insert(
            0, warning(status, f"the other lines, or `journalctl -u {UNIT} -n 50`, say what to do", **data)
        )
    if int(told.get("NRestarts") or 0) > 0 and state == "active":
        text = f"systemd had to start it again {told['NRestarts']} time(s)"
        found.append(warning(text, f"`journalctl -u {UNIT} -p warning` says why", **data))
    return found or [ok(status or "runs", **data)]


def _settings(told: Mapping[str, str], data: dict[str, str]) -> list[Finding]:
    found = []
    if told.get("UnitFileState") == "disabled":
        found.append(warning("does not start with the machine", f"`sudo systemctl enable {UNIT}`", **data))
    if told.get("NeedDaemonReload") == "yes":
        found.append(
            warning("the unit was changed and is not in force", "`sudo systemctl daemon-reload`", **data)
        )
    if told.get("WatchdogUSec", "") in ("0", "infinity"):
        found.append(warning("no watchdog: if it hangs nobody notices", f"{REWRITE}", **data))
    if _number(told.get("LimitRTPRIO")) < RT_PRIORITY:
        text = "its sound may not have real-time priority, and stutters when the machine is busy"
        found.append(warning(text, REWRITE, **data))
    if _number(told.get("LimitMEMLOCK")) < MEMLOCK:
        found.append(warning("it may lock too little memory for real-time sound", REWRITE, **data))
    return found


def _number(text: str | None) -> float:
    """A limit of systemd's; one that is not told is none."""
    if text is None or text == "infinity":
        return float("inf")
    return float(text) if text.isdigit() else float("inf")
