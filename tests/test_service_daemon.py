"""``earshot run`` as systemd sees it: a real process and a socket in place of systemd's."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers_broker import CHECKOUT, Mosquitto, broker, until

from device.cli import main

__all__ = ["broker"]

FILE = "[device]\nvolume = {volume}\n[audio]\nkeep_s = {keep_s}\n"
RUN = "from device.cli import main; import sys; sys.exit(main(sys.argv[1:]))"


class Service:
    """One daemon without sound and broker, started by what stands in for systemd. ``first``: Python that runs before it."""

    def __init__(
        self, folder: Path, first: str = "", watchdog_s: float = 1.0, mqtt: str = "enabled=false"
    ) -> None:
        self.mqtt = mqtt
        self.folder, self.config = folder, folder / "earshot.toml"
        self.write(volume=40)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(folder / "notify"))
        self.socket.setblocking(False)
        self.told: list[dict[str, str]] = []
        self.environ = {
            **os.environ,
            "STATE_DIRECTORY": str(folder / "state"),
            "NOTIFY_SOCKET": str(folder / "notify"),
            "WATCHDOG_USEC": str(round(watchdog_s * 1e6)),
        }
        with (folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command(first), *self.options], cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.environ,
            )  # fmt: skip

    @property
    def options(self) -> list[str]:
        pairs = ("device.id=kitchen", "audio.backend=none", f"mqtt.{self.mqtt}")
        return ["run", "--config", str(self.config), *(x for pair in pairs for x in ("--set", pair))]

    @staticmethod
    def command(first: str = "") -> list[str]:
        return [sys.executable, "-c", f"{first}\n{RUN}"] if first else [sys.executable, "-m", "device"]

    def write(self, *, volume: object, keep_s: object = 10, more: str = "") -> None:
        self.config.write_text(FILE.format(volume=volume, keep_s=keep_s) + more)

    @property
    def said(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def hear(self) -> list[dict[str, str]]:
        """Every message so far, in order."""
        while True:
            try:
                lines = self.socket.recv(9999).decode().split("\n")
            except BlockingIOError:
                return self.told
            self.told.append(dict(line.split("=", 1) for line in lines))

    def await_told(self, key: str, part: str = "", after: int = 0) -> int:
        """The number of the first message from ``after`` on that has ``key`` with ``part`` in it."""

        def found() -> int | None:
            assert self.process.poll() is None or key == "STOPPING", self.said
            told = self.hear()
            has = (n + 1 for n in range(after, len(told)) if key in told[n] and part in told[n][key])
            return next(has, None)

        return int(until(found, f"{key}={part}")) - 1

    def reload(self, after: int = 0) -> int:
        """SIGHUP; the number of the READY that answers it."""
        self.process.send_signal(signal.SIGHUP)
        return self.await_told("READY", after=self.await_told("RELOADING", after=after))

    def end(self, signum: int = signal.SIGTERM) -> int:
        self.process.send_signal(signum)
        return self.process.wait(30)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.socket.close()


@pytest.fixture
def services() -> Iterator[list[Service]]:
    started: list[Service] = []
    yield started
    for service in started:
        service.close()


def test_systemd_hears_of_the_start_of_progress_and_of_the_end_and_a_second_daemon_leaves(
    tmp_path: Path, services: list[Service]
) -> None:
    service = Service(tmp_path)
    services.append(service)
    ready = service.await_told("READY", "1")
    assert "STATUS" in service.told[ready] and "without sound, as configured" in service.told[ready]["STATUS"]
    service.await_told("WATCHDOG", after=service.await_told("WATCHDOG", after=ready) + 1)
    second = subprocess.run(
        [*Service.command(), *service.options], cwd=CHECKOUT, env={**service.environ, "NOTIFY_SOCKET": ""},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert second.returncode == 1 and f"process {service.process.pid} " in second.stderr
    assert service.end() == 0
    told = service.hear()
    assert [n for n, message in enumerate(told) if "STOPPING" in message] == [len(told) - 1]
    assert sum("READY" in message for message in told) == 1 and "Traceback" not in service.said


def test_a_reload_takes_a_mended_file_leaves_a_broken_one_and_starts_again_where_that_is_needed(
    tmp_path: Path, services: list[Service]
) -> None:
    service = Service(tmp_path)
    services.append(service)
    ready = service.await_told("READY")
    service.write(volume=60)
    ready = service.reload(ready)
    assert "was read anew" in service.said and "MONOTONIC_USEC" in next(
        message for message in service.told if "RELOADING" in message
    )
    service.write(volume="nonsense")
    ready = service.reload(ready)
    assert "the configuration stays as it was" in service.said and "line 2" in service.said
    service.await_told("STATUS", "config_invalid", after=ready)
    service.write(volume=60, keep_s=12)  # what the daemon has to be started again for
    ready = service.reload(ready)
    assert "starting again" in service.said and "config_invalid" not in service.told[ready]["STATUS"]
    assert service.said.count("no sound, as configured") == 2 and service.process.poll() is None
    service.reload(ready)  # the second life reloads as the first did
    assert service.end() == 0 and "Traceback" not in service.said


def test_a_reload_loses_nothing_of_what_is_being_said(
    tmp_path: Path, services: list[Service], broker: Mosquitto, capsys: pytest.CaptureFixture[str]
) -> None:
    service = Service(tmp_path, mqtt=f"port={broker.port}")
    services.append(service)
    service.await_told("STATUS", "broker ok")
    said: list[int] = []
    order = (
        "say",
        "--device",
        "kitchen",
        "--broker",
        f"127.0.0.1:{broker.port}",
        "one two three four five six seven",
    )
    saying = threading.Thread(target=lambda: said.append(main([*order])))
    saying.start()
    speaking = service.await_told("STATUS", "speaking")
    service.write(volume=60, more="[voice]\nspeed = 1.5\n[wake]\nthreshold = 0.7\n")
    service.reload(speaking)
    assert "was read anew" in service.said
    saying.join(60)
    assert said == [0] and capsys.readouterr().err == ""


HANG = """
import time, device.daemon
step = device.daemon.Device.step
def hang(self):
    if self.position >= 1600: time.sleep(1000)
    return step(self)
device.daemon.Device.step = hang
"""


def test_a_step_that_hangs_is_named_not_petted_and_dumped_with_every_thread(
    tmp_path: Path, services: list[Service]
) -> None:
    service = Service(tmp_path, HANG)
    services.append(service)
    stuck = service.await_told("STATUS", "stuck: step")
    time.sleep(1)
    assert not any("WATCHDOG" in message for message in service.hear()[stuck:])
    assert service.end(signal.SIGABRT) == -signal.SIGABRT  # what systemd sends
    dump = service.said.partition("Fatal Python error: Aborted")[2]
    assert "in hang" in dump and dump.count("(most recent call first)") > 1 and "service/service.py" in dump


DIE = """
import device.settings.steward as s
def work(self): raise MemoryError("no more of it")
s.Steward._work = work
"""


def test_a_thread_that_dies_takes_the_daemon_with_it(tmp_path: Path, services: list[Service]) -> None:
    service = Service(tmp_path, DIE)
    services.append(service)
    assert service.process.wait(60) == 1
    assert "the thread 'steward' died of MemoryError" in service.said
    assert "steward" in service.hear()[service.await_told("STOPPING")]["STATUS"]


def test_a_daemon_that_was_stopped_goes_on_and_says_so(tmp_path: Path, services: list[Service]) -> None:
    service = Service(tmp_path)
    services.append(service)
    service.await_told("READY")
    service.process.send_signal(signal.SIGSTOP)
    time.sleep(2.3)
    before = len(service.hear())
    service.process.send_signal(signal.SIGCONT)
    service.await_told("WATCHDOG", after=before)
    until(lambda: "stood still for" in service.said, "a line about it")
    assert service.end() == 0 and "stuck" not in service.said
