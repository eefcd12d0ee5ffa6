"""A clock that is ten years off: TLS cannot work, everything that needs no broker does, and plain connections do too."""

from __future__ import annotations

import numpy as np
from helpers_broker import Mosquitto, Spy, broker, spy, until
from helpers_daemon import Daemon, daemons
from helpers_ear import say
from helpers_tls import NOW, YEARS_10, Authority

from device.audio.backends.room import RoomBackend, RoomSettings
from device.config import parse
from device.daemon import Device
from device.link.mqtt import MqttTransport
from device.settings.envelope import seal
from device.settings.signing import generate
from device.values import RATE_HZ

__all__ = ["broker", "daemons", "spy"]


def test_with_tls_and_a_clock_that_is_not_set_local_commands_work_and_the_reason_is_named(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("device.link.clock.RELEASED", NOW.date())
    authority = Authority(tmp_path)
    early = authority.certify("broker", begins=NOW + YEARS_10, ends=NOW + 2 * YEARS_10)
    broker = Mosquitto(tmp_path, authority.listener(early)).start()
    tables = {
        "mqtt": {"port": broker.port, "tls": True, "ca_file": str(authority.file)},
        "recogniser": {"engine": "pocketsphinx"},
        "voice": {"engine": "espeak"},
    }
    config = parse(tables)
    room = RoomBackend(RoomSettings(rt60_s=0.2, seed=3))
    device = Device(config, room, MqttTransport(config), in_process=True)
    device.start()
    try:
        until(
            lambda: device.link.trouble or device.link.transport.poll(), "the reason why there is no broker"
        )
        assert device.link.trouble == ("clock_unset",)
        quiet = np.zeros(RATE_HZ, np.float32)
        room.say(np.concatenate([quiet, say("alexa, set the volume to forty")]), device.position)
        end = device.position + 12 * RATE_HZ
        while device.controls.volume != 40 and device.position < end:
            device.step()
        assert device.controls.volume == 40
    finally:
        device.stop()
        broker.stop()


TEN_YEARS_AGO = """
import datetime, time
now, years = time.time, 3653 * 86400
time.time = lambda: now() - years
class Past(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(time.time(), tz)
datetime.datetime = Past
"""


def test_on_a_plain_connection_the_clock_does_not_matter(
    tmp_path, broker: Mosquitto, spy: Spy, daemons: list[Daemon], monkeypatch
):
    shim = tmp_path / "shim"
    shim.mkdir()
    (shim / "sitecustomize.py").write_text(TEN_YEARS_AGO + f"open({str(shim / 'used')!r}, 'w').close()\n")
    monkeypatch.setenv("PYTHONPATH", str(shim))
    key = generate("owner")
    daemon = Daemon(tmp_path, f"mqtt.port={broker.port}", f'keys.trusted=["{key.public}"]')
    daemons.append(daemon)
    until(lambda: spy.seen("up/config"), "the first report")
    assert (shim / "used").exists()
    data = seal({"device": {"volume": 21}}, version=1, scope="d/kitchen", key=key.key, kid=key.name)
    spy.publish("earshot/1/d/kitchen/dn/config", data, retain=True)
    until(lambda: spy.seen("up/config", applied={"d/kitchen": 1}), "the configuration in force")
    spy.publish("earshot/1/d/kitchen/dn/cmd", {"id": "t", "cmd": "timer.set", "args": {"seconds": 1}})
    assert spy.wait("up/ack", id="t").json["ok"]
    until(
        lambda: [p for p in spy.seen("up/event", kind="timer") if p.json["data"]["what"] == "ended"],
        "the timer",
    )
    status = spy.wait("up/status", config=1).json
    assert "clock_unset" not in status["problems"] and "Traceback" not in daemon.said
