"""Start, status, reload, crash, hang, stop."""

from __future__ import annotations

import signal
import time
from functools import partial

from cases import (
    BROKER,
    CONFIG,
    EARSHOT,
    UNIT,
    case,
    connected,
    forget,
    listening,
    lives_again,
    need,
    processes,
    running,
    stop,
)
from container import Container, until
from install import SETTINGS

WITHOUT_CARD = SETTINGS.replace('"room"', '"portaudio"')


@case("start with sound, without network and broker", "ready ≤ 3 s")
def start(box: Container) -> str:
    forget(box)
    box.must("systemctl", "stop", BROKER)
    running(box)
    ready_s = box.ready_s(UNIT)
    status = listening(box)
    need(
        "broker" in status and "broker ok" not in status,
        f"the status does not tell of the missing broker: {status}",
    )
    need(ready_s <= 3.0, f"ready after {ready_s:.2f} s")
    return f"{ready_s:.2f} s"


@case("status while all is well", "says what it does, and that the broker is there")
def status(box: Container) -> str:
    running(box)
    connected(box)
    return f"“{listening(box)}”"


@case("start without a sound card", "ready after 8 s, degraded, with the reason")
def start_deaf(box: Container) -> str:
    running(box, WITHOUT_CARD)
    ready_s, said = box.ready_s(UNIT), box.status(UNIT)
    need("degraded" in said, f"its status is “{said}”")
    need(7.0 <= ready_s <= 12.0, f"ready after {ready_s:.1f} s")
    return f"{ready_s:.1f} s, “{said}”"


@case("without a sound card for longer than the watchdog waits", "not restarted: it looks for one")
def deaf_for_long(box: Container) -> str:
    pid = running(box, WITHOUT_CARD)
    time.sleep(20)
    need(box.main_pid(UNIT) == pid, "it was restarted")
    return "20 s"


@case("reload", "the new configuration is in force; the same process")
def reload(box: Container) -> str:
    pid = running(box)
    connected(box)
    box.write(CONFIG, SETTINGS.replace("[audio]", "volume = 33\n[audio]"))
    began = time.monotonic()
    box.must("systemctl", "reload", UNIT)
    took_s = time.monotonic() - began
    need(box.main_pid(UNIT) == pid, "it is another process")
    until(
        lambda: '"device.volume":33' in box.must(EARSHOT, "config", "get", "--device", "kitchen", "--json").replace(": ", ":"),
        "volume 33 in its report", 15,
    )  # fmt: skip
    listening(box)
    return f"{took_s:.2f} s"


@case("reload of a broken file", "said; goes on as before")
def reload_broken(box: Container) -> str:
    pid, since = running(box), time.time()
    box.write(CONFIG, SETTINGS + "treshold = 1\n")
    box.run("systemctl", "reload", UNIT)
    until(lambda: "treshold" in box.journal(UNIT, since), "the mistake in the journal", 10)
    need(box.main_pid(UNIT) == pid, "it was restarted")
    return f"“{listening(box)}”"


@case("restart by order", "the same process to systemd, ready again")
def order(box: Container) -> str:
    pid = running(box)
    connected(box)
    until(
        lambda: box.run(EARSHOT, "send", "--device", "kitchen", "restart").returncode == 0,
        "an answer to the order",
        60,
    )
    began = time.monotonic()
    until(lambda: "broker ok" not in box.status(UNIT), "another status", 10)
    connected(box)
    took_s = time.monotonic() - began
    need(box.main_pid(UNIT) == pid and box.show(UNIT, "NRestarts") == ["0"], "systemd saw it end")
    listening(box)
    return f"connected again after {took_s:.1f} s"


@case("the process is killed", "restarted, nothing of the old one left")
def crash(box: Container) -> str:
    pid = running(box)
    old, killed_s = processes(box), time.monotonic()
    box.kill(pid, signal.SIGKILL)
    took_s = lives_again(box, pid) - killed_s
    need(box.show(UNIT, "NRestarts") == ["1"], "it was not one restart")
    need(not set(old) & set(processes(box)), "an engine of the old one lives on")
    return f"listening again after {took_s:.1f} s"


@case(
    "hang: the main process stands still (SIGSTOP)",
    "listening again ≤ WatchdogSec + 5 s, with the Python stack in the journal",
)
def hang(box: Container) -> str:
    pid, since = running(box), time.time()
    time.sleep(6)  # in the middle of its life, not right after the first sign of it
    stopped_s = time.monotonic()
    box.kill(pid, signal.SIGSTOP)
    took_s = lives_again(box, pid) - stopped_s
    limit_s = float(box.show(UNIT, "WatchdogUSec")[0].removesuffix("s")) + 5
    said = box.journal(UNIT, since)
    need("Fatal Python error: Aborted" in said and 'File "' in said, "no stack in the journal")
    need(took_s <= limit_s, f"after {took_s:.1f} s")
    return f"{took_s:.1f} s"


def _engine(box: Container, name: str) -> int:
    """The process of an engine, 0 where there is none now."""
    for pid in processes(box):
        if box.run("cat", f"/proc/{pid}/cmdline").stdout.rstrip("\0").endswith(f"\0{name}"):
            return int(pid)
    return 0


@case("an engine is killed, an engine hangs", "another takes its place; systemd need not help")
def engines(box: Container) -> str:
    pid = running(box)
    connected(box)
    took_s = []
    for name, signum in (("recogniser", signal.SIGKILL), ("voice", signal.SIGSTOP)):
        old = until(partial(_engine, box, name), f"a {name}", 10)
        began = time.monotonic()
        box.kill(old, signum)
        box.must(EARSHOT, "say", "--device", "kitchen", "--no-wait", "one two three")
        until(lambda old=old, name=name: _engine(box, name) not in (0, old), f"another {name}", 40)
        took_s.append(time.monotonic() - began)
    need(box.main_pid(UNIT) == pid, "the device was restarted")
    until(lambda: "degraded" not in listening(box), "a status without a fault", 20)
    return f"recogniser killed: {took_s[0]:.1f} s, voice hung: {took_s[1]:.1f} s"


@case("stop", "gone ≤ 3 s, with success")
def stopping(box: Container) -> str:
    running(box)
    began = time.monotonic()
    stop(box)
    took_s = time.monotonic() - began
    need(box.show(UNIT, "Result") == ["success"], f"its result is {box.show(UNIT, 'Result')[0]}")
    need(not processes(box), "something of it lives on")
    need(took_s <= 3.0, f"after {took_s:.1f} s")
    return f"{took_s:.1f} s"
