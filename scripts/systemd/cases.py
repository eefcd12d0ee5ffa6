"""What a case is, and what all of them need: a device that runs by a given configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from container import CHECKOUT, Container, Failed, until
from install import SETTINGS

UNIT, BROKER, ENDPOINT = "earshot.service", "earshot-broker.service", "earshot-endpoint.service"
CONFIG = "/etc/earshot/earshot.toml"
READY_S = 30.0
PYTHON = "/opt/earshot/bin/python"
EARSHOT = "/opt/earshot/bin/earshot"


@dataclass(frozen=True)
class Case:
    """``run`` returns a figure or a word for the table, "" where there is none, and raises Failed."""

    name: str
    must: str
    run: Callable[[Container], str]


ALL: list[Case] = []


def case(name: str, must: str) -> Callable[[Callable[[Container], str]], Callable[[Container], str]]:
    """Register a case; they run in the order in which they stand."""

    def register(run: Callable[[Container], str]) -> Callable[[Container], str]:
        ALL.append(Case(name, must, run))
        return run

    return register


def stop(box: Container) -> None:
    box.must("systemctl", "stop", UNIT)
    box.run("systemctl", "reset-failed", UNIT)


def forget(box: Container) -> None:
    """Stopped, and as if it had never run."""
    stop(box)
    box.remove("/var/lib/earshot", "/var/cache/earshot", f"/etc/systemd/system/{UNIT}.d/test.conf")
    box.must("systemctl", "daemon-reload")


def running(box: Container, settings: str = SETTINGS) -> int:
    """The device runs, started anew, by ``settings``; its process."""
    stop(box)
    box.write(CONFIG, settings)
    box.must("systemctl", "start", UNIT)
    return box.main_pid(UNIT)


def connected(box: Container) -> None:
    """The broker runs, and the device is connected to it."""
    box.must("systemctl", "start", BROKER)
    until(lambda: "broker ok" in box.status(UNIT), "'broker ok' in its status", 40)


def lives_again(box: Container, old: int) -> float:
    """[s] The monotonic time at which the device was ready again, as another process than ``old``."""

    def ready() -> bool:
        state, pid = box.show(UNIT, "ActiveState", "MainPID")
        return state == "active" and pid not in ("0", str(old))

    until(ready, "a new process that is ready", 60)
    listening(box)
    return box.active_at_s(UNIT)


def listening(box: Container) -> str:
    """Its status, which says that it listens."""
    return until(
        lambda: (s := box.status(UNIT)).startswith("listening for") and s, "'listening' in its status", 10
    )


def processes(box: Container, unit: str = UNIT) -> list[str]:
    """Process ids of ``unit``."""
    group = box.show(unit, "ControlGroup")[0]
    return box.run("cat", f"/sys/fs/cgroup{group}/cgroup.procs").stdout.split() if group else []


def retained(box: Container, topic: str) -> str:
    """The retained message of ``topic``, waited for."""
    return box.must(PYTHON, f"{CHECKOUT}/scripts/systemd/inside/retained.py", topic, "15")


def need(condition: object, otherwise: str) -> None:
    if not condition:
        raise Failed(otherwise)
