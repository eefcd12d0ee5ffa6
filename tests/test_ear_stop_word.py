""" "Stop" over the device's own voice without a recogniser: the spotter behind the real canceller, in the simulated room."""

import numpy as np
import pytest
from helpers_ear import Conversing, Listener, of, say, silence

from device.config import Config, parse
from device.ear.stop_word import (
    AVERAGED,
    PATTERN,
    PLACES,
    REFRACTORY,
    ROWS,
    StopWeights,
    StopWord,
    load_stop_weights,
)
from device.errors import EngineError
from device.values import FRAME, RATE_HZ, StopHeard, Wake, samples

STORY = (
    "The ferry left the harbour at a quarter to six, with eleven passengers and a crate of oranges on board. "
    "Nobody noticed the boy behind the lifeboat until they had passed the second buoy. "
    "He had a paper bag, two apples and a map that his grandfather had drawn with a carpenter's pencil. "
    "When the fog came down they stopped the engine, and the bus stop on the shore was hidden."
)


@pytest.fixture(scope="module")
def device():
    """Some seconds into a reply: the canceller has learned the room."""
    one = Conversing(say(STORY, "espeak:en-us", -20.0), wake=(), seed=41, ser_db=0.0)
    one.run(8)
    return one


def over(device, clip, talker=0):
    """What is heard while ``clip`` is spoken over the reply, and 0.7 s longer; and when its last sample came."""
    device.room.say(clip, device.engine.position + samples(100), talker=talker)
    end = device.engine.position + samples(100) + len(clip)
    return of(StopHeard, device.run(len(clip) / RATE_HZ + 0.8)), end


@pytest.mark.parametrize("voice", ["espeak:en-us+m6", "espeak:en-us+m4"])
def test_stop_over_a_reply_is_heard_once_and_soon_also_of_a_voice_it_has_not_learned(device, voice):
    heard, end = over(device, say("Stop!", voice))
    device.run(1)
    assert [event.word for event in heard] == ["stop"]
    assert heard[0].position <= end + samples(700)
    assert 0.5 < heard[0].score <= 1.0


def test_who_says_anything_else_is_not_taken_for_stop(device):
    for text in ("yeah", "um hum", "I see", "do we still have any flour"):
        assert over(device, say(text, "espeak:en-us+f4"), 1)[0] == [], text


def test_the_devices_own_stop_is_not_heard():
    device = Conversing(say(STORY, "espeak:en-us", -20.0), wake=(), seed=42)
    assert of(StopHeard, device.run(len(device.reply) / RATE_HZ)) == []
    assert device.ear.counters["stop_words"] == 0


def test_nothing_is_listened_for_while_nothing_plays():
    ear = Listener(wake=())
    ear.hear(np.concatenate((silence(1), say("Stop!", "espeak:en-us+m6"), silence(1))))
    assert of(StopHeard, ear.events) == []
    assert ear.ear._spotting.spotters.stop.score == 0.0


def test_wake_stop_auto_is_the_default_and_empty_leaves_it_to_the_recogniser():
    assert Config().wake.stop == "auto"
    clip = say("Stop!", "espeak:en-us+m6")
    device = Conversing(
        say(STORY, "espeak:en-us", -20.0), parse({"wake": {"stop": ""}}), wake=(), seed=41, ser_db=0.0
    )
    device.run(6)
    assert over(device, clip)[0] == []


def always(odds: float) -> StopWeights:
    """Weights that say ``odds`` of everything."""
    zeros = np.zeros
    return StopWeights(
        zeros((1, PATTERN), "f"), zeros(1, "f"), zeros((1, PLACES), "f"), zeros(1, "f"), zeros(1, "f"), odds
    )


def step(spotter: StopWord, frames: range, playing: bool = True, talker: bool = True) -> list[int]:
    found = [spotter.step(k * FRAME, [1.0] * 40, playing, talker) for k in frames]
    return [event.position for event in found if event is not None]


def test_it_acts_only_with_a_talker_and_once_a_second():
    spotter = StopWord(always(2.0))
    assert step(spotter, range(100), talker=False) == []
    found = step(spotter, range(100, 320))
    assert found[0] <= 103 * FRAME and np.diff(found).tolist() == [REFRACTORY] * 2


def test_the_threshold_is_that_of_the_configuration():
    assert step(StopWord(always(1.0), 0.7), range(50))
    assert not step(StopWord(always(1.0), 0.75), range(50))


def test_it_forgets_what_it_heard_before_a_pause_of_the_playback():
    fresh, used = StopWord(load_stop_weights("en")), StopWord(load_stop_weights("en"))
    rng = np.random.default_rng(0)
    for k in range(150):
        used.step(k * FRAME, rng.uniform(0, 20, 40).tolist(), k < 50, True)
    for k in range(200, 201 + 2 * AVERAGED):
        sound = rng.uniform(0, 20, 40).tolist()
        fresh.step(k * FRAME, sound, True, True)
        used.step(k * FRAME, sound, True, True)
    assert used.score == fresh.score != 0.0


def test_what_is_computed_frame_by_frame_is_the_whole_window():
    weights, rng = load_stop_weights("en"), np.random.default_rng(1)
    sound = rng.uniform(0, 20, (2 * ROWS, 40)).astype(np.float32)
    spotter = StopWord(weights)
    for k, features in enumerate(sound):
        spotter.step(k * FRAME, features.tolist(), True, True)
    rows = sound.reshape(ROWS, 2, 20, 2).mean(axis=(1, 3))[::-1]
    places = [rows[2 * k : 2 * k + PATTERN // 20].ravel() for k in range(PLACES)]
    found = np.maximum(np.array(places) @ weights.patterns.T + weights.patterns_bias, 0).ravel()
    hidden = np.maximum(weights.hidden @ found + weights.hidden_bias, 0)
    assert spotter._odds[-1] == pytest.approx(weights.out @ hidden + weights.out_bias, abs=1e-3)


def test_the_wake_word_is_found_beside_it():
    ear = Listener()
    ear.hear(np.concatenate((silence(1.5), say("alexa"), silence(1))), playing=True)
    assert [type(event) for event in ear.events if isinstance(event, Wake | StopHeard)] == [Wake]


def test_weights_that_are_missing_or_broken_are_one_clear_error(tmp_path):
    with pytest.raises(EngineError, match="stop-xx/weights.npz is in none of the models folders"):
        load_stop_weights("xx")
    (tmp_path / "text.npz").write_text("no weights")
    for name in ("none.npz", "text.npz"):
        with pytest.raises(EngineError, match="cannot be read as weights.*install earshot again"):
            load_stop_weights("en", tmp_path / name)
    shape = {"patterns": (2, 3), "patterns_bias": 2, "hidden": (4, 5), "hidden_bias": 4, "out": 4}
    np.savez(tmp_path / "small.npz", out_bias=0.0, **{name: np.zeros(size) for name, size in shape.items()})
    with pytest.raises(EngineError, match=r"\(2, 3\).*wanted"):
        load_stop_weights("en", tmp_path / "small.npz")
