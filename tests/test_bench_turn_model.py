"""`earshot bench turn-model`: what a verdict costs, and how often it is right on recordings."""

import json
from pathlib import Path

import pytest
from helpers_turn_end import said

from device.audio.wav import write_wav
from device.bench.turn_model import measure
from device.cli import main
from device.errors import EngineError
from device.models import find

COSTS = {"verdict_p50_ms", "verdict_p95_ms", "cpu_ms", "load_s", "rss_mib", "verdicts"}


def test_recordings_are_judged_whole_and_broken_off(tmp_path, capsys):
    for voice in ("en-gb", "en-us+m3"):
        write_wav(tmp_path / f"{voice}.wav", said(voice=voice))
    assert main(["bench", "turn-model", "--model", "turn-tiny", "--speech", str(tmp_path), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures.keys() == {*COSTS, "recordings", "whole_complete", "broken_off_complete"}
    assert (figures["recordings"], figures["verdicts"]) == (2, 4)
    assert (figures["whole_complete"], figures["broken_off_complete"]) == (1.0, 0.0)
    assert 0 < figures["verdict_p50_ms"] <= figures["verdict_p95_ms"]
    assert figures["rss_mib"] > 10


def test_without_recordings_nothing_is_claimed_about_its_judgement(capsys):
    assert main(["bench", "turn-model", "--model", "turn-tiny"]) == 0
    shown = capsys.readouterr().out
    assert "CPU time of the engine process for a verdict [ms]" in shown
    assert "complete" not in shown


def test_a_path_from_here_is_taken_too(monkeypatch, capsys):
    monkeypatch.chdir(find("turn-tiny"))
    assert main(["bench", "turn-model", "--model", "turn-tiny.onnx"]) == 0
    assert "verdicts measured" in capsys.readouterr().out


def test_a_model_that_is_not_there_or_broken_is_said_in_one_line(tmp_path: Path, capsys):
    assert main(["bench", "turn-model", "--model", "no-such-model"]) != 0
    assert "model 'no-such-model' is not on this machine" in capsys.readouterr().err
    assert main(["bench", "turn-model", "--model", str(tmp_path / "none.onnx")]) != 0
    assert "none.onnx' is not on this machine: there is no such file" in capsys.readouterr().err
    broken = tmp_path / "smart-turn.onnx"
    broken.write_bytes(b"this is a stump")
    with pytest.raises(EngineError, match=r"smart-turn\.onnx cannot be loaded"):
        measure(str(broken), [])
