"""Completeness: have the words ended?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.config import load_words
from device.ear.completeness import Completeness, CompletenessJudge
from device.values import Intent

JUDGE = CompletenessJudge(load_words("en"))
COMMAND, COMPLETE, NEUTRAL, CONTINUABLE, OPEN = Completeness

DANGLING = """
    i would like to | i would like to know the | set a timer for | set the volume to | what is the | milk and | can you
    could you please | hey can you | i want to go to the | what is the weather in | what's the capital of | turn | turn it
    turn the volume | turn on | turn the kitchen light | tell me | tell me about | tell me about my | play | i want | add
    what is | where are | remind me to | is there | who is the | what kind of music does | the weather is | how about
    should we | and then he | i'm | what if i | turn up the volume in | it is my | do you know if | i think that | um
    wait um | what time does the | set a timer for five | set a timer for twenty five | it is two plus | no i meant
    play a song called | how do you say good morning in | is it going to rain on | i'd like to see the movie with
"""
STRANDED = """
    what is this made of | who are you talking to | where do you come from | what are you waiting for | what's it for
    which drawer is it in | who am i going with | what was that all about | what are you thinking about
"""
"""A question has left its preposition behind: finished turns, though the same word dangles elsewhere."""
FINISHED = """
    turn the light on | turn the kitchen light on | turn it up | is the light on | is the kitchen light on | is it on | lights on | do it | start over | put the kettle on | turn the lights off please
    please turn the volume down a little | actually play the other song | never mind, tell me a joke | who is she
    how are you | i think so | what's up | tell me more | let me know | read my messages | put it back | turn the light red
    who wrote it | set a timer for five minutes | no wait i meant the kitchen light | be quiet and listen to me
"""
QUESTIONS = """
    what about tomorrow instead | can you tell me about the weather | hello, can you tell me about the weather
    hey, what time is it now | sorry, which day did you say | what should i do | what is the weather tomorrow
    what's the weather like | what is this song called | is it my turn again | how many times have you heard that
"""
MAY_GO_ON = "stop | never mind | yes | no | okay | wait | yes it is | wake me at seven | forty | weather | why | thank you please | set a timer | set an alarm for seven"


def each(phrases):
    return [part.strip() for line in phrases.splitlines() for part in line.split("|") if part.strip()]


@pytest.mark.parametrize("text", each(DANGLING))
def test_words_that_nobody_ends_with_leave_the_sentence_open(text):
    assert JUDGE(text) is OPEN


@pytest.mark.parametrize("text", each(STRANDED))
def test_a_preposition_that_a_question_leaves_behind_does_not_dangle(text):
    assert JUDGE(text) is CONTINUABLE


@pytest.mark.parametrize("text", each(FINISHED))
def test_a_finished_sentence_does_not_stall(text):
    assert JUDGE(text) in (NEUTRAL, COMPLETE)


@pytest.mark.parametrize("text", each(QUESTIONS))
def test_a_question_form_with_enough_words_is_complete(text):
    assert JUDGE(text) is COMPLETE


@pytest.mark.parametrize("text", each(MAY_GO_ON))
def test_answers_hard_words_and_numbers_are_whole_and_often_gone_on_with(text):
    assert JUDGE(text) is CONTINUABLE


@pytest.mark.parametrize(
    ("text", "intent", "free", "expected"),
    [
        ("volume up", Intent("volume_up"), True, COMMAND),
        ("volume up please", Intent("volume_up"), True, COMMAND),
        ("what time is it", Intent("time"), False, COMMAND),
        ("set the volume to forty", Intent("volume_set", {"volume": 40}), True, CONTINUABLE),
        ("set the volume to forty five", Intent("volume_set", {"volume": 45}), True, COMMAND),
        ("stop", Intent("stop"), True, CONTINUABLE),
        ("never mind", Intent("cancel"), False, CONTINUABLE),
        ("set the", None, False, OPEN),
        ("what is today's", None, False, CONTINUABLE),
        ("yes", None, False, CONTINUABLE),
    ],
)
def test_a_local_command_is_complete_unless_it_may_go_on_and_half_a_command_is_open(
    text, intent, free, expected
):
    assert JUDGE(text, intent, free) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tell me a joke.", COMPLETE),
        ("Tell me a joke,", OPEN),
        ("Well, I would like to.", OPEN),
        ("Tell me a joke...", OPEN),
        ("Is it?", OPEN),
    ],
)
def test_punctuation_of_a_recogniser_counts_unless_the_words_say_otherwise(text, expected):
    assert JUDGE(text) is expected


def test_no_words_are_no_end():
    assert JUDGE("") is JUDGE(" ... ") is OPEN


def test_a_language_without_lists_is_judged_by_hard_words_and_length_alone():
    bare = CompletenessJudge(type(load_words())(
        stop=("halt",), wait=(), backchannel=(), noise=(), unmistakable=(), few=()
    ))  # fmt: skip
    assert bare("halt") is CONTINUABLE
    assert bare("i would like to") is NEUTRAL


VOCABULARY = sorted(
    {word for phrases in (DANGLING, STRANDED, FINISHED, QUESTIONS) for word in phrases.split() if word != "|"}
)


@given(st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=8))
def test_capitals_do_not_matter_and_a_word_of_hesitation_always_opens(words):
    text = " ".join(words)
    assert JUDGE(text.upper()) is JUDGE(text)
    assert JUDGE(f"{text} um") is OPEN


@given(st.text(max_size=60) | st.lists(st.sampled_from(VOCABULARY), max_size=3).map(" ".join), st.booleans())
def test_whatever_a_recogniser_writes_has_a_class(text, free):
    assert JUDGE(text, free=free) in Completeness
    assert JUDGE(text, Intent("time"), free) in (COMMAND, CONTINUABLE, OPEN)
