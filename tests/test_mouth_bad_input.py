"""What a language model may send that no voice should ever see: whatever comes, something bounded is spoken."""

from __future__ import annotations

import logging

import pytest
from helpers_mouth import KOKORO_TINY, Rig
from hypothesis import given, settings
from hypothesis import strategies as st

from device import values as v
from device.mouth.clauses import Clause, Splitter
from device.mouth.letters import LONGEST_WORD
from device.mouth.voices.espeak import EspeakVoice
from device.mouth.voices.kokoro import KokoroVoice
from device.mouth.voices.messages import VoiceSettings

MODEL_PHONEMES = 510
ENDLESS = {
    "a word": "a" * 100_000,
    "exclamation marks": "!" * 100_000,
    "marks in turn": "!?" * 50_000,
    "marks apart": "! " * 20_000,
    "spaces": " " * 100_000,
    "lines": "\n" * 100_000,
    "stars": "*" * 100_000,
    "bullets": "- " * 50_000,
    "table rows": "|-" * 50_000,
    "a heading": "#" * 100_000,
    "an address": "https://x.org/" + "a" * 100_000,
    "a fence": "```\n" + "x\n" * 50_000,
    "brackets": "[" * 30_000,
    "tags": "<a " * 30_000,
    "backslashes": "\\" * 100_000,
    "a formula": "$x" * 30_000,
    "foreign letters": "日" * 10_000,
    "numbers": "1 " * 20_000,
    "the": "the " * 20_000,
}
ALIEN = [
    "Привет, мир! Как дела у вас дома? " * 4,
    "日本語のテキストは読みにくいです。" * 4,
    "مرحبا بالعالم كيف حالك " * 4,
    "नमस्ते दुनिया " * 8,
    "1234567890 " * 20,
    "987654321" * 9,
    "XKCD QWRT ZXCV " * 20,
    "h̷̢̛̺e̴͔͠ľ̶̻l̸͎̈́ö̶̝ " * 6,
    "% $ € £ § @ # " * 20,
    "supercalifragilisticexpialidocious " * 30,
]


def streamed(text: str, size: int) -> list[Clause]:
    splitter = Splitter()
    clauses = [c for at in range(0, len(text), size) for c in splitter.feed(text[at : at + size])]
    return clauses + splitter.finish()


@pytest.mark.parametrize("text", ENDLESS.values(), ids=ENDLESS)
def test_what_never_ends_is_spoken_in_short_clauses_or_not_at_all(text: str) -> None:
    clauses = streamed(text, 4)
    assert "".join(text[c.start : c.end] for c in clauses) == text
    spoken = [clause.text for clause in clauses]
    assert max(map(len, spoken), default=0) <= 400
    if " " not in text and "日" not in text:
        assert sum(map(len, spoken)) <= 2 * LONGEST_WORD


def test_marks_and_spaces_in_a_row_are_only_as_many_as_a_voice_needs() -> None:
    assert [c.text for c in streamed("Wait" + "!" * 5000 + "    What" + "?!" * 5000, 7)] == [
        "Wait!!!!!!!!",
        "What?!?!?!?!",
    ]


def test_after_an_endless_word_the_next_one_is_spoken() -> None:
    text = "Key: " + "0123456789abcdef" * 500 + " is it, and https://x.org/" + "y" * 5000 + " too."
    said = "".join(c.text for c in streamed(text, 5)).replace(",", "").replace(" ", "")
    assert said == f"Key:{'0123456789abcdef' * 4}isitandx.orgtoo."


@pytest.fixture(scope="module")
def kokoro() -> KokoroVoice:
    logging.getLogger("phonemizer").setLevel(logging.ERROR)
    return KokoroVoice(VoiceSettings("kokoro", "", 1.0, str(KOKORO_TINY), 1))


@pytest.mark.parametrize("text", ALIEN)
def test_no_clause_is_longer_than_kokoro_takes_at_once_whatever_it_is_made_of(
    kokoro: KokoroVoice, text: str
) -> None:
    for clause in streamed(text, 5):
        phonemes = kokoro._kokoro.tokenizer.phonemize(clause.text, "en-us") if clause.text else ""
        assert len(phonemes) <= MODEL_PHONEMES


@pytest.mark.parametrize("text", ALIEN)
def test_other_languages_and_noise_are_spoken_or_left_out_by_both_voices(
    kokoro: KokoroVoice, text: str
) -> None:
    for clause in [clause for clause in streamed(text, 5) if clause.text][:2]:
        pcm, words = EspeakVoice(VoiceSettings("espeak")).synthesise(clause.text)
        assert len(pcm) > 1000 and len(words) == len(clause.words)
        pcm, words = kokoro.synthesise(clause.text)
        assert len(pcm) > 1000 and len(words) == len(clause.words)


def test_a_change_of_language_is_not_read_out(kokoro: KokoroVoice) -> None:
    """espeak-ng, which makes the phonemes, marks it as "(hi)" and "(en-us)"."""
    said: list[str] = []
    create = kokoro._kokoro.create_timed
    kokoro._kokoro.create_timed = lambda phonemes, *args, **more: (
        said.append(phonemes) or create(phonemes, *args, **more)
    )
    try:
        kokoro.synthesise("He said नमस्ते (or hello) to us.")
    finally:
        del kokoro._kokoro.create_timed
    assert "hi)" not in said[0] and "us)" not in said[0] and "(" in said[0]


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80))
def test_any_text_at_all_is_spoken_to_its_end(text: str) -> None:
    voice = EspeakVoice(VoiceSettings("espeak"))
    for clause in streamed(text, 3):
        pcm, words = voice.synthesise(clause.text)
        assert [start for (start, _), _ in words] == [word.start for word in clause.words]
        assert bool(pcm) or not clause.words or not clause.text.isascii()


def test_a_reply_full_of_markup_is_heard_whole_and_only_its_words_sound() -> None:
    rig, plain = Rig(), Rig()
    text = (
        "## Hi **there** 👋🏽\n\n<speak>It&nbsp;is <b>late</b></speak> (see https://www.example.com/a?b=c)."
    )
    rig.say(text)
    plain.say("Hi there\n\nIt is late (see example.com).")
    for each in (rig, plain):
        each.run_until(lambda each=each: each.of(v.ReplyEnded))
    [told], [same] = rig.of(v.ReplyEnded), plain.of(v.ReplyEnded)
    assert told.heard == text and told.words == same.words
    assert abs(told.position - same.position) <= v.samples(60)  # espeak-ng's flutter
