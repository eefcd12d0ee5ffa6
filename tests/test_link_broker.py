"""The device's side of the wire against a real mosquitto. Turn time is counted in samples that the tests let pass."""

from __future__ import annotations

import signal
import subprocess
import threading
import time

import msgspec
import pytest
from helpers_broker import Mosquitto, Spy, broker, free_port, spy, until  # noqa: F401

from device.config import Config
from device.config.schema import DeviceSection, EndpointSection, MqttSection
from device.link import Link, open_transport
from device.link.client import BrokerClient
from device.link.mqtt import MqttTransport
from device.values import (
    CancelTurn,
    HeardReport,
    Message,
    OpenTurn,
    SendHeard,
    Show,
    TurnAcked,
    TurnDelta,
    TurnEnded,
    TurnFailed,
    samples,
)

TURN = "d/kitchen/up/turn/home"
DN = "earshot/1/d/kitchen/dn/turn"


class Device:
    """A link that is stepped by hand: the position moves only when a test says so."""

    def __init__(self, config: Config) -> None:
        self.transport = open_transport(config)
        self.link = Link(config, self.transport)
        self.position = 0
        self.events: list = []

    def pass_time(self, milliseconds: float) -> None:
        self.position += samples(milliseconds)
        self.poll()

    def poll(self) -> list:
        self.events += self.link.poll(self.position)
        return self.events

    def until(self, condition, what: str = "it"):
        def polled():
            self.poll()
            return condition()

        return until(polled, what)

    def find(self, kind):
        return self.until(lambda: [e for e in self.events if isinstance(e, kind)], kind.__name__)

    def online(self) -> Device:
        self.until(lambda: self.link.connected, "connecting")
        return self


@pytest.fixture
def device(broker):  # noqa: F811
    one = Device(broker.device_config())
    yield one.online()
    one.link.close()


def test_a_turn_travels_as_the_contract_says(device, spy):  # noqa: F811
    device.link.execute(
        OpenTurn(1, "tell me a story", (Message("user", "hello"), Message("assistant", "Hi.")))
    )
    post = device.until(lambda: spy.seen(TURN), "the open")[0]
    assert post.json["op"] == "open" and post.json["text"] == "tell me a story"
    assert post.json["conversation"][1] == {
            "role": "assistant", "text": "Hi.", "interrupted": False, "notes": [],
        }  # fmt: skip
    assert (post.qos, post.retain) == (1, False) and 0 < post.expiry_s <= 15
    assert post.properties.ResponseTopic == DN
    assert post.properties.CorrelationData.decode() == post.json["turn"]
    assert post.json["turn"][14] == "7", "turn ids are UUIDs of version 7"


def test_an_answer_arrives_and_a_cancel_goes_to_the_owner_alone(device, spy):  # noqa: F811
    device.link.execute(OpenTurn(1, "hello"))
    turn = device.until(lambda: spy.seen(TURN), "the open")[0].json["turn"]
    spy.publish(
        DN, {"op": "ack", "turn": turn, "rev": 0, "attempt": 1, "worker": "a1", "colour": "unknown key"}
    )
    spy.publish(DN, {"op": "delta", "turn": turn, "rev": 0, "seq": 0, "off": 0, "text": "Hello. "})
    assert device.find(TurnDelta)[0].text == "Hello. "
    assert isinstance(device.events[0], TurnAcked)
    device.link.execute(CancelTurn(1, "stop"))
    post = device.until(lambda: spy.seen("up/ctl/a1", op="cancel"), "the cancel")[0]
    assert post.json["turn"] == turn and post.json["reason"] == "stop" and 0 < post.expiry_s <= 15


def test_what_was_heard_goes_to_the_owner_also_after_the_end(device, spy):  # noqa: F811
    device.link.execute(OpenTurn(1, "hello"))
    turn = device.until(lambda: spy.seen(TURN), "the open")[0].json["turn"]
    spy.publish(DN, {"op": "ack", "turn": turn, "worker": "a1"})
    end = {"op": "end", "turn": turn, "n": 0, "len": 9, "text": "A, b, c.?", "expect_reply": True}
    spy.publish(DN, end)
    assert device.find(TurnEnded)[0].expect_reply is True
    device.link.execute(SendHeard(HeardReport(1, 2, "A,", 120, "barge_in")))
    post = device.until(lambda: spy.seen("up/ctl/a1", op="heard"), "heard")[0]
    assert (post.json["chars"], post.json["text"], post.json["ms"]) == (2, "A,", 120)


def test_a_broker_without_any_worker_says_so_at_once(device):
    device.link.execute(OpenTurn(1, "hello"))
    assert device.find(TurnFailed)[0] == TurnFailed(0, 1, "no_worker"), "no time has passed in samples"


def test_nobody_home_and_no_broker_fails_the_turn_in_the_next_step():
    config = Config(mqtt=MqttSection(port=free_port()))
    device = Device(config)
    device.link.execute(OpenTurn(1, "hello"))
    assert device.poll() == [TurnFailed(0, 1, "no_broker")]
    device.until(lambda: "cannot be reached" in (device.link.problem or ""), "the reason")
    device.link.close()


def test_without_mqtt_every_turn_fails_because_it_is_disabled():
    device = Device(Config(mqtt=MqttSection(enabled=False)))
    device.link.execute(OpenTurn(1, "hello"))
    device.link.execute(Show(thinking=True))
    assert device.poll() == [TurnFailed(0, 1, "disabled")] and not device.link.connected
    device.link.close()


def test_status_and_state_are_retained_and_the_latest_wins(device, broker, spy):  # noqa: F811
    for volume in range(40):
        device.link.describe(volume=volume)
        device.poll()
    device.link.execute(Show(speaking=True, ducked=True))
    device.until(lambda: spy.seen("up/state", volume=39, now=["speaking"], ducked=True), "the last state")
    assert len(spy.seen("up/state")) <= 4, "40 changes in a blink are not 40 messages"
    late = Spy(broker, "late")
    assert late.wait("up/status").retain and late.wait("up/state").retain
    status = late.wait("up/status").json
    assert status["state"] == "online" and status["conn"] == 1 and status["boot"]
    late.close()


def test_problems_make_the_status_degraded_and_their_end_makes_it_online(device, spy):  # noqa: F811
    device.link.problems(["microphone 'x' not found"])
    post = device.until(lambda: spy.seen("up/status", state="degraded"), "degraded")[-1]
    assert post.json["problems"] == ["microphone 'x' not found"]
    device.link.problems([])
    device.until(lambda: spy.seen("up/status", state="online", problems=[])[1:], "online again")


def test_events_are_numbered_and_expire_after_an_hour(device, spy):  # noqa: F811
    device.link.event("wake", word="alexa", score=0.93)
    device.link.event("barge_in")
    first, second = device.until(lambda: spy.seen("up/event")[1:] and spy.seen("up/event"), "two events")
    assert (first.json["kind"], first.json["data"]["word"]) == ("wake", "alexa")
    assert second.json["seq"] == first.json["seq"] + 1 and not first.retain
    assert 3590 < first.expiry_s <= 3600


def test_a_clean_stop_says_offline_and_stays_so(broker, spy):  # noqa: F811
    device = Device(broker.device_config()).online()
    device.until(lambda: spy.seen("up/status", state="online"), "online")
    device.link.close()
    device.link.close()
    post = spy.wait("up/status", state="offline")
    assert post.json["boot"] == device.transport.boot and post.json["conn"] == 1


def test_a_device_that_dies_is_offline_by_its_will_with_the_same_boot(broker, spy, monkeypatch):  # noqa: F811
    monkeypatch.setattr("device.link.mqtt.WILL_DELAY_S", 1)
    device = Device(broker.device_config()).online()
    device.until(lambda: spy.seen("up/status", state="online"), "online")
    # the network goes, and the name is taken: paho's reconnects find no host
    device.transport.client._client._host = "host.invalid"
    device.transport.client._client._sock.shutdown(2)
    post = spy.wait("up/status", state="offline")
    assert post.json["boot"] == device.transport.boot and post.json["conn"] == 1
    device.link.close()


def test_after_a_broker_restart_everything_is_there_again(device, broker, spy):  # noqa: F811
    device.until(lambda: spy.seen("up/status", state="online"), "online")
    device.link.describe(volume=33)
    device.until(lambda: spy.seen("up/state", volume=33), "the state")
    gate = threading.Event()  # keeps the device from being back before there is somebody to see it
    reconnect = device.transport.client._on_pre_connect
    device.transport.client._client.on_pre_connect = lambda *a: (gate.wait(60), reconnect(*a))
    broker.stop()
    device.until(lambda: not device.link.connected, "the loss")
    device.link.event("button")  # kept for the broker's return
    device.link.execute(OpenTurn(1, "while it is away"))
    assert device.find(TurnFailed)[0].code == "no_broker"
    device.events.clear()
    broker.start()
    late = Spy(broker, "late")
    gate.set()
    device.online()
    device.until(
        lambda: late.seen("up/state", volume=33) and late.seen("up/event", kind="button"), "state, event"
    )
    assert late.wait("up/status", state="online").json["conn"] >= 2
    device.link.execute(OpenTurn(2, "back again"))
    turn = device.until(lambda: late.seen(TURN, text="back again"), "the open")[0].json["turn"]
    late.publish(DN, {"op": "end", "turn": turn, "worker": "a1", "n": 0, "len": 2, "text": "Hi"})
    device.find(TurnEnded)  # the device has subscribed again
    assert not late.seen(TURN, text="while it is away"), "a turn of before the outage is not sent late"
    late.close()


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\xff\xfe\x00",
        b"[1, 2",
        b"null",
        b'"text"',
        b'{"op": "dance"}',
        b'{"op": "delta", "turn": "x", "seq": "one", "off": 0, "text": ""}',
        b'{"op": "ack", "turn": "x", "worker": "../#"}',
        b'{"op": "tool", "turn": "x", "call": "c", "name": "n", "args": '
        + b'{"a":' * 1100
        + b"1"
        + b"}" * 1100
        + b"}",
        b"x" * 100_000,
        b'{"op": "end", "turn": "x", "n": -1, "len": 0}',
    ],
    ids=lambda b: repr(b[:24]),
)
def test_garbage_is_counted_logged_once_and_nothing_else(device, spy, garbage, caplog):  # noqa: F811
    device.link.execute(OpenTurn(1, "hello"))
    turn = device.until(lambda: spy.seen(TURN), "the open")[0].json["turn"]
    before = device.link.counters.get("garbage", 0)
    for _ in range(3):
        spy.publish(DN, garbage)
    spy.publish(DN, {"op": "end", "turn": turn, "worker": "a1", "n": 0, "len": 2, "text": "Hi"})
    device.find(TurnEnded)
    assert [type(e) for e in device.events if not isinstance(e, TurnFailed)] == [
        TurnAcked,
        TurnDelta,
        TurnEnded,
    ]
    assert device.link.alive and device.link.connected
    if len(garbage) < 90_000:  # what is larger than we accept, the broker does not even deliver
        assert device.link.counters["garbage"] == before + 3
        assert sum("garbage" in line for line in caplog.messages) == 1


def test_a_retained_answer_is_no_answer(broker, spy):  # noqa: F811
    spy.publish(DN, {"op": "ack", "turn": "x", "worker": "a1"}, retain=True)
    device = Device(broker.device_config()).online()
    device.link.execute(OpenTurn(1, "hello"))
    turn = device.until(lambda: spy.seen(TURN), "the open")[0].json["turn"]
    spy.publish(DN, {"op": "end", "turn": turn, "worker": "a1", "n": 0, "len": 0, "text": ""})
    device.find(TurnEnded)
    assert device.link.counters["stale"] == 0
    device.link.close()


def test_a_flood_is_bounded_and_the_rest_is_counted(device, spy):  # noqa: F811
    for index in range(600):
        spy.client.publish(
            DN, msgspec.json.encode({"op": "delta", "turn": "x", "seq": index, "off": 0, "text": "a"})
        )
    until(lambda: device.transport.counters.get("inbox_full", 0) > 0, "the inbox to be full")
    assert len(device.transport.poll()) <= 256


def test_a_frozen_broker_never_blocks_the_ear(device, broker):  # noqa: F811
    broker.process.send_signal(signal.SIGSTOP)
    try:
        device.link.execute(OpenTurn(1, "hello"))
        spent = time.thread_time()
        for volume in range(300):
            device.link.describe(volume=volume % 100)
            device.link.event("wake", n=volume)
            device.poll()
        # CPU of this thread, as a waiting thread uses none; what blocks would be seen as a test that never ends
        assert time.thread_time() - spent < 5
        assert device.link.counters["queue_full"] >= 100, (
            "events leave room for turns, the others are refused"
        )
        device.pass_time(400)
        assert not device.events and device.link.counters["second_attempts"] == 1
        device.pass_time(400)
        assert device.events == [TurnFailed(device.position, 1, "no_worker")]
    finally:
        broker.process.send_signal(signal.SIGCONT)


def test_a_dead_network_thread_is_seen_and_replaced(device, spy, monkeypatch):  # noqa: F811
    client: BrokerClient = device.transport.client
    monkeypatch.setattr("device.link.client.REVIVE_S", 0.0)
    monkeypatch.setattr("threading.excepthook", lambda arguments: None)
    monkeypatch.setattr(client._client, "_loop", lambda timeout: 1 / 0)  # what a parser error of paho does
    until(lambda: not client.alive, "the thread's death")
    device.until(lambda: client.alive and device.link.connected, "another thread")
    assert device.link.counters["network_thread_died"] == 1
    device.link.event("button")
    device.until(lambda: spy.seen("up/event", kind="button"), "an event through the new thread")


def test_an_exception_in_a_callback_is_counted_and_the_thread_lives(device, spy, caplog):  # noqa: F811
    def fails(received):
        raise ValueError("boom")

    receive, device.transport.client._receive = device.transport.client._receive, fails
    spy.publish(DN, b"{}")
    spy.publish(DN, b"{}")
    until(lambda: device.link.counters.get("on_message_failed") == 2, "the count")
    assert sum("boom" in line for line in caplog.messages) == 1 and device.link.alive
    device.transport.client._receive = receive
    device.link.execute(OpenTurn(1, "hello"))
    turn = device.until(lambda: spy.seen(TURN), "the open")[0].json["turn"]
    spy.publish(DN, {"op": "ack", "turn": turn, "worker": "a1"})
    device.find(TurnAcked)


def test_two_devices_with_one_name_say_so(broker, monkeypatch):  # noqa: F811
    monkeypatch.setattr("device.link.reconnect.FLAPPING", 1)
    first = Device(broker.device_config()).online()
    second = Device(broker.device_config()).online()
    until(lambda: "drops 'kitchen' again and again" in (first.link.problem or ""), "the reason")
    assert second.link.connected
    first.link.close()
    second.link.close()


def test_the_password_comes_from_its_file_and_a_wrong_one_is_said(tmp_path):
    users = tmp_path / "users"
    users.touch()
    made = subprocess.run(["mosquitto_passwd", "-b", str(users), "kitchen", "sesame"], check=False)
    assert made.returncode == 0
    guarded = Mosquitto(tmp_path, f"allow_anonymous false\npassword_file {users}").start()
    secret = tmp_path / "secret"
    try:
        for password, works in (("sesame\n", True), ("open\n", False)):
            secret.write_text(password)
            config = Config(
                device=DeviceSection(id="kitchen"),
                mqtt=MqttSection(port=guarded.port, username="kitchen", password_file=str(secret)),
            )
            device = Device(config)
            if works:
                device.online()
            else:
                device.until(lambda d=device: "refuses 'kitchen'" in (d.link.problem or ""), "the refusal")
            device.link.close()
    finally:
        guarded.stop()


def test_a_password_file_that_is_missing_is_named(broker, tmp_path):  # noqa: F811
    section = MqttSection(port=broker.port, username="kitchen", password_file=str(tmp_path / "nothing"))
    transport = MqttTransport(Config(mqtt=section))
    until(lambda: transport.counters.get("credentials_unreadable"), "the complaint")
    transport.close()


def test_the_brokers_own_limits_are_kept(tmp_path):
    small = Mosquitto(tmp_path, "allow_anonymous true\nmax_packet_size 2000\nmax_inflight_messages 3").start()
    device = Device(Config(device=DeviceSection(id="kitchen"), mqtt=MqttSection(port=small.port))).online()
    client = device.transport.client
    assert client._client._max_inflight_messages == 3, "the broker's Receive Maximum"
    device.link.event("error", text="x" * 3000)
    assert device.link.counters["too_big"] == 1
    device.link.event("button")
    device.poll()
    assert device.link.connected, "the broker would have hung up on a larger packet"
    device.link.close()
    small.stop()


def test_a_second_attempt_reaches_the_pool_and_the_pools_name_is_the_configured_one(broker, spy):  # noqa: F811
    config = Config(
        device=DeviceSection(id="kitchen"),
        mqtt=broker.section,
        endpoint=EndpointSection(pool="garage", attempts=3),
    )
    device = Device(config).online()
    device.link.execute(OpenTurn(1, "hello"))
    device.until(lambda: spy.seen("up/turn/garage", attempt=1), "the first attempt")
    device.pass_time(401)
    device.until(lambda: spy.seen("up/turn/garage", attempt=2), "the second attempt")
    device.pass_time(401)
    device.until(lambda: spy.seen("up/turn/garage", attempt=3), "the third attempt")
    device.pass_time(401)
    assert device.find(TurnFailed)[0].code == "no_worker"
    device.link.close()
