"""``earshot say``: into a file without any sound card, through an output, and its refusals."""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path

import numpy as np
import pytest
from helpers_mouth import KOKORO_TINY

from device.audio.wav import read_wav
from device.errors import ConfigError, EarshotError, EngineError
from device.mouth import command


def say(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    args = parser.parse_args(["say", *arguments])
    return args.run(args)


@pytest.fixture
def config(tmp_path: Path) -> list[str]:
    path = tmp_path / "earshot.toml"
    path.write_text('[audio]\nbackend = "none"\n')
    return ["--config", str(path)]


def test_a_text_becomes_a_wav_file_as_long_as_it_takes_to_say(
    tmp_path: Path, config: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "hello.wav"
    assert say(*config, "--out", str(out), "Hello there, **Dr. Smith**. It works.") == 0
    samples = read_wav(out, 22050)
    assert 1.5 < len(samples) / 22050 < 4 and np.abs(samples).max() > 0.1
    assert str(out) in capsys.readouterr().out
    assert say(*config, "--out", str(out), "--speed", "2.0", "Hello there, **Dr. Smith**. It works.") == 0
    assert len(read_wav(out, 22050)) < 0.65 * len(samples)


def test_kokoro_can_be_asked_for_by_model(
    tmp_path: Path, config: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARSHOT_MODELS", str(KOKORO_TINY.parent))
    out = tmp_path / "hello.wav"
    assert (
        say(*config, "--engine", "kokoro", "--model", "kokoro-tiny", "--out", str(out), "Hello there.") == 0
    )
    assert len(read_wav(out, 24000)) > 10_000


def test_the_text_can_come_from_another_program(
    tmp_path: Path, config: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("From a pipe.\n"))
    assert say(*config, "--out", str(tmp_path / "a.wav"), "-") == 0


def test_playing_goes_through_the_configured_output_and_ends_with_the_text(config: list[str]) -> None:
    assert say(*config, "--speed", "2.0", "Yes.") == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--json",), "--json goes with --times"),
        (("--times", "--out", "a.wav"), "leave out --times or --out"),
    ],
)
def test_options_that_make_no_sense_together_are_refused(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(EarshotError, match=said):
        say(*arguments, "Hello.")


def test_it_tells_how_long_each_clause_takes_to_its_first_sound(
    config: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("EARSHOT_MODELS", str(KOKORO_TINY.parent))
    monkeypatch.setenv("CACHE_DIRECTORY", str(tmp_path))
    text = "Nobody is answering right now. Good night."
    assert say(*config, "--engine", "kokoro", "--model", "kokoro-tiny", "--times", "--json", text) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["engine"], told["reason"]) == ("kokoro", "") or "Kokoro needs" in told["reason"]
    assert [clause["text"] for clause in told["clauses"]] == ["Nobody is answering right now.", "Good night."]
    assert all(clause["first_ms"] > 0 and clause["sound_ms"] > 100 for clause in told["clauses"])
    assert say(*config, "--times", text) == 0
    assert capsys.readouterr().out.startswith("espeak en-us\n")


@pytest.mark.parametrize(
    ("arguments", "error", "told"),
    [
        (["--out", "x.wav", " ... "], EngineError, "nothing to say"),
        (["--out", "x.wav", "--voice", "narnia", "Hi"], EngineError, "'narnia' is not one of espeak-ng's"),
        (["--times", "--voice", "narnia", "Hi"], EngineError, "'narnia' is not one of espeak-ng's"),
        (["--voice", "narnia", "Hi"], EngineError, "'narnia' is not one of espeak-ng's"),
        (["--out", "/nowhere/x.wav", "Hi"], EarshotError, "/nowhere/x.wav"),
        (["--speed", "9", "Hi"], ConfigError, "voice.speed"),
        (["--model", "kokoro-none", "Hi"], EngineError, "'kokoro-none' is not on this machine"),
    ],
)
def test_what_cannot_be_said_is_refused_with_the_reason(
    config: list[str], arguments: list[str], error: type[EarshotError], told: str
) -> None:
    with pytest.raises(error, match=told):
        say(*config, *arguments)
