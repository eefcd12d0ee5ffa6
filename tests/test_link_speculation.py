"""A turn that is only guessed: revised, committed or cancelled, whoever acks what when. Pure; time in samples."""

from __future__ import annotations

from itertools import count

import pytest

from device.link.messages import Ack, Cancel, Commit, Delta, End, Err, Open, Revise
from device.link.turns import Turns, TurnSettings
from device.values import OpenTurn, ReviseTurn, TurnAcked, TurnDelta, TurnEnded, TurnFailed, samples


def guessed(acked: bool = True, **changes: int) -> Turns:
    numbers = count(1)
    turns = Turns(TurnSettings(**changes), mint=lambda: f"t{next(numbers)}")
    turns.open(OpenTurn(7, "what about paris", speculative=True), 0)
    if acked:
        turns.receive(Ack(turn="t1", worker="a"), 100)
    return turns


def take(turns: Turns) -> tuple[list, list]:
    return turns.outgoing(), turns.events()


def delta(seq: int, off: int, text: str, rev: int = 0) -> Delta:
    return Delta(turn="t1", rev=rev, worker="a", seq=seq, off=off, text=text)


def end(text: str, n: int, rev: int = 0) -> End:
    return End(turn="t1", rev=rev, worker="a", n=n, len=len(text), text=text)


def test_a_guess_goes_out_as_one():
    (opened,), _ = take(guessed(acked=False))
    assert isinstance(opened, Open) and opened.speculative and opened.rev == 0


def test_its_answer_comes_back_like_any_other_and_the_commit_goes_to_its_owner():
    turns = guessed()
    turns.receive(delta(0, 0, "Paris "), 200)
    take(turns)
    turns.commit(7)
    assert take(turns)[0] == [Commit(turn="t1", rev=0, worker="a")]
    turns.receive(end("Paris is nice.", 2), 300)
    assert take(turns)[1] == [TurnDelta(300, 7, "is nice."), TurnEnded(300, 7)]
    assert turns.current is None


def test_a_revision_is_the_same_turn_for_its_worker_and_another_one_here():
    turns = guessed()
    turns.receive(delta(0, 0, "Paris "), 200)
    take(turns)
    turns.revise(ReviseTurn(7, 8, "what about paris tomorrow"), 300)
    assert take(turns) == ([Revise(turn="t1", rev=1, worker="a", text="what about paris tomorrow")], [])
    turns.receive(delta(1, 6, "is nice."), 400)
    assert take(turns) == ([], [])
    assert turns.counters["stale"] == 1
    turns.receive(delta(0, 0, "Tomorrow ", rev=1), 500)
    assert take(turns)[1] == [TurnDelta(500, 8, "Tomorrow ")]


def test_an_answer_that_is_complete_may_still_be_revised():
    turns = guessed()
    turns.receive(end("Paris is nice.", 1), 200)
    take(turns)
    turns.tick(samples(60_000))
    assert take(turns) == ([], [])
    turns.revise(ReviseTurn(7, 8, "what about rome"), 300)
    turns.receive(end("Rome is, too.", 1, rev=1), 400)
    assert take(turns)[1] == [TurnDelta(400, 8, "Rome is, too."), TurnEnded(400, 8)]
    turns.commit(8)
    assert take(turns)[0] == [Commit(turn="t1", rev=1, worker="a")]
    assert turns.current is None


def test_who_acks_an_old_revision_is_told_the_new_one_and_owns_the_turn():
    turns = guessed(acked=False)
    turns.revise(ReviseTurn(7, 8, "what about rome"), 50)
    take(turns)
    turns.receive(Ack(turn="t1", rev=0, worker="a"), 100)
    messages, events = take(turns)
    assert messages == [Revise(turn="t1", rev=1, worker="a", text="what about rome")]
    assert events == [TurnAcked(100, 8)]
    turns.receive(delta(0, 0, "Paris "), 150)
    assert take(turns) == ([], [])


def test_a_commit_before_the_ack_reaches_whoever_acks_after_the_revision():
    turns = guessed(acked=False)
    turns.revise(ReviseTurn(7, 8, "what about rome"), 50)
    turns.commit(8)
    take(turns)
    turns.receive(Ack(turn="t1", rev=0, worker="a"), 100)
    assert [type(message) for message in take(turns)[0]] == [Revise, Commit]


def test_the_second_attempt_after_a_commit_is_no_guess_any_more():
    turns = guessed(acked=False, ack_ms=400)
    turns.commit(7)
    take(turns)
    turns.tick(samples(401))
    (again,), _ = take(turns)
    assert isinstance(again, Open) and (again.attempt, again.speculative) == (2, False)


def test_a_second_worker_for_a_revised_turn_has_lost_the_race():
    turns = guessed()
    turns.revise(ReviseTurn(7, 8, "what about rome"), 50)
    take(turns)
    turns.receive(Ack(turn="t1", rev=0, worker="b"), 100)
    (lost,), _ = take(turns)
    assert isinstance(lost, Cancel) and (lost.worker, lost.reason) == ("b", "lost_race")


def test_a_cancelled_guess_tells_its_owner():
    turns = guessed()
    take(turns)
    turns.cancel(7, "not_said")
    assert take(turns) == ([Cancel(turn="t1", rev=0, worker="a", reason="not_said")], [])


@pytest.mark.parametrize("code", ["internal", "upstream_down"])
def test_a_guess_that_fails_is_told_once_and_its_revision_fails_too(code):
    turns = guessed()
    turns.receive(Err(turn="t1", worker="a", code=code), 200)
    assert take(turns)[1][-1] == TurnFailed(200, 7, code)
    turns.revise(ReviseTurn(7, 8, "what about rome"), 300)
    assert take(turns)[1] == [TurnFailed(300, 8, "closed")]


def test_a_guess_that_nobody_took_cannot_be_revised_either():
    turns = guessed(acked=False)
    turns.no_subscribers("t1", 100)
    take(turns)
    turns.revise(ReviseTurn(7, 8, "what about rome"), 300)
    assert [event for event in take(turns)[1] if isinstance(event, TurnFailed)] == [
        TurnFailed(300, 8, "closed")
    ]


def test_who_is_busy_with_an_old_revision_does_not_own_the_turn():
    turns = guessed(acked=False)
    turns.revise(ReviseTurn(7, 8, "what about rome"), 50)
    take(turns)
    turns.receive(Err(turn="t1", rev=0, worker="a", code="busy"), 100)
    (again,), events = take(turns)
    assert isinstance(again, Open) and (again.attempt, again.rev, again.text) == (2, 1, "what about rome")
    assert events == []


def test_what_went_wrong_with_an_old_revision_is_no_reason_to_give_up():
    turns = guessed(acked=False, ack_ms=400)
    turns.revise(ReviseTurn(7, 8, "what about rome"), 50)
    take(turns)
    turns.receive(Err(turn="t1", rev=0, worker="a", code="upstream_down"), 100)
    assert take(turns) == ([], [])
    turns.tick(samples(401))
    assert [type(message) for message in take(turns)[0]] == [Open]


def test_what_was_lost_with_the_broker_is_said_again_when_it_is_back():
    turns = guessed()
    turns.revise(ReviseTurn(7, 8, "what about rome"), 200)
    turns.commit(8)
    take(turns)
    turns.disconnected(300)
    turns.reconnected(400)
    assert take(turns)[0] == [
        Revise(turn="t1", rev=1, worker="a", text="what about rome"),
        Commit(turn="t1", rev=1, worker="a"),
    ]


def gone(turns: Turns) -> None:
    turns.no_subscribers("t1", 300, "a")


def forgotten(turns: Turns) -> None:
    turns.receive(Err(turn="t1", rev=turns._current.rev, worker="a", code="unknown_turn"), 300)


@pytest.mark.parametrize("how", [gone, forgotten])
def test_an_owner_that_has_lost_the_turn_before_its_first_word_is_replaced(how):
    turns = guessed()
    turns.revise(ReviseTurn(7, 8, "what about rome"), 200)
    turns.commit(8)
    take(turns)
    how(turns)
    (again,), events = take(turns)
    assert (again.attempt, again.rev, again.text, again.speculative) == (2, 1, "what about rome", False)
    assert events == []
    how(turns)  # the revision and the commitment are both told to be lost
    assert take(turns) == ([], [])
    turns.receive(Ack(turn="t1", rev=1, attempt=2, worker="b"), 400)
    turns.receive(End(turn="t1", rev=1, worker="b", n=1, len=5, text="Rome."), 500)
    assert take(turns)[1] == [TurnAcked(400, 8), TurnDelta(500, 8, "Rome."), TurnEnded(500, 8)]


def test_an_owner_that_is_falsely_called_gone_owns_the_turn_again():
    turns = guessed()
    turns.commit(7)
    gone(turns)
    take(turns)
    turns.receive(delta(0, 0, "Paris "), 400)
    assert take(turns)[1] == [TurnAcked(400, 7), TurnDelta(400, 7, "Paris ")]
    turns.receive(Ack(turn="t1", attempt=2, worker="b"), 500)
    assert [(m.worker, m.reason) for m in take(turns)[0]] == [("b", "lost_race")]


def test_nobody_else_goes_on_with_an_answer_that_has_begun():
    turns = guessed()
    turns.receive(delta(0, 0, "Paris "), 200)
    turns.commit(7)
    take(turns)
    gone(turns)
    assert take(turns) == ([], [])
    forgotten(turns)
    assert take(turns) == ([], [TurnFailed(300, 7, "unknown_turn")])


def test_where_no_attempt_is_left_a_lost_owner_is_told_as_nobody():
    turns = guessed(attempts=1)
    turns.commit(7)
    take(turns)
    gone(turns)
    assert take(turns) == ([], [TurnFailed(300, 7, "no_worker")])


def test_a_committed_turn_is_never_revised():
    turns = guessed()
    turns.commit(7)
    take(turns)
    turns.revise(ReviseTurn(7, 8, "what about rome"), 300)
    assert [type(message) for message in take(turns)[0]] == []


def test_the_counters_tell_what_guessing_costs():
    turns = guessed()
    turns.revise(ReviseTurn(7, 8, "what about rome"), 300)
    turns.commit(8)
    counted = {name: turns.counters[name] for name in ("turns", "speculations", "revisions", "commits")}
    assert counted == {"turns": 1, "speculations": 1, "revisions": 1, "commits": 1}
