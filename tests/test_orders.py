"""Orders from outside: each id once, each argument checked, each with an answer."""

from __future__ import annotations

import re
from collections import deque
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.config import Config
from device.config.faults import Fault
from device.errors import EarshotError
from device.link.orders import Cmd, OrderAck, Say
from device.link.transport import BadOrder
from device.orders.command import parse_pairs
from device.orders.commands import COMMANDS, Refused, arguments, parse
from device.orders.once import REMEMBERED, Once
from device.orders.orders import CHANGES, QUEUE, Orders
from device.skills import Timers
from device.values import RATE_HZ, Announce, Announced


class Hands:
    """Hands that remember what they did."""

    def __init__(self) -> None:
        self.volume, self.muted, self.deaf = 50, False, False
        self.done: list[Any] = []

    def set_volume(self, percent: int) -> None:
        self.volume = percent
        self.done.append(("volume", percent))

    def set_mute(self, muted: bool) -> None:
        self.muted = muted
        self.done.append(("mute", muted))

    def hush(self) -> None:
        self.done.append("hush")

    def attend(self) -> None:
        self.done.append("attend")

    def announce(self, announce: Announce) -> None:
        self.done.append(announce)

    def event(self, kind: str, **fields: Any) -> None:
        self.done.append((kind, fields))

    proving = restarted = False

    def restart(self, reason: str) -> None:
        self.done.append("restart")

    def log_level(self, level: str | None) -> None:
        self.done.append(("log", level))

    def change(self, token: str, values: dict[str, Any]) -> None:
        self.done.append(("change", token, values))


class Desk:
    """Orders, their hands, and somebody who sends."""

    def __init__(self, done: tuple[str, ...] = ()) -> None:
        self.hands, self.timers = Hands(), Timers()
        self.orders = Orders(
            msgspec.convert({"device": {"id": "kitchen"}}, Config), self.hands, self.timers, done
        )
        self.position = RATE_HZ
        self._count = 0

    def cmd(self, cmd: str, id: str = "", **args: Any) -> list[OrderAck]:
        self._count += 1
        return self.receive(Cmd(id=id or f"c{self._count}", cmd=cmd, args=args))

    def say(self, text: str = "Dinner is ready.", id: str = "", **how: Any) -> list[OrderAck]:
        self._count += 1
        return self.receive(Say(id=id or f"s{self._count}", text=text, **how))

    def receive(self, order: Cmd | Say | BadOrder) -> list[OrderAck]:
        self.orders.receive(order, self.position)
        return self.orders.acks()

    def wait(self, seconds: float) -> list[OrderAck]:
        self.position += round(seconds * RATE_HZ)
        self.orders.step(self.position)
        return self.orders.acks()

    @property
    def announced(self) -> list[Announce]:
        return [done for done in self.hands.done if isinstance(done, Announce)]


def code(acks: list[OrderAck]) -> str:
    [ack] = acks
    assert ack.ok == (ack.code == "")
    return ack.code


# --------------------------------------------------------------------------- commands


@pytest.mark.parametrize(
    ("cmd", "args", "done", "result"),
    [
        ("volume", {"percent": 30}, [("mute", False), ("volume", 30)], {"percent": 30}),
        ("volume", {"step": -10}, [("mute", False), ("volume", 40)], {"percent": 40}),
        ("volume", {"step": 100}, [("mute", False), ("volume", 100)], {"percent": 100}),
        ("mute", {"on": True}, [("mute", True)], {"on": True}),
        ("stop", {}, ["hush"], None),
        ("listen", {}, ["attend"], None),
        ("timer.set", {"seconds": 60, "name": "tea"}, [], {"seconds": 60, "timers": 1}),
        ("log", {"level": "debug", "seconds": 5}, [("log", "debug")], {"level": "debug", "seconds": 5}),
    ],
)
def test_each_command_does_what_it_says_and_is_answered(cmd, args, done, result) -> None:
    desk = Desk()
    [ack] = desk.cmd(cmd, id="x", **args)
    assert (ack.id, ack.ok, ack.result) == ("x", True, result)
    assert desk.hands.done == done


def test_to_listen_is_refused_while_the_microphone_is_closed_by_hand_and_nothing_opens_it() -> None:
    desk = Desk()
    desk.hands.deaf = True
    [ack] = desk.cmd("listen")
    assert (ack.ok, ack.code) == (False, "mic_closed") and "at the device" in ack.result["message"]
    assert code(desk.cmd("mute", on=False)) == "" and desk.hands.deaf
    assert desk.hands.done == [("mute", False)]


@pytest.mark.parametrize(
    ("cmd", "args", "argument", "told"),
    [
        ("volume", {"percent": 140}, "percent", "140.*from 0 to 100"),
        ("volume", {"percent": "loud"}, "percent", "'loud'.*a whole number"),
        ("volume", {"percent": True}, "percent", "True.*a whole number"),
        ("volume", {}, "", "either percent or step"),
        ("volume", {"percent": 1, "step": 1}, "", "either percent or step"),
        ("volume", {"step": -101}, "step", "from -100 to 100"),
        ("mute", {}, "on", "on is missing"),
        ("mute", {"on": "yes"}, "on", "'yes'.*true or false"),
        ("timer.set", {"seconds": 0}, "seconds", "from 1 to 86400"),
        ("timer.set", {"seconds": 86_401}, "seconds", "86401"),
        ("timer.set", {"seconds": 2.5}, "seconds", "2.5.*a whole number"),
        ("timer.set", {"seconds": 5, "name": "a\nb"}, "name", "40 characters"),
        ("timer.set", {"seconds": 5, "name": "n" * 41}, "name", "40 characters"),
        ("timer.cancel", {"all": True, "name": "tea"}, "all", "either name or all"),
        ("log", {"level": "loud"}, "level", "'loud'.*debug, info, warning, error"),
        ("log", {"level": "info", "seconds": 901}, "seconds", "from 1 to 900"),
        ("set", {"key": "volume", "value": 1}, "key", "a key like wake.threshold"),
        ("set", {"key": "wake.threshold"}, "value", "value is missing"),
    ],
)
def test_a_bad_argument_is_named_with_its_value_and_what_is_allowed(cmd, args, argument, told) -> None:
    desk = Desk()
    [ack] = desk.cmd(cmd, **args)
    assert (ack.ok, ack.code, ack.result.get("argument", "")) == (False, "bad_args", argument)
    assert re.search(told, ack.result["message"])
    assert desk.hands.done == [] and len(desk.timers) == 0


def test_an_unknown_command_is_answered_with_those_there_are() -> None:
    [ack] = Desk().cmd("selfdestruct")
    assert ack.code == "unknown_cmd" and all(name in ack.result["message"] for name in COMMANDS)


def test_an_argument_of_a_newer_version_is_ignored() -> None:
    assert code(Desk().cmd("mute", on=True, fade_ms=200)) == ""


def test_every_argument_is_explained() -> None:
    told = [argument for name in COMMANDS for argument in arguments(name)]
    assert len(told) > 10 and all(argument.words and argument.help for argument in told)


def test_the_page_of_orders_has_every_command_with_its_arguments() -> None:
    page = (Path(__file__).parent.parent / "docs/orders.md").read_text(encoding="utf-8")
    rows = {row.split("`")[1]: row for row in page.splitlines() if row.startswith("| `")}
    for name in COMMANDS:
        assert all(f"`{argument.name}`" in rows[name] for argument in arguments(name)), name


@given(st.sampled_from(list(COMMANDS)), st.dictionaries(st.sampled_from(["percent", "step", "on", "seconds", "name", "all", "level", "key", "value", "x"]), st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers())))  # fmt: skip
def test_whatever_the_arguments_are_they_are_taken_or_refused(cmd, args) -> None:
    try:
        assert isinstance(parse(cmd, args), COMMANDS[cmd])
    except Refused as exc:
        assert exc.code == "bad_args" and len(str(exc)) < 300


# --------------------------------------------------------------------------- at most once


def test_the_same_id_again_is_answered_again_and_not_done_again() -> None:
    desk = Desk()
    first = desk.cmd("volume", id="a", step=10)
    assert desk.cmd("volume", id="a", step=10) == first
    assert desk.hands.volume == 60
    assert desk.say(id="a") == first, "ids of say and cmd are together"


def test_a_refused_order_is_refused_again() -> None:
    desk = Desk()
    assert (
        code(desk.cmd("volume", id="a", percent=101))
        == code(desk.cmd("volume", id="a", percent=10))
        == "bad_args"
    )
    assert desk.hands.done == []


def test_while_an_order_is_under_way_its_id_is_not_answered_and_then_once() -> None:
    desk = Desk()
    assert desk.say(id="a") == desk.say(id="a") == []
    [said] = desk.announced
    desk.orders.announced(Announced(said.announcement, "said", 3, 900))
    [ack] = desk.orders.acks()
    assert (ack.id, ack.ok, ack.result) == ("a", True, {"words": 3, "ms": 900})
    assert desk.say(id="a") == [ack]
    assert len(desk.announced) == 1


def test_256_ids_are_remembered_and_no_more() -> None:
    once = Once()
    for number in range(REMEMBERED + 1):
        assert once.begin(f"n{number}")
        once.end(OrderAck(id=f"n{number}", ok=True))
    assert once.begin("n0")
    assert not once.begin(f"n{REMEMBERED}")


def test_a_timer_of_a_life_before_is_not_set_again() -> None:
    desk = Desk(done=("a",))
    [ack] = desk.cmd("timer.set", id="a", seconds=60)
    assert ack.ok and len(desk.timers) == 0


def test_a_flood_takes_a_little_of_each_step_and_is_bounded() -> None:
    desk = Desk()
    waiting = deque(Cmd(id=f"f{number}", cmd="volume", args={"percent": 1}) for number in range(1000))
    desk.orders.take(waiting, desk.position)
    assert len(desk.orders.acks()) < 10
    assert len(waiting) < 256
    assert desk.orders.counters["flooded"] == 1000 - 256
    while waiting:
        desk.orders.take(waiting, desk.position)
    assert len(desk.orders.acks()) > 200


def test_what_is_no_order_but_has_an_id_is_answered() -> None:
    [ack] = Desk().receive(BadOrder("a", "cmd: Expected `str`, got `int` - at `$.cmd`"))
    assert (ack.id, ack.code) == ("a", "bad_order") and "$.cmd" in ack.result["message"]


# --------------------------------------------------------------------------- orders that take time


def test_no_restart_counts_against_a_configuration_that_proves_itself() -> None:
    desk = Desk()
    desk.hands.proving = True
    assert code(desk.cmd("restart")) == "busy"
    desk.wait(1)
    assert not desk.hands.done
    desk.hands.proving = False
    assert code(desk.cmd("restart")) == ""
    desk.wait(1)
    assert desk.hands.done == ["restart"]


def test_orders_to_restart_one_after_the_other_do_not_make_the_device_deaf() -> None:
    desk = Desk()
    desk.hands.restarted = True
    assert code(desk.cmd("restart")) == "busy"
    desk.wait(61)
    assert not desk.hands.done and code(desk.cmd("restart")) == ""
    desk.wait(1)
    assert desk.hands.done == ["restart"]


def test_a_restart_is_answered_before_it_happens() -> None:
    desk = Desk()
    desk.orders.receive(Cmd(id="a", cmd="restart"), desk.position)
    desk.orders.step(desk.position)
    assert desk.hands.done == [], "the answer was not taken yet"
    assert code(desk.orders.acks()) == ""
    desk.wait(0.01)
    assert desk.hands.done == ["restart"]


def test_a_lease_on_the_log_ends_by_itself() -> None:
    desk = Desk()
    desk.cmd("log", level="debug", seconds=60)
    desk.wait(59)
    assert desk.hands.done == [("log", "debug")]
    desk.wait(2)
    assert desk.hands.done == [("log", "debug"), ("log", None)]


def test_a_key_is_answered_when_it_is_changed() -> None:
    desk = Desk()
    assert desk.cmd("set", id="a", key="wake.threshold", value=0.7) == []
    assert desk.hands.done == [("change", "a", {"wake.threshold": 0.7})]
    desk.orders.changed("a", ())
    assert code(desk.orders.acks()) == ""


def test_a_key_that_may_not_be_changed_is_answered_with_its_fault() -> None:
    desk = Desk()
    desk.cmd("set", id="a", key="mqtt.host", value="evil")
    desk.orders.changed("a", (Fault("mqtt.host needs a signature", "mqtt.host", "needs_signature"),))
    [ack] = desk.orders.acks()
    assert (ack.code, ack.result) == (
        "needs_signature",
        {"message": "mqtt.host needs a signature", "argument": "mqtt.host"},
    )


def test_a_change_that_nobody_reports_is_given_up() -> None:
    desk = Desk()
    desk.cmd("set", id="a", key="wake.threshold", value=0.7)
    assert desk.wait(29) == []
    assert code(desk.wait(2)) == "timeout"
    desk.orders.changed("a", ())
    assert desk.orders.acks() == []


def test_changes_under_way_are_bounded() -> None:
    desk = Desk()
    for _ in range(CHANGES):
        assert desk.cmd("set", key="wake.threshold", value=0.7) == []
    assert code(desk.cmd("set", key="wake.threshold", value=0.7)) == "busy"


# --------------------------------------------------------------------------- say


def test_a_text_travels_to_the_conversation_with_all_that_it_came_with() -> None:
    desk = Desk()
    desk.say("Smoke.", priority="alarm", interrupt=True, volume=80, chime=True)
    assert desk.announced == [Announce(desk.position, 1, "Smoke.", "alarm", True, 80, True, False)]


@pytest.mark.parametrize("outcome", ["interrupted", "expired", "superseded", "failed"])
def test_a_text_that_was_not_said_is_answered_with_why(outcome) -> None:
    desk = Desk()
    desk.say()
    desk.orders.announced(Announced(1, outcome, 1, 300))
    [ack] = desk.orders.acks()
    assert ack.code == outcome
    assert (ack.result["words"], ack.result["ms"]) == (1, 300)


def test_a_muted_device_says_alarms_only() -> None:
    desk = Desk()
    desk.hands.muted = True
    assert code(desk.say()) == "muted"
    assert desk.say(priority="alarm") == [] and len(desk.announced) == 1


def test_a_text_that_came_out_of_a_muted_loudspeaker_was_not_said() -> None:
    desk = Desk()
    desk.say()
    desk.say(priority="alarm")
    desk.hands.muted = True
    for said in desk.announced:
        desk.orders.announced(Announced(said.announcement, "said", 3, 900))
    assert [ack.code for ack in desk.orders.acks()] == ["muted", ""]


def test_the_queue_is_bounded_and_alarms_have_places_of_their_own() -> None:
    desk = Desk()
    for _ in range(QUEUE):
        assert desk.say() == []
    assert code(desk.say()) == "queue_full"
    for _ in range(QUEUE):
        assert desk.say(priority="alarm") == []
    assert code(desk.say(priority="alarm")) == "queue_full"
    desk.orders.announced(Announced(1, "said"))
    assert len(desk.announced) == 2 * QUEUE


def test_what_cannot_be_said_is_refused() -> None:
    desk = Desk()
    assert code(desk.say("...")) == "nothing_to_say"
    assert code(desk.say("Guten Tag", lang="de")) == "unknown_language"
    assert desk.say("Hello", lang="en-US") == []


def test_identify_says_the_name() -> None:
    desk = Desk()
    assert code(desk.cmd("identify")) == ""
    [said] = desk.announced
    assert said.text == "I am kitchen." and said.chime
    desk.orders.announced(Announced(said.announcement, "said"))
    assert desk.orders.acks() == []


# --------------------------------------------------------------------------- timers


def test_a_timer_that_is_over_rings_and_is_told() -> None:
    desk = Desk()
    desk.cmd("timer.set", seconds=60, name="pasta")
    desk.wait(59)
    assert desk.announced == []
    desk.wait(1)
    [alarm] = desk.announced
    assert (alarm.text, alarm.priority, alarm.ring) == ("Your pasta timer is over.", "alarm", True)
    told = [done for done in desk.hands.done if isinstance(done, tuple)]
    assert told == [("timer", {"what": what, "name": "pasta", "seconds": 60}) for what in ("set", "ended")]


def test_what_somebody_has_called_a_timer_aloud_is_told_to_nobody() -> None:
    desk = Desk()
    desk.timers.set(60, desk.position, "anniversary")
    desk.cmd("timer.set", seconds=60, name="tea")
    [ack] = desk.cmd("timer.cancel", name="pasta")
    assert "tea" in ack.result["message"]
    desk.wait(60)
    told = [done[1]["name"] for done in desk.hands.done if isinstance(done, tuple)]
    assert sorted(told) == ["", "", "tea", "tea"]
    assert "anniversary" not in ack.result["message"]


def test_timers_are_cancelled_by_name_or_all_or_the_only_one() -> None:
    desk = Desk()
    assert code(desk.cmd("timer.cancel")) == "no_timer"
    desk.cmd("timer.set", seconds=60)
    assert code(desk.cmd("timer.cancel")) == ""
    desk.cmd("timer.set", seconds=60, name="tea")
    desk.cmd("timer.set", seconds=60)
    assert code(desk.cmd("timer.cancel")) == "which_timer"
    assert code(desk.cmd("timer.cancel", name="pasta")) == "no_such_timer"
    assert code(desk.cmd("timer.cancel", name="Tea")) == ""
    [ack] = desk.cmd("timer.cancel", all=True)
    assert ack.result == {"cancelled": 1, "timers": 0}


# --------------------------------------------------------------------------- the command line


def test_arguments_on_the_command_line_are_json_or_text() -> None:
    assert parse_pairs("volume", ["step=-10"]) == {"step": -10}
    assert parse_pairs("timer.set", ["seconds=60", "name=7"]) == {"seconds": 60, "name": "7"}
    assert parse_pairs("timer.cancel", ["all=true"]) == {"all": True}
    assert parse_pairs("set", ['wake.words=["alexa"]']) == {"key": "wake.words", "value": ["alexa"]}
    assert parse_pairs("set", ["key=voice.name", "value=en"]) == {"key": "voice.name", "value": "en"}


@pytest.mark.parametrize(
    ("pairs", "told"),
    [(["percent"], "KEY=VALUE"), (["loud=1"], "takes no 'loud'; it takes: percent, step"), (["step=1", "step=2"], "twice")],
)  # fmt: skip
def test_what_makes_no_arguments_is_said(pairs, told) -> None:
    with pytest.raises(EarshotError, match=told):
        parse_pairs("volume", pairs)
