"""PocketSphinx, the real one, listening to synthetic talkers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from helpers_recog import LEAD, TAIL, listen, pieces, pocketsphinx_settings, poll_until, spoken_clip, tell

from device.config import Config, load_words
from device.config.schema import RecogniserSection
from device.conversation.words import Judge
from device.ear.recognisers import open_recogniser, pocketsphinx
from device.ear.recognisers.messages import Begin, Drop, End, Ready, Warning
from device.values import Final, Intent, Partial


@pytest.fixture(scope="module")
def engine():
    return pocketsphinx.make(pocketsphinx_settings())


@pytest.fixture(autouse=True)
def fresh_mean(engine):
    """Each test starts like a newly installed device."""
    engine._mean = engine._over_mean = np.array([40.0, 3.0, -1.0] + [0.0] * 10)


COMMANDS = [
    ("what time is it", "flite:slt", Intent("time")),
    ("what time is it", "flite:rms", Intent("time")),
    ("volume up", "flite:awb", Intent("volume_up")),
    ("volume down", "flite:slt", Intent("volume_down")),
    ("set the volume to forty percent", "flite:rms", Intent("volume_set", {"volume": 40})),
    ("set the volume to seventy", "flite:slt", Intent("volume_set", {"volume": 70})),
    ("what is today's date", "flite:awb", Intent("date")),
    ("never mind", "flite:rms", Intent("cancel")),
    ("what did you say", "flite:slt", Intent("repeat")),
]


@pytest.mark.parametrize(("text", "voice", "intent"), COMMANDS)
def test_a_command_is_heard_and_understood(engine, text, voice, intent) -> None:
    _, final = listen(engine, spoken_clip(text, voice))
    assert (final.accepted, final.text, final.intent, final.free) == (True, text, intent, False)


def test_the_first_command_in_a_noisy_room_is_understood(engine) -> None:
    _, final = listen(engine, spoken_clip("what time is it", "flite:slt", noise=75))  # 22 dB below the voice
    assert final.intent == Intent("time")


def test_digital_silence_around_a_command_does_no_harm(engine) -> None:
    clip = spoken_clip("what time is it", "flite:slt")
    silence = np.zeros(24_000, dtype="<i2")
    _, final = listen(engine, np.concatenate([silence, clip, silence]))
    assert final.intent == Intent("time")


@pytest.mark.parametrize(
    "text",
    [
        "where can I buy good shoes",
        "can you recommend a good book",
        "the meeting was moved to Thursday",
        "how far away is the moon",
    ],
)
@pytest.mark.parametrize("voice", ["flite:slt", "flite:rms"])
def test_foreign_speech_is_no_command(engine, text, voice) -> None:
    _, final = listen(engine, spoken_clip(text, voice))
    assert not final.accepted
    assert final.intent is None


def in_a_room(clip: np.ndarray, rt60_s: float = 0.4) -> np.ndarray:
    """``clip`` with an exponentially dying tail of reflections, half as strong as the direct sound."""
    rng = np.random.default_rng(2)
    time_s = np.arange(int(rt60_s * 16_000)) / 16_000
    tail = rng.standard_normal(len(time_s)) * 10 ** (-3 * time_s / rt60_s)
    tail *= 0.5 / np.sqrt(np.sum(tail**2))
    tail[0] += 1.0
    wet = np.convolve(clip.astype(float), tail)[: len(clip)] * 0.6
    return np.clip(wet + rng.standard_normal(len(clip)) * 60, -32_768, 32_767).astype("<i2")


def test_in_a_ringing_room_most_commands_pass_and_hardly_anything_else(engine) -> None:
    """A rate, not a promise for each clip: this recogniser reaches seven to nine of ten behind a wake word."""
    wanted = {"volume up": "volume_up", "repeat that": "repeat", "what time is it": "time", "stop": "stop"}
    foreign = ["how do I cook rice", "why is the sky blue", "tell me a long story about the sea"]
    foreign += ["what is the capital of France", "who wrote the magic flute", "I would like to order a pizza"]
    wanted |= dict.fromkeys(foreign, "")
    right, taken = 0, []
    for text, intent in wanted.items():
        for voice in ("flite:slt", "flite:rms", "flite:awb"):
            wake = spoken_clip("alexa", voice)[LEAD - 1_600 : -TAIL]
            clip = in_a_room(np.concatenate([wake, spoken_clip(text, voice)[LEAD - 1_600 :]]))
            engine._mean = np.array([40.0, 3.0, -1.0] + [0.0] * 10)
            _, final = listen(engine, clip, after=len(wake))
            heard = final.intent.name if final.intent else ""
            right += bool(intent) and heard == intent
            taken += [(text, voice, final.text)] if final.accepted and heard != intent else []
    # it is 10 and 3 with the numpy of today; without whole sentences and the weighed cost it was 10 and 7
    assert right >= 9, f"{right} of 12 commands"
    assert len(taken) <= 5, f"of {3 * len(foreign)} foreign sentences: {taken}"


def test_partials_of_foreign_speech_are_not_all_accepted(engine) -> None:
    partials, _ = listen(engine, spoken_clip("can you recommend a good book", "flite:slt"))
    assert any(partial.text and not partial.accepted for partial in partials[-5:])


def test_quiet_is_nothing(engine) -> None:
    noise = (np.random.default_rng(1).standard_normal(32_000) * 8).astype("<i2")
    _, final = listen(engine, noise)
    assert (final.accepted, final.intent) == (False, None)


def test_an_utterance_without_any_audio_ends_empty(engine) -> None:
    assert tell(engine, Begin(1, 5_000, 5_000), End(1)) == [
        Final(5_000, 1, "", (), accepted=False, intent=None, free=False)
    ]


def test_words_lie_where_they_were_said(engine) -> None:
    clip = spoken_clip("what time is it", "flite:slt")
    _, final = listen(engine, clip, position=1_000_000)
    assert abs(final.words[0].start - (1_000_000 + LEAD)) < 1_600
    assert (
        0 <= 1_000_000 + len(clip) - TAIL - final.words[-1].end < 3_200
        or final.words[-1].end < final.position
    )
    assert all(a.end <= b.start for a, b in pairwise(final.words))
    assert final.position == 1_000_000 + len(clip)


def test_partials_grow_and_the_steady_ones_are_accepted(engine) -> None:
    partials, final = listen(engine, spoken_clip("set the volume to seventy", "flite:slt"))
    accepted = [partial.text for partial in partials if partial.accepted]
    assert accepted[-1] == final.text
    assert "set the volume" in accepted
    assert all(partial.position <= final.position for partial in partials)
    changes = [(partial.text, partial.accepted) for partial in partials]
    assert all(a != b for a, b in pairwise(changes))


def test_wake_word_and_command_in_one_breath_leave_the_command(engine) -> None:
    wake = spoken_clip("alexa", "flite:slt")[LEAD - 1_600 : -TAIL]
    clip = np.concatenate([wake, spoken_clip("what time is it", "flite:slt")[LEAD - 800 :]])
    partials, final = listen(engine, clip, position=3_200, after=3_200 + len(wake))
    assert (final.text, final.intent) == ("what time is it", Intent("time"))
    assert all("alexa" not in partial.text.split() for partial in partials if partial.accepted)


def test_audio_that_begins_inside_the_wake_word_does_no_harm(engine) -> None:
    wake = spoken_clip("alexa", "flite:slt")[LEAD - 1_600 : -TAIL]
    cut = len(wake) // 2
    clip = np.concatenate([wake[cut:], spoken_clip("what time is it", "flite:slt")[LEAD - 1_600 :]])
    _, final = listen(engine, clip, after=cut)
    assert final.intent == Intent("time")


def test_the_wake_word_alone_asks_for_nothing(engine) -> None:
    clip = spoken_clip("alexa", "flite:slt")
    _, final = listen(engine, clip, after=len(clip) - TAIL)
    assert (final.text, final.accepted, final.intent) == ("", False, None)


def test_a_dropped_utterance_gets_no_final_and_the_next_one_is_heard(engine) -> None:
    clip = spoken_clip("stop", "flite:rms")
    replies = tell(engine, Begin(1, 0, 0), *pieces(clip, utterance=1), Drop(1), End(1))
    assert not any(isinstance(reply, Final) for reply in replies)
    _, final = listen(engine, spoken_clip("volume down", "flite:slt"))
    assert final.intent == Intent("volume_down")


def test_a_new_utterance_drops_the_open_one_and_strangers_are_ignored(engine) -> None:
    clip = spoken_clip("volume down", "flite:slt")
    replies = tell(engine, Begin(1, 0, 0), Begin(2, 0, 0), *pieces(clip, utterance=1), End(1), End(99))
    assert replies == []
    assert [reply.utterance for reply in tell(engine, *pieces(clip, utterance=2), End(2))][-1] == 2


def test_the_same_audio_gives_a_fresh_engine_the_same_result() -> None:
    clip = spoken_clip("what is today's date", "flite:awb")
    first, second = (listen(pocketsphinx.make(pocketsphinx_settings()), clip) for _ in range(2))
    assert first == second


def test_a_wake_word_that_cannot_be_pronounced_is_left_out_and_named() -> None:
    engine = pocketsphinx.make(pocketsphinx_settings("alexa", "okay_nabu", "xyzzyx"))
    ready, warning = engine.start()
    assert isinstance(ready, Ready)
    assert (ready.engine, ready.free) == ("pocketsphinx", False)
    assert isinstance(warning, Warning)
    assert "'xyzzyx'" in warning.text
    _, final = listen(engine, spoken_clip("volume down", "flite:slt"))
    assert final.intent == Intent("volume_down")


def test_it_works_the_same_in_its_own_process() -> None:
    door = open_recogniser(Config(recogniser=RecogniserSection(engine="pocketsphinx")), in_process=False)
    try:
        (ready,) = poll_until(door, bool)
        assert (ready.engine, ready.free) == ("pocketsphinx", False)
        clip = spoken_clip("set the volume to forty percent", "flite:rms")
        for message in (Begin(1, 0, 0), *pieces(clip, utterance=1), End(1)):
            assert door.send(message)
        replies = poll_until(door, lambda got: any(isinstance(reply, Final) for reply in got))
        assert replies[-1].intent == Intent("volume_set", {"volume": 40})
        assert any(isinstance(reply, Partial) and reply.accepted for reply in replies)
        assert (door.restarts, door.failure) == (0, None)
    finally:
        door.close()


@pytest.mark.parametrize(
    ("text", "voice", "heard"),
    [
        ("Stop!", "flite:slt", "stop"),
        ("Stop!", "flite:awb", "stop"),
        ("wait", "en-us+m3", "wait"),
        ("hold on", "flite:slt", "hold on"),
        ("cancel", "flite:awb", "cancel"),
    ],
)
def test_over_its_own_speech_hard_words_are_heard(engine, text, voice, heard) -> None:
    partials, final = listen(engine, spoken_clip(text, voice), mode="over")
    assert (final.text, final.accepted, final.free) == (heard, True, False)
    assert any(partial.accepted and partial.text == heard for partial in partials)
    assert not any(partial.free for partial in partials)


@pytest.mark.parametrize("text", ["um hum", "uh huh", "yeah", "okay", "right", "I see"])
@pytest.mark.parametrize("voice", ["flite:slt", "en-us+m3"])
def test_over_its_own_speech_no_nod_is_a_hard_word(engine, judge, text, voice) -> None:
    partials, final = listen(engine, spoken_clip(text, voice), mode="over")
    for reply in (*partials, final):
        assert not (reply.accepted and judge(reply.text).hard), reply.text


@pytest.fixture(scope="module")
def judge():
    return Judge(load_words())


def test_the_mean_over_its_own_speech_is_followed_without_touching_that_of_commands(engine) -> None:
    mean, over = engine._mean.copy(), engine._over_mean.copy()
    listen(engine, spoken_clip("stop", "flite:slt"), mode="over")
    assert (engine._mean == mean).all()
    assert not (engine._over_mean == over).all()
    _, final = listen(engine, spoken_clip("what time is it", "flite:slt"))
    assert final.intent == Intent("time")
