"""``earshot run`` with a panel: one whose pins cannot be had, and mock pins."""

from __future__ import annotations

from pathlib import Path

from helpers_broker import Mosquitto, Spy, broker, spy, until
from helpers_daemon import Daemon, daemons

__all__ = ["broker", "daemons", "spy"]

STATUS, STATE = "earshot/1/d/kitchen/up/status", "earshot/1/d/kitchen/up/state"


def newest(spy: Spy, topic: str) -> dict:
    found = [post.json for post in spy.posts if post.topic == topic]
    return found[-1] if found else {}


def test_without_its_pins_it_runs_says_so_once_and_a_microphone_that_was_closed_stays_so(
    tmp_path: Path, broker: Mosquitto, spy: Spy, daemons: list[Daemon], monkeypatch
) -> None:
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "nowhere")
    mark = tmp_path / "state" / "microphone-closed"
    mark.parent.mkdir()
    mark.touch()
    daemon = Daemon(tmp_path, f"mqtt.port={broker.port}", "panel.profile=gpio", "panel.button_pin=17")
    daemons.append(daemon)
    until(lambda: newest(spy, STATE).get("hard_mute"), "the closed microphone")
    until(lambda: "panel_unavailable" in newest(spy, STATUS).get("problems", []), "the panel's problem")
    daemon.terminate()
    assert daemon.process.returncode == 0 and mark.exists()
    assert daemon.said.count("panel: GPIO: Unable to find pin factory 'nowhere'") == 1
    assert daemon.said.count("the microphone stays closed") == 1 and "Traceback" not in daemon.said


def test_with_mock_pins_all_of_it_is_wired_up(
    tmp_path: Path, broker: Mosquitto, spy: Spy, daemons: list[Daemon], monkeypatch
) -> None:
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    pins = ("button_pin=17", "mute_pin=27", "mute_when_open=true")
    daemon = Daemon(
        tmp_path, f"mqtt.port={broker.port}", "panel.profile=gpio", *(f"panel.{pin}" for pin in pins)
    )
    daemons.append(daemon)
    until(lambda: newest(spy, STATE).get("hard_mute"), "the switch, which is open")
    until(lambda: (tmp_path / "state" / "microphone-closed").exists(), "that being remembered")
    assert "panel_unavailable" not in newest(spy, STATUS).get("problems", [])
    daemon.terminate()
    assert daemon.process.returncode == 0 and "Traceback" not in daemon.said
