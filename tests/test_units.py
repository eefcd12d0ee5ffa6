"""The units: systemd takes them, they say what the program means, and the page that installs them names what there is.

What they do on a running systemd: ``scripts/test-systemd``."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers_broker import free_port, until

from device.daemon_command import EX_CONFIG

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "systemd"
UNITS = sorted(FOLDER.glob("*.service"))
PAGE = (ROOT / "docs" / "systemd.md").read_text("utf-8")
HARDEST = 2.0
"""What ``systemd-analyze security`` may say at most, of 10."""


def keys(unit: str, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", (FOLDER / unit).read_text("utf-8"), re.MULTILINE)


def tool(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed (apt install systemd)")
    return found


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def runnable(tmp_path: Path) -> list[str]:
    """The units with a program that is there: nothing is installed in /opt here."""
    copies = []
    for unit in UNITS:
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text("utf-8"), flags=re.MULTILINE)
        (tmp_path / unit.name).write_text(text)
        copies.append(str(tmp_path / unit.name))
    return copies


def test_systemd_has_nothing_against_the_units(runnable):
    done = run([tool("systemd-analyze"), "verify", *runnable])
    assert (done.returncode, [line for line in done.stderr.splitlines() if "earshot" in line]) == (0, [])


def test_a_key_that_systemd_does_not_know_is_found(runnable):
    # so that the test above can fail
    with open(runnable[0], "a", encoding="utf-8") as unit:
        unit.write("[Service]\nRestartStep=1\n")
    done = run([tool("systemd-analyze"), "verify", *runnable])
    assert "RestartStep" in done.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_each_unit_is_hardened(unit):
    command = [tool("systemd-analyze"), "security", "--offline=true", "--no-pager", str(unit)]
    done = run(command)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze cannot look at a file")
    found = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert found and float(found[1]) <= HARDEST, done.stdout + done.stderr


def test_what_does_not_get_better_by_trying_again_is_not_tried_again():
    assert keys("earshot.service", "RestartPreventExitStatus") == [f"2 {EX_CONFIG}"]
    assert keys("earshot.service", "Restart") == ["always"]


def test_the_device_is_watched_and_says_itself_when_it_is_ready():
    assert keys("earshot.service", "Type") == ["notify"]
    assert float(keys("earshot.service", "WatchdogSec")[0]) > 0
    newer = (FOLDER / "systemd-254" / "earshot.conf").read_text("utf-8")
    assert "Type=notify-reload\nExecReload=\n" in newer  # SIGHUP once, not twice


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_credential_that_is_not_there_keeps_no_service_from_starting(unit):
    sources = [line.partition(":")[2] for line in keys(unit.name, "LoadCredential")]
    assert all(source and "/" not in source for source in sources)  # an absolute path has to exist


def test_the_users_of_the_units_are_made():
    lines = [line.split() for line in (FOLDER / "sysusers.conf").read_text("utf-8").splitlines()]
    made = {line[1] for line in lines if line[:1] in (["u"], ["g"])}
    wanted = {name for unit in UNITS for key in ("User", "Group") for name in keys(unit.name, key)}
    wanted |= {
        name for unit in UNITS for line in keys(unit.name, "SupplementaryGroups") for name in line.split()
    }
    assert wanted and wanted <= made


@pytest.mark.parametrize(
    ("program", "option", "file"),
    [("systemd-sysusers", [], "sysusers.conf"), ("systemd-tmpfiles", ["--create"], "tmpfiles.conf")],
)
def test_systemd_makes_users_and_folders_of_them(program, option, file, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    (tmp_path / "etc").mkdir()
    done = run([tool(program), *option, f"--root={tmp_path}", str(FOLDER / file)])
    assert (done.returncode, done.stderr.count("ignoring")) == (0, 0), done.stderr
    if file == "sysusers.conf":
        assert "earshot-broker:x:" in (tmp_path / "etc/passwd").read_text()
    else:
        assert (tmp_path / "etc/earshot-broker/conf.d").is_dir()
        assert (tmp_path / "etc/credstore").stat().st_mode & 0o777 == 0o700


def test_the_page_installs_every_file_and_no_other():
    installed = set(re.findall(r"\$share/([\w./-]+)", PAGE))
    assert installed == {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file()}


@pytest.fixture
def own_broker(tmp_path: Path) -> Callable[[], tuple[int, subprocess.Popen[bytes]]]:
    """Starts a mosquitto by the configuration of earshot-broker.service, with paths and port of this test."""
    binary = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if binary is None:
        pytest.skip("mosquitto is not installed (apt install mosquitto)")
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "state").mkdir()
    port, started = free_port(), []

    def start() -> tuple[int, subprocess.Popen[bytes]]:
        text = (FOLDER / "mosquitto.conf").read_text("utf-8")
        for here, there in (("/var/lib/earshot-broker", "state"), ("/etc/earshot-broker/conf.d", "conf.d")):
            assert here in text
            text = text.replace(here, str(tmp_path / there))
        (tmp_path / "mosquitto.conf").write_text(f"user {pwd.getpwuid(os.geteuid()).pw_name}\n{text}")
        listener = (FOLDER / "listener.conf").read_text("utf-8")
        assert "\nlistener 1883 127.0.0.1\n" in listener
        (tmp_path / "conf.d" / "listener.conf").write_text(listener.replace("1883", str(port)))
        broker = subprocess.Popen([binary, "-c", str(tmp_path / "mosquitto.conf")], stderr=subprocess.DEVNULL)
        started.append(broker)
        until(lambda: broker.poll() is not None or _answers("127.0.0.1", port), "mosquitto listening")
        assert broker.poll() is None
        return port, broker

    yield start
    for broker in started:
        broker.kill()
        broker.wait()


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 1).close()
    except OSError:
        return False
    return True


def test_the_brokers_configuration_keeps_what_is_retained_and_listens_on_loopback_only(own_broker):
    from paho.mqtt import publish, subscribe

    port, broker = own_broker()
    assert not _answers("127.0.0.2", port)  # another address of this machine
    publish.single("earshot/1/test", "kept", qos=1, retain=True, hostname="127.0.0.1", port=port)
    broker.terminate()
    broker.wait(30)
    own_broker()
    message = subscribe.simple("earshot/1/test", hostname="127.0.0.1", port=port)
    assert message.payload == b"kept"
