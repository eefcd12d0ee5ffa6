"""Orders through a real mosquitto to a real daemon: done once, answered, and remembered over a restart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers_broker import CHECKOUT, Mosquitto, Post, Spy, until

from device.cli import main

DOWN = "earshot/1/d/kitchen/dn/"


class House:
    """A broker, somebody who watches, and a device without a sound card: its clock runs, its voice speaks to nobody."""

    def __init__(self, folder: Path) -> None:
        self.broker = Mosquitto(folder).start()
        self.spy = Spy(self.broker)
        self.log = folder / "daemon.log"
        settings = ("device.id=kitchen", "audio.backend=none", f"mqtt.port={self.broker.port}")
        with self.log.open("wb") as log:
            self.daemon = subprocess.Popen(
                [sys.executable, "-m", "device", "run", *(x for pair in settings for x in ("--set", pair))],
                cwd=CHECKOUT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "STATE_DIRECTORY": str(folder / "state")},
            )
        self.ready()
        self._count = 0

    def ready(self) -> None:
        until(lambda: "recogniser pocketsphinx ready" in self.said and self.state, "the device is up")

    @property
    def said(self) -> str:
        assert self.daemon.poll() is None, self.log.read_text()
        return self.log.read_text(errors="replace")

    @property
    def state(self) -> dict[str, Any]:
        found = [post.json for post in list(self.spy.posts) if post.topic.endswith("kitchen/up/state")]
        return found[-1] if found else {}

    def order(self, kind: str, retain: bool = False, **fields: Any) -> str:
        self._count += 1
        message = {"id": f"o{self._count}", **fields}
        self.spy.publish(DOWN + kind, message, retain=retain)
        return message["id"]

    def acks(self, id: str) -> list[Post]:
        return self.spy.seen("kitchen/up/ack", id=id)

    def ack(self, id: str) -> dict[str, Any]:
        return self.spy.wait("kitchen/up/ack", id=id).json

    def events(self, what: str, **fields: Any) -> list[Post]:
        found = self.spy.seen("kitchen/up/event", kind="timer")
        data = {"what": what, **fields}
        return [post for post in found if data.items() <= post.json["data"].items()]

    def earshot(self, *arguments: str) -> int:
        return main([*arguments, "--broker", f"127.0.0.1:{self.broker.port}"])

    def close(self) -> None:
        self.daemon.terminate()
        self.daemon.wait(10)
        self.spy.close()
        self.broker.stop()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("house"))
    yield house
    house.close()


def test_send_waits_for_the_answer_and_the_state_shows_what_was_done(house: House, capsys) -> None:
    assert house.earshot("send", "--device", "kitchen", "volume", "percent=35") == 0
    assert capsys.readouterr().out == "kitchen: done (percent 35)\n"
    until(lambda: house.state["volume"] == 35, "the volume is shown")


def test_send_tells_a_refusal_by_its_code_and_as_json(house: House, capsys) -> None:
    house.spy.publish("earshot/1/d/kitchen/dn/cmd", {"id": "t", "cmd": "timer.cancel", "args": {"all": True}})
    house.ack("t")
    assert house.earshot("send", "--device", "kitchen", "timer.cancel") == 1
    assert capsys.readouterr().err == "kitchen: no_timer: no timer is running\n"
    assert house.earshot("send", "--device", "kitchen", "--json", "timer.cancel") == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["device"], told["answered"], told["ok"], told["code"]) == (
        "kitchen",
        True,
        False,
        "no_timer",
    )


def test_what_cannot_be_sent_is_not_sent(house: House, capsys) -> None:
    for arguments, told in (
        (["volume", "percent=140"], "percent = 140 is not allowed: give a whole number from 0 to 100"),
        (["fly"], "there is no command 'fly'; there are: volume, mute"),
        (["mute", "on"], "KEY=VALUE"),
    ):
        assert house.earshot("send", "--device", "kitchen", *arguments) == 2
        assert told in capsys.readouterr().err
    assert house.earshot("send", "--device", "KITCHEN", "stop") == 2
    assert house.earshot("say", "--device", "kitchen", "--volume", "101", "Hello") == 2
    assert house.earshot("say", "--chime", "Hello") == 2
    assert "--chime goes with --device" in capsys.readouterr().err


def test_a_device_that_does_not_answer_is_looked_for(house: House, capsys) -> None:
    house.spy.publish(
        "earshot/1/d/attic/up/status", {"op": "status", "state": "offline", "boot": "b"}, retain=True
    )
    assert house.earshot("send", "--device", "attic", "--timeout", "0.2", "stop") == 1
    assert "the device is offline" in capsys.readouterr().err
    assert house.earshot("send", "--device", "cellar", "--timeout", "0.2", "stop") == 1
    assert "no device of this name has reported" in capsys.readouterr().err


def test_a_message_that_comes_twice_is_done_once_and_answered_twice(house: House) -> None:
    before = house.ack(house.order("cmd", cmd="volume", args={"percent": 50}))
    assert before["ok"]
    for _ in range(2):
        house.order("cmd", id="twice", cmd="volume", args={"step": 7})
    until(lambda: len(house.acks("twice")) == 2, "two answers")
    assert [post.json["result"] for post in house.acks("twice")] == [{"percent": 57}] * 2
    assert {(post.qos, post.retain, 0 < (post.expiry_s or 0) <= 60) for post in house.acks("twice")} == {
        (1, False, True)
    }


def test_an_order_that_is_retained_is_none(house: House) -> None:
    """It would be done again at every start."""
    before = house.ack(house.order("cmd", cmd="volume", args={"step": 0}))["result"]
    id = house.order("cmd", retain=True, cmd="volume", args={"step": 1})
    assert house.ack(house.order("cmd", cmd="volume", args={"step": 0}))["result"] == before
    assert house.acks(id) == []


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ({"id": "bad-1", "cmd": 7}, "$.cmd"),
        ({"id": "bad-2", "cmd": "volume", "args": [1]}, "$.args"),
        ({"id": "bad-3"}, "cmd"),
    ],
)
def test_a_message_that_is_no_order_is_answered_with_the_path(house: House, message, told) -> None:
    house.spy.publish(DOWN + "cmd", message)
    ack = house.ack(message["id"])
    assert ack["code"] == "bad_order" and told in ack["result"]["message"]


def test_garbage_is_dropped_and_the_next_order_is_done(house: House) -> None:
    for garbage in (b"", b"{", b"\xff" * 100, b"[" * 9000, b'{"id": "' + b"x" * 9000 + b'"}', b"null"):
        house.spy.publish(DOWN + "cmd", garbage)
        house.spy.publish(DOWN + "say", garbage)
    assert house.ack(house.order("cmd", cmd="stop"))["ok"]


def test_say_is_answered_when_it_was_said(house: House, capsys) -> None:
    assert house.earshot("say", "--device", "kitchen", "--json", "The soup is ready.") == 0
    result = json.loads(capsys.readouterr().out)["result"]
    assert result["words"] == 4 and 500 < result["ms"] < 5000


def test_stop_ends_what_is_being_said(house: House) -> None:
    until(lambda: house.state["now"] == ["idle"], "the end of what was said before")
    id = house.order("say", text="Once upon a time there was a very long story. " * 20)
    until(lambda: "speaking" in house.state["now"], "it speaks")
    house.ack(house.order("cmd", cmd="stop"))
    ack = house.ack(id)
    assert ack["code"] == "interrupted" and ack["result"]["words"] < 100


def test_a_muted_device_says_so(house: House) -> None:
    house.ack(house.order("cmd", cmd="mute", args={"on": True}))
    assert house.ack(house.order("say", text="Hello."))["code"] == "muted"
    assert house.ack(house.order("say", text="Smoke.", priority="alarm"))["ok"]
    house.ack(house.order("cmd", cmd="mute", args={"on": False}))


def test_a_timer_rings_until_it_is_stopped(house: House) -> None:
    house.ack(house.order("cmd", cmd="timer.cancel", args={"all": True}))
    house.ack(house.order("cmd", cmd="timer.set", args={"seconds": 2, "name": "egg"}))
    until(lambda: house.state["timers"] == 1, "the timer is shown")
    until(lambda: house.events("ended", name="egg"), "the timer is over")
    until(lambda: house.state["timers"] == 0, "and no more")
    assert house.ack(house.order("cmd", cmd="stop"))["ok"]


def test_after_a_restart_timers_go_on_and_what_was_done_is_not_done_again(house: House) -> None:
    set_id = house.order("cmd", cmd="timer.set", args={"seconds": 3600, "name": "roast"})
    assert house.ack(set_id)["ok"]
    boot = house.spy.wait("kitchen/up/status", state="online").json["boot"]
    assert house.ack(house.order("cmd", cmd="restart"))["ok"]
    until(
        lambda: house.spy.seen("kitchen/up/status", state="online")[-1].json["boot"] != boot, "another life"
    )
    until(lambda: house.state["timers"] == 1, "the timer is still there")
    house.order("cmd", id=set_id, cmd="timer.set", args={"seconds": 3600, "name": "again"})
    until(lambda: len(house.acks(set_id)) == 2, "the answer")
    assert house.acks(set_id)[-1].json["ok"] and house.state["timers"] == 1
    assert house.ack(house.order("cmd", cmd="restart"))["code"] == "busy", "nobody restarts it for ever"
