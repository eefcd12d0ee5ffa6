"""`earshot doctor` as a whole: which checks, what it prints on one screen, its exit code, and that nothing hangs."""

import io
import json
import os
import sys
import threading
import types

import pytest
from rich.console import Console

from device.cli import main
from device.config import Config
from device.doctor.checks import CHECKS, Check
from device.doctor.checkup import Checkup, check_up
from device.doctor.finding import Finding, fault, ok, one_line, skipped, split, warning, worst
from device.doctor.patient import Patient
from device.doctor.running import process_of, running
from device.doctor.summary import lines, show
from device.errors import EngineError
from device.service.lock import Lock

CHEAP = ["configuration", "packages", "clock", "disk", "memory", "heat", "service"]


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    return tmp_path


def made(monkeypatch, name, function, limit_s=5.0):
    """A check that is no file of the house."""
    module = types.ModuleType(name)
    module.check = function
    monkeypatch.setitem(sys.modules, f"device.doctor.checks.{name}", module)
    return Check(name, f"doing {name}", limit_s)


# ------------------------------------------------------------------ running checks


def test_a_check_that_hangs_is_left_behind_and_the_next_ones_run(monkeypatch):
    never, told = threading.Event(), []

    def hang(patient):
        never.wait()
        told.append(patient.left.is_set())
        return []

    hangs = made(monkeypatch, "hangs", hang, limit_s=0.1)
    works = made(monkeypatch, "works", lambda patient: [ok("fine")])
    found = check_up(Patient(Config()), [hangs, works]).findings
    assert [(one.check, one.severity) for one in found] == [("hangs", "fault"), ("works", "ok")]
    assert "hangs: no result" in found[0].text and "--only hangs" in found[0].fix
    never.set()


def test_when_the_time_is_over_the_rest_is_not_tried(monkeypatch):
    works = made(monkeypatch, "works", lambda patient: [ok("fine")])
    (found,) = check_up(Patient(Config()), [works], whole_s=0).findings
    assert found.severity == "skipped"


def test_a_check_that_fails_is_a_finding(monkeypatch):
    def breaks(patient):
        raise ZeroDivisionError("of all things")

    def says(patient):
        raise EngineError("the engine\nis not there")

    checks = [made(monkeypatch, "breaks", breaks), made(monkeypatch, "says", says)]
    first, second = check_up(Patient(Config()), checks).findings
    assert "ZeroDivisionError: of all things" in first.text and second.text == "the engine is not there"
    assert worst([first]) == worst([second]) == "fault"


def test_every_check_has_a_function_and_they_fit_into_a_minute_when_none_hangs():
    for check in CHECKS:
        assert callable(check.function)
    assert all(check.limit_s <= 20 for check in CHECKS if not check.full)


def test_a_message_is_one_line_and_its_fix_another():
    assert split("the model is missing; fetch it\n  looked in /a", "?") == (
        "the model is missing",
        "fetch it",
    )
    assert split("broken", "mend it") == ("broken", "mend it")
    assert one_line("a\n  b") == "a b" and worst([]) == "skipped"


# ------------------------------------------------------------------ the screen


def checkup(*findings):
    return Checkup(tuple(findings), {"a": 3.2})


def many(count, make):
    return [Finding(one.severity, one.text, one.fix, {}, f"check{n}") for n, one in enumerate([make] * count)]


WORDS = (
    "something that is rather long to say, because it names a thing, its value, its range and more than that "
    * 2
)


@pytest.mark.parametrize("faults", [0, 1, 4, 12])
@pytest.mark.parametrize("warnings", [0, 1, 4, 12])
def test_whatever_is_found_fits_on_one_screen(faults, warnings):
    found = [
        *many(faults, fault(WORDS, WORDS)), *many(warnings, warning(WORDS, WORDS)),
        *many(8, ok(WORDS)), *many(5, skipped(WORDS)),
    ]  # fmt: skip
    rows = lines(checkup(*found), 80, 24)
    assert len(rows) <= 23 and all(len(row.plain) <= 80 for row in rows)
    text = "\n".join(row.plain for row in rows)
    shown = text.count("✗")
    assert shown == faults or (shown and "more: earshot doctor --verbose" in text)
    assert not faults or "Something is wrong" in text


def test_faults_come_first_and_each_has_its_fix_below_it():
    found = checkup(*many(1, ok("fine")), *many(1, warning("hm", "perhaps")), *many(1, fault("no", "do it")))
    text = [row.plain.strip() for row in lines(found, 80, 24)]
    assert [row[0] for row in text if row] == ["✗", "t", "!", "t", "✓", "S"]
    assert text[1] == "to do: do it" and text[-1].startswith("Something is wrong: 1 fault, 1 warning")


def test_what_is_not_looked_at_on_a_screen_is_not_cut():
    out = io.StringIO()
    show(checkup(*many(1, fault(WORDS, WORDS))), Console(file=out, highlight=False), height=None)
    assert out.getvalue().count(WORDS.strip()) == 2


# ------------------------------------------------------------------ the command


def doctor(capsys, *options):
    code = main(["doctor", *options])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_cheap_checks_run_on_this_machine(capsys, monkeypatch):
    code, out, _ = doctor(capsys, "--only", *CHEAP, "--json")
    report = json.loads(out)
    assert {one["check"] for one in report["findings"]} == set(CHEAP)
    assert code == (1 if report["verdict"] == "fault" else 0)
    assert all("\n" not in one["text"] and "\n" not in one["fix"] for one in report["findings"])
    assert all(one["fix"] for one in report["findings"] if one["severity"] in ("warning", "fault"))


def test_only_and_skip_choose(capsys):
    _, out, _ = doctor(capsys, "--only", "clock", "memory", "--skip", "memory", "--json")
    assert [*json.loads(out)["took_s"]] == ["clock"]
    code, _, err = doctor(capsys, "--only", "hart")
    assert code == 2 and "'hart' is no check; there are: configuration" in err
    code, _, err = doctor(capsys, "--only", "clock", "--skip", "clock")
    assert code == 2 and "no check is left" in err


def test_where_nothing_can_be_tried_the_exit_code_is_2(capsys):
    options = ["--set", "audio.backend=none", "--set", "mqtt.enabled=false"]
    code, out, _ = doctor(capsys, "--only", "sound", "broker", "endpoint", "echo", *options)
    assert code == 2 and "Nothing could be tried" in out and "audio.backend is 'none'" in out


def test_a_broken_file_is_a_fault_and_the_rest_is_looked_at(capsys, tmp_path):
    file = tmp_path / "bad.toml"
    file.write_text("[device]\nvolume = 200\n[wake]\ntreshold = 1\n")
    code, out, _ = doctor(capsys, "--config", str(file), "--only", "configuration", "clock", "--json")
    texts = [one["text"] for one in json.loads(out)["findings"] if one["severity"] == "fault"]
    assert code == 1 and len(texts) == 2
    assert "line 2: device.volume = 200" in texts[0] and "did you mean 'threshold'" in texts[1]
    assert '"check": "clock"' in out


def test_a_file_that_the_configuration_names_and_that_is_not_there_is_a_fault(capsys):
    options = ["--set", "mqtt.username=kitchen", "--set", "mqtt.password_file=/nowhere/password"]
    code, out, _ = doctor(capsys, "--only", "configuration", *options)
    assert code == 1 and "mqtt.password_file" in out and "check the path" in out


# ------------------------------------------------------------------ the daemon


def test_a_daemon_that_runs_is_seen_without_touching_its_lock(state):
    assert running() is None
    lock = Lock(state)
    found = running()
    os.close(lock._fd)
    assert found is not None and found.folder == state and found.pid == os.getpid()
    assert running() is None


def test_a_daemon_of_another_user_is_seen_by_its_command(tmp_path):
    for pid, words in (
        (7, ["python3", "-m", "device", "say", "run"]),
        (8, ["/bin/vi", "run"]),
        (812, ["/opt/earshot/bin/python3", "/opt/earshot/bin/earshot", "run", "--config", "x"]),
    ):
        (tmp_path / f"proc/{pid}").mkdir(parents=True)
        (tmp_path / f"proc/{pid}/cmdline").write_text("\0".join([*words, ""]))
    assert process_of(os.geteuid(), tmp_path) == 812
    assert process_of(os.geteuid() + 1, tmp_path) is None


def test_while_a_daemon_runs_its_sound_devices_are_left_to_it(capsys, state):
    lock = Lock(state)
    _, out, _ = doctor(capsys, "--only", "sound", "echo")
    os.close(lock._fd)
    assert "earshot runs (process" in out and out.count("has the sound devices") == 2
