"""The reference page and the JSON Schema say what the parser does."""

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.config.checking import shape
from device.config.json_schema import schema
from device.config.keys import KEYS, nested
from device.config.reference import page, toml

PAGE = Path(__file__).parent.parent / "docs/config.md"
ANNOTATIONS = {"title", "description", "default"}
"""Words of JSON Schema that decide nothing; so does every x- word."""


def test_the_page_is_what_the_program_prints():
    assert PAGE.read_text(encoding="utf-8") == page(), "run: earshot config docs > docs/config.md"


def test_the_page_has_one_row_a_key_with_what_a_change_takes_and_who_may_make_it():
    rows = {
        row[0].strip("`"): row
        for row in re.findall(r"^\| " + r"(.*?) \| " * 5 + r"(.*?) \|$", page(), re.MULTILINE)
    }
    assert set(KEYS) <= set(rows)
    assert rows["device.volume"][4:] == ("at once", "unsigned")
    assert rows["device.id"][4:] == ("restarts the daemon", "never")
    assert rows["mqtt.key_file"][4:] == ("connects anew", "signed, secret")
    assert rows["barge_in.duck_db"][1:3] == ("a number from -60 to -3 [dB]", "`-18.0`")


def test_the_schema_says_unit_effect_and_rights():
    sections = schema()["properties"]
    assert sections["barge_in"]["properties"]["hold_ms"] == {
        "type": "integer",
        "minimum": 100,
        "maximum": 1000,
        "default": 250,
        "description": "Speech over playback that goes on this long silences it.",
        "x-unit": "ms",
        "x-apply": "live",
        "x-unsigned": False,
    }
    assert sections["device"]["properties"]["id"]["x-local"] is True
    assert sections["mqtt"]["properties"]["key_file"]["x-secret"] is True
    assert sections["wake"]["properties"]["threshold"]["x-unsigned"] is True


BOUNDS = {bound for key in KEYS.values() for bound in (key.ge, key.le) if bound is not None}
VALUES = [
    *(number for bound in sorted(BOUNDS) for number in (bound, bound - 1, bound + 1)),
    *sorted({choice for key in KEYS.values() for choice in key.choices}),
    *["", "kitchen", "Kitchen", "a.b", "a..b", "a" * 32, "a" * 33, "a" * 101, "a" * 201, "a" * 501],
    *[[], ["a"], [""], [1], ["a", "b", "c", "d", "e"], [f"k:{'A' * 43}"], [f"k:{'A' * 42}B"]],
    *[True, False, None, {}, 0.123, -0.5],
]


@pytest.mark.parametrize("path", KEYS)
def test_the_schema_takes_what_the_parser_takes(path):
    key = KEYS[path]
    words = schema()["properties"][key.section]["properties"][key.name]
    for value in VALUES:
        assert valid(words, value) is (shape(nested({path: value})) == []), value


def valid(words, value):
    """Whether ``value`` is valid by a schema with those words; a word that is not known here is an error."""
    kinds = {
        "integer": int, "number": (int, float), "boolean": bool, "string": str, "array": list, "object": dict
    }  # fmt: skip
    tests = {
        "type": lambda it: isinstance(value, kinds[it]) and (it == "boolean") is isinstance(value, bool),
        "enum": lambda it: value in it,
        "minimum": lambda it: value >= it,
        "maximum": lambda it: value <= it,
        "pattern": lambda it: re.search(it, value) is not None,
        "minLength": lambda it: len(value) >= it,
        "maxLength": lambda it: len(value) <= it,
        "minItems": lambda it: len(value) >= it,
        "maxItems": lambda it: len(value) <= it,
        "items": lambda it: all(valid(it, each) for each in value),
    }
    deciding = {w: it for w, it in words.items() if w not in ANNOTATIONS and not w.startswith("x-")}
    if not all(tests[word](deciding[word]) for word in ("type", "enum") if word in deciding):
        return False
    return all(tests[word](it) for word, it in deciding.items())


def test_the_schema_allows_nothing_that_is_not_named():
    whole = schema()
    assert whole["additionalProperties"] is False
    assert all(section["additionalProperties"] is False for section in whole["properties"].values())
    assert whole["$schema"].endswith("2020-12/schema") and "\\Z" not in repr(whole)


@given(st.text() | st.lists(st.text()) | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(-9, 9))
def test_a_value_is_written_as_toml_reads_it(value):
    assert tomllib.loads(f"x = {toml(value)}") == {"x": value}
