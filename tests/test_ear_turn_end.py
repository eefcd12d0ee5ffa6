"""Turn-end models: the features are Whisper's, a real ONNX model judges pauses, and nothing depends on it."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers_turn_end import logits_model, said, tiny

from device import models
from device.config import Config
from device.config.schema import EndpointingSection
from device.ear.turn_end import FACTORY, TurnModel, open_turn_model, turn_end_settings
from device.ear.turn_end.engine import LARGEST_MB, make
from device.ear.turn_end.log_mel import WINDOW, log_mel
from device.ear.turn_end.messages import Ask, Pause, TurnEndSettings
from device.engines import InProcessDoor
from device.engines.process import ProcessDoor
from device.errors import EngineError, ModelMissing
from device.values import RATE_HZ


def with_model(name: str, strategy: Any = "model") -> Config:
    return Config(endpointing=EndpointingSection(strategy=strategy, model=name))


def until(
    model: TurnModel, pause: Pause | None, done: Callable[[float | None], bool], seconds: float = 20.0
) -> Any:
    """Step ``model`` as the ear does until ``done(probability)``. A generous limit: machines are busy."""
    end = time.monotonic() + seconds
    while True:
        probability = model.step(pause)
        if done(probability):
            return probability
        assert time.monotonic() < end, f"nothing after {seconds:g} s; {model.problem} {model.counters}"
        time.sleep(0.005)


def in_this_process(settings: TurnEndSettings | None = None) -> TurnModel:
    model = TurnModel(InProcessDoor("turn model", FACTORY, settings or tiny()))
    assert model.step(None) is None
    return model


@pytest.fixture
def own_process() -> Any:
    opened: list[TurnModel] = []

    def open_one(
        factory: str = FACTORY, settings: Any = None, **options: Any
    ) -> tuple[TurnModel, ProcessDoor]:
        options = {"backoff_s": (0.05, 0.2), **options}
        door = ProcessDoor("turn model", factory, settings or tiny(), **options)
        model = TurnModel(door)
        opened.append(model)
        until(model, None, lambda _: model.ready is not None)
        return model, door

    yield open_one
    for model in opened:
        model.close()


# ---------------------------------------------------------------------- features


def chirp() -> np.ndarray:
    """2.5 s that rise from 200 Hz to 1.7 kHz over a soft tone of 5 kHz that lasts 0.5 s longer."""
    t = np.arange(3 * RATE_HZ) / RATE_HZ
    rising = 0.3 * np.sin(2 * np.pi * (200 * t + 300 * t * t)) * (t < 2.5)
    return (rising + 0.01 * np.sin(2 * np.pi * 5000 * t)).astype(np.float32)


def test_the_features_are_those_of_whispers_extractor():
    # what the extractor of the real Smart Turn gives for the same sound
    expected = {
        (0, 0): -0.19577, (0, 499): 0.7349, (5, 501): 1.7469, (12, 560): 1.30167, (20, 650): 0.21394,
        (31, 745): -0.09552, (62, 790): -0.19577, (79, 799): -0.19577,
    }  # fmt: skip
    features = log_mel(chirp())
    assert (features.shape, features.dtype) == ((80, 800), np.float32)
    assert {at: round(float(features[at]), 5) for at in expected} == pytest.approx(expected, abs=2e-5)


def test_only_the_last_eight_seconds_count_and_the_newest_is_last():
    noise = np.random.default_rng(0).standard_normal(WINDOW, np.float32)
    longer = np.concatenate([5 * noise[: 2 * RATE_HZ], noise])
    assert np.array_equal(log_mel(longer), log_mel(noise))
    click = np.zeros(RATE_HZ, np.float32)
    click[-400] = 1.0
    loudest = log_mel(click).sum(axis=0).argmax()
    assert 796 <= loudest <= 799


def test_a_softer_talker_has_the_same_features():
    loud = said()
    assert np.abs(log_mel(loud) - log_mel(loud / 8)).max() < 1e-3


@pytest.mark.parametrize(
    "sound", [np.zeros(0), np.zeros(WINDOW), np.full(100, -1.0), np.ones(RATE_HZ)], ids=len
)
def test_any_sound_at_all_has_finite_features(sound: np.ndarray):
    assert np.isfinite(log_mel(sound.astype(np.float32))).all()


# ---------------------------------------------------------------------- the engine


@pytest.mark.parametrize("voice", ["en-gb", "en-us+m3"])
def test_a_sentence_sounds_finished_and_broken_off_it_does_not(voice: str):
    engine = make(tiny())
    assert engine.judge(said(voice=voice)) > 0.8
    assert engine.judge(said(0.6, voice=voice)) < 0.3


def test_sixteen_bits_of_sound_are_judged_as_the_sound_itself():
    engine = make(tiny())
    sound = said(0.6)
    question = Ask(Pause(3, 900), (sound * 32768).astype("<i2").tobytes())
    (verdict,) = engine.handle(question)
    assert verdict.pause == Pause(3, 900)
    assert verdict.probability == pytest.approx(engine.judge(sound), abs=0.02)
    assert verdict.compute_ms > 0


def test_a_file_that_is_no_model_is_refused_by_name(tmp_path: Path):
    broken = tmp_path / "smart-turn.onnx"
    broken.write_bytes(b"this is a stump")
    with pytest.raises(EngineError, match=r"turn-end model .*smart-turn\.onnx cannot be loaded"):
        make(TurnEndSettings(str(broken)))
    with pytest.raises(EngineError, match="No such file"):
        make(TurnEndSettings(str(tmp_path / "none.onnx")))


def test_a_model_of_another_kind_is_refused_with_what_it_takes_and_what_is_wanted():
    voice = models.require("kokoro-tiny", "kokoro") / "kokoro-tiny-v1.0.onnx"
    with pytest.raises(
        EngineError, match=r"takes .*'tokens'.*wanted is one input, float, \(batch, 80, 800\)"
    ):
        make(TurnEndSettings(str(voice)))


def test_a_file_too_large_for_such_a_model_is_not_even_loaded(tmp_path: Path):
    huge = tmp_path / "huge-turn.onnx"
    with huge.open("wb") as file:
        file.truncate((LARGEST_MB + 1) * 1_000_000)  # sparse: takes no room
    with pytest.raises(EngineError, match="has 101 MB, at most 100 MB are loaded"):
        make(TurnEndSettings(str(huge)))


def test_a_model_that_gives_no_probability_is_refused(tmp_path: Path):
    with pytest.raises(EngineError, match=r"answers \[5\.\d+\], not one probability from 0 to 1"):
        make(TurnEndSettings(str(logits_model(tmp_path))))


# ---------------------------------------------------------------------- asking


def test_a_pause_gets_one_verdict_and_is_asked_about_once():
    model = in_this_process()
    for _ in range(3):
        model.ask(Pause(1, 16_000), said())
    assert model.step(Pause(1, 16_000)) > 0.8
    assert model.step(Pause(1, 16_000)) is None
    assert model.counters["asked"] == 1


def test_a_verdict_for_a_pause_that_is_over_is_dropped():
    model = in_this_process()
    model.ask(Pause(1, 16_000), said())
    assert model.step(Pause(1, 20_000)) is None
    assert model.step(Pause(1, 16_000)) is None
    assert model.counters["late"] == 1


def test_while_the_model_thinks_only_the_newest_pause_waits_for_it(own_process: Any):
    model, _ = own_process()
    for last, part in ((100, 0.5), (200, 0.5), (300, 1.0)):
        model.ask(Pause(1, last), said(part))
    assert until(model, Pause(1, 300), lambda p: p is not None) > 0.8
    assert model.counters == {"asked": 2, "late": 1, "no_verdict": 0, "unasked": 1, "failures": 0}


def test_a_pause_that_is_over_before_the_model_has_time_for_it_is_never_asked_about(own_process: Any):
    model, _ = own_process()
    model.ask(Pause(1, 100), said())
    model.ask(Pause(1, 200), said())
    until(model, None, lambda _: model.counters["unasked"] == 1)
    assert (model.counters["asked"], model.counters["late"]) == (1, 1)


def test_a_killed_model_says_so_and_comes_back(own_process: Any, caplog: Any):
    model, door = own_process(backoff_s=(0.3, 0.3))
    os.kill(door.pid, signal.SIGKILL)
    until(model, None, lambda _: model.problem == "turn_model_failed")
    model.ask(Pause(1, 100), said())  # nobody is there to be asked
    until(model, None, lambda _: model.problem == "")
    model.ask(Pause(1, 200), said())
    assert until(model, Pause(1, 200), lambda p: p is not None) > 0.8
    assert (model.counters["asked"], model.counters["failures"]) == (1, 1)
    assert [r.message for r in caplog.records if r.levelno == logging.WARNING] == [
        "endpointing goes on without the turn-end model: turn model process was killed by SIGKILL"
    ]


def test_a_model_that_hangs_over_a_pause_is_started_again_and_answers_the_next_one(
    own_process: Any, tmp_path: Path
):
    model, _ = own_process("helpers_turn_end:Stubborn", str(tmp_path / "asked"), hang_s=0.5)
    model.ask(Pause(1, 100), said())
    until(model, Pause(1, 100), lambda _: model.counters["failures"] == 1)
    until(model, Pause(1, 100), lambda _: model.ready is not None)
    model.ask(Pause(1, 200), said())
    assert until(model, Pause(1, 200), lambda p: p is not None) == 0.75


def test_what_the_model_makes_nothing_of_is_told_once_and_the_next_pause_is_asked_about(
    monkeypatch: Any, caplog: Any
):
    model = in_this_process()
    engine = model._door._engine
    judge = engine.judge

    def refuse(samples: np.ndarray) -> float:
        raise EngineError("turn-end model x answers [nan], not one probability from 0 to 1")

    monkeypatch.setattr(engine, "judge", refuse)
    for last in (100, 200):
        model.ask(Pause(1, last), said())
        assert model.step(Pause(1, last)) is None
    monkeypatch.setattr(engine, "judge", judge)
    model.ask(Pause(1, 300), said())
    assert model.step(Pause(1, 300)) > 0.8
    assert model.counters["no_verdict"] == 2
    assert [r.message for r in caplog.records if "nan" in r.message] == [
        "endpointing goes on without this verdict: turn-end model x answers [nan], not one probability from 0 to 1"
    ]


@pytest.mark.parametrize(("compute_ms", "told"), [(400.0, 1), (140.0, 0)])
def test_a_model_that_is_usually_late_says_so_once(compute_ms: float, told: int, caplog: Any):
    model = TurnModel(InProcessDoor("turn model", "helpers_turn_end:Timed", compute_ms))
    model.step(None)
    for last in range(100, 3000, 100):
        model.ask(Pause(1, last), said())
        assert model.step(Pause(1, last)) == 0.5
    lines = [
        record.message
        for record in caplog.records
        if f"takes {compute_ms:.0f} ms for a verdict" in record.message
    ]
    assert len(lines) == told


# ---------------------------------------------------------------------- which model


def test_a_model_is_found_by_the_name_of_its_folder_and_by_the_path_of_its_file(tmp_path: Path):
    assert turn_end_settings(with_model("turn-tiny")).model == tiny().model
    assert turn_end_settings(with_model(tiny().model)).model == tiny().model


def test_an_unmarked_folder_is_a_turn_end_model_by_the_name_of_its_file(tmp_path: Path, monkeypatch: Any):
    folder = tmp_path / "smart-turn"
    folder.mkdir()
    (folder / "smart-turn-v3.2-cpu.onnx").write_bytes(Path(tiny().model).read_bytes())
    monkeypatch.setenv("EARSHOT_MODELS", str(tmp_path))
    assert turn_end_settings(Config()).model == str(folder / "smart-turn-v3.2-cpu.onnx")


@pytest.mark.parametrize("strategy", ["adaptive", "fixed"])
def test_no_other_strategy_opens_a_model(strategy: str):
    assert open_turn_model(with_model("turn-tiny", strategy), in_process=True) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (
            "smart-turn",
            "model 'smart-turn' is not on this machine; get it with: earshot models fetch smart-turn",
        ),
        ("/nowhere/turn.onnx", "model '/nowhere/turn.onnx' is not on this machine: there is no such file"),
        ("vosk-tiny-en", "is not a usable turn model: it is a vosk model"),
        ("", "endpointing.model is empty: name one"),
    ],
)
@pytest.mark.parametrize("in_process", [True, False])
def test_a_model_that_is_not_there_is_one_warning_and_a_problem_and_nothing_else(
    name: str, reason: str, in_process: bool, caplog: Any, monkeypatch: Any, tmp_path: Path
):
    for place in ("EARSHOT_MODELS", "STATE_DIRECTORY", "XDG_STATE_HOME"):
        monkeypatch.setenv(place, str(tmp_path))
    with pytest.raises(ModelMissing):
        turn_end_settings(with_model(name))
    model = open_turn_model(with_model(name), in_process)
    assert model.problem == "model_missing"
    model.ask(Pause(1, 100), said())
    assert model.step(Pause(1, 100)) is None
    model.close()
    (warning,) = caplog.records
    assert warning.message.startswith("endpointing goes on without a turn-end model: ")
    assert reason in warning.message


def test_a_broken_file_is_a_problem_in_this_process_and_in_its_own(tmp_path: Path, caplog: Any):
    broken = tmp_path / "smart-turn.onnx"
    broken.write_bytes(b"this is a stump")
    here = open_turn_model(with_model(str(broken)), in_process=True)
    assert here.problem == "turn_model_failed"
    there = open_turn_model(with_model(str(broken)), in_process=False)
    until(there, None, lambda _: there.problem == "turn_model_failed")
    there.ask(Pause(1, 100), said())
    assert there.step(Pause(1, 100)) is None
    there.close()
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert all("smart-turn.onnx cannot be loaded" in record.message for record in caplog.records)
