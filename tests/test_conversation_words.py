"""Which words take the floor, which are backchannels, and what an excuse sounds like."""

from __future__ import annotations

import pytest

from device.config import load_words
from device.config.words import KINDS, Words, parse_words
from device.conversation.sentences import excuse
from device.conversation.words import Judge, join
from device.errors import ConfigError

judge = Judge(load_words())


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


@pytest.mark.parametrize("text", ["", "the", "uh", "uh the", "huh"])
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


def test_an_unknown_word_of_a_grammar_is_something_to_say():
    assert judge("[unk]").content == 1
    assert judge("[unk] [unk]").talk


def test_only_an_unmistakable_stop_is_one():
    assert judge("okay stop it").unmistakable
    assert not judge("cancel").unmistakable
    assert not judge("stop the music").unmistakable


def test_the_lists_of_a_language_are_data_and_every_phrase_is_judged_as_its_list_says():
    words = load_words("en")
    for kind in KINDS:
        for phrase in getattr(words, kind):
            verdict = judge(phrase)
            assert verdict.content == 0
            assert (verdict.only_stop, verdict.only_wait, verdict.only_backchannel) == (
                kind == "stop", kind == "wait", kind == "backchannel",
            )  # fmt: skip
    assert set(words.few) <= set(words.over_reply)


GOOD = "".join(f"{key} = []\n" for key in Words.__struct_fields__[1:-2]) + 'stop = ["halt"]\n'


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ('wait = ["halt"]', "'halt' is in both stop and wait"),
        ('noise = ["..."]', "'...' has no word in it"),
        ('unmistakable = ["no"]', "'no' is not one of the stop words"),
        ('few = ["yeah"]', "'yeah' is in no list"),
        ("stop = []", "could not be stopped"),
        ("stop = [1]", "Expected `str`, got `int`"),
        ("colour = []", "unknown field `colour`"),
        ("stop = [", "not valid TOML"),
    ],
)
def test_a_broken_word_list_names_itself_and_what_is_wrong(more, problem):
    key = more.split(" ")[0]
    text = "".join(line + "\n" for line in GOOD.splitlines() if not line.startswith(f"{key} ")) + more
    with pytest.raises(ConfigError, match="xx.toml") as caught:
        parse_words(text, "xx.toml")
    assert problem in str(caught.value)


def test_a_language_without_words_is_refused_with_those_there_are():
    with pytest.raises(ConfigError, match="no words for language 'xx'; there are: en"):
        load_words("xx")
