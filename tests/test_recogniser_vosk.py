"""Vosk, the real libvosk, with the tiny test model."""

from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from helpers_recog import LEAD, TAIL, listen, pieces, poll_until, spoken_clip, tell, vosk_settings

from device.config import Config
from device.config.schema import RecogniserSection
from device.ear.recognisers import open_recogniser, vosk
from device.ear.recognisers.messages import Begin, Drop, End, Ready, RecogniserSettings
from device.errors import EngineError
from device.values import Final, Intent


@pytest.fixture(scope="module")
def engine():
    return vosk.make(vosk_settings())


@pytest.mark.parametrize("mode", ["free", "commands"])
@pytest.mark.parametrize(
    ("text", "voice", "intent"),
    [
        ("what time is it", "flite:slt", Intent("time")),
        ("set the volume to forty percent", "flite:rms", Intent("volume_set", {"volume": 40})),
        ("stop", "flite:awb", Intent("stop")),
        ("turn the volume up", "en-us", Intent("volume_up")),
    ],
)
def test_a_command_is_understood_in_both_modes(engine, text, voice, intent, mode) -> None:
    _, final = listen(engine, spoken_clip(text, voice), mode=mode)
    assert (final.text, final.accepted, final.intent) == (text, True, intent)
    assert final.free == (mode == "free")


def test_free_speech_is_taken_down_word_for_word(engine) -> None:
    partials, final = listen(engine, spoken_clip("tell me a long story", "flite:rms"))
    assert (final.text, final.accepted, final.intent, final.free) == (
        "tell me a long story",
        True,
        None,
        True,
    )
    assert [partial.text for partial in partials][-1] == final.text
    assert partials[0].text in ("tell", "tell me")
    assert partials[0].position < final.words[-1].end  # long before the end


@pytest.mark.parametrize("text", ["my brother lives in a village", "the meeting was moved to thursday"])
def test_foreign_speech_is_no_command_in_commands_mode(engine, text) -> None:
    _, final = listen(engine, spoken_clip(text, "flite:rms"), mode="commands")
    assert not final.accepted
    assert final.intent is None
    assert "[unk]" not in final.text


def test_words_lie_where_they_were_said(engine) -> None:
    clip = spoken_clip("what time is it", "flite:slt")
    partials, final = listen(engine, clip, position=2_000_000)
    assert abs(final.words[0].start - (2_000_000 + LEAD)) < 1_600
    assert abs(final.words[-1].end - (2_000_000 + len(clip) - TAIL)) < 2_400
    for partial in partials:
        assert all(word.end <= partial.position for word in partial.words)
        assert all(a.end <= b.start or a.end <= b.end for a, b in pairwise(partial.words))


def test_sentences_that_vosk_itself_would_split_stay_one_utterance(engine) -> None:
    pause = (np.random.default_rng(2).standard_normal(32_000) * 8).astype(
        "<i2"
    )  # 2 s: its endpointer closes twice
    clip = np.concatenate(
        [spoken_clip("turn the volume up", "en-us"), pause, spoken_clip("what time is it", "en-us")]
    )
    partials, final = listen(engine, clip, position=500)
    assert final.text == "turn the volume up what time is it"
    assert partials[-1].text == final.text
    starts = [word.start for word in final.words]
    assert starts == sorted(starts)
    assert starts[4] - final.words[3].end > 32_000


@pytest.mark.parametrize("mode", ["free", "commands"])
def test_wake_word_and_command_in_one_breath_leave_the_command(engine, mode) -> None:
    wake = spoken_clip("alexa", "flite:slt")[LEAD - 1_600 : -TAIL]
    clip = np.concatenate([wake, spoken_clip("what time is it", "flite:slt")[LEAD - 800 :]])
    partials, final = listen(engine, clip, position=800, after=800 + len(wake), mode=mode)
    assert (final.text, final.intent) == ("what time is it", Intent("time"))
    assert all("alexa" not in partial.text.split() for partial in partials)


def test_quiet_is_nothing(engine) -> None:
    for mode in ("free", "commands"):
        noise = (np.random.default_rng(1).standard_normal(32_000) * 8).astype("<i2")
        _, final = listen(engine, noise, mode=mode)
        assert (final.text, final.accepted, final.intent) == ("", False, None)


def test_a_dropped_utterance_gets_no_final_and_strangers_are_ignored(engine) -> None:
    clip = spoken_clip("stop", "en-us")
    replies = tell(engine, Begin(1, 0, 0), *pieces(clip, utterance=1), Drop(1), End(1), End(5))
    assert not any(isinstance(reply, Final) for reply in replies)
    _, final = listen(engine, clip)
    assert final.intent == Intent("stop")


def test_the_same_audio_gives_the_same_result(engine) -> None:
    clip = spoken_clip("tell me a story", "flite:awb", noise=60)
    assert listen(engine, clip) == listen(engine, clip)


def test_the_engine_says_that_it_hears_free_speech_and_what_the_model_lacks(tmp_path) -> None:
    tiny = vosk_settings("alexa", "hey_mycroft")
    ready, *warnings = vosk.make(tiny).start()
    assert isinstance(ready, Ready)
    assert (ready.engine, ready.free) == ("vosk", True)
    assert not warnings  # of a test model nobody expects more
    folder = tmp_path / "of-people"
    shutil.copytree(tiny.model_path, folder, ignore=shutil.ignore_patterns("earshot.toml"))
    _, *warnings = vosk.make(replace(tiny, model_path=str(folder))).start()
    assert any("mycroft" in warning.text for warning in warnings)


def test_a_folder_that_is_no_model_is_refused_by_name_and_nothing_is_downloaded(tmp_path) -> None:
    with pytest.raises(EngineError, match="vosk-model-small-en-us-0.15' is not a folder"):
        vosk.make(RecogniserSettings("vosk", "vosk-model-small-en-us-0.15"))
    with pytest.raises(EngineError, match="cannot read the model at"):
        vosk.make(RecogniserSettings("vosk", str(tmp_path)))


def test_it_works_the_same_in_its_own_process_and_keeps_quiet(capfd) -> None:
    config = Config(recogniser=RecogniserSection(engine="vosk", model="vosk-tiny-en"))
    door = open_recogniser(config, in_process=False)
    try:
        clip = spoken_clip("tell me a story", "flite:rms")
        for message in (Begin(1, 0, 0), *pieces(clip, utterance=1), End(1)):
            assert door.send(message)
        replies = poll_until(door, lambda got: any(isinstance(reply, Final) for reply in got))
        assert isinstance(replies[0], Ready)
        assert replies[-1].text == "tell me a story"
    finally:
        door.close()
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")


@pytest.mark.parametrize(
    ("text", "voice", "heard"),
    [
        ("Stop!", "flite:rms", "stop"),
        ("hold on", "en-us", "hold on"),
        ("cancel", "flite:awb", "cancel"),
        ("um hum", "flite:slt", "mm-hm"),
        ("I see", "flite:rms", "i see"),
    ],
)
def test_over_its_own_speech_the_device_hears_hard_words_and_backchannels(engine, text, voice, heard) -> None:
    partials, final = listen(engine, spoken_clip(text, voice), mode="over")
    assert (final.text, final.accepted, final.free) == (heard, True, False)
    assert any(partial.accepted and partial.text == heard for partial in partials)


def test_what_is_neither_is_unknown_there_and_still_somebody_with_something_to_say(engine) -> None:
    _, final = listen(engine, spoken_clip("what about tomorrow", "flite:rms"), mode="over")
    assert final.accepted
    assert "[unk]" in final.text.split()
    assert final.intent is None


def test_the_beginning_of_a_phrase_is_not_a_word_over_its_own_speech(engine) -> None:
    for text, voice in (("right", "flite:awb"), ("okay", "flite:slt"), ("hold on", "flite:slt")):
        partials, final = listen(engine, spoken_clip(text, voice), mode="over")
        said = {word for reply in (*partials, final) for word in reply.text.split()}
        assert not said & {"go", "up", "me"}
        assert not any(partial.text == "hold" for partial in partials)


def test_quiet_and_the_wake_word_are_nothing_over_its_own_speech(engine) -> None:
    noise = (np.random.default_rng(1).standard_normal(32_000) * 8).astype("<i2")
    for clip in (noise, spoken_clip("alexa", "flite:slt")):
        _, final = listen(engine, clip, mode="over")
        assert (final.text, final.accepted) == ("", False)
