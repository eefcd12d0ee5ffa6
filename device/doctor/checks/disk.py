"""Room on the disk, where earshot keeps what it has to keep."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from device.doctor.finding import Finding, fault, ok, warning
from device.doctor.patient import Patient

FULL_MB, LOW_MB = 16.0, 200.0
"""The state needs less than 1 MB; a journal, an update or a model fill a card that has less than 200 MB left."""
FREE_IT = "free some space (`du -xh / | sort -h | tail`, `journalctl --vacuum-size=50M`)"


@dataclass(frozen=True, slots=True)
class Space:
    """A folder of earshot's on its file system. ``files``: how many more fit, -1 where that has no limit."""

    what: str
    folder: str
    free_mb: float
    files: int
    read_only: bool


def check(patient: Patient) -> list[Finding]:
    from device import models
    from device.disk import state_folder
    from device.mouth.voices import phrases

    folders = {"state": state_folder(), "models": models.state_folder()}
    if (cache := phrases.folder()) is not None:
        folders["cache"] = cache
    if patient.running:
        folders["state"] = patient.running.folder
    return judge(
        [space(what, folder) for what, folder in folders.items()], space("root", Path("/")).read_only
    )


def space(what: str, folder: Path) -> Space:
    """Of the file system that ``folder`` is on, or will be."""
    for place in (folder, *folder.parents):
        try:
            there = os.statvfs(place)
        except OSError:
            continue
        files = there.f_favail if there.f_files else -1
        read_only = bool(there.f_flag & os.ST_RDONLY)
        return Space(what, str(folder), there.f_bavail * there.f_frsize / 1e6, files, read_only)
    return Space(what, str(folder), 0.0, 0, True)


def judge(spaces: list[Space], read_only_root: bool = False) -> list[Finding]:
    """Folders on one file system are told once."""
    found = []
    seen: set[tuple[float, int]] = set()
    for one in spaces:
        key = (round(one.free_mb), one.files)
        if key in seen or one.read_only:  # the configuration's check says what that costs
            continue
        seen.add(key)
        data = {"folder": one.folder, "free_mb": round(one.free_mb)}
        if one.free_mb < FULL_MB:
            found.append(
                fault(f"the disk is full: {one.free_mb:.0f} MB left for {one.folder}", FREE_IT, **data)
            )
        elif one.files != -1 and one.files < 100:
            found.append(fault(f"no more files fit on the disk of {one.folder}", FREE_IT, **data))
        elif one.free_mb < LOW_MB:
            found.append(warning(f"{one.free_mb:.0f} MB left for {one.folder}", FREE_IT, **data))
    if found:
        return found
    root = "; the root is read-only" if read_only_root else ""
    alike: dict[str, list[str]] = {}
    for one in spaces:
        if not one.read_only:
            alike.setdefault(_size(one.free_mb), []).append(one.what)
    free = ", ".join(f"{size} free for {', '.join(what)}" for size, what in alike.items())
    told = (free or "nothing of it can be written") + root
    return [ok(told, **{one.what: {"folder": one.folder, "free_mb": round(one.free_mb)} for one in spaces})]


def _size(mb: float) -> str:
    return f"{mb / 1000:.1f} GB" if mb >= 1000 else f"{mb:.0f} MB"
