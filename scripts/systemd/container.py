"""A Debian that runs: systemd as process 1 in a container over a folder of ``debian_root``, and commands in it.

Nothing of a run stays: what is written goes into memory over the folder (``--volatile=overlay``). It has no network but its own
loopback. Needs root, and no systemd on this machine.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from debian_root import ROOT, Unusable

CHECKOUT = "/mnt/earshot"
"""Where this checkout is seen in the container, read-only."""
BOOT_S = 60.0
COMMAND_S = 120.0
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "HOME": "/root",
}


class Failed(Exception):
    """A case is not as it must be; the text says what was found."""


class Container:
    """One boot. ``with booted(root) as box``."""

    def __init__(self, root: Path, options: Sequence[str] = ("--volatile=overlay",)) -> None:
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed by stop
        self.group = own_group()
        self.process = subprocess.Popen(
            [
                "sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', str(self.group),
                "systemd-nspawn", "-q", "-D", str(root), *options, f"--bind-ro={ROOT}:{CHECKOUT}",
                "--machine=earshot-test", "--register=no", "--keep-unit", "--private-network",
                # without these two the device policy is silently not enforced, and memory cannot be locked
                "--capability=all", "--system-call-filter=bpf @memlock",
                "--console=pipe", "--boot",
            ],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
        )  # fmt: skip
        try:
            self._enter = self._wait_for_boot()
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    def _wait_for_boot(self) -> list[str]:
        deadline = time.monotonic() + BOOT_S
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        while time.monotonic() < deadline and self.process.poll() is None:
            if pids := children.read_text().split():
                enter = ["nsenter", "-t", pids[0], "-m", "-u", "-i", "-n", "-p", "-C"]
                state = subprocess.run(
                    [*enter, "systemctl", "is-system-running", "--wait"],
                    capture_output=True, text=True, check=False, env=ENVIRONMENT,
                ).stdout.strip()  # fmt: skip
                if state in ("running", "degraded"):
                    return enter
            time.sleep(0.1)
        self.log.seek(0)
        said = self.log.read().splitlines()
        raise Unusable("no systemd came up in a container here: " + " / ".join(said[-3:]))

    # ------------------------------------------------------------------ commands

    def run(self, *command: str, timeout_s: float = COMMAND_S) -> subprocess.CompletedProcess[str]:
        """``command`` in the container, as root; whatever its exit code."""
        return subprocess.run(
            [*self._enter, *command], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            env=ENVIRONMENT, timeout=timeout_s, errors="replace",
        )  # fmt: skip

    def must(self, *command: str, timeout_s: float = COMMAND_S) -> str:
        """The output of ``command``. Raises Failed where its exit code is not 0."""
        done = self.run(*command, timeout_s=timeout_s)
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise Failed(f"`{' '.join(command)[:80]}` ended with {done.returncode}: {' / '.join(said[-2:])}")
        return done.stdout.strip()

    def shell(self, script: str) -> str:
        return self.must("sh", "-euc", script)

    def write(self, path: str, text: str, mode: str = "644") -> None:
        subprocess.run(
            [*self._enter, "install", "-D", "-m", mode, "/dev/stdin", path],
            input=text,
            text=True,
            check=True,
            env=ENVIRONMENT,
        )

    def remove(self, *paths: str) -> None:
        self.must("rm", "-rf", *paths)

    def kill(self, pid: int, signum: signal.Signals) -> None:
        self.must("kill", f"-{signum.value}", str(pid))

    # ------------------------------------------------------------------ units

    def show(self, unit: str, *names: str) -> list[str]:
        """Properties of ``unit``."""
        lines = self.must("systemctl", "show", unit, "-p", ",".join(names)).splitlines()
        found = dict(line.split("=", 1) for line in lines)
        return [found[name] for name in names]

    def main_pid(self, unit: str) -> int:
        return int(self.show(unit, "MainPID")[0])

    def status(self, unit: str) -> str:
        return self.show(unit, "StatusText")[0]

    def ready_s(self, unit: str) -> float:
        """[s] From the start of the process to READY, by systemd's clock."""
        began, ready = self.show(unit, "ExecMainStartTimestampMonotonic", "ActiveEnterTimestampMonotonic")
        return (int(ready) - int(began)) / 1e6

    def active_at_s(self, unit: str) -> float:
        """[s] When it became active last, on the monotonic clock that the container shares with this machine."""
        return int(self.show(unit, "ActiveEnterTimestampMonotonic")[0]) / 1e6

    def journal(self, unit: str, since_s: float) -> str:
        """What ``unit`` has said since ``since_s``, a wall-clock time."""
        return self.must("journalctl", "-u", unit, "-o", "cat", "--no-pager", f"--since=@{since_s:.6f}")

    def stop(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired, Failed):
            self.run("systemctl", "poweroff", "--no-block", timeout_s=5)
            self.process.wait(30)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()
        for folder, _, _ in os.walk(self.group, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)


def own_group() -> Path:
    """A control group for one container. In a common one the same unit of two containers would be one group, and each systemd
    would wait for the other's processes."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    unified = next((fields[1] for fields in mounts if fields[2] == "cgroup2"), None)
    if unified is None:
        raise Unusable("this machine has no unified control groups (cgroup2)")
    return Path(tempfile.mkdtemp(prefix="earshot-test-", dir=unified))


@contextlib.contextmanager
def booted(root: Path) -> Iterator[Container]:
    box = Container(root)
    try:
        yield box
    finally:
        box.stop()


def until(condition: Callable[[], Any], what: str, patience_s: float) -> Any:
    """Wait until ``condition`` is true, and return its value. Raises Failed after ``patience_s``."""
    deadline = time.monotonic() + patience_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise Failed(f"{what} did not happen within {patience_s:g} s")
        time.sleep(0.1)
    return value
