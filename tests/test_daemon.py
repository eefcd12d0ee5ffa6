"""``earshot run`` as a process: against a real broker, without one, and with parts that die."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from helpers_broker import Mosquitto, Spy, broker, spy, until
from helpers_daemon import Daemon, daemons

__all__ = ["broker", "daemons", "spy"]

STATUS = "earshot/1/d/kitchen/up/status"


def last_status(spy: Spy) -> dict:
    found = [post.json for post in spy.posts if post.topic == STATUS]
    return found[-1] if found else {}


def test_it_says_online_and_on_sigterm_offline_and_leaves_nobody_behind(
    tmp_path: Path, broker: Mosquitto, spy: Spy, daemons: list[Daemon]
) -> None:
    daemon = Daemon(tmp_path, f"mqtt.port={broker.port}")
    daemons.append(daemon)
    until(
        lambda: last_status(spy).get("state") in ("online", "degraded"), "the device saying that it is there"
    )
    engines = until(lambda: daemon.children(), "engine processes")
    daemon.terminate()
    assert daemon.process.returncode == 0, daemon.said
    until(lambda: last_status(spy)["state"] == "offline", "the device saying that it left")
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in engines), "the engines' end")
    assert "Traceback" not in daemon.said


def test_without_a_broker_it_runs_and_connects_when_one_comes(tmp_path: Path, daemons: list[Daemon]) -> None:
    broker = Mosquitto(tmp_path)
    daemon = Daemon(tmp_path, f"mqtt.port={broker.port}")
    daemons.append(daemon)
    until(lambda: "no sound, as configured" in daemon.said, "the start")
    assert daemon.process.poll() is None
    try:
        broker.start()
        until(lambda: "connected to broker" in daemon.said, "the connection")
    finally:
        broker.stop()
    daemon.terminate()
    assert daemon.process.returncode == 0
    assert "Traceback" not in daemon.said


def test_an_engine_that_is_killed_is_started_again_and_counted(
    tmp_path: Path, broker: Mosquitto, spy: Spy, daemons: list[Daemon]
) -> None:
    daemon = Daemon(tmp_path, f"mqtt.port={broker.port}")
    daemons.append(daemon)
    until(lambda: last_status(spy).get("state"), "the device saying that it is there")
    until(lambda: len(daemon.children()) >= 2, "both engines")
    before = set(daemon.children())
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    until(lambda: len(set(daemon.children()) - before) >= 2, "both engines again")
    assert daemon.process.poll() is None
    assert "Traceback" not in daemon.said


def test_garbage_on_its_topics_is_one_line_in_the_log_and_nothing_else(
    tmp_path: Path, broker: Mosquitto, spy: Spy, daemons: list[Daemon]
) -> None:
    daemon = Daemon(tmp_path, f"mqtt.port={broker.port}")
    daemons.append(daemon)
    until(lambda: last_status(spy).get("state"), "the device saying that it is there")
    for payload in (b"", b"\xff\xfe", b"{", b"[]", b'{"op":"delta"}', b'{"op":"nonsense"}', b"x" * 70_000):
        for _ in range(20):
            spy.publish("earshot/1/d/kitchen/dn/turn", payload)
    until(lambda: "dn/turn" in daemon.said, "a line about it")
    daemon.terminate()
    about_it = [line for line in daemon.said.splitlines() if "dn/turn" in line]
    assert len(about_it) == 1, daemon.said
    assert daemon.process.returncode == 0 and "Traceback" not in daemon.said


def test_a_model_that_is_not_there_is_one_clear_line(tmp_path: Path, daemons: list[Daemon]) -> None:
    daemon = Daemon(tmp_path, "mqtt.enabled=false", "recogniser.engine=vosk", 'recogniser.model="nowhere"')
    daemons.append(daemon)
    assert daemon.process.wait(60) == 2
    assert "nowhere" in daemon.said and "earshot models" in daemon.said
    assert "Traceback" not in daemon.said


def test_a_wake_word_that_nobody_knows_names_those_that_there_are(
    tmp_path: Path, daemons: list[Daemon]
) -> None:
    daemon = Daemon(tmp_path, "mqtt.enabled=false", 'wake.words=["computer"]')
    daemons.append(daemon)
    assert daemon.process.wait(60) == 2
    assert "computer" in daemon.said and "okay_nabu" in daemon.said
    assert "Traceback" not in daemon.said
