"""Barge-in: a talker over the device's own voice, in the simulated room behind the real echo canceller."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from helpers_ear import Conversing, of, say

from device.audio import Frame
from device.audio.levels import active_rms
from device.config import Config
from device.ear.bands import BANDS, SILENCE_DB, BandMeter
from device.ear.barge_in import SETTLED_FRAMES, BargeInDetector, bar_of
from device.ear.duck_trial import DuckTrial
from device.ear.residual import FEATURES, FIRST, Residual
from device.ear.talker import (
    GROWN_FRAMES,
    HISTORY,
    INPUTS,
    UNKNOWN,
    TalkerModel,
    Weights,
    load_weights,
    stack,
)
from device.errors import EngineError
from device.values import FRAME, RATE_HZ, BargeIn, BargeInEnded, SpeechBegan, samples

STORY = (
    "The history of the lighthouse begins in antiquity. Before harbours were built, sailors were guided by fires "
    "on hilltops. Later, fires were placed on platforms so that they could be seen from further away. The most "
    "famous of them stood in Alexandria, and it was more than a hundred metres tall."
)


@cache
def reply():
    story = say(STORY, "espeak:en-us")
    return (story * (0.1 / active_rms(story))).astype(np.float32)


@cache
def talked_over(
    ser_db=0.0, text="no, wait a moment, that is not what I meant", react=False, at_s=10.5, seed=3, **room
):
    """A reply, and somebody who cuts in: (device, first and last sample of the cut-in)."""
    device = Conversing(reply(), Config(), wake=[], ser_db=ser_db, seed=seed, **room)
    first, last = device.room.say(say(text, "flite:rms"), round(at_s * RATE_HZ))

    def hold(event):
        if isinstance(event, BargeIn):
            device.speech.hold()

    device.run(at_s + 5, hold if react else lambda event: None)
    return device, first, last


def test_the_devices_own_voice_is_no_talker():
    device, first, _ = talked_over()
    assert [e for e in of(BargeIn, device.events) if e.position < first] == []


@pytest.mark.parametrize(("ser_db", "within_ms"), [(0.0, 120), (-6.0, 200), (-10.0, 400)])
@pytest.mark.parametrize("drift_ppm", [0.0, 50.0])
def test_a_talker_over_the_reply_is_noticed_and_his_onset_is_known(ser_db, within_ms, drift_ppm):
    device, first, last = talked_over(ser_db, drift_ppm=drift_ppm)
    found = of(BargeIn, device.events)[0]
    assert first < found.position <= first + samples(within_ms)
    assert first - samples(60) <= found.onset <= found.position
    assert found.score > 1.0
    ended = of(BargeInEnded, device.events)[-1]
    assert abs(ended.last - last) < samples(400)


def test_every_barge_in_ends_before_the_next_one():
    for ser_db in (0.0, -6.0):
        device, _, _ = talked_over(ser_db)
        kinds = [type(e) for e in device.events if isinstance(e, (BargeIn, BargeInEnded))]
        assert kinds == [BargeIn, BargeInEnded] * (len(kinds) // 2)


def test_a_talker_is_followed_into_the_quiet_that_he_has_made():
    device, _, last = talked_over(react=True, text="no I did not mean that")
    found, ended = of(BargeIn, device.events), of(BargeInEnded, device.events)
    assert len(found) == len(ended) == 1, "held playback changes nothing about who is talking"
    assert abs(ended[0].last - last) < samples(250)
    assert ended[0].position - ended[0].last < samples(300)
    assert of(SpeechBegan, device.events) == [], "he is known from the barge-in already"


def test_the_leak_of_room_and_canceller_is_learned_and_not_from_the_talker():
    device, _, _ = talked_over()
    leak = device.ear.leak_db
    assert len(leak) == BANDS
    assert all(-50 < band < 0 for band in leak), "the canceller takes more than it lets through"
    assert sum(leak) / BANDS < -8


def test_a_television_that_was_on_before_the_reply_is_no_talker_and_a_louder_voice_is():
    device = Conversing(reply(), Config(), wake=[], ser_db=0.0, seed=5)
    device.speech.hold()
    news = say(STORY + " " + STORY, "flite:awb")
    device.room.say(news, 0, -12.0, talker=7)
    device.run(7)
    device.speech.resume(0)
    first, _ = device.room.say(say("no, wait a moment", "flite:rms"), 16 * RATE_HZ)
    device.run(12)
    found = of(BargeIn, device.events)
    cut_in = [e for e in found if e.position > first]
    assert cut_in and cut_in[0].position < first + samples(250)
    assert [e for e in found if e.score > 0 and 9 * RATE_HZ < e.position < first] == []


def test_before_the_canceller_has_converged_a_talker_is_doubtful_and_the_bar_is_raised():
    device = Conversing(reply(), Config(), wake=[], ser_db=3.0, seed=4)
    device.room.say(say("no, wait a moment, that is not what I meant", "flite:rms"), RATE_HZ * 4 // 10)
    converged, raised = [], []
    for _ in range(900):
        device.run(0.01)
        converged.append(device.engine.converged)
        raised.append(device.ear.bar_raised)
    sure = converged.index(True)
    early = [e for e in of(BargeIn, device.events) if e.position <= sure * FRAME]
    assert early and all(event.score == 0.0 for event in early)
    assert raised[100] and not raised[-1]


# ---------------------------------------------------------------------- the parts


def white(seconds, level_dbfs, seed=0):
    noise = np.random.default_rng(seed).standard_normal(round(seconds * RATE_HZ), np.float32)
    return noise * np.float32(10 ** (level_dbfs / 20))


def frames(clean, reference, start=0, echo=None, converged=True):
    """Frames with playback whose canceller has taken ``echo`` (default: the reference at -6 dB) away."""
    echo = reference * np.float32(0.5) if echo is None else echo
    for at in range(0, len(clean) - FRAME + 1, FRAME):
        part = slice(at, at + FRAME)
        yield Frame(
            start + at, clean[part] + echo[part], clean[part], reference[part], False, True, converged, 25.0
        )


@pytest.fixture(scope="module")
def weights():
    return load_weights()


def alarms(detector, clean, reference, **how):
    return [event for frame in frames(clean, reference, **how) if (event := detector.step(frame, False))]


def test_levels_read_as_the_level_of_white_noise():
    meter = BandMeter(2)
    noise = white(2, -40).reshape(-1, FRAME)
    zeros = np.zeros(FRAME, np.float32)
    levels = np.mean([meter.step(a, zeros) for a, _ in pairwise(noise)], axis=0)
    assert np.all(np.abs(levels[0] - -40) < 3)
    assert np.all(levels[1] == SILENCE_DB)


def test_what_loud_bands_leave_in_a_weak_one_is_not_its_own_leak():
    low = np.sin(2 * np.pi * 450 * np.arange(6 * RATE_HZ) / RATE_HZ).astype(np.float32) * np.float32(0.14)
    reference, distortion = low + white(6, -60), white(6, -55, 3)
    residual = Residual()
    for frame in frames(distortion, reference):
        residual.playing(frame.position, frame.clean, frame.mic, frame.reference, False)
    assert residual.learned > 5 * FIRST
    assert max(residual.leak_db) < -5, "the weak bands hold what the loud one leaves there"


def test_a_talker_is_not_learned_as_echo():
    reference, floor = white(8, -20), white(8, -70, 1)
    residual = Residual()
    quiet = reference * np.float32(0.02) + floor
    for frame in frames(quiet[: 4 * RATE_HZ], reference):
        residual.playing(frame.position, frame.clean, frame.mic, frame.reference, False)
    leak = residual.leak_db
    talker = quiet[4 * RATE_HZ :] + white(4, -30, 2)
    for frame in frames(talker, reference[4 * RATE_HZ :], start=4 * RATE_HZ):
        residual.playing(frame.position, frame.clean, frame.mic, frame.reference, True)
    assert residual.leak_db == leak


def test_the_steady_background_is_what_every_second_before_the_playback_reaches():
    residual, zeros = Residual(), np.zeros(FRAME, np.float32)
    for position, frame in enumerate(white(6, -45).reshape(-1, FRAME)):
        residual.quiet(position * FRAME, frame, frame, zeros, True)
    assert np.all(np.abs(residual.background - -42) < 4)
    for position, frame in enumerate(white(6, -70).reshape(-1, FRAME)):
        loud = frame * np.float32(30) if 100 <= position < 300 else frame  # a question, 2 s of 6
        residual.quiet(position * FRAME, loud, loud, zeros, True)
    assert np.all(residual.background < -60)


def test_a_missing_frame_over_playback_is_nobody_talking(weights):
    detector = BargeInDetector(0.5, weights)
    reference = white(3, -20)
    alarms(detector, reference * np.float32(0.02) + white(3, -70, 1), reference)
    zeros = np.zeros(FRAME, np.float32)
    for k in range(100):
        frame = Frame(len(reference) + k * FRAME, zeros, zeros, reference[:FRAME], True, True, True, 25.0)
        assert detector.step(frame, False) is None
        assert not detector.counts


def test_nobody_is_suspected_before_the_echo_is_known(weights):
    detector = BargeInDetector(0.5, weights)
    reference = white(1, -20)
    residue = np.concatenate(
        (reference[: RATE_HZ * 7 // 10] * np.float32(0.01), reference[RATE_HZ * 7 // 10 :])
    )
    for frame in frames(residue, reference):
        detector.step(frame, False)
        assert not detector.suspects


@pytest.mark.parametrize("talker", [False, True])
def test_what_falls_with_the_duck_was_echo_and_a_talker_was_not(talker):
    trial = DuckTrial(-30.0, -20.0)
    for frame in range(1, 25):
        played = -20.0 if frame < 5 else -38.0
        trial.step(-30.0 if talker else -10.0 + played, played)
        assert not trial.doubtful or not talker
    assert trial.was_echo == (not talker)


def test_the_classifier_forgets_what_was_before_a_pause(weights):
    model, rng = TalkerModel(weights), np.random.default_rng(0)
    for _ in range(GROWN_FRAMES):
        model.step(rng.standard_normal(FEATURES).astype(np.float32), 20.0)
    model.reset()
    new = rng.standard_normal(FEATURES).astype(np.float32)
    first = model.step(new, 20.0)
    for _ in range(30):
        model.step(rng.standard_normal(FEATURES).astype(np.float32), 20.0)
    assert model.step(new, 20.0) != first
    model.reset()
    assert model.step(new, 20.0) == first


def test_training_and_use_stack_the_same_frames():
    history = np.arange(HISTORY * FEATURES, dtype=np.float32).reshape(HISTORY, FEATURES)
    stacked = stack(history, 12.0, 0.5, np.zeros(INPUTS, np.float32))
    assert len(stacked) == INPUTS and stacked[-2:].tolist() == [12.0, 0.5]
    assert stacked[3 * FEATURES] == pytest.approx(history[[3, 4, 5], 0].mean())
    assert stacked[4 * FEATURES] == pytest.approx(history[[8, 11, 14], 0].mean())
    assert UNKNOWN < 0


def test_weights_that_are_missing_or_broken_are_one_clear_error(tmp_path):
    with pytest.raises(EngineError, match="cannot be read as weights"):
        load_weights(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("no weights")
    with pytest.raises(EngineError, match="install earshot again"):
        load_weights(tmp_path / "text.npz")
    np.savez(
        tmp_path / "small.npz", hidden=np.zeros((3, 4)), hidden_bias=np.zeros(3), out=np.zeros(3), out_bias=0
    )
    with pytest.raises(EngineError, match=r"shape \(3, 4\)"):
        load_weights(tmp_path / "small.npz")


def test_a_bar_twice_as_high_needs_twice_the_evidence():
    # a classifier that always says "3": once the bar has come down, as many frames as bar and bias say
    always = Weights(np.zeros((1, INPUTS), np.float32), np.zeros(1, np.float32), np.zeros(1, np.float32), 3.0)
    reference = white(2, -20)
    found = {}
    for sensitivity in (0.0, 0.5, 1.0):
        detector = BargeInDetector(sensitivity, always)
        detector._residual.known = True
        detector._played = SETTLED_FRAMES
        found[sensitivity] = alarms(detector, reference * np.float32(0.02), reference)[0].position / FRAME
    assert found[0.0] / found[0.5] == pytest.approx(bar_of(0.0) / bar_of(0.5), rel=0.2)
    assert found[1.0] < found[0.5]
