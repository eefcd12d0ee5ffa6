"""A turn-end model moves the end of an utterance, within the bounds and no further, and nothing waits for it."""

from __future__ import annotations

from typing import Any

import numpy as np
from helpers_ear import frames, of, silence, with_noise
from helpers_turn_end import logits_model, said

from device import values as v
from device.audio import Ring
from device.config import Config, parse
from device.ear import Ear
from device.ear.turn_end import TurnModel, open_turn_model
from device.engines.process import ProcessDoor
from device.values import FRAME, RATE_HZ


def config(**endpointing: Any) -> Config:
    return parse({"endpointing": {"strategy": "model", "model": "turn-tiny", **endpointing}})


def wait_ms(
    part: float, model: TurnModel | None, before: np.ndarray | None = None, **endpointing: Any
) -> int:
    """Silence after which the ear commits to the end of a sentence of which it hears ``part``, without any words.

    ``before``: what is said before that sentence, and is no end.
    """
    ring = Ring(10 * RATE_HZ)
    ear = Ear(config(**endpointing), ring, None, (), turn_model=model)
    spoken = [silence(0.8), *([] if before is None else [before]), said(part), silence(2)]
    sound = with_noise(np.concatenate(spoken))
    ends = []
    for frame in frames(sound):
        ring.write(frame.clean)
        if frame.position == FRAME:
            ear.execute(v.Listen(1, 0, 0))
        ends += of(v.Endpoint, ear.step(frame))
    assert [end.utterance for end in ends] == [1]
    return (ends[0].position - ends[0].last) * 1000 // RATE_HZ


def model_of(*, in_process: bool = True, **endpointing: Any) -> TurnModel:
    model = open_turn_model(config(**endpointing), in_process)
    assert model is not None
    return model


def test_what_sounds_finished_is_answered_sooner_and_what_does_not_later():
    usual = wait_ms(1.0, None)
    assert wait_ms(1.0, model_of()) < usual - 200
    assert wait_ms(0.6, model_of()) > usual + 200


def test_its_word_counts_only_within_the_bounds():
    bounds = {"min_ms": 500, "max_ms": 650}
    assert wait_ms(1.0, model_of(), **bounds) == 500
    assert wait_ms(0.6, model_of(), **bounds) == 650
    assert wait_ms(0.6, model_of()) == 1200


def test_a_missing_or_broken_model_changes_nothing(tmp_path):
    usual = wait_ms(1.0, None, strategy="adaptive")
    assert wait_ms(1.0, model_of(model="no-such-model")) == usual
    assert wait_ms(1.0, model_of(model=str(logits_model(tmp_path)))) == usual


def test_a_model_that_hangs_holds_nothing_up(tmp_path):
    usual = wait_ms(1.0, None)
    door = ProcessDoor("turn model", "helpers_turn_end:Stubborn", str(tmp_path / "asked"))
    model = TurnModel(door)
    try:
        assert door.wait_loaded(20)
        model.step(None)
        assert wait_ms(1.0, model) == usual
        assert model.counters["asked"] == 1
    finally:
        model.close()


def test_the_verdict_on_a_pause_inside_a_sentence_does_not_count_for_its_end():
    """0.7 s of silence after words that sound unfinished are waited out, and the whole sentence behind them is answered
    as soon as if nothing had been before."""
    model = model_of()
    assert abs(wait_ms(1.0, model, before=said(0.6)) - wait_ms(1.0, model_of())) <= 30
    assert model.counters["asked"] == 2
