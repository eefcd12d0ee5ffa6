"""Whatever the endpoint answers: what is heard has no stale word, no doubled one, an end, and a reason where nothing comes.

Each bad answer comes to a plain question, to a guess that was right, and to one that was revised; the guess's own answer is
just as bad, and never heard.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from helpers_bad_answers import ANSWER_S, MODES, QUESTION, Asked, Stage, Timed, lawful
from helpers_spelling import known, labels, numbered

from device.link import messages as m
from device.values import RATE_HZ, samples

WORDS = 12
KB_100 = 100_000

mode = pytest.mark.parametrize("mode", MODES)


def answer(question: Asked) -> list[str]:
    return numbered(question.number, WORDS)


def play(answering: Callable[[Asked], Timed], mode: str, **conversation: int) -> Stage:
    """Ask one question and wait until all is over; the laws hold."""
    stage = Stage(answering, mode, **conversation)
    stage.ask()
    stage.rest()
    first, last = stage.worker.asked[0], stage.worker.asked[-1]
    assert first.speculative == (mode != "asked") and last.text == QUESTION
    assert (first.text == QUESTION) == (mode in ("asked", "guessed")), "the mode is not what is tested"
    lawful(stage)
    return stage


def last_answer(stage: Stage) -> list[str]:
    """The words of the answer to the last question, as they sound."""
    return labels(stage.worker.asked[-1].number, WORDS)


# --------------------------------------------------------------------------- late


@mode
def test_a_late_answer_is_heard_whole(mode: str) -> None:
    stage = play(lambda q: q.proper(answer(q), first_ms=ANSWER_S * 1000 - 250), mode)
    assert stage.heard == last_answer(stage)
    assert [event.text for event in stage.happened("earcon")] == ["thinking"]


@mode
def test_an_answer_after_the_deadline_is_not_heard_but_the_reason(mode: str) -> None:
    stage = play(lambda q: q.proper(answer(q), first_ms=ANSWER_S * 1000 + 600), mode)
    assert stage.heard == known("timeout")


@mode
def test_a_worker_that_takes_the_turn_and_falls_silent_is_given_up_with_a_reason(mode: str) -> None:
    stage = play(lambda q: [(0, q.ack())], mode)
    assert stage.heard == known("timeout")
    asked_at = stage.worker.committed[-1][0]
    assert stage.spelled[0].position < asked_at + (ANSWER_S + 0.5) * RATE_HZ


@mode
def test_nobody_at_all_is_told_at_once(mode: str) -> None:
    assert play(lambda q: [], mode).heard == known("no_worker")


@mode
def test_a_worker_that_takes_the_turn_after_it_was_given_up_is_welcome_and_heard_once(mode: str) -> None:
    def after_the_excuse(question: Asked) -> Timed:
        return [(at_ms + 1000, message) for at_ms, message in question.proper(answer(question))]

    stage = play(after_the_excuse, mode)
    assert stage.heard == known("no_worker") + last_answer(stage)


@mode
@pytest.mark.parametrize("drip", ["", " ", "\n", "\u200b"])
def test_a_drip_of_nothing_does_not_put_off_the_reason(drip: str, mode: str) -> None:
    def drips(question: Asked) -> Timed:
        nothings = question.deltas([drip] * 30)
        return [(0, question.ack()), *((300 * k, one) for k, one in enumerate(nothings))]

    stage = play(drips, mode)
    assert stage.heard == known("timeout")
    assert stage.spelled[0].position < stage.worker.committed[-1][0] + (ANSWER_S + 0.5) * RATE_HZ


@mode
def test_a_worker_that_only_ever_wants_tools_is_given_up_with_a_reason(mode: str) -> None:
    def wants_tools(question: Asked) -> Timed:
        tools = [m.Tool(call=f"c{k}", name="lights", **question.of) for k in range(30)]
        return [(0, question.ack()), *((300 * k, tool) for k, tool in enumerate(tools))]

    assert play(wants_tools, mode).heard == known("timeout")


# --------------------------------------------------------------------------- twice, and in disorder


@mode
def test_what_comes_twice_is_heard_once(mode: str) -> None:
    def twice(question: Asked) -> Timed:
        return [one for one in question.proper(answer(question)) for _ in range(2)]

    stage = play(twice, mode)
    assert stage.heard == last_answer(stage)


@mode
def test_an_answer_that_is_all_said_again_after_its_end_is_heard_once(mode: str) -> None:
    def again(question: Asked) -> Timed:
        once = question.proper(answer(question))
        return [*once, *((at_ms + 1000, message) for at_ms, message in once)]

    stage = play(again, mode)
    assert stage.heard == last_answer(stage)


@mode
def test_of_two_workers_that_answer_one_is_heard(mode: str) -> None:
    def both(question: Asked) -> Timed:
        rival = [word.strip() + "rival " for word in answer(question)]
        said: Timed = [(20, question.ack(worker="rival"))]
        said += [(90 + 30 * k, one) for k, one in enumerate(question.deltas(rival, worker="rival"))]
        return [*question.proper(answer(question)), *said, (500, question.end(rival, worker="rival"))]

    stage = play(both, mode)
    assert stage.heard == last_answer(stage)


@mode
@pytest.mark.parametrize("window", [2, 5, WORDS])
def test_words_that_overtake_one_another_are_heard_in_order(window: int, mode: str) -> None:
    def disordered(question: Asked) -> Timed:
        deltas = question.deltas(answer(question))
        shuffled = [one for k in range(0, WORDS, window) for one in reversed(deltas[k : k + window])]
        said: Timed = [(100 + 30 * k, delta) for k, delta in enumerate(shuffled)]
        return [(0, question.ack()), *said, (900, question.end(answer(question)))]

    stage = play(disordered, mode)
    assert stage.heard == last_answer(stage)


@mode
def test_words_that_overtake_the_ack_and_an_end_that_overtakes_the_words_are_heard_in_order(
    mode: str,
) -> None:
    def backwards(question: Asked) -> Timed:
        deltas = question.deltas(answer(question))
        return [
            (20, question.end(answer(question), with_text=False)),
            *((40 + 20 * k, delta) for k, delta in enumerate(deltas)),
            (400, question.ack()),
        ]

    stage = play(backwards, mode)
    assert stage.heard == last_answer(stage)


@mode
def test_an_answer_to_another_turn_or_revision_is_not_heard(mode: str) -> None:
    def astray(question: Asked) -> Timed:
        others = [{"turn": "nobody-asked-this"}, {"rev": question.rev + 1}, {"rev": question.rev + 7}]
        stray = [delta for other in others for delta in question.deltas(numbered(9, 2), **other)]
        ends = [question.end(numbered(9, 2), **other) for other in others]
        return [(50, one) for one in (*stray, *ends)] + question.proper(answer(question))

    stage = play(astray, mode)
    assert stage.heard == last_answer(stage)


def test_the_old_revision_may_go_on_for_ever_and_is_not_heard() -> None:
    def goes_on(question: Asked) -> Timed:
        if question.rev:
            return question.proper(answer(question), first_ms=300)
        return question.proper(numbered(question.number, 100), first_ms=10)

    stage = play(goes_on, "revised")
    assert stage.heard == last_answer(stage)


def test_a_guess_that_was_wrong_may_be_answered_for_ever_and_is_not_heard() -> None:
    def goes_on(question: Asked) -> Timed:
        if question.text == QUESTION:
            return question.proper(answer(question), first_ms=300)
        return question.proper(numbered(question.number, 100), first_ms=10)

    stage = play(goes_on, "wrong")
    assert stage.heard == last_answer(stage)


@mode
def test_the_tail_of_the_answer_before_is_not_heard_in_the_next(mode: str) -> None:
    stage = Stage(lambda q: q.proper(numbered(q.number, 60), each_ms=120), mode)
    stage.warm_up()
    stage.ask()
    stage.until(lambda: stage.heard[-1].endswith(".3"), "three words")
    stage.say("what is two plus three")
    stage.until(lambda: stage.heard[-1].endswith(".1"), "another answer")
    first, second = stage.worker.committed
    stage.device.hush()
    stage.rest()
    lawful(stage)
    assert {f"{first[1]}.1", f"{second[1]}.1"} <= set(stage.heard)


# --------------------------------------------------------------------------- without an end


@mode
def test_an_answer_whose_end_never_comes_ends_with_a_reason(mode: str) -> None:
    stage = play(lambda q: q.proper(answer(q))[:-1], mode)
    assert stage.heard == last_answer(stage) + known("cut_off")


@mode
def test_what_is_lost_in_the_middle_is_missed_aloud(mode: str) -> None:
    def loses_the_sixth(question: Asked) -> Timed:
        said = question.proper(answer(question))[:-1]
        del said[1 + 5]
        return [*said, (600, question.end(answer(question), with_text=False))]

    stage = play(loses_the_sixth, mode)
    assert stage.heard == last_answer(stage)[:5] + known("cut_off")


@mode
def test_what_is_lost_in_the_middle_is_repaired_by_the_end(mode: str) -> None:
    def loses_the_sixth(question: Asked) -> Timed:
        said = question.proper(answer(question))
        del said[1 + 5]
        return said

    stage = play(loses_the_sixth, mode)
    assert stage.heard == last_answer(stage)


@mode
def test_an_end_that_contradicts_the_words_is_not_believed(mode: str) -> None:
    def contradicts(question: Asked) -> Timed:
        other = numbered(question.number, WORDS, first=WORDS + 1)
        return [*question.proper(answer(question))[:-1], (600, question.end(other))]

    stage = play(contradicts, mode)
    assert stage.heard == last_answer(stage) + known("cut_off")


@mode
def test_a_worker_that_miscounts_is_heard_up_to_there(mode: str) -> None:
    def miscounts(question: Asked) -> Timed:
        deltas = question.deltas(answer(question))
        deltas[4:] = [m.Delta(seq=d.seq, off=d.off + 3, text=d.text, **question.of) for d in deltas[4:]]
        return [(0, question.ack()), *((100 + 30 * k, delta) for k, delta in enumerate(deltas))]

    stage = play(miscounts, mode)
    assert stage.heard == last_answer(stage)[:4] + known("cut_off")


@mode
def test_an_empty_answer_is_called_so(mode: str) -> None:
    stage = play(lambda q: [(0, q.ack()), (100, q.end([]))], mode)
    assert stage.heard == known("empty")


@mode
@pytest.mark.parametrize(
    "silent", ["\U0001f642", "\u200b\u200d", "***", "---\n", "<br/>", "\x00\x07", "!!!!", "[]( )"]
)
def test_an_answer_that_holds_nothing_to_say_is_called_empty(silent: str, mode: str) -> None:
    assert play(lambda q: q.proper([silent]), mode).heard == known("empty")


@mode
@pytest.mark.parametrize("code", ["busy", "upstream_down", "a-code-that-nobody-knows"])
def test_an_error_before_any_word_is_said_in_words(code: str, mode: str) -> None:
    stage = play(lambda q: [(0, q.ack()), (100, m.Err(code=code, **q.of))], mode)
    assert stage.heard == known(code)


@mode
def test_an_error_in_the_middle_is_said_after_what_there_was(mode: str) -> None:
    def breaks(question: Asked) -> Timed:
        return [*question.proper(answer(question))[:6], (600, m.Err(code="upstream_down", **question.of))]

    stage = play(breaks, mode)
    assert stage.heard == last_answer(stage)[:5] + known("cut_off")


# --------------------------------------------------------------------------- too much


@mode
def test_of_an_answer_of_100_kilobytes_as_much_is_heard_as_is_configured(mode: str) -> None:
    words = KB_100 // 8

    def floods(question: Asked) -> Timed:
        pieces = ["".join(numbered(question.number, 10, 1 + k)) for k in range(0, words, 10)]
        said: Timed = [(100 + k, delta) for k, delta in enumerate(question.deltas(pieces))]
        return [(0, question.ack()), *said, (100 + len(said), question.end(pieces))]

    stage = play(floods, mode, answer_chars=400)
    spoken = stage.heard[: -len(known("too_long"))]
    assert stage.heard[len(spoken) :] == known("too_long")
    assert len(spoken) == 400 // 8


@mode
def test_of_100_kilobytes_in_one_message_as_much_is_heard_as_is_configured(mode: str) -> None:
    def floods(question: Asked) -> Timed:
        whole = "".join(numbered(question.number, KB_100 // 8))
        return [(0, question.ack()), (100, m.End(n=1, len=len(whole), text=whole, **question.of))]

    stage = play(floods, mode, answer_chars=400)
    spoken = stage.heard[: -len(known("too_long"))]
    assert stage.heard[len(spoken) :] == known("too_long")
    assert len(spoken) == 400 // 8


@mode
def test_a_word_of_100_kilobytes_does_not_silence_the_device(mode: str) -> None:
    stage = play(lambda q: q.proper(["1" * KB_100]), mode, answer_chars=400)
    assert stage.heard[-len(known("too_long")) :] == known("too_long")
    assert len("".join(stage.voice.texts)) <= 400 + 200


# --------------------------------------------------------------------------- not made for the ear

FOR_THE_EYE = {
    "markdown": ("# Title\n\n* **One** and `two`\n* [three](https://a.example/b?c=d)\n", "title one and two three"),
    "html": ("<p class='x'>One<br/>two</p> <b>three</b>", "one two three"),
    "ssml": ("<speak>One <break time='1s'/> two <say-as interpret-as='date'>three</say-as></speak>", "one two three"),
    "emoji": ("One \U0001f600 two \U0001f468\u200d\U0001f469\u200d\U0001f467 three \u2764\ufe0f", "one two three"),
    "marks": ("One\u200b two\u202e three\x00\x1b", "one two three"),
    "fence": ("One.\n\n```python\nimport os\n```\n\nTwo.", "one code block two"),
}  # fmt: skip


@mode
@pytest.mark.parametrize("kind", FOR_THE_EYE)
def test_markup_is_not_read_out(kind: str, mode: str) -> None:
    text, spoken = FOR_THE_EYE[kind]
    pieces = re.findall(r"\S+\s*|\s+", text)
    stage = play(lambda q: q.proper(pieces), mode)
    assert stage.heard == spoken.split()


@mode
def test_of_an_address_only_the_host_is_heard(mode: str) -> None:
    stage = play(lambda q: q.proper(["See ", "https://www.example.org/a/b?c=d#e", " now."]), mode)
    spoken = " ".join(stage.voice.texts).casefold()
    assert "example" in spoken and stage.heard[-1] == "now"
    assert not re.search(r"https|www|//|\?c|#e", spoken)


@mode
@pytest.mark.parametrize("text", [
    "Привет, как дела? Хорошо.", "你好，世界。今天天气很好。", "مرحبا بالعالم. كيف حالك؟", "Grüß Gott, schöne Straße!", "ÿ\udbff".encode("utf-8", "replace").decode(),
])  # fmt: skip
def test_another_language_is_spoken_to_its_end(text: str, mode: str) -> None:
    stage = play(lambda q: q.proper([text, " 9"]), mode)
    assert stage.heard[-1].endswith("9") and not stage.happened("error")


def test_after_a_bad_answer_the_next_question_is_answered_as_ever() -> None:
    def bad_then_good(question: Asked) -> Timed:
        if question.number == 1:
            return [
                (0, question.ack()),
                *((50, delta) for delta in question.deltas(numbered(1, 1) * 3)),
                (60, question.ack()),
            ]
        return question.proper(answer(question))

    stage = Stage(bad_then_good)
    stage.ask()
    stage.rest()
    stage.ask()
    begun = stage.position
    stage.rest()
    assert stage.sounds_after(begun - samples(100)) == last_answer(stage)
