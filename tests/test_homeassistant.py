"""Home Assistant: the message by the facts of its schemas, when it is said, and over a real broker.

``homeassistant_facts.json`` is what a real Home Assistant told ``scripts/check-homeassistant``: the keys its schemas allow, and
every template of ours that it has rendered as it should.
"""

import json
import re
from pathlib import Path

import msgspec
import pytest
from helpers_broker import Spy, broker, until  # noqa: F401  # a fixture

from device.config import Config, parse
from device.config.keys import KEYS
from device.errors import LinkError
from device.homeassistant import Announcer, announcement, message
from device.homeassistant.components import KNOBS
from device.link import Link, topics
from device.link.mqtt import MqttTransport
from device.orders.commands import COMMANDS
from device.values import RATE_HZ

FACTS = json.loads(Path(__file__).with_name("homeassistant_facts.json").read_text(encoding="utf-8"))
WORDS, VOICES = ("alexa", "hey_jarvis"), ("en-us", "en-gb-scotland")


def configured(device: str = "kitchen-2", **tables: dict) -> Config:
    return parse({"homeassistant": {"discovery": True}, "device": {"id": device}, **tables})


def announced(config: Config | None = None) -> dict:
    return announcement(config or configured(), version="1.2", wake_words=WORDS, voices=VOICES)


def components() -> dict[str, dict]:
    """The components with the abbreviations of their keys written out, as Home Assistant does."""
    short = FACTS["abbreviations"]
    return {
        name: {short.get(key, key): value for key, value in component.items()}
        for name, component in announced()["cmps"].items()
    }


def expanded(part: str, table: str) -> set[str]:
    return {FACTS[table].get(key, key) for key in announced()[part]}


def test_the_message_has_what_home_assistant_requires_and_nothing_it_does_not_know():
    keys = {FACTS["abbreviations"][key] for key in announced()}
    assert set(FACTS["message"]["required"]) <= keys <= set(FACTS["message"]["allowed"])
    assert expanded("dev", "device_abbreviations") <= set(FACTS["device"]["allowed"])
    assert expanded("o", "origin_abbreviations") <= set(FACTS["origin"]["allowed"])
    assert announced()["dev"]["ids"] == ["earshot_kitchen-2"]


@pytest.mark.parametrize("name", components())
def test_a_component_has_what_its_platform_requires_and_no_key_that_would_be_ignored_in_silence(name):
    component = components()[name]
    facts = FACTS["platforms"][component.pop("platform")]
    assert set(facts["required"]) <= set(component) <= set(facts["allowed"])
    assert component.get("device_class") in (None, *facts["device_classes"])
    assert component["unique_id"] == f"earshot_kitchen-2_{name}"


def test_every_template_is_one_that_a_real_home_assistant_has_rendered():
    used = {
        value for each in components().values() for key, value in each.items() if key.endswith("template")
    }
    unproven = used - set(FACTS["templates"])
    assert not unproven, "run scripts/check-homeassistant --facts tests/homeassistant_facts.json"


def test_ids_never_change_since_a_changed_id_is_another_entity():
    assert set(components()) == {
        "activity", "timers", "mute", "volume", "stop", "listen", "identify", "restart", "announce", "say", "wake",
        "interruption", "timer", "button", "hard_mute", "problem", "problems", "echo", "voice_in_use", "response_time", "config_version",
        "config_state", "wake_word", "voice", "device_volume", "wake_threshold", "wake_threshold_playing",
        "barge_in_sensitivity", "voice_speed",
    }  # fmt: skip


def test_each_key_that_needs_no_signature_can_be_set_from_home_assistant():
    settable = {path for path, key in KEYS.items() if key.policy.unsigned}
    assert {*KNOBS, "wake.words", "voice.name"} == settable
    for path in KNOBS:
        knob, key = components()[path.replace(".", "_")], KEYS[path]
        assert (knob["min"], knob["max"]) == (key.ge, key.le)


def test_it_reads_and_writes_only_below_its_own_device_and_keeps_no_order_on_the_broker():
    for component in components().values():
        read = {value for key, value in component.items() if key in ("state_topic", "json_attributes_topic")}
        assert read <= {topics.up("kitchen-2", leaf) for leaf in ("status", "state", "config", "event")}
        assert component.get("command_topic") in (
            None,
            *(topics.down("kitchen-2", leaf) for leaf in ("cmd", "say")),
        )
        assert "retain" not in component


def test_the_commands_in_the_templates_are_those_that_there_are():
    templates = " ".join(component.get("command_template", "") for component in components().values())
    named = set(re.findall(r"'cmd': '([^']*)'", templates))
    assert {"volume", "mute", "set"} <= named <= set(COMMANDS)


def test_an_option_that_is_in_force_is_always_one_of_those_to_choose_from():
    config = configured(wake={"words": ["alexa", "my_word"]}, voice={"name": "my-voice"})
    cmps = announced(config)["cmps"]
    assert cmps["wake_word"]["options"] == ["alexa", "hey_jarvis", "alexa + my_word"]
    assert cmps["voice"]["options"] == ["default", "en-us", "en-gb-scotland", "my-voice"]


def test_a_select_without_a_choice_is_named_so_that_one_from_before_goes_away():
    cmps = announcement(configured(), version="1.2", wake_words=["alexa"])["cmps"]
    assert cmps["wake_word"] == cmps["voice"] == {"p": "select"}


def test_the_page_names_every_entity():
    page = (Path(__file__).parent.parent / "docs" / "home-assistant.md").read_text(encoding="utf-8")
    named = {
        name for row in re.findall(r"^\| ([A-Z][^|]*) \|", page, re.MULTILINE) for name in row.split(", ")
    }
    assert {component["name"] for component in components().values()} == named - {"Entity"}


def test_the_message_fits_and_one_that_would_not_is_an_error_that_says_why():
    assert len(message(configured(), version="1.2", wake_words=WORDS, voices=VOICES)) < 16 * 1024
    with pytest.raises(LinkError, match=r"3000 voices are too many"):
        message(configured(), version="1.2", voices=[f"a-voice-with-a-long-name-{n}" for n in range(3000)])


def test_there_is_no_message_while_discovery_is_off():
    assert message(parse({}), version="1.2") == b""


def telling(message: bytes, chance: float = 0.5) -> Announcer:
    announcer = Announcer(lambda: chance)
    announcer.tell(message)
    return announcer


def steps(
    announcer: Announcer, seconds: float, births: int = 0, since_s: float = 0
) -> list[tuple[float, bytes]]:
    """What is said over ``seconds``, and at which second."""
    frame = RATE_HZ // 100
    positions = range(round(since_s * RATE_HZ), round((since_s + seconds) * RATE_HZ), frame)
    said = ((position / RATE_HZ, announcer.step(position, births)) for position in positions)
    return [(at, payload) for at, payload in said if payload is not None]


def test_it_is_said_at_once_and_then_only_when_it_has_changed():
    announcer = telling(b"a")
    assert steps(announcer, 20) == [(0, b"a")]
    announcer.tell(b"a")
    assert steps(announcer, 1) == []
    announcer.tell(b"b")
    assert steps(announcer, 1) == [(0, b"b")]


@pytest.mark.parametrize(("chance", "after_s"), [(0.0, 0), (0.25, 2.5), (1.0, 10)])
def test_it_is_said_again_within_ten_seconds_of_a_start_of_home_assistant(chance, after_s):
    announcer = telling(b"a", chance)
    steps(announcer, 1)
    assert steps(announcer, 20, births=1) == [(after_s, b"a")]


def test_nothing_is_said_before_it_is_known_what():
    announcer = Announcer(lambda: 0.5)
    assert steps(announcer, 20, births=1) == []
    announcer.tell(b"a")
    assert steps(announcer, 20, births=1) == [(0, b"a")]


def test_several_starts_at_once_are_answered_once():
    announcer = telling(b"a")
    steps(announcer, 1)
    assert steps(announcer, 1, births=1) == []
    assert steps(announcer, 9, births=2, since_s=1) == [(5, b"a")]


def test_discovery_that_is_switched_off_takes_the_message_back_once():
    announcer = telling(b"a")
    steps(announcer, 1)
    announcer.tell(b"")
    assert steps(announcer, 20) == [(0, b"")]
    assert steps(announcer, 20, births=1) == []


def test_a_device_that_starts_without_discovery_takes_back_what_an_earlier_start_has_said():
    assert steps(telling(b""), 20, births=3) == [(0, b"")]


def test_over_a_real_broker_it_is_retained_said_again_at_a_birth_and_gone_when_switched_off(broker):  # noqa: F811
    config = msgspec.structs.replace(configured("kitchen"), mqtt=broker.section)
    spy = Spy(broker, topics=("homeassistant/device/#",))
    link = Link(config, MqttTransport(config))
    announcer = telling(message(config, version="1.2", wake_words=WORDS), chance=0.0)

    def said(count: int) -> bool:
        link.poll(0)
        payload = announcer.step(0, link.births)
        if payload is not None:
            link.announce(payload)
        return len(spy.posts) >= count

    try:
        until(lambda: said(1), "the message")
        assert spy.posts[-1].topic == "homeassistant/device/kitchen/config"
        assert spy.posts[-1].json["dev"]["name"] == "Kitchen"
        spy.publish("homeassistant/status", b"online")
        until(lambda: said(2), "the message after a birth")
        assert spy.posts[-1].payload == spy.posts[-2].payload
        late = Spy(broker, name="late", topics=("homeassistant/device/#",))
        until(lambda: late.posts, "what the broker keeps")
        assert late.posts[0].retain
        late.close()
        announcer.tell(b"")
        until(lambda: said(3), "the message that takes it back")
        assert spy.posts[-1].payload == b""
        later = Spy(broker, name="later", topics=("homeassistant/device/#", "homeassistant/mark"))
        later.publish("homeassistant/mark", b"nothing is kept before this")
        until(lambda: later.posts, "the mark")
        assert later.posts[0].topic == "homeassistant/mark"
        later.close()
        broker.stop()
        broker.start()
        latest = Spy(
            broker, name="latest", topics=("homeassistant/device/#", "earshot/1/d/kitchen/up/status")
        )
        until(lambda: said(0) and latest.posts, "the status, which is sent after the rest")
        assert {post.topic for post in latest.posts} == {"earshot/1/d/kitchen/up/status"}
        latest.close()
    finally:
        link.close()
        spy.close()
