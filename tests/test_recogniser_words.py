"""Word times on the capture clock, and which words were meant for us."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.config import Config
from device.config.schema import RecogniserSection, WakeSection
from device.ear.recognisers import recogniser_settings
from device.ear.recognisers.words import REMNANT_SAMPLES, Timeline, counted, text_of, whole
from device.errors import ModelMissing
from device.values import Word


def words(*timed: tuple[str, int, int]) -> tuple[Word, ...]:
    return tuple(Word(*word) for word in timed)


def test_words_before_the_end_of_the_wake_word_do_not_count() -> None:
    said = words(("alexa", 0, 8_000), ("what", 8_000, 10_000), ("time", 10_000, 13_000))
    assert text_of(counted(said, 8_200, ("alexa",))) == "what time"


def test_a_word_counts_when_its_middle_lies_behind_the_mark() -> None:
    said = words(("two", 1_000, 3_000), ("lamps", 3_000, 6_000))
    assert text_of(counted(said, 2_000, ())) == "two lamps"
    assert text_of(counted(said, 2_001, ())) == "lamps"


@pytest.mark.parametrize("head", [["okay", "nabu"], ["nabu"]])
def test_what_is_left_of_a_wake_word_is_stripped(head: list[str]) -> None:
    said = [Word(text, 5_000 + 100 * i, 9_000 + 100 * i) for i, text in enumerate([*head, "stop"])]
    assert text_of(counted(said, 4_000, ("alexa", "okay_nabu"))) == "stop"


def test_a_wake_word_said_later_is_a_word_like_any_other() -> None:
    start = 4_000 + REMNANT_SAMPLES
    said = words(("computer", start, start + 6_000), ("science", start + 6_000, start + 12_000))
    assert text_of(counted(said, 4_000, ("computer",))) == "computer science"


def test_a_lone_wake_word_leaves_nothing() -> None:
    assert counted(words(("alexa", 100, 8_000)), 2_000, ("alexa",)) == ()
    assert counted((), 2_000, ("alexa",)) == ()


def test_times_go_on_across_missing_audio() -> None:
    timeline = Timeline(1_000)
    assert timeline.feed(1_000, 320) == 0
    assert timeline.feed(1_320, 320) == 0
    assert timeline.feed(5_000, 320) == 3_360
    assert [timeline.position(sample) for sample in (0, 639, 640, 700)] == [1_000, 1_639, 5_000, 5_060]
    assert timeline.end == 5_320


@given(st.lists(st.tuples(st.integers(0, 2_000), st.sampled_from([160, 320])), min_size=1, max_size=30))
def test_every_sample_fed_keeps_its_capture_position(pieces: list[tuple[int, int]]) -> None:
    timeline, at, true_positions = Timeline(0), 0, []
    for gap, count in pieces:
        at += gap
        timeline.feed(at, count)
        true_positions += range(at, at + count, 40)
        at += count
    assert [timeline.position(40 * i) for i in range(len(true_positions))] == true_positions


def test_commands_only_is_the_default_and_a_test_model_is_never_picked(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("device.models.best", lambda kind: None)
    settings = recogniser_settings(Config(wake=WakeSection(words=("alexa", "okay_nabu"))))
    assert (settings.engine, settings.model_path, settings.wake_words) == (
        "pocketsphinx",
        "",
        ("alexa", "okay_nabu"),
    )
    with pytest.raises(ModelMissing, match="earshot models fetch"):
        recogniser_settings(Config(recogniser=RecogniserSection(engine="vosk")))


def test_a_model_asked_for_by_name_is_used_even_if_it_is_a_test_model() -> None:
    settings = recogniser_settings(Config(recogniser=RecogniserSection(model="vosk-tiny-en")))
    assert settings.engine == "vosk"
    assert settings.model_path.endswith("/vosk-tiny-en")
    with pytest.raises(ModelMissing, match="'nonesuch'"):
        recogniser_settings(Config(recogniser=RecogniserSection(model="nonesuch")))


def test_of_a_small_grammar_only_whole_phrases_and_unknown_words_are_kept() -> None:
    phrases = {("hold", "on"), ("go", "on"), ("no",), ("no", "way")}
    said = [
        Word(text, 100 * i, 100 * i + 50)
        for i, text in enumerate(["go", "[unk]", "hold", "on", "hold", "no", "way", "up", "no"])
    ]
    assert text_of(whole(said, phrases, {"[unk]"})) == "[unk] hold on no way no"
    assert whole((), phrases, {"[unk]"}) == ()
