"""Plays the device towards a real Home Assistant (``house.py``, in a process of its own) and compares what comes of it."""

from __future__ import annotations

import itertools
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import expected
import msgspec
import paho.mqtt.client as paho
from rich.console import Console
from rich.table import Table

from device import __version__
from device.config import Config
from device.homeassistant import announcement, message
from device.link import topics
from device.link.messages import Status, decode, encode
from device.orders.commands import parse as parse_args
from device.scenario.broker import private_broker

PATIENCE_S = 20.0
NOTHING: dict[str, Any] = {"state": None, "attributes": {}}
DEVICE = expected.CONFIG.device.id
KINDS = {"config": "report"}


@dataclass
class Outcome:
    """``rows``: what was checked, how often, and what was wrong."""

    version: str = ""
    rows: list[tuple[str, int, list[str]]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def faults(self) -> list[str]:
        return [fault for _, _, faults in self.rows for fault in faults]

    def show(self) -> None:
        table = Table("checked", "cases", "", title=f"Home Assistant {self.version}")
        for name, cases, faults in self.rows:
            table.add_row(
                name, str(cases), "[red]" + "\n".join(faults) if faults else "[green]as it should be"
            )
        Console(highlight=False).print(table)


class HouseGone(Exception):
    """Home Assistant has ended by itself; the text is the end of its log."""


class House:
    """The other process: one JSON line in, one out."""

    def __init__(self, python: Path, port: int, folder: Path) -> None:
        command = [python, Path(__file__).with_name("house.py"), str(port), folder]
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )
        self.version = self._answer()["version"]

    def ask(self, **order: Any) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        self.process.stdin.flush()
        return self._answer()

    def states(self) -> dict[str, Any]:
        """By the components' ids."""
        prefix = f"earshot_{DEVICE}_"
        return {name.removeprefix(prefix): seen for name, seen in self.ask(do="states").items()}

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(PATIENCE_S)

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise HouseGone("\n".join(self.log.read_text(errors="replace").splitlines()[-12:]))
        return json.loads(line)


class Wire:
    """The device's side of the broker."""

    def __init__(self, port: int) -> None:
        self.orders: list[paho.MQTTMessage] = []
        self.births: list[bytes] = []
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self.client.on_message = lambda client, data, message: self._sort(message)
        self.client.on_connect = lambda client, *rest: client.subscribe(
            [(topics.down(DEVICE, "cmd"), 1), (topics.down(DEVICE, "say"), 1), (topics.BIRTH, 1)]
        )
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def publish(self, topic: str, payload: bytes, retain: bool = True) -> None:
        self.client.publish(topic, payload, 1, retain).wait_for_publish(PATIENCE_S)

    def tell(self, leaf: str, told: Any) -> None:
        """One message of the device."""
        kind = KINDS.get(leaf, leaf)
        self.publish(topics.up(DEVICE, leaf), encode(kind, told), topics.TRAVEL[kind].retain)

    def _sort(self, came: paho.MQTTMessage) -> None:
        if came.topic == topics.BIRTH:
            self.births.append(came.payload)
        else:
            self.orders.append(came)


def check(python: Path, folder: Path) -> Outcome:
    """Everything, in order: later steps need the earlier ones. First this process plays the device, then a real one runs."""
    from real_device import check_device

    outcome = Outcome()
    with private_broker() as (_, port):
        wire = Wire(port)
        house = House(python, port, folder)
        outcome.version = house.version
        try:
            steps = itertools.chain(_steps(house, wire, outcome), check_device(house, port, folder))
            for name, cases, faults in steps:
                outcome.rows.append((name, cases, list(faults)))
                if faults:
                    break  # later steps build on it
            outcome.rows.append(("what Home Assistant logs meanwhile", 1, house.ask(do="complaints")))
        finally:
            house.close()
            wire.client.disconnect()
            wire.client.loop_stop()
    return outcome


Step = tuple[str, int, list[str]]


def _steps(house: House, wire: Wire, outcome: Outcome) -> Iterator[Step]:
    told = {"version": __version__, "wake_words": expected.WAKE_WORDS, "voices": expected.VOICES}
    whole = announcement(expected.CONFIG, **told)
    components = whole["cmps"]
    outcome.facts = _facts(house, components)
    yield (
        "its start is announced as we listen for it",
        1,
        _until(lambda: wire.births == [b"online"], "no birth"),
    )
    yield "keys are known to the schemas", len(components), _unknown(outcome.facts, whole)

    wire.publish(topics.discovery(DEVICE), message(expected.CONFIG, **told))
    there = {name for name, component in components.items() if len(component) > 1}
    yield "entities that appear", len(there), same(lambda: set(house.states()), there)
    categories = {name: components[name].get("entity_category") for name in there}
    yield (
        "their categories",
        len(there),
        same(lambda: {n: s["category"] for n, s in house.states().items()}, categories),
    )

    yield "what they show", len(expected.SHOWN), _shown(house, wire, expected.SHOWN)
    wire.publish(topics.discovery(DEVICE), message(expected.PAIR, **told))
    pair = expected.Shown(
        "two wake words", (("config", expected.report(expected.PAIR)),), {"wake_word": "alexa + okay_nabu"}
    )
    yield "several wake words side by side", 1, _shown(house, wire, (pair,))
    yield "events", len(expected.HAPPENED), _shown(house, wire, expected.HAPPENED)
    split = expected.Done(
        "wake_word", "select.select_option", {"option": "alexa + okay_nabu"},
        "set", {"key": "wake.words", "value": ["alexa", "okay_nabu"]},
    )  # fmt: skip
    yield "orders that they send", len(expected.DONE) + 1, _done(house, wire, (*expected.DONE, split))
    yield (
        "orders of four buttons pressed at once",
        4,
        _at_once(house, wire, ("stop", "listen", "identify", "restart")),
    )
    yield "every order has an id of its own", len(wire.orders), _ids(wire)

    wire.publish(topics.discovery(DEVICE), message(expected.PAIR, **(told | {"voices": ()})))
    yield "a select without a choice disappears", 1, same(lambda: set(house.states()), there - {"voice"})
    offline = Status(state="offline", boot="b")
    gone = dict.fromkeys(there - {"voice"}, "unavailable")
    wire.tell("status", offline)
    yield (
        "a device that is offline",
        len(gone),
        same(lambda: {n: s["state"] for n, s in house.states().items()}, gone),
    )
    off = msgspec.structs.replace(expected.PAIR, homeassistant=Config().homeassistant)
    wire.publish(topics.discovery(DEVICE), message(off, **told))
    yield "discovery switched off removes it all", 1, same(house.states, {})


def _facts(house: House, components: dict[str, Any]) -> dict[str, Any]:
    """What tests can check without Home Assistant; of abbreviations those that we use."""
    facts = house.ask(do="facts", platforms=sorted({component["p"] for component in components.values()}))
    for table, used in (
        ("abbreviations", {"dev", "o", "cmps", "p", "avty", "t", "val_tpl"}),
        ("device_abbreviations", {"ids", "mf", "mdl", "sw"}),
        ("origin_abbreviations", {"sw"}),
    ):
        facts[table] = {short: facts[table][short] for short in sorted(used)}
    rendered = {
        value for each in components.values() for key, value in each.items() if key.endswith("template")
    }
    return {**facts, "templates": sorted(rendered)}


def _unknown(facts: dict[str, Any], whole: dict[str, Any]) -> list[str]:
    """Home Assistant ignores keys that it does not know, in silence."""
    short = facts["abbreviations"]
    return [
        f"{name}: {key} is no key of {component['p']}"
        for name, component in whole["cmps"].items()
        for key in component
        if short.get(key, key) not in [*facts["platforms"][component["p"]]["allowed"], "platform"]
    ]


def _until(condition: Callable[[], bool], otherwise: str) -> list[str]:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            return [otherwise]
        time.sleep(0.05)
    return []


def same(found: Callable[[], Any], wanted: Any) -> list[str]:
    """Nothing as soon as ``found()`` is ``wanted``, else what it was instead."""
    last: Any = None

    def fits() -> bool:
        nonlocal last
        last = found()
        return bool(last == wanted)

    return [f"wanted {wanted}, found {last}"] if _until(fits, "another") else []


def _shown(house: House, wire: Wire, cases: tuple[expected.Shown, ...]) -> list[str]:
    faults = []
    for case in cases:
        for leaf, told in case.messages:
            wire.tell(leaf, told)

        def found(case: expected.Shown = case) -> dict[str, Any]:
            seen = house.states()
            shown: dict[str, Any] = {name: seen.get(name, NOTHING)["state"] for name in case.states}
            for name, attributes in case.attributes.items():
                shown[f"{name}:"] = {
                    key: seen.get(name, NOTHING)["attributes"].get(key) for key in attributes
                }
            return shown

        wanted = {**case.states, **{f"{name}:": attributes for name, attributes in case.attributes.items()}}
        faults += [f"{case.name}: {fault}" for fault in same(found, wanted)]
    return faults


def _done(house: House, wire: Wire, cases: tuple[expected.Done, ...]) -> list[str]:
    faults = []
    for case in cases:
        before = len(wire.orders)
        entity = house.states().get(case.component, {}).get("entity_id")
        answer = house.ask(do="call", service=case.service, data={"entity_id": entity, **case.data})
        if "error" in answer or _until(lambda before=before: len(wire.orders) > before, "nothing"):
            faults.append(f"{case.component}: {answer.get('error', 'nothing was sent')}")
            continue
        order = wire.orders[before]
        value = decode(order.topic.rpartition("/")[2], order.payload)
        if order.retain or order.qos != 1:
            faults.append(f"{case.component}: QoS {order.qos}, retained: {order.retain}")
        if case.text:
            if value.text != case.text or value.lang != "en":
                faults.append(f"{case.component}: wanted {case.text!r}, sent {value}")
        elif (value.cmd, value.args) != (case.cmd, case.args):
            faults.append(f"{case.component}: wanted {case.cmd} {case.args}, sent {value}")
        else:
            parse_args(value.cmd, value.args)  # raises what the device would answer
    return faults


def _at_once(house: House, wire: Wire, buttons: tuple[str, ...]) -> list[str]:
    before, seen = len(wire.orders), house.states()
    house.ask(
        do="call", service="button.press", data={"entity_id": [seen[name]["entity_id"] for name in buttons]}
    )
    return _until(lambda: len(wire.orders) == before + len(buttons), "not all of them came")


def _ids(wire: Wire) -> list[str]:
    ids = [json.loads(order.payload)["id"] for order in wire.orders]
    return [f"{len(ids) - len(set(ids))} ids came twice"] if len(set(ids)) < len(ids) else []
