"""Barge-in: a talker over the device's own voice, in the simulated room behind the real echo canceller."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from helpers_ear import Conversing, of, say

from device.audio.levels import active_rms
from device.config import Config
from device.ear.bands import BANDS, SILENCE_DB, band_levels
from device.ear.barge_in import BargeInDetector
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
    ser_db=0.0, text="no, wait a moment, that is not what I meant", react=False, warmup_s=8.0, seed=3
):
    """A reply, and somebody who cuts in after 10.5 s: (device, first and last sample of the cut-in)."""
    config = Config(barge_in=type(Config().barge_in)(warmup_s=warmup_s))
    device = Conversing(reply(), config, wake=[], ser_db=ser_db, seed=seed)
    first, last = device.room.say(say(text, "flite:rms"), round(10.5 * RATE_HZ))

    def hold(event):
        if isinstance(event, BargeIn):
            device.speech.hold()

    device.run(15.5, hold if react else lambda event: None)
    return device, first, last


def test_the_devices_own_voice_is_no_talker():
    device, first, _ = talked_over()
    assert [e for e in of(BargeIn, device.events) if e.position < first] == []


@pytest.mark.parametrize(("ser_db", "within_ms"), [(0.0, 200), (-6.0, 250)])
def test_a_talker_over_the_reply_is_noticed_and_his_onset_is_known(ser_db, within_ms):
    device, first, last = talked_over(ser_db)
    found = of(BargeIn, device.events)[0]
    assert first < found.position <= first + samples(within_ms)
    assert first - samples(60) <= found.onset <= found.position
    assert found.score > 9.0
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


def test_until_the_canceller_has_learned_a_talker_has_score_zero():
    device, _, _ = talked_over(warmup_s=12.0)
    found = of(BargeIn, device.events)
    assert found
    for event in found:
        assert (event.score == 0.0) == (event.position < 12 * RATE_HZ)


def test_the_leak_of_room_and_canceller_is_learned_and_not_from_the_talker():
    device, _, _ = talked_over()
    leak = device.ear.leak_db
    assert len(leak) == BANDS
    assert all(-40 < band < 0 for band in leak), "the canceller takes more than it lets through"
    assert sum(leak) / BANDS < -8


def test_levels_read_as_the_level_of_white_noise():
    noise = np.random.default_rng(0).standard_normal((200, FRAME), np.float32) * np.float32(0.01)
    levels = np.mean([band_levels(a, b) for a, b in pairwise(noise)], axis=0)
    assert np.all(np.abs(levels - -40) < 3)
    assert np.all(band_levels(np.zeros(FRAME, np.float32), np.zeros(FRAME, np.float32)) == SILENCE_DB)


def white(seconds, level_dbfs, seed=0):
    noise = np.random.default_rng(seed).standard_normal(round(seconds * RATE_HZ), np.float32)
    return noise * np.float32(10 ** (level_dbfs / 20))


def alarms(detector, reference, clean, start=0, playing=True):
    found = []
    for at in range(0, len(clean) - FRAME + 1, FRAME):
        event = detector.step(start + at, clean[at : at + FRAME], reference[at : at + FRAME], playing, False)
        if event is not None:
            found.append(event)
    return found


def test_an_echo_path_that_changed_is_learned_from_its_false_alarms():
    detector = BargeInDetector(9.0, 0)
    alarms(detector, white(2, -200), white(2, -70, 1), playing=False)
    reference, floor = white(60, -20), white(60, -70, 1)
    steady = reference * np.float32(0.05) + floor
    assert alarms(detector, reference, steady) == []
    # somebody moves the loudspeaker: 12 dB more comes through; each alarm silences the playback for a second
    moved = reference * np.float32(0.2) + floor
    count, at, position = 0, 0, len(steady)
    while at < 20 * RATE_HZ:
        piece = slice(at, at + FRAME)
        event = detector.step(position, moved[piece], reference[piece], True, False)
        at, position = at + FRAME, position + FRAME
        if isinstance(event, BargeIn):
            count += 1
            for _ in range(100):
                detector.step(position, floor[:FRAME], reference[:FRAME] * 0, False, False)
                position += FRAME
    assert 1 <= count <= 4, "the alarms stop by themselves"
    assert not detector.active


def test_what_loud_bands_leave_in_a_weak_one_is_not_its_own_leak():
    low = np.sin(2 * np.pi * 450 * np.arange(6 * RATE_HZ) / RATE_HZ).astype(np.float32) * np.float32(0.14)
    reference, floor = low + white(6, -60), white(6, -80, 1)
    detector = BargeInDetector(6.0, 0)
    alarms(detector, white(2, -200), white(2, -80, 1), playing=False)
    # the loudspeaker's distortion: -55 dBFS in every band, which is above what the weak bands play
    assert alarms(detector, reference, white(6, -55, 3) + floor) == []
    # now a reply that fills the upper bands too, of which the canceller leaves 1 %: a talker of -30 dBFS stands out
    full = reference + white(6, -22, 4)
    talker = white(0.3, -30, 5)
    assert of(BargeIn, alarms(detector, full[: len(talker)], talker, start=len(reference)))


def test_a_real_talkers_short_words_are_not_taken_for_echo():
    detector = BargeInDetector(9.0, 0)
    reference, floor = white(20, -20), white(20, -70, 1)
    residual = reference * np.float32(0.05) + floor
    alarms(detector, reference[: 5 * RATE_HZ], residual[: 5 * RATE_HZ])
    leak, position, count = detector.leak_db, 5 * RATE_HZ, 0
    for second in range(
        6, 18
    ):  # a word of 400 ms each second, the playback ducked by 18 dB from the trigger on
        ducked = False
        for k in range(100):
            piece = slice(second * RATE_HZ + k * FRAME, second * RATE_HZ + (k + 1) * FRAME)
            gain = np.float32(0.126 if ducked else 1.0)
            word = white(0.01, -26, position) if k < 40 else 0
            event = detector.step(
                position, residual[piece] * gain + word, reference[piece] * gain, True, False
            )
            position += FRAME
            count += isinstance(event, BargeIn)
            ducked = ducked and not isinstance(event, BargeInEnded) or isinstance(event, BargeIn)
    assert count == 12
    assert np.allclose(detector.leak_db, leak, atol=3)


def test_a_missing_frame_over_playback_is_nobody_talking():
    detector = BargeInDetector(9.0, 0)
    reference = white(3, -20)
    alarms(detector, reference, reference * np.float32(0.05) + white(3, -70, 1))
    zeros = np.zeros(FRAME, np.float32)
    for k in range(100):
        event = detector.step(len(reference) + k * FRAME, zeros, reference[:FRAME], True, False, missing=True)
        assert event is None
        assert not detector.counts


def test_a_word_too_short_to_be_a_talker_makes_one_suspected_for_the_time_of_a_wake_word():
    rng, detector, suspected = np.random.default_rng(2), BargeInDetector(9.0, 0), []
    word = range(300, 304)
    for number in range(400):
        played = (0.1 * rng.standard_normal(FRAME)).astype(np.float32)
        said = (0.02 * rng.standard_normal(FRAME)).astype(np.float32) if number in word else 0.0
        detector.step(number * FRAME, 0.01 * played + said, played, playing=True, vad=False)
        suspected.append(detector.suspects)
    assert not any(suspected[: word.start])
    assert not detector.active and suspected[word.stop] and not suspected[word.stop + 80]


def test_nobody_is_suspected_before_the_echo_is_known():
    rng, detector = np.random.default_rng(2), BargeInDetector(9.0, 0)
    for number in range(100):
        played = (0.1 * rng.standard_normal(FRAME)).astype(np.float32)
        residue = played if number > 70 else 0.01 * played  # a canceller that still learns
        detector.step(number * FRAME, residue, played, playing=True, vad=False)
        assert not detector.suspects


@pytest.mark.parametrize("talker", [False, True])
def test_what_falls_with_the_duck_is_called_echo_and_a_talker_is_not(talker):
    """The canceller loses the echo path (a clock that drifted, a door that opened), or somebody talks; then the duck."""
    rng, detector, events = np.random.default_rng(4), BargeInDetector(9.0, 0), []
    for number in range(360):
        played = (0.1 * rng.standard_normal(FRAME)).astype(np.float32)
        if any(isinstance(event, BargeIn) for event in events):
            played *= np.float32(0.126)
        out = 0.01 * played
        if number >= 300:
            out = 0.1 * rng.standard_normal(FRAME).astype(np.float32) if talker else played
        event = detector.step(number * FRAME, out, played, playing=True, vad=talker)
        events += [event] if event else []
    assert isinstance(events[0], BargeIn)
    if talker:
        assert len(events) == 1 and detector.active
    else:
        assert isinstance(events[1], BargeInEnded) and events[1].echo
        assert events[1].position - events[0].position <= samples(220)
