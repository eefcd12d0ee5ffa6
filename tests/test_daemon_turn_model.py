"""``earshot run`` with a turn-end model, and with one that is not there: real processes, a real broker."""

from __future__ import annotations

from pathlib import Path

from helpers_broker import Mosquitto, Spy, broker, spy, until
from test_daemon import Daemon, daemons, last_status

__all__ = ["broker", "daemons", "spy"]

STRATEGY = 'endpointing.strategy="model"'


def test_a_turn_end_model_runs_in_a_process_of_its_own_and_not_in_the_ears(
    tmp_path: Path, broker: Mosquitto, spy: Spy, daemons: list[Daemon]
) -> None:
    daemon = Daemon(tmp_path, f"mqtt.port={broker.port}", STRATEGY, 'endpointing.model="turn-tiny"')
    daemons.append(daemon)
    until(lambda: "turn-end model ready" in daemon.said, "the model being loaded")
    assert len(until(lambda: len(daemon.children()) >= 3 and daemon.children(), "three engines")) == 3
    loaded = {pid: "onnxruntime" in maps(pid) for pid in (daemon.process.pid, *daemon.children())}
    assert [pid for pid, has_it in loaded.items() if has_it] != []
    assert not loaded[daemon.process.pid]
    until(lambda: last_status(spy).get("state"), "the device saying that it is there")
    assert not [code for code in last_status(spy)["problems"] if code.startswith("turn_model")]
    daemon.terminate()
    assert daemon.process.returncode == 0, daemon.said
    assert "Traceback" not in daemon.said


def test_without_the_model_it_runs_says_so_once_and_shows_it_in_the_status(
    tmp_path: Path, broker: Mosquitto, spy: Spy, daemons: list[Daemon]
) -> None:
    daemon = Daemon(tmp_path, f"mqtt.port={broker.port}", STRATEGY, 'endpointing.model="nowhere"')
    daemons.append(daemon)
    until(lambda: "model_missing" in last_status(spy).get("problems", ()), "the problem in the status")
    assert last_status(spy)["state"] == "degraded"
    daemon.terminate()
    lines = [line for line in daemon.said.splitlines() if "without a turn-end model" in line]
    assert len(lines) == 1, daemon.said
    assert "model 'nowhere' is not on this machine" in lines[0]
    assert daemon.process.returncode == 0 and "Traceback" not in daemon.said


def test_a_broken_model_file_is_shown_as_such_while_everything_else_works(
    tmp_path: Path, broker: Mosquitto, spy: Spy, daemons: list[Daemon]
) -> None:
    broken = tmp_path / "smart-turn.onnx"
    broken.write_bytes(b"this is a stump")
    daemon = Daemon(tmp_path, f"mqtt.port={broker.port}", STRATEGY, f'endpointing.model="{broken}"')
    daemons.append(daemon)
    until(lambda: "turn_model_failed" in last_status(spy).get("problems", ()), "the problem in the status")
    until(lambda: len([pid for pid in daemon.children() if maps(pid)]) == 2, "the model being given up")
    daemon.terminate()
    lines = [line for line in daemon.said.splitlines() if "smart-turn.onnx cannot be loaded" in line]
    assert len(lines) == 1, daemon.said
    assert daemon.process.returncode == 0 and "Traceback" not in daemon.said


def maps(pid: int) -> str:
    """What a process has loaded; nothing for one that has ended."""
    try:
        return Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return ""
