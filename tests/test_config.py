"""The configuration is accepted whole or refused whole, with every problem named at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.config import Config, check, load, parse
from device.errors import ConfigError


def test_no_tables_at_all_are_the_defaults():
    assert parse({}) == Config()


def test_every_problem_is_reported_at_once_with_path_value_range_and_fix():
    tables = {
        "device": {"id": "NOT OK", "volume": 140},
        "wake": {"treshold": 0.5, "words": []},
        "barge_in": {"hold_ms": "soon"},
        "colour": {},
        "mqtt": 5,
    }
    problems = "\n".join(check(tables))
    assert len(check(tables)) == 7
    assert "device.volume = 140: must be a whole number from 0 to 100 [percent]" in problems
    assert "device.id = 'NOT OK'" in problems and "must be 3 to 32 of a-z, 0-9 and -" in problems
    assert "wake.treshold: unknown key; did you mean 'threshold'?" in problems
    assert "wake.words = []" in problems and "must be a list of 1 to 4 texts" in problems
    assert "barge_in.hold_ms = 'soon': must be a whole number from 100 to 1000 [ms]" in problems
    assert "colour: unknown key" in problems
    assert "mqtt = ***: must be a table, written as [mqtt]" in problems


def test_overrides_win_over_the_file_key_by_key(tmp_path):
    path = tmp_path / "earshot.toml"
    path.write_text('[device]\nid = "kitchen"\nvolume = 30\n')
    config = load(path, {"device": {"volume": 55}})
    assert (config.device.id, config.device.volume) == ("kitchen", 55)


def test_bounds_that_cross_are_refused_also_where_file_and_override_meet(tmp_path):
    crossed = "endpointing.min_ms = 700: must be at most endpointing.max_ms, which is 500"
    with pytest.raises(ConfigError, match=crossed):
        parse({"endpointing": {"min_ms": 700, "max_ms": 500}})
    path = tmp_path / "earshot.toml"
    path.write_text("[endpointing]\nmin_ms = 700\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=crossed):
        load(path, {"endpointing": {"max_ms": 500}})
    assert load(path).endpointing.min_ms == 700


def test_a_broken_file_names_itself_and_the_line(tmp_path):
    path = tmp_path / "earshot.toml"
    path.write_text("[device]\nid = \n")
    with pytest.raises(ConfigError, match=r"earshot\.toml.*\n.*not valid TOML.*line 2"):
        load(path)


def test_a_file_that_ends_too_early_names_its_last_line(tmp_path):
    path = tmp_path / "earshot.toml"
    path.write_text('[device]\nid = "kitchen"\n[wake]\nwords = [')
    with pytest.raises(ConfigError, match="line 4, the end of the file"):
        load(path)


def test_a_missing_file_that_was_asked_for_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="does not exist"):
        load(tmp_path / "nowhere.toml")


def test_a_file_that_is_no_text_is_refused_by_name(tmp_path):
    path = tmp_path / "earshot.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(path)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
sections = st.sampled_from([*Config.__struct_fields__, "other"])


@given(st.dictionaries(sections, st.dictionaries(st.sampled_from(["id", "volume", "words", "x"]), values)))
def test_whatever_arrives_is_either_valid_or_refused_with_a_reason(tables):
    problems = check(tables)
    if problems:
        with pytest.raises(ConfigError) as caught:
            parse(tables, "test")
        assert caught.value.problems == problems
    else:
        assert isinstance(parse(tables), Config)
