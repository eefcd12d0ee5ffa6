"""What comes in on a device's topics beside answers: wishes, orders, births; and another broker while it runs."""

from __future__ import annotations

import threading

import msgspec
import pytest
from helpers_broker import Mosquitto, Spy, broker, spy, until

from device.config import Config, parse
from device.link import Link
from device.link.client import BrokerClient
from device.link.health import Health
from device.link.inbox import WISHES
from device.link.mqtt import MqttTransport
from device.link.orders import Cmd, OrderAck, Say
from device.link.reports import ConfigReport
from device.link.transport import BadOrder, Desired

__all__ = ["broker", "spy"]

DN = "earshot/1/d/kitchen/dn/"


def config_for(broker: Mosquitto, **device: str) -> Config:
    discovery = {"discovery": True}
    return parse(
        {"device": {"id": "kitchen", **device}, "mqtt": {"port": broker.port}, "homeassistant": discovery}
    )


class LinkAtWork:
    """A link whose steps the test makes."""

    def __init__(self, config: Config) -> None:
        self.link = Link(config, MqttTransport(config))
        self.position = 0

    def step(self) -> Link:
        self.position += 160
        self.link.poll(self.position)
        return self.link

    def until(self, condition, what: str):
        return until(lambda: condition(self.step()), what)


@pytest.fixture
def at_work(broker):
    made: list[LinkAtWork] = []

    def make(**device: str) -> LinkAtWork:
        made.append(LinkAtWork(config_for(broker, **device)))
        made[-1].until(lambda link: link.connected, "the connection")
        return made[-1]

    yield make
    for work in made:
        work.link.close()


def test_what_the_broker_keeps_of_our_scopes_comes_at_every_connect_and_nothing_of_another_group(
    broker, spy, at_work
):
    spy.publish(DN + "config", b"mine", retain=True)
    spy.publish("earshot/1/g/upstairs/dn/config", b"ours", retain=True)
    spy.publish("earshot/1/g/cellar/dn/config", b"theirs", retain=True)
    work = at_work(group="upstairs")
    work.until(lambda link: len(link.wishes) >= 2, "both wishes")
    assert set(work.link.wishes) == {Desired("d/kitchen", b"mine"), Desired("g/upstairs", b"ours")}
    # an empty message takes the wish back, and is none itself
    work.link.wishes.clear()
    spy.publish(DN + "config", b"", retain=True)
    spy.publish(DN + "config", b"again", retain=True)
    work.until(lambda link: link.wishes, "the next wish")
    assert list(work.link.wishes) == [Desired("d/kitchen", b"again")]
    # and another group, without a new connection
    work.link.wishes.clear()
    work.link.reconfigure(config_for(broker, group="cellar"))
    work.until(lambda link: link.wishes, "the other group's wish")
    assert Desired("g/cellar", b"theirs") in work.link.wishes
    spy.publish("earshot/1/g/upstairs/dn/config", b"no longer ours", retain=True)
    spy.publish(DN + "config", b"last", retain=True)
    work.until(lambda link: Desired("d/kitchen", b"last") in link.wishes, "the last wish")
    assert not any(wish.scope == "g/upstairs" for wish in work.link.wishes)
    assert work.link.counters["connects"] == 1


def test_of_a_flood_of_wishes_only_the_newest_few_are_kept(spy, at_work):
    work = at_work()
    for n in range(50):
        spy.publish(DN + "config", b"%d" % n, qos=0)
    spy.publish(DN + "cmd", {"id": "after", "cmd": "stop"})
    until(lambda: len(work.link.transport._inbox._messages) == 1, "all of it")  # not taken meanwhile
    assert list(work.step().wishes) == [Desired("d/kitchen", b"%d" % n) for n in range(50 - WISHES, 50)]


def test_orders_come_once_a_wrong_one_with_an_id_is_answerable_and_a_retained_one_is_no_order(spy, at_work):
    work = at_work()
    spy.publish(DN + "say", {"id": "s1", "text": "dinner", "priority": "low"})
    spy.publish(DN + "cmd", {"id": "c1", "cmd": "volume", "args": {"percent": 30}})
    spy.publish(DN + "say", {"id": "s2", "text": "x", "priority": "urgent"})
    spy.publish(DN + "say", b"\xff\x00 no json")
    spy.publish(DN + "cmd", {"id": "planted", "cmd": "stop"}, retain=True)
    spy.publish("homeassistant/status", b"online")
    work.until(lambda link: link.births, "the birth")
    say, cmd, bad = work.link.orders
    assert say == Say(id="s1", text="dinner", priority="low")
    assert cmd == Cmd(id="c1", cmd="volume", args={"percent": 30})
    assert isinstance(bad, BadOrder) and bad.id == "s2" and "$.priority" in bad.reason
    assert work.link.counters["garbage_retained"] == 1 and work.link.counters["garbage"] == 2


def test_reports_and_announcements_are_retained_and_said_again_to_a_broker_that_forgot(broker, spy, at_work):
    work = at_work()
    work.link.report(ConfigReport(state="applied", applied={"d/kitchen": 7}))
    work.link.announce(msgspec.json.encode({"dev": {}}))
    work.link.ack(OrderAck(id="c1", ok=True))
    watcher = Spy(broker, "ha", ("homeassistant/device/#",))
    work.until(lambda link: spy.seen("up/config") and watcher.posts and spy.seen("up/ack"), "all three")
    assert spy.wait("up/config").json["applied"] == {"d/kitchen": 7}
    assert spy.wait("up/ack").expiry_s == 60
    work.until(lambda link: link.reported, "the broker's word that it has the report")
    work.until(lambda link: spy.seen("up/status", config=7), "the version in the status")
    watcher.close()
    broker.stop()
    broker.start()
    again = Spy(broker, "again", ("earshot/#", "homeassistant/#"))
    work.until(lambda link: not link.reported, "the news that the broker has forgotten it")
    work.until(lambda link: again.seen("up/config") and again.seen("kitchen/config"), "both again")
    assert again.seen("device/kitchen/config")
    again.close()


def test_it_moves_to_another_broker_and_back_while_the_steps_go_on(tmp_path_factory, broker, spy, at_work):
    other = Mosquitto(tmp_path_factory.mktemp("other")).start()
    watcher = Spy(other, "watcher")
    work = at_work()
    work.until(lambda link: spy.seen("up/status", state="online"), "online at the first")
    work.link.reconfigure(config_for(other))
    assert not work.link.connected  # at once: nothing may be taken for the new broker's word
    work.until(lambda link: link.connected and watcher.seen("up/status", state="online"), "the other broker")
    assert spy.wait("up/status", state="offline")
    conn = watcher.seen("up/status")[-1].json["conn"]
    assert conn > spy.seen("up/status", state="online")[-1].json["conn"]
    watcher.publish(DN + "config", b"here", retain=True)
    watcher.publish("earshot/1/g/cellar/dn/config", b"theirs", retain=True)
    work.until(lambda link: Desired("d/kitchen", b"here") in link.wishes, "a wish from the other broker")
    # changed twice in a row, before the first move is done: the last one counts
    work.link.reconfigure(config_for(broker))
    work.link.reconfigure(config_for(other))
    work.link.reconfigure(config_for(broker))
    work.until(lambda link: link.connected and len(spy.seen("up/status", state="online")) > 1, "the way back")
    # into a group, after the move has begun
    leaving = work.link.transport.client
    work.link.reconfigure(config_for(other))
    assert leaving._closing.wait(30)
    work.link.reconfigure(config_for(other, group="cellar"))
    work.until(lambda link: Desired("g/cellar", b"theirs") in link.wishes, "what the group is told")
    watcher.close()
    other.stop()


def test_topics_that_change_in_the_moment_of_the_connection_are_read(broker, spy, monkeypatch):
    came: list[bytes] = []
    made, connected = threading.Event(), Health.connected

    def change_first(health: Health) -> None:
        made.wait(30)
        client.subscribe(("t/new",))
        connected(health)

    monkeypatch.setattr(Health, "connected", change_first)
    client = BrokerClient(
        config_for(broker).mqtt, "reader", subscriptions=("t/old",), receive=lambda received: came.append(received.payload),
        will=None, session_expiry_s=0,
    )  # fmt: skip
    made.set()
    until(lambda: client.connected and client.subscribed, "the connection")
    until(lambda: spy.publish("t/new", b"here") or came, "what the new topic says")
    client.close()
