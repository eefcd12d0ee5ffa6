"""What the endpoint says and how it cuts it into messages: the pure parts."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.endpoint.arithmetic import calculate
from device.endpoint.backend import Question
from device.endpoint.backends.openai import SYSTEM_PROMPT, build_messages
from device.endpoint.backends.thinking import ThinkFilter
from device.endpoint.batching import LONGEST, Batcher
from device.endpoint.builtin import NO_MODEL, STORY, WHO, answer
from device.link.messages import Line

NOW = datetime.datetime(2026, 3, 4, 15, 7)


@pytest.mark.parametrize(
    ("said", "result"),
    [
        ("what is twelve times three", "12 times 3 is 36."),
        ("What's 7 plus 8?", "7 plus 8 is 15."),
        ("twenty-one minus four", "21 minus 4 is 17."),
        ("how much is one hundred and five divided by five", "105 divided by 5 is 21."),
        ("two plus three times four", "2 plus 3 times 4 is 14."),
        ("ten minus two minus three", "10 minus 2 minus 3 is 5."),
        ("10 / 4", "10 divided by 4 is 2.5."),
        ("ten divided by three", "10 divided by 3 is about 3.3333."),
        ("what is 20 percent of 60", "20 percent of 60 is 12."),
        ("two thousand three hundred plus one", "2300 plus 1 is 2301."),
        ("1,000 multiplied by 3", "1000 times 3 is 3000."),
        ("five divided by zero", "Nothing can be divided by zero."),
        ("999999999 times 999999999", "That number is too big for me."),
    ],
)
def test_sums_are_understood_the_way_people_say_them(said, result):
    assert calculate(said) == result


@pytest.mark.parametrize(
    "said", ["", "tell me about five people", "times are hard", "one", "minus", "over and over"]
)
def test_what_is_no_sum_is_left_alone(said):
    assert calculate(said) is None


@given(st.text(max_size=60))
def test_every_text_gets_an_answer(text):
    assert answer(text, now=NOW).strip()


def test_time_and_date_are_said_from_the_clock():
    assert answer("what time is it", now=NOW) == "It is 15:07."
    assert answer("What's the date today?", now=NOW) == "Today is Wednesday, 4 March 2026."


def test_the_story_is_long_enough_to_be_talked_over():
    assert answer("please tell me a story") == STORY
    # 180 words a minute is a brisk voice; a cut-in needs at least 25 s
    assert len(STORY.split()) / 180 * 60 > 25 and STORY.count(". ") >= 5


def test_the_story_goes_on_from_the_sentence_that_was_cut():
    sentences = STORY.split(". ")
    heard = ". ".join(sentences[:2])[:-9]
    rest = answer(
        "go on", (Line(role="assistant", text=heard, interrupted=True), Line(role="user", text="go on"))
    )
    assert rest == ". ".join(sentences[1:])
    assert "Shall I tell you a story?" in answer("go on")


def test_it_says_who_it_is_and_honestly_that_there_is_no_model():
    assert answer("who are you?") == WHO
    assert answer("why is the sky blue") == NO_MODEL
    assert "backend openai" in NO_MODEL


@pytest.mark.parametrize(
    "tokens",
    [
        [" a", " long", " while", " ago", " there", " lived", " a", " fo", "x"],
        ["a ", "long ", "while ", "ago ", "there ", "lived ", "a ", "fo", "x "],
    ],
)
def test_the_first_eight_words_leave_token_by_token_for_they_decide_when_the_first_sound_comes(tokens):
    batcher = Batcher()
    assert batcher.due_ms is None
    assert [batcher.add(token, 10 * n) for n, token in enumerate(tokens)] == [[token] for token in tokens]
    assert batcher.add(" who", 90) == []


def test_after_them_tokens_leave_at_punctuation_or_every_50_ms():
    batcher = Batcher()
    assert batcher.add("One two three four five six seven eight nine", 0) != []
    assert batcher.add(" upon", 10) == []
    assert batcher.due_ms == 50
    assert batcher.add(" a", 20) == []
    assert batcher.add(" time,", 30) == [" upon a time,"]
    assert batcher.add(" there", 40) == [] and batcher.due_ms == 80
    assert batcher.add(" was", 90) == [" there was"]
    assert batcher.flush(95) == []


@given(st.lists(st.tuples(st.text(max_size=2500), st.integers(0, 100))))
def test_batching_loses_and_changes_nothing(tokens):
    batcher, now, out = Batcher(), 0, []
    for text, pause in tokens:
        now += pause
        out += batcher.add(text, now)
    out += batcher.flush(now)
    assert "".join(out) == "".join(text for text, _ in tokens)
    assert all(0 < len(piece) <= LONGEST for piece in out)


@given(st.text(max_size=30), st.text(max_size=30), st.data())
def test_a_models_thoughts_are_not_spoken_however_the_tokens_cut_them(thought, spoken, data):
    whole = f"<think>{thought.replace('<', '')}</think>\n\n{spoken.lstrip()}"
    filtered, out, left = ThinkFilter(), "", whole
    while left:
        size = data.draw(st.integers(1, len(left)))
        out += filtered.feed(left[:size])
        left = left[size:]
    assert (out + filtered.finish()).strip() == spoken.strip()


def test_what_only_looks_like_a_thought_at_first_is_spoken():
    filtered = ThinkFilter()
    assert filtered.feed("<thi") == "" and filtered.feed("nk of a number") == "<think of a number"
    filtered = ThinkFilter()
    assert filtered.feed("<") == "" and filtered.finish() == "<"


def test_the_model_is_told_what_was_cut_off_and_gets_alternating_roles():
    chat = build_messages(
        Question(
            "go on",
            conversation=(
                Line(role="assistant", text="Before any question."),
                Line(role="user", text="a story"),
                Line(role="assistant", text="Once upon", interrupted=True),
                Line(role="assistant", text="More."),
                Line(role="user", text="wait"),
            ),
        )
    )
    assert chat == [
        {"role": "system", "content": SYSTEM_PROMPT},
        {"role": "user", "content": "a story"},
        {"role": "assistant", "content": "Once upon [interrupted]\nMore."},
        {"role": "user", "content": "wait\ngo on"},
    ]
    assert "[interrupted]" in SYSTEM_PROMPT


def test_a_question_that_is_already_in_the_history_is_asked_once():
    chat = build_messages(Question("hello", conversation=(Line(role="user", text="hello"),)))
    assert [m["content"] for m in chat[1:]] == ["hello"]


def test_the_model_is_told_where_it_was_interrupted_and_who_nodded():
    question = Question(
        "go on", "en", (Line(role="user", text="a story"), Line(role="assistant", text="Once", interrupted=True, notes=("yeah", "mm-hm")))
    )  # fmt: skip
    assert build_messages(question)[2]["content"] == "Once [listener: yeah, mm-hm] [interrupted]"
