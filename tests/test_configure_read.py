"""`earshot config`, the reading half: what can be set, what is set and by whom, and whether a file is valid."""

import json
import tomllib

import pytest

from device.cli import main
from device.config import Config, load
from device.config.keys import nested, values
from device.config.reference import page
from device.config.toml_lines import key_lines
from device.errors import ConfigError
from device.settings.state import Good, Layer, Layers, State
from device.settings.store import Store


def written(folder, text, name="kitchen.toml"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def told(capsys, *command):
    """Exit code and lines of a command."""
    code = main(["config", *map(str, command)])
    return code, capsys.readouterr().out.splitlines()


# ---------------------------------------------------------------------- check


def test_a_valid_file_is_said_to_be_valid(tmp_path, capsys):
    path = written(tmp_path, '[device]\nid = "kitchen"\nvolume = 30\n')
    assert told(capsys, "check", path) == (0, [f"{path}: valid, sets 2 keys"])


def test_every_fault_of_a_file_has_its_line_in_the_order_of_the_file(tmp_path, capsys):
    path = written(
        tmp_path,
        """# a comment with [brackets] and = signs
colour = "red"

[wake]
words = [
  "alexa",
  7,
]
treshold = 0.5

[mqtt]
host = "broker.local"
port = "1883"
cert_file = "c.pem"
""",
    )
    code, lines = told(capsys, "check", path)
    assert code == 1
    assert [line.partition(" ")[0] for line in lines] == [f"{path}:{at}:" for at in (2, 5, 9, 13)]
    assert lines[1].endswith("entry 2 is a whole number")
    assert "did you mean 'threshold'?" in lines[2]


def test_values_that_do_not_go_together_have_the_line_of_their_table(tmp_path, capsys):
    path = written(tmp_path, '[device]\nvolume = 1\n[mqtt]\ntls = true\ncert_file = "c.pem"\n')
    code, lines = told(capsys, "check", path)
    assert code == 1 and lines[0].startswith(f"{path}:3: mqtt.key_file is empty")


def test_a_json_file_is_checked_by_the_same_rules(tmp_path, capsys):
    assert told(capsys, "check", written(tmp_path, '{"device": {"volume": 3}}', "a.json"))[0] == 0
    code, lines = told(capsys, "check", written(tmp_path, '{"device": {"volume": 300}}', "a.json"))
    assert code == 1 and "device.volume = 300: must be a whole number from 0 to 100" in lines[0]


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.json", '{"device": {"volume": 3}, "device": {}}', "'device' is there twice"),
        ("a.json", '{"device": ', "not valid JSON: Expecting value: line 1 column 12"),
        ("a.json", "[1]", "must be a JSON object of tables"),
        ("a.json", '{"a":' * 100_000, "nested too deeply"),
        ("a.toml", "[device]\nid = \n", "line 2"),
        ("a.toml", '[device]\nid = "a"\nid = "b"\n', "not valid TOML"),
        ("a.toml", '[wake]\nwords = ["a",', "line 2, the end of the file"),
        ("a.toml", "x = " + "[" * 100_000, "not valid TOML"),
        ("a.toml", "x = " + "9" * 5000, "Exceeds the limit"),
        ("a.toml", "#" * (1024 * 1024 + 1), "more than 1048576 bytes"),
    ],
    ids=lambda each: each[:20],
)
def test_a_file_that_is_no_tables_is_one_fault(tmp_path, capsys, name, text, why):
    code, lines = told(capsys, "check", written(tmp_path, text, name))
    assert code == 1 and len(lines) == 1 and why in lines[0]


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_checked(tmp_path, capsys):
    bad = written(tmp_path, "[device]\nvolume = 101\n", "bad.toml")
    good = written(tmp_path, "", "good.toml")
    code, lines = told(capsys, "check", tmp_path / "nowhere.toml", bad, tmp_path, good)
    assert code == 2 and len(lines) == 4
    assert "does not exist" in lines[0] and "bad.toml:2" in lines[1] and "cannot be read" in lines[2]
    assert lines[3] == f"{good}: valid, sets 0 keys"


def test_the_faults_as_json_have_line_key_code_and_message(tmp_path, capsys):
    path = written(tmp_path, "[device]\nvolume = 101\n")
    code, (line,) = told(capsys, "check", "--json", path)
    (fault,) = json.loads(line)["faults"]
    assert code == 1 and json.loads(line)["valid"] is False
    assert (fault["line"], fault["path"], fault["code"]) == (2, "device.volume", "out_of_range")


def test_the_faults_of_the_file_that_a_device_starts_with_have_their_lines_too(tmp_path):
    path = written(tmp_path, "[device]\nvolume = 101\n\n[wake]\nword = 1\n")
    with pytest.raises(ConfigError) as caught:
        load(path, {"device": {"volume": "x"}})
    assert [fault.partition(":")[0] for fault in caught.value.problems[:2]] == ["line 2", "line 5"]
    assert caught.value.problems[2].startswith("device.volume = 'x'"), "of --set, so of no line"


def test_half_of_a_pair_in_the_file_and_the_other_on_the_command_line_are_a_pair(tmp_path):
    path = written(tmp_path, '[mqtt]\ntls = true\ncert_file = "c"\n')
    assert load(path, {"mqtt": {"key_file": "k"}}).mqtt.key_file == "k"
    with pytest.raises(ConfigError, match="line 1: mqtt.key_file is empty"):
        load(path)


def test_lines_are_found_past_comments_long_arrays_and_strings_of_many_lines():
    text = """# \"\"\" opens nothing
a = [ # ]
 "[x]", '[',
 ["y"],
]
c = '''it's # no comment
d = 1
''' # \"\"\"
e = "\\"["
[t]
"q" = 1
"""
    assert tomllib.loads(text)["t"] == {"q": 1}
    assert key_lines(text) == {("a",): 2, ("c",): 6, ("e",): 9, ("t",): 10, ("t", "q"): 11}


# ---------------------------------------------------------------------- show


def test_show_prints_everything_that_is_in_force_as_toml_that_can_be_read_back(tmp_path, capsys):
    path = written(tmp_path, '[device]\nid = "kitchen"\n[wake]\nwords = ["alexa", "hey_jarvis"]\n')
    code, lines = told(capsys, "show", "--config", path)
    assert code == 0 and tomllib.loads("\n".join(lines)) == json.loads(json.dumps(nested(values(load(path)))))


def test_show_says_which_layer_each_key_is_from(tmp_path, capsys):
    path = written(tmp_path, '[device]\nid = "kitchen"\nvolume = 30\n')
    code, lines = told(
        capsys, "show", "--origin", "device", "mqtt.port", "--config", path, "--set", "device.volume=40"
    )
    assert code == 0
    origins = {line.split(" = ")[0]: line.split("# ")[1] for line in lines if "#" in line}
    assert origins == {
        "id": "file", "language": "default", "group": "default", "volume": "--set", "port": "default"
    }  # fmt: skip


def test_show_as_json_has_effective_values_and_origins_by_path(tmp_path, capsys):
    path = written(tmp_path, "[device]\nvolume = 30\n")
    code, (line,) = told(capsys, "show", "--json", "--config", path)
    shown = json.loads(line)
    assert code == 0 and shown["effective"].keys() == values(Config()).keys()
    assert shown["effective"]["device.volume"] == 30 and shown["origin"]["device.volume"] == "file"


def test_show_masks_secrets(tmp_path, capsys):
    path = written(tmp_path, '[mqtt]\nusername = "kitchen"\npassword_file = "/etc/hunter2"\n')
    for form in ([], ["--json"]):
        code, lines = told(capsys, "show", "--config", path, *form)
        assert code == 0 and "hunter2" not in "\n".join(lines) and "***" in "\n".join(lines)


def test_show_of_a_name_that_is_no_key_says_what_there_is(tmp_path, capsys):
    path = written(tmp_path, "")
    assert main(["config", "show", "wakeup", "--config", str(path)]) == 2
    assert "'wakeup': no key and no section; they are: audio, barge_in" in capsys.readouterr().err


def pushed(folder, file=None, **layers):
    """The state folder of a device to which ``layers`` were pushed, and which ran on ``file`` before."""
    made = {
        name: Layer(scope=scope, version=1, signed=True, digest="-", config=layers[name])
        for name, scope in (("group", "g/house"), ("device", "d/kitchen"))
        if name in layers
    }
    whole = Layers(**made, command=layers.get("command", {}))
    Store(folder).save(State(layers=whole, good=None if file is None else Good(file=file, layers=whole)))
    return folder


def test_show_lays_what_was_pushed_over_the_file_and_says_so(tmp_path, capsys):
    path = written(tmp_path, "[device]\nvolume = 30\n[wake]\nthreshold = 0.3\n")
    folder = pushed(
        tmp_path / "state",
        group={"wake": {"threshold": 0.4, "stop_threshold": 0.4}, "voice": {"speed": 1.5}},
        device={"wake": {"stop_threshold": 0.45}},
        command={"wake.threshold": 0.7},
    )
    code, (line,) = told(capsys, "show", "--json", "wake", "voice.speed", "device.volume", "--config", path,
                         "--state", folder)  # fmt: skip
    shown = json.loads(line)
    assert code == 0 and shown["notes"] == []
    found = {path: (value, shown["origin"][path]) for path, value in shown["effective"].items()}
    assert found["device.volume"] == (30, "file") and found["voice.speed"] == (1.5, "group")
    assert found["wake.stop_threshold"] == (0.45, "device") and found["wake.threshold"] == (0.7, "command")
    assert found["wake.threshold_playing"] == (0.5, "default")


def test_show_with_a_broken_file_shows_what_worked_last_and_says_why(tmp_path, capsys):
    path = written(tmp_path, "[device]\nvolume = 300\n")
    command = ["config", "show", "device.volume", "--config", str(path), "--state"]
    assert main([*command, str(pushed(tmp_path / "new"))]) == 2
    capsys.readouterr()
    folder = pushed(tmp_path / "state", {"device": {"volume": 12}})
    assert main([*command, str(folder)]) == 0
    out, err = capsys.readouterr()
    assert "volume = 12" in out and "line 2: device.volume = 300" in err


def test_show_says_that_what_was_pushed_cannot_be_read_or_does_not_fit(tmp_path, capsys):
    path = written(tmp_path, '[mqtt]\ntls = true\ncert_file = "c"\nkey_file = "k"\n')
    command = ["config", "show", "mqtt.tls", "--config", str(path), "--state"]
    (tmp_path / "bad").mkdir()
    written(tmp_path / "bad", "{", "config.json")
    assert main([*command, str(tmp_path / "bad")]) == 0
    assert "what was pushed is not shown: " in capsys.readouterr().err
    assert main([*command, str(pushed(tmp_path / "state", device={"mqtt": {"tls": False}}))]) == 0
    out, err = capsys.readouterr()
    assert "tls = true" in out and "does not go with the file" in err and "mqtt.tls = false would not" in err


# ---------------------------------------------------------------------- docs, schema, help


def test_docs_and_schema_print_what_the_page_and_the_schema_are(capsys):
    assert main(["config", "docs"]) == 0
    assert capsys.readouterr().out == page()
    assert main(["config", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["properties"].keys() == set(Config.__struct_fields__)


@pytest.mark.parametrize("command", ["show", "check", "docs", "schema"])
def test_every_subcommand_has_a_help_with_an_example(command, capsys):
    with pytest.raises(SystemExit) as left:
        main(["config", command, "--help"])
    assert (
        left.value.code == 0 and f"earshot config {command}" in capsys.readouterr().out.split("options:")[-1]
    )


def test_config_alone_shows_its_help(capsys):
    assert main(["config"]) == 2
    assert "earshot config show --origin" in capsys.readouterr().out
