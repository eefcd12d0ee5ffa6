"""Every key is a value of its own, layers are laid over each other key by key, and what is wrong is said for each."""

import json
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.config import Config, check, parse
from device.config.checking import known, shape, split
from device.config.describe import meta_of
from device.config.keys import KEYS, changed, flatten, masked, nested, value, values
from device.config.layers import merged

SECRETS = sorted(path for path, key in KEYS.items() if key.policy.secret)


def test_every_key_has_its_help_and_every_section_its_heading():
    assert [key.path for key in KEYS.values() if len(key.help) < 10 or not key.help.endswith(".")] == []
    sections = [part.type for part in msgspec.structs.fields(Config)]
    assert [kind.__name__ for kind in sections if not kind.__doc__] == []


def test_every_key_says_in_words_what_it_may_be():
    assert KEYS["device.volume"].words == "a whole number from 0 to 100 [percent]"
    assert KEYS["device.group"].words == "empty, or 1 to 32 of a-z, 0-9 and -"
    assert KEYS["device.language"].words == "'en'"
    assert KEYS["wake.words"].words == "a list of 1 to 4 texts of 1 to 200 characters"
    assert KEYS["keys.trusted"].words.startswith("a list of at most 4 public keys, each 'name:'")
    assert KEYS["mqtt.host"].words == "a host name or an IP address"
    assert KEYS["mqtt.username"].words == "text of at most 100 characters"
    assert not [key.path for key in KEYS.values() if re.search(r"typing|Meta|\\Z|<", key.words)]
    patterns = [key.path for key in KEYS.values() if meta_of(key.hint).pattern]
    assert "device.id" in patterns and [path for path in patterns if not meta_of(KEYS[path].hint).title] == []


def test_numbers_have_a_unit_where_their_name_ends_in_one():
    units = {"_ms": "ms", "_s": "s", "_db": "dB"}
    for key in KEYS.values():
        for ending, unit in units.items():
            if key.name.endswith(ending):
                assert key.unit == unit, key.path


def test_what_may_steer_the_device_elsewhere_needs_a_signature():
    owned = re.compile(r"(mqtt|endpoint|privacy|keys|audio|recogniser|rollout)\.")
    assert not [path for path, key in KEYS.items() if owned.match(path) and key.policy.unsigned]
    assert not [path for path, key in KEYS.items() if key.policy.local and key.policy.unsigned]
    assert not [path for path, key in KEYS.items() if path.endswith(".model") and key.policy.unsigned]


@given(st.dictionaries(st.sampled_from(sorted(KEYS)), st.integers()))
def test_flat_and_nested_say_the_same(flat):
    assert flatten(nested(flat)) == flat


def test_the_changed_keys_are_those_whose_values_differ():
    old, new = Config(), parse({"device": {"volume": 71}, "wake": {"words": ["alexa"], "threshold": 0.7}})
    assert changed(old, new) == {"device.volume", "wake.threshold"}
    assert value(new, "wake.threshold") == 0.7 and values(new)["wake.words"] == ("alexa",)


def test_a_later_layer_wins_key_by_key_and_each_key_knows_its_layer():
    both = merged(
        [
            ("file", {"device": {"volume": 10, "id": "kitchen"}, "wake": {"threshold": 0.5}}),
            ("group", {"device": {"volume": 20}, "wake": {}}),
            ("device", {"device": {"volume": 20}}),
        ]
    )
    assert both.tables == {"device": {"volume": 20, "id": "kitchen"}, "wake": {"threshold": 0.5}}
    assert both.origin == {"device.volume": "device", "device.id": "file", "wake.threshold": "file"}
    assert both.origin_of("mqtt.host") == "default"


layers = st.lists(
    st.tuples(st.sampled_from("abc"), st.dictionaries(st.sampled_from(sorted(KEYS)), st.integers()))
)


@given(layers)
def test_the_last_layer_that_sets_a_key_is_where_it_is_from(drawn):
    both = merged([(name, nested(flat)) for name, flat in drawn])
    for path in KEYS:
        setting = [(name, flat[path]) for name, flat in drawn if path in flat]
        assert both.origin_of(path) == (setting[-1][0] if setting else "default")
        assert flatten(both.tables).get(path) == (setting[-1][1] if setting else None)


def test_wrong_types_in_ten_places_are_ten_faults_each_with_its_key():
    wrong = {
        "device.volume": "loud",
        "device.id": 7,
        "wake.words": "alexa",
        "wake.threshold": [0.5],
        "barge_in.mode": True,
        "audio.measure_at_start": 1,
        "mqtt.port": "1883",
        "mqtt.host": None,
        "keys.trusted": {"me": "x"},
        "endpointing.max_ms": 700.5,
    }
    faults = check(nested(wrong))
    assert {fault.path: fault.code for fault in faults} == dict.fromkeys(wrong, "wrong_type")
    lines = dict(zip(wrong, faults, strict=True))
    assert lines["device.volume"] == (
        "device.volume = 'loud': must be a whole number from 0 to 100 [percent], not text"
    )
    assert lines["mqtt.host"].endswith("not null") and lines["keys.trusted"].endswith("not a table")


def test_the_entry_of_a_list_that_is_wrong_is_named():
    (fault,) = check({"wake": {"words": ["alexa", 3]}})
    assert fault == (
        "wake.words = ['alexa', 3]: must be a list of 1 to 4 texts of 1 to 200 characters; entry 2 is a whole number"
    )


def test_what_came_over_mqtt_may_have_unknown_keys_which_are_warnings_and_left_alone():
    tables = {"wake": {"threshold": 3, "colour": 1}, "leds": {"on": True}, "device": {"volume": 5}}
    faults, warnings = split(tables)
    assert [fault.path for fault in faults] == ["wake.threshold"]
    assert [fault.path for fault in warnings] == ["wake.colour", "leds"]
    assert known(tables) == {"wake": {"threshold": 3}, "device": {"volume": 5}}
    assert known({"mqtt": 5}) == {"mqtt": 5}, "no table: nothing of it is known, and it is a fault"


def test_ten_thousand_unknown_keys_with_long_names_give_short_lines():
    faults, warnings = split({"wake": {f"{i:06}" * 20: i for i in range(10_000)}})
    assert not faults and len(warnings) == 10_000 and max(map(len, warnings)) < 400


@pytest.mark.parametrize(
    "value",
    [[[[[[[1]]]]]], {"a" * 70_000: "b" * 70_000}, "c" * 70_000, [0] * 70_000, 16**9999, -(16**9999)],
    ids=["deep", "table", "text", "list", "number", "negative"],
)
def test_a_value_of_any_size_or_depth_is_shown_in_a_short_line(value):
    lines = check(nested(dict.fromkeys(set(KEYS) - set(SECRETS), value)))
    assert lines and max(map(len, lines)) < 300


texts = st.text(max_size=8) | st.sampled_from(["a\nb", "\ud800", "\0", "device", "volume"])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
section = st.dictionaries(st.sampled_from([key.name for key in KEYS.values()]) | texts, anything, max_size=8)


@given(st.dictionaries(st.sampled_from(Config.__struct_fields__) | texts, section | anything, max_size=5))
def test_whatever_is_pushed_is_faults_and_warnings_that_can_be_printed_or_a_valid_layer(tables):
    faults, warnings = split(tables)
    lines = [*faults, *warnings, *(fault.path for fault in [*faults, *warnings])]
    assert all(line.isprintable() and len(line) < 500 for line in lines)
    if not faults:
        whole = merged([("device", known(tables))]).tables
        assert shape(whole) == []
        assert check(whole) or parse(whole)


def test_half_of_a_pair_is_right_in_a_layer_and_wrong_in_the_whole():
    half = {"mqtt": {"tls": True, "cert_file": "a.pem"}}
    assert shape(half) == []
    assert [fault.path for fault in check(half)] == ["mqtt.key_file"]
    assert check(merged([("file", half), ("device", {"mqtt": {"key_file": "a.key"}})]).tables) == []


@pytest.mark.parametrize(
    ("together", "path"),
    [
        ({"endpointing.min_ms": 700, "endpointing.max_ms": 500}, "endpointing.min_ms"),
        ({"barge_in.hold_ms": 700, "barge_in.cancel_ms": 500}, "barge_in.hold_ms"),
        ({"wake.words": ["a", "a"]}, "wake.words"),
        ({"wake.words": ["a", "b"], "wake.stop": "b"}, "wake.stop"),
        ({"mqtt.tls": True, "mqtt.cert_file": "c"}, "mqtt.key_file"),
        ({"mqtt.tls": True, "mqtt.key_file": "k"}, "mqtt.cert_file"),
        ({"mqtt.ca_file": "ca"}, "mqtt.ca_file"),
        ({"mqtt.cert_file": "c", "mqtt.key_file": "k"}, "mqtt.cert_file"),
        ({"mqtt.password_file": "p"}, "mqtt.username"),
        ({"keys.trusted": [f"me:{'A' * 43}", f"me:{'B' * 42}A"]}, "keys.trusted"),
    ],
)
def test_values_that_make_no_sense_together_are_refused_by_key(together, path):
    assert shape(nested(together)) == []
    assert [(fault.path, fault.code) for fault in check(nested(together))] == [(path, "contradiction")]


junk = st.recursive(
    st.just("hunter2") | st.integers() | st.none(),
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
)


@given(st.dictionaries(st.sampled_from([*SECRETS, "mqtt", "mqtt.password", "mqtt.tls "]), junk, min_size=1))
def test_no_message_shows_the_value_of_a_secret(flat):
    assert "hunter2" not in "\n".join(check(nested(dict(sorted(flat.items(), reverse=True)))))


def test_a_secret_is_masked_where_it_is_set_and_an_unknown_key_is_taken_for_one():
    assert SECRETS, "else this tests nothing"
    for path in SECRETS:
        assert masked(path, "hunter2") == "***" and masked(path, "") == ""
    assert masked("mqtt.host", "x") == "x" and masked("mqtt.passwd", "hunter2") == "***"


@pytest.mark.parametrize("text", ["a\nb", "a\0", "\x7f", "\ud800"])
def test_text_that_is_no_single_line_of_characters_is_refused(text):
    assert [fault.path for fault in check({"audio": {"input": text}})] == ["audio.input"]
    assert check({"wake": {"words": ["x", text]}}) != []


@pytest.mark.parametrize("path", KEYS)
def test_half_a_surrogate_is_refused_in_words_wherever_it_stands(path):
    assert [fault.path for fault in check(nested({path: "\ud800"}))] == [path]
    assert [fault.path for fault in check(nested({path: ["\ud800"]}))] == [path]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf"), 1e300, -1e300, 10**400])
def test_what_is_no_number_or_beyond_all_bounds_is_refused(number):
    paths = [path for path, key in KEYS.items() if isinstance(key.default, float)]
    assert [fault.path for fault in check(nested(dict.fromkeys(paths, number)))] == paths


@pytest.mark.parametrize(
    ("host", "right"),
    [
        ("localhost", True), ("broker_1.local.", True), ("192.168.1.2", True), ("fe80::1%wlan0", True),
        ("", False), ("a..b", False), (f"{'a' * 64}.local", False), ("tcp://broker", False), ("a b", False),
    ],
)  # fmt: skip
def test_a_host_is_what_the_resolver_takes(host, right):
    assert (check({"mqtt": {"host": host}}) == []) is right


def test_the_defaults_written_out_are_valid_and_are_the_defaults():
    written = json.loads(json.dumps(nested(values(Config()))))
    assert check(written) == [] and parse(written) == Config()
