"""One sentences file: what can be heard is what is understood."""

from __future__ import annotations

import re

import pytest

from device.ear.grammar import jsgf, load_sentences, parse_sentences, phrases, sentences_of, words_of
from device.ear.intents import IntentMatcher
from device.errors import EngineError
from device.values import Intent


@pytest.fixture(scope="module")
def sentences():
    return load_sentences("en")


@pytest.fixture(scope="module")
def matcher(sentences):
    return IntentMatcher(sentences)


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("stop", Intent("stop")),
        ("Stop.", Intent("stop")),
        ("please stop", Intent("stop")),
        ("be quiet", Intent("stop")),
        ("never mind", Intent("cancel")),
        ("hold on", Intent("wait")),
        ("volume up", Intent("volume_up")),
        ("turn it down please", Intent("volume_down")),
        ("set the volume to forty percent", Intent("volume_set", {"volume": 40})),
        ("set volume to fifty five percent", Intent("volume_set", {"volume": 55})),
        ("Set the volume to fifty-five percent.", Intent("volume_set", {"volume": 55})),
        ("set the volume to 55 %", Intent("volume_set", {"volume": 55})),
        ("volume 7", Intent("volume_set", {"volume": 7})),
        ("volume one hundred", Intent("volume_set", {"volume": 100})),
        ("mute the volume", Intent("mute")),
        ("unmute", Intent("unmute")),
        ("what time is it", Intent("time")),
        ("What's the time?", Intent("time")),
        ("what day is it today", Intent("date")),
        ("say that again", Intent("repeat")),
    ],
)
def test_a_command_is_understood_however_a_recogniser_spells_it(matcher, text, intent) -> None:
    assert matcher.match(text) == intent


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "please",
        "what time is it in tokyo",
        "tell me a story",
        "volume one hundred and one",
        "yes",
        "stop the car",
        "%",
    ],
)
def test_what_is_no_command_is_left_alone(matcher, text) -> None:
    assert matcher.match(text) is None


def test_numbers_are_whole_numbers(matcher) -> None:
    for text in ("volume 55", "volume fifty five"):
        intent = matcher.match(text)
        assert intent is not None
        assert type(intent.slots["volume"]) is int


def expand(grammar: str) -> set[str]:
    """Every sentence of a JSGF grammar without wake words, written out by a reader of its own."""
    rules = dict(re.findall(r"<(\w+)> = (.*?);", grammar))

    def alternatives(tokens: list[str]) -> list[str]:
        found: list[str] = []
        while True:
            found += sequence(tokens)
            if not tokens or tokens[0] != "|":
                return found
            tokens.pop(0)

    def sequence(tokens: list[str]) -> list[str]:
        texts = [""]
        while tokens and tokens[0] not in ("|", ")", "]"):
            token = tokens.pop(0)
            if token in ("(", "["):
                options = alternatives(tokens) + ([""] if token == "[" else [])
                tokens.pop(0)
            elif token.startswith("<"):
                options = alternatives(tokenise(rules[token[1:-1]]))
            else:
                options = [token]
            texts = [f"{text} {option}".strip() for text in texts for option in options]
        return texts

    def tokenise(body: str) -> list[str]:
        return re.findall(r"<\w+>|[\[\]()|]|[^\s\[\]()|]+", body)

    return set(alternatives(tokenise(rules["sentence"])))


def test_every_sentence_of_the_command_grammar_is_understood(sentences, matcher) -> None:
    heard = expand(jsgf(sentences))
    assert len(heard) > 400
    lost = [text for text in heard if matcher.match(text) is None and text not in sentences.heard]
    assert lost == []


def test_grammar_and_phrase_list_hold_the_same_sentences(sentences) -> None:
    grammar = expand(jsgf(sentences))
    listed = set(phrases(sentences)) - set(sentences.skip_words)
    assert listed <= grammar
    polite = {text for text in grammar if "please" in text.split()}
    assert grammar - polite == listed


def test_each_written_sentence_belongs_to_the_intent_it_was_written_for(sentences, matcher) -> None:
    wrong = [
        (name, text)
        for name, text in sentences_of(sentences)
        if (found := matcher.match(text)) is None or found.name != name
    ]
    assert wrong == []


def test_the_grammars_listen_for_round_numbers_while_every_number_is_understood(sentences, matcher) -> None:
    said = {text for text in phrases(sentences) if text.startswith("volume ")}
    assert {"volume forty", "volume fifty five", "volume one hundred"} <= said
    assert "volume forty eight" not in said
    assert matcher.match("volume forty eight") == Intent("volume_set", {"volume": 48})


def test_a_wake_word_may_precede_a_command_in_the_grammar(sentences) -> None:
    grammar = jsgf(sentences, ("alexa", "okay_nabu"))
    assert "<wake> = alexa | okay nabu | nabu;" in grammar
    heard = expand(grammar)
    assert {"alexa stop", "okay nabu what time is it", "alexa", "stop"} <= heard
    assert {"alexa", "nabu"} <= set(words_of(sentences, ("alexa", "okay_nabu")))


def test_a_language_without_sentences_is_named() -> None:
    with pytest.raises(EngineError, match="'tlh'.*tlh.yaml is missing"):
        load_sentences("tlh")


def test_templates_with_rules_lists_and_affixed_options_become_a_grammar() -> None:
    sentences = parse_sentences(
        """
        language: en
        intents: {go: {data: [{sentences: ["go [to] <place> {speed}", "hurry"]}]}}
        expansion_rules: {place: "(the moon|mars)"}
        lists: {speed: {values: [fast, very slowly]}}
        """
    )
    assert expand(jsgf(sentences)) == {
        f"go {to}{place} {speed}"
        for to in ("", "to ")
        for place in ("the moon", "mars")
        for speed in ("fast", "very slowly")
    } | {"hurry"}
    assert IntentMatcher(sentences).match("go to mars very slowly") == Intent("go", {"speed": "very slowly"})
