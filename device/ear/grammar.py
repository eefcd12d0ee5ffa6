"""The sentences file of a language, and the grammars that are made from it.

::

    sentences/en.yaml ──► hassil templates ──► intents.py     text -> Intent
                              │ ├────────────► jsgf()         command grammar of PocketSphinx
                              │ └────────────► phrases()      phrase list of Vosk's runtime grammar
                              └ heard: words that are no command but must not be taken for one

Runs in the recogniser's process only: it imports hassil (9 MB).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import yaml
from hassil import Intents, RangeSlotList
from hassil.expression import Alternative, Expression, ListReference, RuleReference, Sequence, TextChunk
from hassil.sample import sample_expression

from device.errors import EngineError


@dataclass(frozen=True)
class Sentences:
    """One language's sentences, parsed.

    ``heard``: phrases that a recogniser knows although no intent belongs to them (answers, backchannels).
    ``pronunciations``: word to CMU phones (one string per variant), for words that PocketSphinx' dictionary lacks.
    ``hear_every``: the command grammars contain only every n-th number of these lists; ``hear_only``: only these numbers.
    """

    language: str
    intents: Intents
    heard: tuple[str, ...]
    pronunciations: dict[str, tuple[str, ...]]
    hear_every: dict[str, int]
    hear_only: dict[str, tuple[int, ...]]

    @property
    def skip_words(self) -> tuple[str, ...]:
        """Words that mean nothing before or after a command ("please")."""
        return tuple(self.intents.skip_words)


def load_sentences(language: str) -> Sentences:
    """Read ``sentences/<language>.yaml``; raises ``EngineError`` when there is none."""
    source = Path(__file__).parent / "sentences" / f"{language}.yaml"
    if not source.is_file():
        raise EngineError(
            f"no sentences for language {language!r}: device/ear/sentences/{language}.yaml is missing"
        )
    return parse_sentences(source.read_text(encoding="utf-8"))


def parse_sentences(text: str) -> Sentences:
    """Sentences from the text of such a file."""
    data: dict[str, Any] = yaml.safe_load(text)
    return Sentences(
        language=data["language"],
        intents=Intents.from_dict(data),
        heard=tuple(data.get("heard", ())),
        pronunciations={word: tuple(phones) for word, phones in data.get("pronunciations", {}).items()},
        hear_every=dict(data.get("hear_every", {})),
        hear_only={name: tuple(numbers) for name, numbers in data.get("hear_only", {}).items()},
    )


def spoken(name: str) -> str:
    """A wake word's model name as it is said: ``okay_nabu`` is "okay nabu"."""
    return name.replace("_", " ").lower()


@dataclass
class _Numbers(RangeSlotList):
    """A list of numbers that are listed."""

    numbers: tuple[int, ...] = ()

    def get_numbers(self) -> Iterable[int]:
        return self.numbers


# ---------------------------------------------------------------------- every sentence, written out


def sentences_of(sentences: Sentences) -> Iterator[tuple[str, str]]:
    """Every sentence of the command grammars, as (intent name, text); numbers as words."""
    for name, template in _templates(sentences):
        for text in _sample(template, sentences):
            yield name, _clean(text)


def is_heard(sentences: Sentences, text: str) -> bool:
    """Whether ``text`` is one of the phrases without an intent."""
    return text in sentences.heard


def phrases(sentences: Sentences) -> list[str]:
    """Every phrase once, ``heard`` and skip words included, in the file's order."""
    found = [text for _, text in sentences_of(sentences)]
    return list(dict.fromkeys([*found, *sentences.heard, *sentences.skip_words]))


# ---------------------------------------------------------------------- JSGF


def jsgf(sentences: Sentences, wake_words: Iterable[str] = ()) -> str:
    """The command grammar (JSpeech Grammar Format 1.0, W3C note of 2000).

    ``[wake word] [please] command [please]``: the audio may begin before the wake word has ended, so the wake word is
    part of the grammar; it alone is a sentence too (then nothing was asked).
    """
    lists: dict[str, str] = {}
    rules = [_jsgf(template, sentences, lists) for _, template in _templates(sentences)]
    wakes = list(dict.fromkeys(tail for word in wake_words for tail in _tails(spoken(word))))
    skip = f"[{_either(sentences.skip_words)}] " if sentences.skip_words else ""
    command = f"{skip}<command> {skip}" + ("| <heard>" if sentences.heard else "")
    if wakes:
        command = f"[<wake>] ({command}) | <wake>"
    lines = ["#JSGF V1.0;", "grammar commands;", f"public <sentence> = {command};"]
    lines += [f"<command> = {_either(rules)};"]
    lines += [f"<heard> = {_either(sentences.heard)};"] if sentences.heard else []
    lines += [f"<wake> = {_either(wakes)};"] if wakes else []
    lines += [f"<{name}> = {body};" for name, body in lists.items()]
    return "\n".join(lines) + "\n"


def jsgf_over(phrases: Iterable[str], wake_words: Iterable[str] = ()) -> str:
    """The grammar over the device's own speech: one of ``phrases`` or a wake word.

    One only: a second place is filled from the residual echo before and after ("aha stop", "uh-huh no").
    """
    wakes = [tail for word in wake_words for tail in _tails(spoken(word))]
    return f"#JSGF V1.0;\ngrammar over;\npublic <phrase> = {_either(dict.fromkeys([*phrases, *wakes]))};\n"


def words_of(sentences: Sentences, wake_words: Iterable[str] = ()) -> list[str]:
    """Every word of the grammar, sorted."""
    texts = [*phrases(sentences), *(spoken(word) for word in wake_words)]
    return sorted({word for text in texts for word in text.split()})


def _jsgf(expression: Expression, sentences: Sentences, lists: dict[str, str]) -> str:
    """One template as JSGF; what it refers to is added to ``lists``."""
    if isinstance(expression, TextChunk):
        return _clean(expression.text)
    if isinstance(expression, Alternative):
        items = [_jsgf(item, sentences, lists) for item in expression.items]
        body = " | ".join(item for item in items if item)
        return f"[{body}]" if "" in items else f"({body})"
    if isinstance(expression, Sequence):
        return " ".join(filter(None, (_jsgf(item, sentences, lists) for item in expression.items)))
    if isinstance(expression, ListReference):
        if expression.list_name not in lists:
            lists[expression.list_name] = _prefix_tree([_clean(t) for t in _sample(expression, sentences)])
        return f"<{expression.list_name}>"
    if isinstance(expression, RuleReference):
        name = f"rule_{expression.rule_name}"
        if name not in lists:
            rule = sentences.intents.expansion_rules[expression.rule_name]
            lists[name] = _jsgf(rule.expression, sentences, lists)
        return f"<{name}>"
    raise EngineError(f"sentence templates may not use {type(expression).__name__}: {expression}")


def _prefix_tree(texts: list[str]) -> str:
    """Alternatives that share their first words: numbers become few branches, which makes the search cheaper."""
    heads: dict[str, list[str]] = {}
    for text in dict.fromkeys(texts):
        head, _, rest = text.partition(" ")
        heads.setdefault(head, []).append(rest)
    branches = []
    for head, rests in heads.items():
        tails = [rest for rest in rests if rest]
        if not tails:
            branches.append(head)
        elif len(tails) < len(rests):
            branches.append(f"{head} [{_prefix_tree(tails)}]")
        else:
            branches.append(f"{head} ({_prefix_tree(tails)})")
    return " | ".join(branches)


def _tails(text: str) -> Iterator[str]:
    """All ends of ``text`` in whole words: "okay nabu" and "nabu"."""
    words = text.split()
    for start in range(len(words)):
        yield " ".join(words[start:])


def _either(texts: Iterable[str]) -> str:
    return " | ".join(texts)


# ---------------------------------------------------------------------- templates


def _templates(sentences: Sentences) -> Iterator[tuple[str, Expression]]:
    for name, intent in sentences.intents.intents.items():
        for data in intent.data:
            for sentence in data.sentences:
                yield name, sentence.expression


def _sample(expression: Expression, sentences: Sentences) -> Iterator[str]:
    lists = dict(sentences.intents.slot_lists)
    for name, step in sentences.hear_every.items():
        lists[name] = replace(cast(RangeSlotList, lists[name]), step=step)
    for name, numbers in sentences.hear_only.items():
        lists[name] = _Numbers(name, 0, 0, numbers=numbers)
    for text in sample_expression(
        expression,
        slot_lists=lists,
        expansion_rules=sentences.intents.expansion_rules,
        language=sentences.language,
    ):
        if not any(
            letter.isdigit() for letter in text
        ):  # ranges come as digits and as words; people say words
            yield text


def _clean(text: str) -> str:
    """As a recogniser spells it: lower case, "fifty-five" in two words."""
    return " ".join(text.lower().replace("-", " ").split())
