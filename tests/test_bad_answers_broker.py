"""Bad answers through a real broker: what a hostile worker publishes, and what the device's loudspeaker makes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from helpers_bad_answers import MODES, Asked, Stage, Timed, lawful
from helpers_broker import Mosquitto, Spy, broker, spy
from helpers_spelling import known, labels, numbered

from device.link import messages as m
from device.link.topics import TRAVEL

__all__ = ["broker", "spy"]

WORDS = 10
KB_100 = 100_000

Play = Callable[..., Stage]


@pytest.fixture
def play(broker: Mosquitto, spy: Spy) -> Iterator[Play]:
    """Ask one question and wait until all is over; the laws hold."""
    stages = []

    def played(answering: Callable[[Asked], Timed], mode: str = "guessed") -> Stage:
        stage = Stage(answering, mode, broker=broker, spy=spy)
        stages.append(stage)
        stage.ask()
        stage.rest()
        lawful(stage)
        return stage

    yield played
    for stage in stages:
        stage.device.stop()


def answer(question: Asked) -> list[str]:
    return numbered(question.number, WORDS)


def last_answer(stage: Stage) -> list[str]:
    return labels(stage.worker.asked[-1].number, WORDS)


@pytest.mark.parametrize("mode", MODES)
def test_twice_and_out_of_order(play: Play, mode: str) -> None:
    def twice_and_backwards(question: Asked) -> Timed:
        said = question.proper(answer(question), each_ms=1)
        return [said[0], *reversed(said[1:6]), *said[6:], *said]

    stage = play(twice_and_backwards, mode)
    assert stage.heard == last_answer(stage)


@pytest.mark.parametrize("mode", MODES)
def test_late(play: Play, mode: str) -> None:
    assert play(lambda q: q.proper(answer(q), first_ms=2600), mode).heard == known("timeout")


def test_an_old_revision_that_goes_on(play: Play) -> None:
    stage = play(lambda q: q.proper(answer(q), first_ms=10 if q.rev == 0 else 200, each_ms=30), "revised")
    assert stage.worker.asked[-1].rev == 1 and stage.heard == last_answer(stage)


def test_without_an_end(play: Play) -> None:
    stage = play(lambda q: q.proper(answer(q))[:-1])
    assert stage.heard == last_answer(stage) + known("cut_off")


def test_100_kilobytes_in_pieces(play: Play) -> None:
    def floods(question: Asked) -> Timed:
        pieces = ["".join(numbered(question.number, 900, 1 + k)) for k in range(0, KB_100 // 8, 900)]
        return [(0, question.ack()), *((50, delta) for delta in question.deltas(pieces))]

    stage = play(floods)
    assert stage.heard == labels(stage.worker.asked[-1].number, 400 // 8) + known("too_long")


def test_an_end_beyond_what_a_message_may_hold_is_as_good_as_none(play: Play) -> None:
    def floods(question: Asked) -> Timed:
        words = numbered(question.number, KB_100 // 8)
        assert len("".join(words)) > TRAVEL["reply"].limit
        return [*question.proper(words[:WORDS])[:-1], (600, question.end(words))]

    stage = play(floods)
    assert stage.heard == last_answer(stage) + known("cut_off")


def test_garbage_between_the_words(play: Play) -> None:
    rubbish = [
        b"",
        b"\xff\xfe",
        b"{",
        b"[" * 5000,
        b'{"op":"delta"}',
        b'{"op":"delta","seq":-1}',
        b"x" * KB_100,
    ]

    def between(question: Asked) -> Timed:
        said = question.proper(answer(question))
        wrong = [msg.replace(b"?", question.turn.encode()) for msg in (
            b'{"op":"delta","turn":"?","worker":"hostile","seq":"1","off":0,"text":"no"}',
            b'{"op":"end","turn":"?","worker":"hostile","n":1e9,"len":0}',
            b'{"op":"delta","turn":"?","worker":"hostile","seq":1,"off":0,"text":null}',
        )]  # fmt: skip
        return [said[0], *((20 + k, one) for k, one in enumerate(rubbish + wrong)), *said[1:]]

    stage = play(between)
    assert stage.heard == last_answer(stage)


def test_an_error_in_the_middle(play: Play) -> None:
    def breaks(question: Asked) -> Timed:
        return [*question.proper(answer(question))[:5], (400, m.Err(code="upstream_down", **question.of))]

    stage = play(breaks)
    assert stage.heard == last_answer(stage)[:4] + known("cut_off")
