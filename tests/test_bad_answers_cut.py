"""Cutting in works at every point of an answer, good or bad: it falls silent, stays so, and the next question is answered.

The endpoint goes on sending whatever the device tells it, so all that is not heard is kept back by the device alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from helpers_bad_answers import MODES, QUESTION, Answering, Asked, Stage, Timed, lawful
from helpers_spelling import known, labels, numbered

from device.conversation.sentences import excuse
from device.link import messages as m
from device.values import samples

SILENT = samples(600)
"""After the last sample of what was said over it nothing of the old answer is heard."""
WORDS = 16
STOP = "stop"
ASKS = "what is two plus three"


def slow(question: Asked) -> Timed:
    return question.proper(numbered(question.number, WORDS), first_ms=200, each_ms=60)


def acks_late(question: Asked) -> Timed:
    return [(at_ms + 390, message) for at_ms, message in slow(question)]


def thinks_long(question: Asked) -> Timed:
    return question.proper(numbered(question.number, WORDS), first_ms=1900)


def never_ends(question: Asked) -> Timed:
    return slow(question)[:-1]


def never_answers(question: Asked) -> Timed:
    return [(0, question.ack())]


def breaks(question: Asked) -> Timed:
    return [*never_ends(question)[:8], (600, m.Err(code="upstream_down", **question.of))]


def begun(stage: Stage) -> bool:
    return any(word.endswith(".1") for word in stage.heard)


def asked_for(ago_ms: float) -> Callable[[Stage], bool]:
    return lambda stage: stage.position >= stage.happened("turn")[-1].position + samples(ago_ms)


@dataclass(frozen=True)
class Point:
    """``answering`` the first question; the cut-in begins as soon as ``there``."""

    answering: Answering
    there: Callable[[Stage], bool]


POINTS = {
    "before the ack": Point(acks_late, asked_for(20)),
    "after the ack": Point(thinks_long, asked_for(150)),
    "as the first word is due": Point(thinks_long, asked_for(1700)),
    "in the first clause": Point(slow, begun),
    "in the middle": Point(slow, lambda stage: any(word.endswith(".8") for word in stage.heard)),
    "while the end is missing": Point(
        never_ends, lambda stage: any(word.endswith(f".{WORDS}") for word in stage.heard)
    ),
    "in what was left of a broken answer": Point(breaks, lambda stage: any(w.endswith(".5") for w in stage.heard)),
    "in the excuse for no answer": Point(never_answers, lambda stage: stage.heard[-3:] == known("timeout")[:3]),
    "in the excuse for half an answer": Point(never_ends, lambda stage: stage.heard[-3:] == known("cut_off")[:3]),
}  # fmt: skip


def cut_in(point: Point, mode: str, text: str, voice: str = "en-us") -> tuple[Stage, int, int]:
    """The stage, where the cut-in was over, and the number of the question that it cut."""

    def answering(question: Asked) -> Timed:
        first = question.text == QUESTION or question.number == 1
        return (point.answering if first else slow)(question)

    stage = Stage(answering, mode)
    stage.warm_up()
    stage.ask()
    old = stage.worker.asked[-1].number
    stage.until(lambda: point.there(stage), "the point")
    return stage, stage.say(text, voice, talker=2), old


def is_well_afterwards(stage: Stage) -> None:
    """Nothing is stuck: another question gets its answer, whole."""
    stage.rest()
    lawful(stage)
    before = stage.position
    stage.worker.answering = slow
    stage.ask("please tell me a joke")
    stage.rest()
    assert stage.sounds_after(before) == labels(stage.worker.asked[-1].number, WORDS)
    lawful(stage)


every_point = pytest.mark.parametrize("point", POINTS)
mode = pytest.mark.parametrize("mode", MODES)


@mode
@every_point
def test_stop_ends_it(point: str, mode: str) -> None:
    stage, said, _ = cut_in(POINTS[point], mode, STOP)
    stage.rest()
    assert stage.sounds_after(said + SILENT) == []
    is_well_afterwards(stage)


@pytest.mark.parametrize("mode", ["asked", "guessed"])
@every_point
def test_the_wake_word_ends_it_and_the_device_listens(point: str, mode: str) -> None:
    stage, said, _ = cut_in(POINTS[point], mode, "alexa", "flite:slt")
    stage.until(lambda: stage.happened("wake"), "the wake word", limit_s=2)
    assert not (stage.device.state.thinking or stage.device.state.speaking)
    stage.rest()
    assert stage.sounds_after(said + SILENT) == []
    is_well_afterwards(stage)


@pytest.mark.parametrize("mode", ["asked", "revised"])
@every_point
def test_another_question_ends_it_and_is_answered(point: str, mode: str) -> None:
    stage, said, old = cut_in(POINTS[point], mode, ASKS)
    stage.rest()
    later = stage.sounds_after(said + SILENT)
    last = stage.worker.asked[-1]
    assert last.text.endswith(ASKS) and last.number > old
    assert later == labels(last.number, WORDS)
    is_well_afterwards(stage)


@pytest.mark.parametrize("mode", ["guessed"])
@every_point
def test_the_button_ends_it_at_once(point: str, mode: str) -> None:
    stage = Stage(POINTS[point].answering, mode)
    stage.ask()
    stage.until(lambda: POINTS[point].there(stage), "the point")
    pressed = stage.position
    stage.device.hush()
    stage.rest()
    assert stage.sounds_after(pressed + samples(40)) == []
    is_well_afterwards(stage)


# --------------------------------------------------------------------------- behind the gate


def guessed(text: str, voice: str = "en-us", after_ms: float = 60) -> tuple[Stage, int]:
    """Somebody goes on with ``text`` while the answer to what he said before is ready behind the gate."""
    stage = Stage(lambda q: q.proper(numbered(q.number, WORDS), first_ms=0, each_ms=1), "guessed")
    stage.device.attend()
    stage.say(QUESTION)
    stage.until(lambda: len(stage.worker.asked) == 1, "a guess")
    stage.pass_ms(after_ms)
    assert stage.worker.asked[0].speculative and stage.worker.committed == []
    return stage, stage.say(text, voice, talker=2)


def test_who_goes_on_hears_nothing_of_the_answer_that_was_ready() -> None:
    stage, _ = guessed("and the day after")
    stage.rest()
    assert stage.worker.asked[-1].text == f"{QUESTION} and the day after"
    assert stage.heard == labels(stage.worker.asked[-1].number, WORDS)
    is_well_afterwards(stage)


def test_the_wake_word_throws_away_the_answer_that_was_ready() -> None:
    stage, _ = guessed("alexa", "flite:slt")
    stage.rest()
    heard = [word for word in stage.heard if word.startswith("1.")]
    assert stage.happened("wake")[-1].text == "alexa"
    assert heard == [] or stage.worker.committed[0][1] == 1
    is_well_afterwards(stage)


def test_the_button_throws_away_the_answer_that_was_ready() -> None:
    stage = Stage(lambda q: q.proper(numbered(q.number, WORDS), first_ms=0, each_ms=1), "guessed")
    stage.device.attend()
    stage.say(QUESTION)
    stage.until(lambda: stage.voice.texts, "the first clause behind the gate")
    assert stage.worker.committed == []
    stage.device.hush()
    stage.rest()
    assert stage.heard == [] and stage.happened("reply_start") == []
    is_well_afterwards(stage)


def test_every_excuse_can_be_cut_short() -> None:
    for code in ("no_worker", "upstream_down", "made-up"):
        stage, said, _ = cut_in(
            Point(
                lambda q, code=code: [(0, q.ack()), (50, m.Err(code=code, **q.of))],
                lambda stage, code=code: stage.heard[-2:] == known(code)[:2],
            ),
            "guessed",
            STOP,
        )
        stage.rest()
        assert stage.sounds_after(said + SILENT) == [], excuse(code)
