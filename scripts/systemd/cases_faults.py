"""What must not become a restart loop, and a second daemon."""

from __future__ import annotations

import time

from cases import CONFIG, EARSHOT, UNIT, case, connected, forget, need, running, stop
from container import Container, until
from install import SETTINGS

BROKEN = SETTINGS + "treshold = 0.5\n"
LOOP_S = 5.0
"""So long a failed unit is watched for a restart; the unit waits one second before each."""


def _left_alone(box: Container, code: str) -> str:
    """Started with what cannot be used it fails with ``code``, once."""
    box.run("systemctl", "start", UNIT)
    time.sleep(LOOP_S)
    state, status, restarts = box.show(UNIT, "ActiveState", "ExecMainStatus", "NRestarts")
    need((state, status) == ("failed", code), f"it is {state} with exit code {status}")
    need(restarts == "0", f"{restarts} restarts")
    return f"exit code {code}, no restart"


@case("a broken configuration, nothing ever worked", "exit code 78, no restart")
def broken(box: Container) -> str:
    forget(box)
    box.write(CONFIG, BROKEN)
    since = time.time()
    told = _left_alone(box, "78")
    need("treshold" in box.journal(UNIT, since), "the journal does not name the mistake")
    return told


@case("a model that is missing", "exit code 2, no restart")
def missing_model(box: Container) -> str:
    forget(box)
    box.write(CONFIG, SETTINGS + '[wake]\nwords = ["nobody"]\n')
    return _left_alone(box, "2")


@case("a broken configuration, one has worked before", "runs by that, and says so")
def last_known_good(box: Container) -> str:
    forget(box)
    running(box, SETTINGS.replace("[audio]", "volume = 44\n[audio]"))
    connected(box)
    until(
        lambda: box.run("grep", "-q", "44", "/var/lib/earshot/config.json").returncode == 0,
        "a last known good",
        150,
    )
    stop(box)
    box.write(CONFIG, BROKEN)
    box.must("systemctl", "start", UNIT)
    status = until(
        lambda: "config_invalid" in (s := box.status(UNIT)) and s, "'config_invalid' in its status", 10
    )
    return f"“{status}”"


@case("it fails at every start", "tried again and again, never given up")
def endless(box: Container) -> str:
    forget(box)
    drop_in = f"/etc/systemd/system/{UNIT}.d/test.conf"
    box.write(drop_in, "[Service]\nExecStart=\nExecStart=/bin/false\n")
    box.must("systemctl", "daemon-reload")
    box.run("systemctl", "start", "--no-block", UNIT)
    time.sleep(12)
    state, restarts = box.show(UNIT, "ActiveState", "NRestarts")
    forget(box)
    need(state == "activating" and int(restarts) >= 2, f"it is {state} after {restarts} restarts")
    running(box)
    return f"{restarts} restarts in 12 s"


@case("a second daemon", "exit code 1, names the first")
def second(box: Container) -> str:
    pid = running(box)
    command = f"STATE_DIRECTORY=/var/lib/earshot exec {EARSHOT} run"
    done = box.run("runuser", "-u", "earshot", "--", "sh", "-c", command, timeout_s=30)
    need(
        done.returncode == 1 and str(pid) in done.stderr, f"exit code {done.returncode}: {done.stderr[-200:]}"
    )
    need(box.main_pid(UNIT) == pid, "the first has ended")
    return "“" + done.stderr.strip().splitlines()[-1].removeprefix("earshot run: ") + "”"
