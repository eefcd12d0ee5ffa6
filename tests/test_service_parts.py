"""What the service's parts do one by one: the words, the datagrams, the lock, the journal, a dead thread."""

from __future__ import annotations

import logging
import os
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from helpers_broker import CHECKOUT

from device.service import Notifier, status_line, watchdog_s
from device.service.crash import Crash
from device.service.journal import JournalHandler, entry, stderr_is_journal
from device.service.lock import PASSED, AlreadyRunning, Lock
from device.service.status import with_stuck
from device.values import Show

WELL = {"words": ["alexa"], "show": Show(), "echo": "software", "erle_db": 24.3, "broker": "ok"}


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({}, "listening for 'alexa', echo software 24 dB, broker ok"),
        ({"words": ["alexa", "hey_jarvis"], "erle_db": None},
         "listening for 'alexa' or 'hey_jarvis', echo software, broker ok"),
        ({"show": Show(speaking=True, attending=True)}, "speaking, echo software 24 dB, broker ok"),
        ({"show": Show(thinking=True)}, "thinking, echo software 24 dB, broker ok"),
        ({"deaf": "degraded, hears nothing: microphone 'x' not found", "broker": "off"},
         "degraded, hears nothing: microphone 'x' not found, broker off"),
        ({"broker": "broker 127.0.0.1:1883 cannot be reached"},
         "listening for 'alexa', echo software 24 dB, broker 127.0.0.1:1883 cannot be reached"),
        ({"wrong": ["voice: it crashed", "config_invalid"]},
         "listening for 'alexa', echo software 24 dB, broker ok, degraded: voice: it crashed; config_invalid"),
    ],
)  # fmt: skip
def test_the_status_says_in_words_what_it_does_and_what_is_wrong(changed, line):
    assert status_line(**{**WELL, **changed}) == line


def test_what_is_stuck_stands_first():
    assert with_stuck("listening", ("step",)) == "stuck: step; listening" and with_stuck("a", ()) == "a"


# ------------------------------------------------------------------ systemd's socket


def manager(path: str) -> socket.socket:
    there = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    there.bind(path)
    there.settimeout(5)
    return there


@pytest.mark.parametrize("abstract", [False, True])
def test_a_message_is_one_datagram_and_no_text_makes_a_line_of_its_own(
    tmp_path: Path, abstract: bool
) -> None:
    name = f"\0earshot-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with manager(name) as there:
        notifier = Notifier({"NOTIFY_SOCKET": name.replace("\0", "@")})
        assert notifier.ready("a card named\nWATCHDOG=trigger")
        assert there.recv(9999) == b"READY=1\nSTATUS=a card named WATCHDOG=trigger"
        assert notifier.reloading("again")
        assert there.recv(9999).startswith(b"RELOADING=1\nMONOTONIC_USEC=")


def test_a_manager_that_does_not_read_costs_messages_and_no_time(tmp_path: Path) -> None:
    with manager(str(tmp_path / "notify")):
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        taken = [notifier.watchdog() for _ in range(2000)]
    assert taken[0] and not taken[-1] and notifier.lost == taken.count(False)
    assert not notifier.ready("gone")


def test_without_systemd_nothing_is_told_and_nothing_is_lost():
    notifier = Notifier({})
    assert notifier.ready("x") and notifier.lost == 0 and not notifier.wanted


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "15000000"}, 15.0),
        ({"WATCHDOG_USEC": "15000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_ours_only_if_systemd_says_so(environ, seconds):
    assert watchdog_s(environ) == seconds


# ------------------------------------------------------------------ one at a time

HOLD = "import sys, pathlib, device.service.lock as l; l.Lock(pathlib.Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"


@pytest.mark.parametrize("place", ["a folder", "nowhere to write"])
def test_a_second_one_is_told_who_the_first_is_and_may_come_once_that_is_gone(
    tmp_path: Path, place: str
) -> None:
    folder = tmp_path / "state"
    if place != "a folder":
        folder = Path(f"/proc/nobody-writes-here{tmp_path}")
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None and first.stdout.readline() == b"held\n"
        with pytest.raises(AlreadyRunning, match=rf"process {first.pid} "):
            Lock(folder)
        first.kill()
    Lock(folder)


def test_the_lock_goes_through_an_exec_and_a_number_that_is_none_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = (
        "import os, sys, pathlib, device.service.lock as l; lock = l.Lock(pathlib.Path(sys.argv[1])); fd = lock._fd\n"
        "print(os.get_inheritable(fd), flush=True)\n"
        "if 'second' not in sys.argv: lock.pass_on(); os.execv(sys.executable, [*sys.orig_argv, 'second'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", again, str(tmp_path)], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "False"] and PASSED not in os.environ
    with (tmp_path / "something else").open("w") as other:
        monkeypatch.setenv(PASSED, str(other.fileno()))
        assert Lock(tmp_path)._fd != other.fileno()


# ------------------------------------------------------------------ the journal


def fields(data: bytes) -> dict[str, str]:
    """The native protocol, read as systemd-journald reads it."""
    found = {}
    while data:
        line, _, data = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            (size,) = struct.unpack_from("<Q", data)
            value, data = data[8 : 8 + size], data[9 + size :]
        found[name.decode()] = value.decode()
    return found


def test_a_line_reaches_the_journal_with_its_fields_and_a_traceback_in_one_piece(tmp_path: Path) -> None:
    log = logging.getLogger("device.latency")
    log.setLevel("INFO")
    with manager(str(tmp_path / "journal")) as there:
        handler = JournalHandler(str(tmp_path / "journal"), logging.NullHandler())
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        log.addHandler(handler)
        log.info("turn %d", 3, extra={"fields": {"turn": 3, "stage": "endpoint", "ms": 412.0, "none": None}})
        told = fields(there.recv(99_999))
        assert told["MESSAGE"] == "INFO device.latency: turn 3" and told["PRIORITY"] == "6"
        assert (told["EARSHOT_TURN"], told["EARSHOT_STAGE"], told["EARSHOT_MS"]) == ("3", "endpoint", "412.0")
        assert told["EARSHOT_ROOM"] == "latency" and "EARSHOT_NONE" not in told
        try:
            raise ValueError("a\nb")
        except ValueError:
            log.exception("it failed")
        told = fields(there.recv(99_999))
        assert told["MESSAGE"].endswith("ValueError: a\nb") and told["PRIORITY"] == "3"
        log.removeHandler(handler)


def test_a_journal_that_is_away_leaves_stderr_and_one_that_does_not_read_loses_lines(tmp_path: Path) -> None:
    instead: list[str] = []
    stderr = logging.Handler()
    stderr.emit = lambda record: instead.append(record.getMessage())  # type: ignore[method-assign]
    handler = JournalHandler(str(tmp_path / "journal"), stderr)
    record = logging.LogRecord("earshot", logging.INFO, "", 0, "hello", None, None)
    handler.handle(record)
    assert instead == ["hello"]
    with manager(str(tmp_path / "journal")):
        for _ in range(2000):
            handler.handle(record)
    assert instead == ["hello"] and handler.lost > 0


def test_only_the_stream_that_systemd_names_is_the_journal():
    there = os.fstat(2)
    assert stderr_is_journal({"JOURNAL_STREAM": f"{there.st_dev}:{there.st_ino}"})
    assert not stderr_is_journal({"JOURNAL_STREAM": f"{there.st_dev}:{there.st_ino + 1}"})
    assert not stderr_is_journal({"JOURNAL_STREAM": "nonsense"}) and not stderr_is_journal({})


def test_a_value_with_a_line_break_cannot_make_a_field_of_its_own():
    assert fields(entry({"MESSAGE": "a\nPRIORITY=0", "PRIORITY": 6})) == {
        "MESSAGE": "a\nPRIORITY=0",
        "PRIORITY": "6",
    }


# ------------------------------------------------------------------ a dead thread


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(("name", "ends_it"), [("steward", True), ("paho-mqtt-client-kitchen", False)])
def test_a_thread_that_dies_ends_the_daemon_unless_it_is_replaced(
    name: str, ends_it: bool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash = Crash()
    monkeypatch.setattr(threading, "excepthook", crash.died)
    thread = threading.Thread(target=lambda: 1 // 0, name=name)
    thread.start()
    thread.join()
    assert (crash.fatal is not None and "ZeroDivisionError" in crash.fatal) == ends_it
    assert crash.threads == 1 and "1 // 0" in caplog.text
