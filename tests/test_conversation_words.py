"""Which words take the floor, which are backchannels, and what an excuse sounds like."""

from __future__ import annotations

import pytest

from device.conversation.sentences import excuse
from device.conversation.words import join, judge


@pytest.mark.parametrize(
    "text",
    ["mm-hm", "Uh-huh.", "yeah", "okay right", "I see", "oh no", "no problem", "yeah the", "got it, thanks"],
)
def test_a_backchannel_takes_no_floor(text):
    verdict = judge(text)
    assert verdict.only_backchannel
    assert not verdict.hard
    assert not verdict.talk


@pytest.mark.parametrize(
    "text", ["stop", "Stop it!", "okay stop", "be quiet please", "never mind", "that\u2019s enough"]
)
def test_stop_words_stop_also_in_polite_company(text):
    assert judge(text).only_stop


@pytest.mark.parametrize("text", ["wait", "hold on a second", "no", "no no no", "uh hang on"])
def test_wait_words_take_the_floor_without_ending_the_conversation(text):
    verdict = judge(text)
    assert verdict.hard
    assert verdict.only_wait


@pytest.mark.parametrize(
    "text", ["what about paris", "no i meant tomorrow", "stop the music", "yeah but why"]
)
def test_two_words_with_something_to_say_are_talk(text):
    verdict = judge(text)
    assert verdict.talk
    assert not (verdict.only_backchannel or verdict.only_stop or verdict.only_wait)


@pytest.mark.parametrize("text", ["", "the", "uh", "[unk] the", "huh"])
def test_what_a_recogniser_makes_of_noise_is_nothing(text):
    verdict = judge(text)
    assert not (verdict.hard or verdict.talk or verdict.only_backchannel)
    assert verdict.content == 0


def test_a_stop_hidden_in_another_word_is_no_stop():
    assert not judge("stopping nonstop know").hard


def test_pieces_of_speech_join_with_single_blanks():
    assert join(" what is ", None, "", "the weather") == "what is the weather"


def test_an_excuse_for_a_code_nobody_foresaw_names_no_code():
    assert "xyz_17" not in excuse("xyz_17")
    assert excuse("xyz_17")
