"""Reply text to clauses: cut early, cut in the right places, and never lose the place."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from device.mouth.clauses import Clause, Splitter
from device.mouth.speakable import Speakable

PIECES = st.sampled_from(
    [
        "the", "Fox", "jazz", "3.5", "10:30", "1,000", "Dr.", "e.g.", "U.S.", "a.m.", "No.", "5", "well-known", "it's",
        ",", ".", "!", "?", "...", "…", ":", ";", " - ", "—", "--", "(", ")", '"', "’", "*", "**", "_", "`", "```", "#",
        "- ", "1. ", "> ", "|", "|---|", "[text](http://a.b/c d)", "[", "]", "![", "](", "https://www.example.com/a?b=1.",
        "http", "h", "<b>", "<", ">", "\\", "\\*", "~~", "\n", "\n\n", " ", "  ", "\t", "\x00", "é", "日本", "Привет", "😀", "&", "5*3",
        "&amp;", "$", "$$", "x^2", "\\(", "\\)", "\\[", "<b a=", "<!--", "-->", "www.", "→", "\u200b", "!" * 20, "a" * 90,
    ]
)  # fmt: skip
REPLIES = st.lists(PIECES, max_size=25).map("".join) | st.lists(PIECES, max_size=25).map(" ".join) | st.text()
CUTS = st.lists(st.integers(1, 12), min_size=1, max_size=20)


def split(text: str, eager: bool = True) -> list[Clause]:
    splitter = Splitter(eager)
    return splitter.feed(text) + splitter.finish()


def chopped(text: str, sizes: list[int], eager: bool = True) -> list[Clause]:
    splitter, clauses, at, turn = Splitter(eager), [], 0, 0
    while at < len(text):
        size = sizes[turn % len(sizes)]
        clauses += splitter.feed(text[at : at + size])
        at, turn = at + size, turn + 1
    assert splitter.text == text
    return clauses + splitter.finish()


def texts(text: str, eager: bool = False) -> list[str]:
    return [clause.text for clause in split(text, eager)]


@given(REPLIES, CUTS, st.booleans())
@example("Dr. Smith https://a.bc/d. Then [x](y", [1], True)
def test_clauses_are_the_same_however_the_deltas_were_chopped(
    text: str, sizes: list[int], eager: bool
) -> None:
    assert chopped(text, sizes, eager) == split(text, eager)


@given(REPLIES, st.booleans())
def test_clauses_cover_the_reply_and_their_offsets_are_true(text: str, eager: bool) -> None:
    clauses = split(text, eager)
    assert "".join(text[c.start : c.end] for c in clauses) == text
    assert [c.end for c in clauses[:-1]] == [c.start for c in clauses[1:]]
    for clause in clauses:
        assert len(clause.offsets) == len(clause.text)
        assert list(clause.offsets) == sorted(clause.offsets)
        assert all(clause.start <= offset < clause.end for offset in clause.offsets)
        ends = [word.raw_end for word in clause.words]
        assert ends == sorted(ends) and all(clause.start < end <= clause.end for end in ends)
        assert bool(clause.words) == bool(clause.text)
        assert "\x00" not in clause.text and "\n" not in clause.text


@given(
    st.lists(
        st.sampled_from(["milk", "Bread", "3.5", "10:30", "1,000", "eggs,", "done.", "x-ray", "why?"]),
        max_size=40,
    )
)
def test_every_spoken_character_of_plain_text_is_the_one_at_its_offset(words: list[str]) -> None:
    text = " ".join(words)
    for clause in split(text):
        own = clause.text[:-1] if clause.pause == "none" else clause.text
        assert all(text[offset] == char for char, offset in zip(own, clause.offsets, strict=False))
        for word in clause.words:
            spelled = clause.text[word.start : word.end].rstrip(",")
            assert text[: word.raw_end].rstrip(",").endswith(spelled)


@pytest.mark.parametrize(
    "text",
    [
        "It costs 3.5 or 1,000 at 10:30, Dr. Smith said.",
        "See https://www.example.com/a.b?c=1,2 now, please do.",
        "For fruit, e.g. Apples, ask Prof. Jones of the U.S. Army on 5 a.m. trains.",
        "No. 5 is alive. J. R. Smith knows.",
    ],
)
def test_numbers_abbreviations_and_addresses_stay_whole(text: str) -> None:
    breaks = {clause.end for clause in split(text)} - {len(text)}
    assert all(" " in text[end - 1 : end + 1] for end in breaks)
    for whole in (
        "Dr. Smith",
        "e.g. Apples",
        "Prof. Jones",
        "U.S. Army",
        "No. 5",
        "J. R. Smith",
        "a.b?c=1,2",
    ):
        at = text.find(whole)
        assert at < 0 or not any(at < end < at + len(whole) for end in breaks)


def cut_after(tokens: list[str]) -> tuple[int, str]:
    """How many of ``tokens`` it takes until the first clause is cut, and the clause."""
    splitter = Splitter()
    for count, token in enumerate(tokens, 1):
        if clauses := splitter.feed(token):
            return count, clauses[0].text
    raise AssertionError(f"no clause in {''.join(tokens)!r}")


@pytest.mark.parametrize(
    ("tokens", "count", "text"),
    [
        # tokens that end in white space tell that the word is whole
        (["Here ", "is ", "the ", "answer ", "for ", "you. ", "It "], 5, "Here is the answer,"),
        (["It ", "is ", "half ", "past ", "seven, ", "and "], 5, "It is half past seven,"),
        (["The ", "oven ", "is ", "hot. ", "It "], 5, "The oven is hot."),  # "hot." might be an abbreviation
        (["The ", "oven ", "is ", "ready. ", "It "], 4, "The oven is ready."),
        (["Are ", "you ", "quite ", "ready? ", "It "], 4, "Are you quite ready?"),
        (["It ", "is ", "7. ", "A "], 4, "It is 7."),
        # most models' tokens begin with it
        (["Here", " is", " the", " answer", " for", " you", "."], 6, "Here is the answer,"),
        (["It", " is", " half", " past", " seven", ",", " and"], 7, "It is half past seven,"),
    ],
)
def test_the_first_clause_comes_with_the_token_that_makes_it_certain(
    tokens: list[str], count: int, text: str
) -> None:
    assert cut_after(tokens) == (count, text)


def test_without_a_comma_the_first_clause_ends_after_a_few_words_where_a_phrase_begins() -> None:
    splitter = Splitter()
    fed = ""
    for token in [
        "The",
        "weather",
        "tomorrow",
        "looks",
        "good",
        "in",
        "the",
        "whole",
        "of",
        "the",
        "country",
    ]:
        fed += token + " "
        clauses = splitter.feed(token + " ")
        if clauses:
            break
    assert [c.text for c in clauses] == ["The weather tomorrow looks good,"]  # a comma keeps the voice up
    assert len(fed.split()) <= 7
    first, second = split("The story begins a very long time ago in the land")[:2]
    assert first.text == "The story begins a very long time,"  # not "a very | long time"
    assert first.pause == "none" and second.pause == "sentence"


def test_a_word_that_still_grows_is_never_spoken() -> None:
    splitter = Splitter()
    assert splitter.feed("This sentence. Th") != []
    assert splitter.feed("en it st") == []
    assert splitter.finish()[0].text == "Then it st"


def test_a_whole_text_for_a_fast_voice_is_cut_at_sentences_and_long_commas_only() -> None:
    text = "Well, it is late, the shop that we wanted is closed, and so on. Bye."
    assert texts(text) == ["Well, it is late, the shop that we wanted is closed,", "and so on.", "Bye."]


def test_a_run_on_sentence_is_cut_all_the_same() -> None:
    text = " ".join(["one two three four and five six seven"] * 12)
    assert max(len(clause.words) for clause in split(text)) <= 28


@pytest.mark.parametrize(
    ("markdown", "spoken"),
    [
        ("**Milk** and `bread`, *please* and __now__ ~~not~~", ["Milk and bread, please and now not"]),
        ("# Shopping\n\n- milk\n* eggs\n+ tea\n", ["Shopping", "milk", "eggs", "tea"]),
        ("1. Boil water\n2) Add tea", ["1, Boil water", "2, Add tea"]),
        ("See [the page](https://x.org/a_b) or ![a cat](cat.png).", ["See the page or a cat."]),
        ("Look at <https://www.example.com/x?y=z>.", ["Look at example.com."]),
        ("> quoted\n> # deeper", ["quoted", "deeper"]),
        ("| a | b |\n|---|:-:|\n| 1 | 2 |", ["a, b,", "1, 2,"]),
        ("Try this:\n```py\nx = 1\n```\nDone.", ["Try this:", "code block", "Done."]),
        ("one\n---\ntwo\n***\nthree", ["one", "two", "three"]),
        ("a snake_case word, 5*3 and 2 * 4 \\*real\\*", ["a snake case word, 5 times 3 and 2 times 4 *real*"]),
        ("wrapped\nprose goes on\n\nNew start", ["wrapped prose goes on", "New start"]),
        ("Fine 👍🏽 day ☀️ at 20°C", ["Fine day at 20°C"]),
        ("Dr. Smith & Mr. X, e.g. vs. Y etc.", ["Doctor Smith and Mister X, for example versus Y et cetera"]),
        ("It works—really -- yes", ["It works, really, yes"]),
        ("a <b>bold</b> word, 3 < 4", ["a bold word, 3 < 4"]),
        ('A <prosody rate="+20%" contour="(0%,+20Hz)">word</prosody><break time="1s"/>.', ["A word."]),
        ("Tom &amp; Jerry&nbsp;&lt;3 &#x263A; AT&T <!-- not this --> R&B;", ["Tom and Jerry <3 AT&T R&B;"]),
        ("if a <b then c and d", ["if a <b then c and d"]),
        ("Then $$E = mc^2$$ is \\[\\frac{1}{2}\\] of \\(x^2\\), or $x_1$.", ["Then formula is formula of formula,", "or formula."]),
        ("It is $5 to $10, \\(really\\), US$ 3.", ["It is $5 to $10,", "(really), US$ 3."]),
        ("At www.example.com/a/b?c=d, or WWW.", ["At example.com, or WWW."]),
        ("It ⭐ is ⌚ 7 → 8 ▶ ok ™", ["It is 7, 8 ok ™"]),
        ("a\u200bb \u202ertl\u202c \ufeffx \ud800y \ue000z", ["ab rtl x y z"]),
        ("𝐇𝐞𝐥𝐥𝐨 ｆｕｌｌ １２", ["Hello full 12"]),
        ("***", [""]),
        ("", []),
    ],
)  # fmt: skip
def test_markdown_is_not_read_out(markdown: str, spoken: list[str]) -> None:
    assert texts(markdown) == spoken


def test_an_open_bracket_cannot_silence_the_reply() -> None:
    speakable = Speakable()
    said = speakable.feed("Take [this. " + "And then much more is said. " * 20)
    assert len(said) > 400


def test_what_clings_to_a_word_is_heard_with_it() -> None:
    text = 'Well, **milk** (or "tea"), see [the page](http://a.b/c) now—or never.'
    clauses = split(text)
    heard = [text[: word.raw_end] for clause in clauses for word in clause.words]
    assert heard[:5] == [
        "Well,",
        "Well, **milk**",
        "Well, **milk** (or",
        'Well, **milk** (or "tea"),',
        heard[4],
    ]
    assert heard[6].endswith("[the page](http://a.b/c)")
    assert heard[7].endswith(" now")
    assert heard[-1] == text


def test_a_clause_that_gets_too_long_ends_between_words_where_there_are_any():
    splitter = Splitter()
    clauses = splitter.feed("it is " + "3.14159265 " * 60) + splitter.finish()
    assert len(clauses) > 5
    assert {word.strip(",") for clause in clauses for word in clause.text.split()} == {
        "it",
        "is",
        "3.14159265",
    }
