"""The command line: every command explains itself, and bad input gets one clear line and exit code 2."""

import os
import subprocess
import sys

import pytest

from device.cli import main, parser
from device.daemon_command import overrides
from device.errors import ConfigError


def test_no_command_shows_the_help_and_says_it_needs_one(capsys):
    assert main([]) == 2
    assert "earshot demo" in capsys.readouterr().out


@pytest.mark.parametrize(
    "command",
    ["run", "demo", "endpoint", "trace", "scenario", "say", "devices", "doctor", "models", "config", "send", "fleet", "bench"],
)  # fmt: skip
def test_every_command_has_a_help_with_an_example(command, capsys):
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    assert f"earshot {command}" in capsys.readouterr().out.split("options:")[-1]


def test_a_config_with_problems_is_refused_whole_with_all_of_them(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    path = tmp_path / "earshot.toml"
    path.write_text('[device]\nvolume = 400\n[wake]\nword = "x"\n')
    assert main(["run", "--config", str(path)]) == 78  # EX_CONFIG: trying again does not make it better
    err = capsys.readouterr().err
    assert "2 problem(s)" in err and "device.volume = 400" in err and "did you mean 'words'" in err


def test_set_understands_toml_values_and_plain_text():
    assert overrides(["a.b=3", "a.c=x y", 'd=["q"]']) == {"a": {"b": 3, "c": "x y"}, "d": ["q"]}


@pytest.mark.parametrize("pair", ["novalue", "=3"])
def test_a_malformed_set_is_refused_by_name(pair):
    with pytest.raises(ConfigError, match="KEY=VALUE"):
        overrides([pair])


def test_a_key_cannot_be_a_value_and_a_table():
    with pytest.raises(ConfigError, match="as a value and as a table"):
        overrides(["a=1", "a.b=2"])


def test_building_the_command_line_imports_no_engine_and_no_numpy():
    code = "import sys, device.cli; device.cli.parser(); print(sorted(m for m in HEAVY if m in sys.modules))"
    code = "HEAVY = ['numpy', 'vosk', 'onnxruntime', 'pocketsphinx', 'hassil', 'rich', 'httpx']\n" + code
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


@pytest.mark.parametrize("command", ["doctor problems", "config docs"], ids=["by rich", "by print"])
def test_a_reader_that_goes_away_is_nothing_wrong(command):
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "device", *command.split()],
            check=False,
            stdout=pipe,
            stderr=subprocess.PIPE,
        )
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_parser_knows_its_version(capsys):
    with pytest.raises(SystemExit):
        parser().parse_args(["--version"])
    assert capsys.readouterr().out.startswith("earshot ")


def test_packages_that_do_not_work_together_are_named_with_the_mend(monkeypatch):
    import importlib.metadata

    from device.daemon_command import package_conflicts

    have = {"numpy": "2.4.6", "tflite-runtime": "2.14.0"}

    def version(package):
        if package not in have:
            raise importlib.metadata.PackageNotFoundError(package)
        return have[package]

    monkeypatch.setattr(importlib.metadata, "version", version)
    (conflict,) = package_conflicts()
    assert "numpy 2.4.6" in conflict and "pip uninstall tflite-runtime" in conflict
    have.update({"numpy": "1.26.4"})
    assert package_conflicts() == []
    have.update({"kokoro-onnx": "0.6.1"})
    assert "kokoro-onnx" in package_conflicts()[0]
