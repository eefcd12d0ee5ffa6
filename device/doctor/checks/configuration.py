"""The configuration: the file, what was pushed, the files that it names, and whether what is pushed next can be kept."""

from __future__ import annotations

import os
from pathlib import Path

from device.doctor.finding import Finding, fault, ok, skipped, split, warning
from device.doctor.patient import Patient

SHOWN = 3
"""Mistakes of a file that are shown; `earshot config check` shows all."""


def check(patient: Patient) -> list[Finding]:
    from device.adoption import meaning
    from device.disk import state_folder

    found = [
        fault(
            f"{patient.source}: {line}", "mend it; `earshot config check` shows every mistake with its line"
        )
        for line in patient.faults[:SHOWN]
    ]
    found += [_note(note) for note in patient.notes]
    for lack in meaning(patient.config):
        if lack.code != "model_missing":  # the models' check says those
            text, fix = split(str(lack), "mend this key, or the file that it names")
            found.append(fault(text, fix, key=lack.path))
    folder = patient.running.folder if patient.running else state_folder()
    found += state(folder)
    if not any(finding.severity in ("fault", "warning") for finding in found):
        pushed = f"; pushed: {', '.join(patient.pushed)}" if patient.pushed else ""
        found.insert(0, ok(f"{patient.source}{pushed}; state in {folder}", pushed=list(patient.pushed)))
    return found


def state(folder: Path) -> list[Finding]:
    """Whether the state folder can be written: what was pushed, and the timers."""
    there = next(place for place in (folder, *folder.parents) if os.path.exists(place))
    mend = "is the disk full or read-only (df, mount)? the folder must belong to the user that runs earshot"
    try:
        if os.statvfs(there).f_flag & os.ST_RDONLY:
            return [warning(f"{folder} is read-only: pushed configuration is refused, timers are lost", mend)]
        owner = there.stat().st_uid
    except OSError as exc:
        return [warning(f"{folder}: {exc.strerror}", mend)]
    if os.access(there, os.W_OK | os.X_OK):
        return []
    if there == folder and owner != os.geteuid():
        return [skipped(f"{folder} belongs to another user; with sudo it is looked at")]
    return [warning(f"{folder} cannot be written: pushed configuration is refused", mend)]


def _note(note: str) -> Finding:
    if "Permission denied" in note:
        return skipped(note)
    return warning(note, "`earshot config show` shows what is in force; push the configuration again")
