"""Kill a device at every system call that writes, and see what it boots with. Run as a program: one verdict a line, as JSON.

Every point is a child process that ends by SIGKILL: before the call, and for the call that writes also when half is
written. What the child leaves on disk then boots, here, with a new life of the device.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from helpers_settings import FILE, Rig

from device.config import Config
from device.disk import Disk
from device.settings import Evidence
from device.settings.store import NAME

AWAY = Evidence(sound=True)
GROUPED = FILE.replace("[keys]", 'group = "den"\n[keys]')


class Mortal(Disk):
    """Counts its calls, from ``armed`` on, and kills the process before call ``dies``, or in the middle of it with ``half``."""

    def __init__(self, dies: int = 0, half: bool = False) -> None:
        self.dies, self.half, self.armed = dies, half, False
        self.calls: list[str] = []

    def _count(self, name: str) -> bool:
        if self.armed:
            self.calls.append(name)
            if len(self.calls) == self.dies:
                if not self.half:
                    os.kill(os.getpid(), signal.SIGKILL)
                return True
        return False

    def folder(self, path):
        self._count("mkdir")
        super().folder(path)

    def create(self, path):
        self._count("open")
        return super().create(path)

    def write(self, handle, data):
        if self._count("write"):
            super().write(handle, data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return super().write(handle, data)

    def sync(self, handle):
        self._count("fsync")
        super().sync(handle)

    def close(self, handle):
        self._count("close")
        super().close(handle)

    def rename(self, old, new):
        self._count("rename")
        super().rename(old, new)

    def open_folder(self, path):
        self._count("open folder")
        return super().open_folder(path)


@dataclass(frozen=True)
class Sequence:
    """``before`` leads up to it, ``action`` is what dies; ``again``: what whoever pushed would do once more."""

    before: Callable[[Rig], object]
    action: Callable[[Rig], object]
    again: Callable[[Rig], object] | None = None


def _live(version: int, volume: int) -> Callable[[Rig], object]:
    return lambda rig: rig.push({"device.volume": volume, "wake.threshold": volume / 100}, version)


def _proven(rig: Rig) -> None:
    rig.push({"device.volume": 30, "wake.threshold": 0.3}, 1)
    rig.run(12)


def _broker(rig: Rig) -> None:
    _proven(rig)
    rig.push({"mqtt.host": "nowhere", "device.volume": 40}, 2)
    rig.run(3, AWAY)


def _restart(rig: Rig) -> None:
    _proven(rig)
    rig.push({"audio.keep_s": 20.0, "device.volume": 40}, 2)
    rig.run(2)


def _twice(rig: Rig) -> None:
    _restart(rig)
    rig.boot()
    rig.boot()


def _damaged(rig: Rig) -> None:
    _proven(rig)
    (rig.state / NAME).write_bytes(b"{")


SEQUENCES = {
    "first push": Sequence(lambda rig: None, _live(1, 30), _live(1, 30)),
    "second push": Sequence(_proven, _live(2, 40), _live(2, 40)),
    "push of a group": Sequence(
        _proven,
        lambda rig: rig.push({"voice.speed": 1.5, "device.volume": 10}, 1, scope="g/den"),
        lambda rig: rig.push({"voice.speed": 1.5, "device.volume": 10}, 1, scope="g/den"),
    ),
    "push that moves to another broker": Sequence(
        _proven,
        lambda rig: rig.push({"mqtt.host": "there"}, 2),
        lambda rig: rig.push({"mqtt.host": "there"}, 2) and rig.run(3),
    ),
    "push that restarts": Sequence(
        _proven,
        lambda rig: rig.push({"audio.keep_s": 20.0}, 2),
        lambda rig: rig.push({"audio.keep_s": 20.0}, 2) and rig.run(3) and rig.boot(),
    ),
    "mended while on trial": Sequence(_broker, lambda rig: rig.push({"mqtt.host": "there"}, 3)),
    "confirm of a live change": Sequence(_live(1, 30), lambda rig: rig.run(12)),
    "confirm of another broker": Sequence(_broker, lambda rig: rig.run(2)),
    "rollback of another broker": Sequence(_broker, lambda rig: rig.run(130, AWAY)),
    "start of a trial": Sequence(_restart, lambda rig: rig.boot()),
    "rollback at the start": Sequence(_twice, lambda rig: rig.boot()),
    "command": Sequence(_proven, lambda rig: rig.change({"wake.threshold": 0.9})),
    "damaged state put aside": Sequence(_damaged, lambda rig: rig.boot()),
}


def _life(folder: Path, sequence: Sequence, disk: Mortal) -> tuple[Config, Config]:
    """All of it undisturbed, or until ``disk`` kills the process: what was in force before, and what is now."""
    rig = Rig(folder, disk).boot(GROUPED).poll()
    sequence.before(rig)
    before, disk.armed = rig.running, True
    sequence.action(rig)
    disk.armed = False
    assert before is not None
    return before, Rig(folder).boot().running


def points(name: str, folder: Path) -> Iterator[dict[str, object]]:
    """Every point of one sequence with its verdict, empty where all is well."""
    sequence, whole = SEQUENCES[name], Mortal()
    old, new = _life(folder / "whole", sequence, whole)
    for number, call in enumerate(whole.calls, 1):
        for half in (False, True) if call == "write" else (False,):
            place = folder / f"{number}{half}"
            if not (child := os.fork()):
                _life(place, sequence, Mortal(number, half))
                os._exit(0)
            status = os.waitpid(child, 0)[1]
            killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
            verdict = _verdict(place, name, sequence, old, new) if killed else "it was not killed there"
            yield {"sequence": name, "call": number, "name": call, "half": half, "wrong": verdict}


def _verdict(place: Path, name: str, sequence: Sequence, old: Config, new: Config) -> str:
    rig = Rig(place).boot().poll()
    first = rig.running
    if first not in (old, new):
        return f"neither old nor new is in force: {first}"
    if name != "damaged state put aside" and "state_damaged" in rig.steward.problems:
        return "the state was damaged"
    rig.run(12)
    if rig.stored() is not None and rig.stored().trial is not None:
        return "it does not prove itself"
    rig.boot().poll()
    if rig.running != first:
        return f"a second start does not agree: {rig.running}"
    if sequence.again is not None:
        sequence.again(rig)
        if rig.running != new:
            return f"pushed again it does not come into force: {rig.report}"
    return ""


def main() -> None:
    # a killed process loses nothing that it gave to the kernel: in memory it is the same, and nobody waits for a disk
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="earshot-crash-", dir=memory))
    try:
        for name in SEQUENCES:
            for point in points(name, folder / name.replace(" ", "-")):
                print(json.dumps(point), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
