"""Configuration pushed to ``earshot run`` over a real mosquitto: what is bad is refused with its reasons, what does not work is
taken back, and what was in force survives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers_broker import Mosquitto, Spy, broker, free_port, spy, until
from helpers_daemon import Daemon, daemons

from device.settings.envelope import seal
from device.settings.signing import generate
from device.settings.state import digest_of

__all__ = ["broker", "daemons", "spy"]

CONFIG = "earshot/1/d/kitchen/dn/config"
SCOPE = "d/kitchen"
KEY = generate("owner")
TEN_WRONG = {
    "device": {"volume": "loud"},
    "wake": {"threshold": [], "words": 3},
    "voice": {"speed": "fast"},
    "barge_in": {"duck_db": 0, "mode": "rude"},
    "endpointing": {"min_ms": 1.5},
    "mqtt": {"port": 70_000},
    "privacy": {"transcripts": "no"},
    "keys": {"trusted": ["owner"]},
}


class House:
    """A broker, a device on it, and its owner."""

    def __init__(self, folder: Path, broker: Mosquitto, spy: Spy, daemons: list[Daemon]) -> None:
        self.folder, self.broker, self.spy, self._daemons = folder, broker, spy, daemons
        self.version = 0

    def start(self, *settings: str, config: Path | None = None, connected: bool = True) -> Daemon:
        trusted = f'keys.trusted=["{KEY.public}"]'
        base = (f"mqtt.port={self.broker.port}", trusted, "rollout.probation_s=5")
        daemon = Daemon(self.folder, *base, *settings, config=config)
        self._daemons.append(daemon)
        if connected:
            before = len(self.spy.seen("up/config"))
            until(lambda: len(self.spy.seen("up/config")) > before and daemon.said, "the first report")
        return daemon

    def push(
        self, config: dict[str, Any], *, signed: bool = True, version: int | None = None, key: Any = KEY
    ) -> bytes:
        self.version = version or self.version + 1
        how = {"key": key.key, "kid": key.name} if signed else {}
        return self.send(seal(config, version=self.version, scope=SCOPE, **how))

    def send(self, data: bytes) -> bytes:
        self.spy.publish(CONFIG, data, retain=True)
        return data

    def report(self, data: bytes, *states: str) -> dict[str, Any]:
        """The report about ``data``, once it is in one of ``states``."""

        def found() -> dict[str, Any] | None:
            for post in reversed(self.spy.seen("up/config")):
                told = post.json
                if told.get("seen", {}).get(SCOPE, {}).get("digest") == digest_of(data):
                    return told if told["state"] in states else None
            return None

        return until(found, f"a report that it is {' or '.join(states)}", 60)


@pytest.fixture
def house(tmp_path, broker, spy, daemons) -> House:
    return House(tmp_path, broker, spy, daemons)


def codes(report: dict[str, Any], what: str = "errors") -> dict[str, str]:
    return {each["path"]: each["code"] for each in report.get(what, ())}


def test_what_is_bad_is_refused_with_every_reason_and_the_device_goes_on_as_before(house: House):
    daemon = house.start()
    good = house.push({"device": {"volume": 31}})
    assert house.report(good, "applied")["effective"]["device.volume"] == 31

    def refused(data: bytes) -> dict[str, str]:
        return codes(house.report(data, "rejected"))

    assert refused(house.send(good[:-9])) == {"": "malformed"}  # truncated
    assert refused(house.send(b"\xff\x00\x01")) == {"": "malformed"}
    wrong = refused(house.push(TEN_WRONG))
    assert len(wrong) == 10 and set(wrong.values()) == {"wrong_type", "out_of_range"}
    assert refused(house.push({"wake": {"words": ["nobody"]}})) == {"wake.words": "model_missing"}
    assert refused(house.push({"mqtt": {"host": "evil.example"}}, signed=False)) == {
        "mqtt.host": "needs_signature"
    }
    assert refused(house.push({"device": {"id": "other"}})) == {"device.id": "local_only"}
    assert refused(house.push({"device": {"volume": 5}}, key=generate("owner"))) == {"": "bad_signature"}
    assert refused(house.push({"device": {"volume": 5}}, key=generate("mallory"))) == {"": "unknown_signer"}
    assert refused(house.push({"device": {"volume": 6}}, version=1)) == {"": "version_reuse"}
    strange = seal({}, version=99, scope="d/bedroom", key=KEY.key, kid=KEY.name)
    assert refused(house.send(strange)) == {"": "wrong_scope"}
    # a megabyte never reaches it: it told the broker how much it takes
    house.send(b"[" * 1_000_000)
    unknown = house.push({"device": {"volume": 32}, "wake": {"treshold": 0.5}, "flux": {"x": 1}}, version=100)
    applied = house.report(unknown, "applied")
    assert codes(applied, "warnings") == {"wake.treshold": "unknown_key", "flux": "unknown_key"}
    assert applied["effective"]["device.volume"] == 32
    assert applied["origin"]["device.volume"] == "device" and applied["applied"] == {SCOPE: 100}
    assert "Traceback" not in daemon.said and daemon.process.poll() is None


def test_a_broker_that_does_not_answer_is_rolled_back_and_the_old_one_reached_again(house: House):
    daemon = house.start()
    data = house.push({"device": {"volume": 12}, "mqtt": {"port": free_port()}})
    report = house.report(data, "rolled_back")
    # nothing of it is left, and it is bad for ever
    assert codes(report)["mqtt.port"] == "broker_unreachable"
    assert report["effective"]["device.volume"] != 12 and report["applied"] == {}
    house.spy.publish(CONFIG, b"", retain=True)
    again = house.push({"device": {"volume": 12}}, version=house.version)
    assert codes(house.report(again, "rejected")) == {"": "bad_version"}
    assert house.report(house.push({"device": {"volume": 13}}), "applied")
    assert "Traceback" not in daemon.said


def test_a_sound_card_that_does_not_open_is_rolled_back_over_two_restarts(house: House):
    daemon = house.start()
    data = house.push({"audio": {"backend": "portaudio", "input": "no such card", "output": "no such card"}})
    report = house.report(data, "rolled_back")
    assert any(path.startswith("audio.") for path in codes(report))
    assert report["effective"]["audio.backend"] == "none"
    until(lambda: daemon.said.count("no sound, as configured") >= 2, "running as before")
    assert daemon.process.poll() is None and "Traceback" not in daemon.said


def test_a_restart_key_is_in_force_after_a_restart_of_its_own_in_the_same_process(house: House):
    daemon = house.start()
    data = house.push({"audio": {"keep_s": 9.0}, "voice": {"speed": 1.2}})
    report = house.report(data, "applied")
    assert report["effective"]["audio.keep_s"] == 9.0
    assert "starting again" in daemon.said and daemon.process.poll() is None
    # and the next start has it, with nothing on the broker any more
    house.spy.publish(CONFIG, b"", retain=True)
    daemon.terminate()
    house.start()
    assert house.spy.seen("up/config")[-1].json["effective"]["voice.speed"] == 1.2


def test_retained_garbage_on_every_topic_that_it_reads_changes_nothing(house: House):
    for leaf in ("turn", "cmd", "say", "config"):
        house.spy.publish(f"earshot/1/d/kitchen/dn/{leaf}", b'{"id":"x","cmd":"restart"', retain=True)
    house.spy.publish("earshot/1/g/upstairs/dn/config", b"\x00" * 2000, retain=True)
    house.spy.publish("homeassistant/status", b"\xff" * 100, retain=True)
    planted = {"id": "planted", "cmd": "mute", "args": {"on": True}}
    house.spy.publish("earshot/1/d/kitchen/dn/cmd", planted, retain=True)
    daemon = house.start("device.group=upstairs", "homeassistant.discovery=true")
    house.spy.publish("earshot/1/d/kitchen/dn/cmd", {"id": "v", "cmd": "volume", "args": {"percent": 22}})
    assert house.spy.wait("up/ack", id="v").json["ok"]
    assert not house.spy.seen("up/ack", id="planted")
    assert until(lambda: house.spy.seen("up/state", volume=22), "the volume")[-1].json["mute"] is False
    assert house.report(house.push({"device": {"volume": 23}}), "applied")
    assert "Traceback" not in daemon.said


def test_a_broker_that_forgot_everything_hears_all_of_it_again(house: House):
    house.start("homeassistant.discovery=true")
    house.report(house.push({"device": {"volume": 44}}), "applied")
    house.broker.stop()
    house.broker.start()
    fresh = Spy(house.broker, "fresh", ("earshot/#", "homeassistant/#"))
    try:
        for leaf in ("up/status", "up/state", "up/config", "device/kitchen/config"):
            until(lambda leaf=leaf: fresh.seen(leaf), f"{leaf} again")
        assert fresh.seen("up/config")[-1].json["applied"] == {SCOPE: 1}
        assert fresh.seen("up/config")[-1].json["effective"]["device.volume"] == 44
    finally:
        fresh.close()


def test_a_broken_file_is_no_reason_to_stop_where_something_worked_before(house: House):
    path = house.folder / "earshot.toml"
    path.write_text("[device]\nvolume = 37\n")
    daemon = house.start(config=path)
    # a live change is known to be good when it has run for ten seconds, one of the connection when that has stood for one
    house.report(house.push({"voice": {"speed": 1.1}, "mqtt": {"keepalive_s": 30}}), "applied")
    until(lambda: b'"good"' in (house.folder / "state" / "config.json").read_bytes(), "the last known good")
    daemon.terminate()
    path.write_text("[device]\nvolume = 370\n")
    house.spy.posts.clear()
    house.start(config=path)
    status = until(lambda: house.spy.seen("up/status", state="degraded"), "degraded")[-1].json
    assert "config_invalid" in status["problems"]
    effective = house.spy.seen("up/config")[-1].json["effective"]
    assert effective["device.volume"] == 37 and effective["voice.speed"] == 1.1
    # and with nothing to go back to: 78
    other = House(house.folder / "other", house.broker, house.spy, house._daemons)
    other.folder.mkdir()
    broken = other.start(config=path, connected=False)
    assert broken.process.wait(30) == 78
    assert "device.volume = 370" in broken.log.read_text()


def test_a_command_changes_what_needs_no_signature_and_it_lasts(house: House):
    daemon = house.start()

    def order(id: str, key: str, value: Any) -> dict[str, Any]:
        house.spy.publish(
            "earshot/1/d/kitchen/dn/cmd", {"id": id, "cmd": "set", "args": {"key": key, "value": value}}
        )
        return house.spy.wait("up/ack", id=id).json

    assert order("a", "wake.threshold", 0.77)["ok"]
    assert order("b", "mqtt.host", "evil.example")["code"] == "needs_signature"
    assert order("c", "wake.threshold", 7)["code"] == "out_of_range"
    assert order("d", "wake.words", ["okay_nabu"])["ok"]
    daemon.terminate()
    house.spy.posts.clear()
    house.start()
    report = house.spy.seen("up/config")[-1].json
    assert report["effective"]["wake.threshold"] == 0.77 and report["origin"]["wake.threshold"] == "command"
    assert report["effective"]["wake.words"] == ["okay_nabu"]
    # a newer push that names the key wins over the command
    told = house.report(house.push({"wake": {"threshold": 0.5}}), "applied")
    assert told["effective"]["wake.threshold"] == 0.5 and told["effective"]["wake.words"] == ["okay_nabu"]
