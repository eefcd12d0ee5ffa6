"""A scenario file is accepted whole or refused with everything that is wrong with it, by line and key."""

from pathlib import Path

import pytest

from device.config import toml_lines
from device.errors import ScenarioError
from device.scenario import format

GOOD = """\
title = "A question"
seed = 3
attention = true

[room]
ser_db = 5
noise = "kitchen.wav"

[device]
recogniser.engine = "pocketsphinx"
[device.barge_in]
hold_ms = 300

[endpoint]
first_token_ms = 250
tokens_per_s = 20
[[endpoint.reply]]
when = "time"
text = "Half past nine."
[[endpoint.reply]]
text = "Say again?"
expect_reply = true

[[say]]
id = "q"
text = "What time is it?"
voice = "flite:slt"
at_s = 1
[[say]]
wav = "thanks.wav"
gain_db = -3.5
after = "reply_end"
plus_ms = 400

[[expect]]
event = "turn"
of = "q"
within_ms = 1500
text = "time"
[[expect]]
event = "error"
absent = true
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("kitchen.wav", "thanks.wav"):
        (tmp_path / name).write_bytes(b"RIFF")
    return tmp_path


def refused(text: str, folder: Path) -> str:
    with pytest.raises(ScenarioError) as caught:
        format.parse(text, str(folder / "bad.toml"))
    return str(caught.value).replace(f"{folder}/", "")


def test_a_good_file_is_read_with_its_defaults(folder):
    scenario = format.parse(GOOD, str(folder / "good.toml"))
    assert (scenario.title, scenario.seed, scenario.attention) == ("A question", 3, True)
    assert scenario.room.ser_db == 5 and scenario.room.rt60_s is None
    assert [reply.when for reply in scenario.endpoint.reply] == ["time", "*"]
    assert [say.id for say in scenario.say] == ["q", "line2"]
    assert scenario.say[0].at_s == 1.0
    assert scenario.expect[1].absent and scenario.expect[0].within_ms == 1500


def test_the_device_runs_in_the_room_with_the_files_overrides(folder):
    config = format.parse(GOOD, str(folder / "good.toml")).config()
    assert config.audio.backend == "room"
    assert config.barge_in.hold_ms == 300 and config.recogniser.engine == "pocketsphinx"


def test_every_problem_is_reported_at_once_with_line_key_and_what_is_allowed(folder):
    text = 'title = "x"\nsead = 3\n[room]\nser_db = "loud"\n[[say]]\nid = "a"\ntext = "hello"\nat_s = -1\n'
    assert refused(text, folder).splitlines() == [
        "bad.toml:2: sead: unknown key; did you mean 'seed'?",
        "bad.toml:4: room.ser_db = 'loud': must be a number from -40 to 40 (expected `float`, got `str`)",
        "bad.toml:8: say[1].at_s = -1: must be a number from 0 to 3600 (expected `float` >= 0.0)",
    ]


def test_a_config_override_is_checked_like_the_configuration_itself(folder):
    text = 'title = "x"\n[device.barge_in]\nhold_ms = 5\nhold = 3\n'
    told = refused(text, folder)
    assert "bad.toml:3: device.barge_in.hold_ms = 5" in told and "100 to 1000" in told
    assert "bad.toml:4: device.barge_in.hold: unknown key" in told


@pytest.mark.parametrize(
    ("say", "words"),
    [
        ('id="a"\nat_s=1', "needs either `wav`"),
        ('id="a"\ntext="x"\nwav="thanks.wav"\nvoice="en"\nat_s=1', "a wav has its own voice"),
        ('id="a"\ntext="x"', "needs either `at_s`"),
        ('id="a"\ntext="x"\nat_s=1\nafter="wake"', "needs either `at_s`"),
        ('id="a"\ntext="x"\nafter="wakee"', "did you mean 'wake'?"),
        ('id="a"\ntext="x"\nafter="a"', "cannot wait for itself"),
        ('id="quiet"\ntext="x"\nat_s=1', "is the name of a cue"),
        ('id="a"\ntext="x"\nafter="wake"\nplus_ms=-5', "must be at least 0"),
        ('id="a"\nwav="nowhere.wav"\nat_s=1', "no such file"),
    ],
)
def test_a_line_that_cannot_be_spoken_is_refused_with_the_reason(say, words, folder):
    told = refused(f'title = "x"\n[[say]]\n{say}\n', folder)
    assert told.startswith("bad.toml:") and words in told


def test_two_lines_of_one_name_are_refused(folder):
    say = '[[say]]\nid = "a"\ntext = "x"\nat_s = 1\n'
    assert "bad.toml:7: say[2].id = 'a': used twice" in refused('title = "x"\n' + say + say, folder)


def test_an_expectation_about_an_unknown_line_is_refused(folder):
    say = '[[say]]\nid = "question"\ntext = "x"\nat_s = 1\n'
    told = refused(f'title = "x"\n{say}[[expect]]\nevent = "wake"\nof = "qestion"\n', folder)
    assert told == "bad.toml:8: expect[1].of = 'qestion': no such line; did you mean 'question'?"


def test_an_unknown_event_is_refused_with_those_there_are(folder):
    told = refused('title = "x"\n[[expect]]\nevent = "waking"\n', folder)
    assert told.startswith("bad.toml:3: expect[1].event = 'waking': must be one of 'wake'")


def test_broken_toml_and_a_missing_file_are_refused_by_name(tmp_path):
    assert "bad.toml: not valid TOML" in refused("title = ", tmp_path)
    with pytest.raises(ScenarioError, match="nowhere.toml: cannot be read"):
        format.load(tmp_path / "nowhere.toml")
    (tmp_path / "latin.toml").write_bytes(b'title = "\xe4"')
    with pytest.raises(ScenarioError, match="not UTF-8"):
        format.load(tmp_path / "latin.toml")


def test_lines_are_found_past_strings_of_many_lines_and_dotted_keys():
    text = 'a = """\nb = 1\n"""\n[t]\nx.y = 2\n[[r]]\n[[r]]\nk = [\n  1,\n]\n[r.sub]\nz = 1\n'
    lines = toml_lines.key_lines(text)
    assert ("b",) not in lines
    assert lines["t", "x", "y"] == 5
    assert lines["r", 1, "k"] == 8
    assert lines["r", 1, "sub", "z"] == 12
    assert toml_lines.line_of(lines, ("r", 0, "missing")) == 6
