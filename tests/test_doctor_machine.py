"""`earshot doctor` looks at the machine: clock, disk, memory, temperature, systemd; a Pi's files stand in a folder."""

import datetime
import os
import stat
from pathlib import Path

import pytest

from device.config import Config
from device.doctor.checks import clock, configuration, disk, heat, memory, packages, service
from device.doctor.finding import worst
from device.doctor.patient import Patient


def patient(root=Path("/")):
    return Patient(Config(), root=root)


def tree(root, files):
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def program(folder, name, text):
    """A tool of the system that says ``text``."""
    file = folder / name
    file.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


# ------------------------------------------------------------------ temperature and the firmware's bits


PI = {
    "sys/class/thermal/thermal_zone0/temp": "61300\n",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "0\n",
}


def test_a_cool_pi_is_well(tmp_path):
    (found,) = heat.check(patient(tree(tmp_path, PI)))
    assert found.severity == "ok" and "61 °C" in found.text and "never throttled" in found.text


@pytest.mark.parametrize(
    ("bits", "severity", "told"),
    [
        ("50005", "fault", ["voltage is too low, right now", "throttled, right now"]),
        ("50000", "warning", ["voltage was too low at some time", "was throttled at some time"]),
        ("80008", "warning", ["soft temperature limit is reached, right now"]),
        ("2", "warning", ["clock is capped, right now"]),
    ],
)
def test_the_bits_of_the_firmware_are_explained(tmp_path, bits, severity, told):
    found = heat.check(patient(tree(tmp_path, PI | {list(PI)[2]: bits})))
    assert worst(found) == severity
    assert len(found) == len(told) and all(text in one.text for text, one in zip(told, found, strict=True))
    assert all(one.fix for one in found)


def test_the_firmwares_own_tool_is_asked_where_the_kernel_does_not_tell(tmp_path, monkeypatch):
    root = tree(tmp_path / "root", {"proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.5"})
    program(tmp_path, "vcgencmd", "throttled=0x50000")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert heat.check(patient(root))[0].data["throttled"] == 0x50000


def test_a_hot_pi_is_a_warning_and_a_very_hot_one_a_fault(tmp_path):
    assert heat.judge({"cpu-thermal": 81.0}, 0)[0].severity == "warning"
    assert heat.judge({"cpu-thermal": 86.0}, None)[0].severity == "fault"


def test_a_machine_that_tells_nothing_is_not_blamed(tmp_path):
    assert worst(heat.check(patient(tmp_path))) == "skipped"


# ------------------------------------------------------------------ memory, disk, clock


def meminfo(mib):
    return f"MemTotal:  947000 kB\nMemFree: 1 kB\nMemAvailable:  {mib * 1024} kB\n"


@pytest.mark.parametrize(("mib", "severity"), [(500, "ok"), (100, "warning"), (20, "fault")])
def test_little_memory_is_told(tmp_path, mib, severity):
    (found,) = memory.check(patient(tree(tmp_path, {"proc/meminfo": meminfo(mib)})))
    assert found.severity == severity and f"{mib} of 924 MiB" in found.text


def test_programs_that_the_kernel_ended_are_told(tmp_path):
    (found,) = memory.judge(meminfo(500), "pgfault 7\noom_kill 2\n")
    assert found.severity == "warning" and "ended 2 program(s)" in found.text


def space(free_mb, files=1000, read_only=False, what="state"):
    return disk.Space(what, f"/var/lib/{what}", free_mb, files, read_only)


def test_a_full_disk_is_a_fault_and_a_low_one_a_warning():
    assert disk.judge([space(3)])[0].severity == "fault" and "full" in disk.judge([space(3)])[0].text
    assert disk.judge([space(120)])[0].severity == "warning"
    assert disk.judge([space(5000, files=0)])[0].severity == "fault"
    assert disk.judge([space(5000, files=-1)])[0].severity == "ok"


def test_one_disk_is_told_once_and_a_read_only_root_is_no_fault():
    assert len(disk.judge([space(3), space(3, what="cache")])) == 1
    (found,) = disk.judge(
        [space(5000), space(5000, what="cache"), space(0, read_only=True)], read_only_root=True
    )
    assert found.text == "5.0 GB free for state, cache; the root is read-only"


def test_the_space_of_a_folder_that_is_not_there_yet_is_its_disks(tmp_path):
    assert disk.space("state", tmp_path / "a" / "b").free_mb == pytest.approx(
        disk.space("state", tmp_path).free_mb, abs=50
    )


def test_a_state_folder_under_a_file_is_told_to_be_unusable(tmp_path):
    (tmp_path / "file").write_text("")
    assert "cannot be written" in configuration.state(tmp_path / "file")[0].text
    assert not configuration.state(tmp_path / "new" / "folder")


NOW = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("now", "told", "tls", "severity"),
    [
        (NOW, {"NTP": "yes", "NTPSynchronized": "yes"}, True, "ok"),
        (NOW, {}, True, "ok"),
        (NOW, {"NTP": "no", "NTPSynchronized": "no"}, True, "warning"),
        (NOW.replace(year=1970), {}, False, "warning"),
        (NOW.replace(year=1970), {}, True, "fault"),
        (NOW.replace(year=2060), {"NTPSynchronized": "yes"}, True, "fault"),
    ],
)
def test_a_wrong_clock_is_a_fault_where_certificates_depend_on_it(now, told, tls, severity):
    (found,) = clock.judge(now, told, tls=tls)
    assert found.severity == severity and bool(found.fix) == (severity != "ok")


def test_the_clock_of_this_machine_is_right():
    assert worst(clock.check(patient())) in ("ok", "warning")


def test_the_packages_of_this_machine_are_looked_at():
    assert "Python" in packages.check(patient())[0].text


# ------------------------------------------------------------------ systemd


WELL = {
    "LoadState": "loaded", "ActiveState": "active", "SubState": "running", "Result": "success", "NRestarts": "0",
    "StatusText": "listening for 'alexa', echo software 24 dB, broker ok", "UnitFileState": "enabled", "MainPID": "812",
    "WatchdogUSec": "15s", "LimitRTPRIO": "60", "LimitMEMLOCK": "67108864", "NeedDaemonReload": "no",
}  # fmt: skip


def test_a_service_that_is_well_says_what_it_does():
    assert [one.text for one in service.judge(WELL)] == [WELL["StatusText"]]


@pytest.mark.parametrize(
    ("change", "severity", "told"),
    [
        (
            {"ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": "78"},
            "fault",
            "configuration cannot",
        ),
        (
            {"ActiveState": "failed", "Result": "watchdog", "ExecMainStatus": "6"},
            "fault",
            "has failed (watchdog",
        ),
        ({"ActiveState": "inactive"}, "warning", "does not run"),
        ({"ActiveState": "activating", "SubState": "auto-restart"}, "warning", "is starting"),
        ({"StatusText": "listening, degraded: mic_clipping"}, "warning", "degraded: mic_clipping"),
        ({"NRestarts": "7"}, "warning", "again 7 time(s)"),
        ({"WatchdogUSec": "infinity"}, "warning", "no watchdog"),
        ({"LimitRTPRIO": "0"}, "warning", "real-time priority"),
        ({"LimitMEMLOCK": "8388608"}, "warning", "lock too little memory"),
        ({"UnitFileState": "disabled"}, "warning", "does not start with the machine"),
        ({"NeedDaemonReload": "yes"}, "warning", "not in force"),
    ],
)
def test_what_systemd_knows_to_be_wrong_is_told_with_its_mend(change, severity, told):
    (found,) = service.judge(WELL | change)
    assert found.severity == severity and told in found.text and found.fix


def test_systemd_is_asked_where_it_runs(tmp_path, monkeypatch):
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    program(tmp_path, "systemctl", "\n".join(f"{name}={value}" for name, value in WELL.items()))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert service.check(patient(tmp_path))[0].text == WELL["StatusText"]
    program(tmp_path, "systemctl", "LoadState=not-found")
    assert "not installed" in service.check(patient(tmp_path))[0].text


def test_without_systemd_nothing_is_blamed(tmp_path):
    (found,) = service.check(patient(tmp_path))
    assert found.severity == "skipped" and "no systemd" in found.text
