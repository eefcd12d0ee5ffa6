"""The turn bookkeeping, pure: no broker, no thread, time given in samples."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.link.messages import (
    Ack,
    Cancel,
    Delta,
    End,
    Err,
    HeardMessage,
    Open,
    Resend,
    Tool,
    ToolResult,
)
from device.link.turns import Turns, TurnSettings
from device.values import (
    HeardReport,
    Message,
    OpenTurn,
    TurnAcked,
    TurnDelta,
    TurnEnded,
    TurnFailed,
    samples,
)

SETTINGS = TurnSettings()


def make(**changes: int) -> Turns:
    numbers = count(1)
    return Turns(TurnSettings(**changes), mint=lambda: f"t{next(numbers)}")


def opened(position: int = 0, **changes: int) -> Turns:
    turns = make(**changes)
    turns.open(OpenTurn(7, "tell me a story"), position)
    take(turns)
    return turns


def take(turns: Turns) -> tuple[list, list]:
    return turns.outgoing(), turns.events()


def events(turns: Turns) -> list:
    return take(turns)[1]


def messages(turns: Turns) -> list:
    return take(turns)[0]


def answer(text: str, size: int = 3, worker: str = "w1", whole: bool = True, **end: object) -> list:
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    deltas = [
        Delta(turn="t1", worker=worker, seq=i, off=i * size, text=piece) for i, piece in enumerate(pieces)
    ]
    last = End(turn="t1", worker=worker, n=len(pieces), len=len(text), text=text if whole else None, **end)  # type: ignore[arg-type]
    return [Ack(turn="t1", worker=worker), *deltas, last]


def spoken(found: list) -> str:
    return "".join(e.text for e in found if isinstance(e, TurnDelta))


def test_a_turn_goes_out_whole_and_its_answer_comes_back_in_order():
    turns = make()
    turns.open(
        OpenTurn(7, "and then?", (Message("user", "hi"), Message("assistant", "Hel", interrupted=True))), 100
    )
    (sent,) = messages(turns)
    assert isinstance(sent, Open)
    assert (sent.turn, sent.rev, sent.attempt, sent.text) == ("t1", 0, 1, "and then?")
    assert [(line.role, line.text, line.interrupted) for line in sent.conversation] == [
        ("user", "hi", False),
        ("assistant", "Hel", True),
    ]
    for message in answer("Once upon a time?", expect_reply=True):
        turns.receive(message, 500)
    found = events(turns)
    assert found[0] == TurnAcked(500, 7)
    assert spoken(found) == "Once upon a time?"
    assert found[-1] == TurnEnded(500, 7, expect_reply=True)


def test_a_silent_pool_is_asked_again_and_then_given_up():
    turns = opened()
    turns.tick(samples(SETTINGS.ack_ms) - 1)
    assert take(turns) == ([], [])
    turns.tick(samples(SETTINGS.ack_ms))
    (again,) = messages(turns)
    assert (again.turn, again.attempt, again.text) == ("t1", 2, "tell me a story")
    turns.tick(samples(2 * SETTINGS.ack_ms))
    assert take(turns) == ([], [TurnFailed(samples(2 * SETTINGS.ack_ms), 7, "no_worker")])


def test_no_matching_subscribers_fails_at_once_but_a_late_ack_is_still_welcome():
    turns = opened()
    turns.no_subscribers("t1", 160)
    turns.no_subscribers("t1", 320)
    assert take(turns) == ([], [TurnFailed(160, 7, "no_worker")])
    for message in answer("Here I am."):
        turns.receive(message, 4000)
    found = events(turns)
    assert found[0] == TurnAcked(4000, 7) and spoken(found) == "Here I am."
    assert turns.counters["late_acks"] == 1


def test_an_ack_that_is_too_late_is_sent_away():
    turns = opened()
    turns.no_subscribers("t1", 0)
    turns.tick(samples(SETTINGS.late_ms))
    take(turns)
    turns.receive(Ack(turn="t1", worker="slow"), samples(SETTINGS.late_ms) + 1)
    assert take(turns) == ([Cancel(turn="t1", worker="slow", reason="late")], [])


def test_the_first_ack_wins_and_later_ackers_lose_the_race_once():
    turns = opened()
    turns.receive(Ack(turn="t1", worker="fast"), 10)
    turns.receive(Ack(turn="t1", worker="slow", attempt=2), 20)
    turns.receive(Delta(turn="t1", worker="slow", seq=0, off=0, text="wrong"), 30)
    turns.receive(Delta(turn="t1", worker="fast", seq=0, off=0, text="right"), 40)
    sent, found = take(turns)
    assert sent == [Cancel(turn="t1", worker="slow", reason="lost_race")]
    assert found == [TurnAcked(10, 7), TurnDelta(40, 7, "right")]
    assert turns.counters["stale"] == 1


def test_who_acks_after_the_end_loses_the_race_too():
    turns = opened()
    for message in answer("Done."):
        turns.receive(message, 10)
    take(turns)
    turns.receive(Ack(turn="t1", worker="slow", attempt=2), 20)
    turns.receive(Ack(turn="t1", worker="w1", attempt=2), 30)
    assert take(turns) == ([Cancel(turn="t1", worker="slow", reason="lost_race")], [])


def test_a_delta_that_overtakes_the_ack_counts_as_one():
    turns = opened()
    ack, *rest = answer("Hello there.")
    for message in [rest[0], ack, *rest[1:]]:
        turns.receive(message, 10)
    found = events(turns)
    assert found[0] == TurnAcked(10, 7) and spoken(found) == "Hello there."


def test_unsigned_deltas_belong_to_the_only_acker():
    turns = opened()
    ack, *rest = answer("Hello there.", worker="w1")
    unsigned = [type(m)(**{f: getattr(m, f) for f in m.__struct_fields__ if f != "worker"}) for m in rest]
    for message in [unsigned[0], ack, *unsigned[1:]]:
        turns.receive(message, 10)
    assert spoken(events(turns)) == "Hello there."


def test_speech_goes_only_up_to_a_hole_which_is_asked_for_after_150_ms():
    turns = opened()
    ack, first, second, third, *_ = answer("abcdefghi")
    for message in (ack, first, third):
        turns.receive(message, 0)
    assert spoken(events(turns)) == "abc"
    turns.tick(samples(SETTINGS.hole_ms) - 1)
    assert messages(turns) == []
    turns.tick(samples(SETTINGS.hole_ms))
    assert messages(turns) == [Resend(turn="t1", worker="w1", seq=1)]
    turns.receive(second, samples(200))
    assert spoken(events(turns)) == "defghi"
    turns.tick(samples(3000))
    assert messages(turns) == []


def test_the_whole_text_at_the_end_repairs_every_hole_at_once():
    turns = opened()
    ack, first, *_, end = answer("one two three four five")
    for message in (ack, first, end):
        turns.receive(message, 0)
    found = events(turns)
    assert spoken(found) == "one two three four five" and isinstance(found[-1], TurnEnded)


def test_what_was_said_while_the_broker_was_away_is_asked_for():
    turns = opened()
    ack, first, *rest = answer("abcdefghi")
    for message in (ack, first):
        turns.receive(message, 0)
    assert spoken(events(turns)) == "abc"
    turns.disconnected(1000)
    turns.reconnected(samples(2000))
    turns.tick(samples(2000 + SETTINGS.hole_ms))
    assert messages(turns) == [Resend(turn="t1", worker="w1", seq=1)]
    turns.tick(samples(2000 + SETTINGS.hole_ms + SETTINGS.resend_ms))
    # the worker may be back later than we are
    assert messages(turns) == [Resend(turn="t1", worker="w1", seq=1)]
    for message in rest:
        turns.receive(message, samples(4000))
    found = events(turns)
    assert spoken(found) == "defghi" and isinstance(found[-1], TurnEnded)


def test_a_turn_without_an_owner_asks_nobody_when_the_broker_is_back():
    turns = opened()
    turns.reconnected(1000)
    turns.tick(1000 + samples(SETTINGS.hole_ms))
    assert messages(turns) == []


def test_a_hole_that_nobody_fills_ends_the_turn():
    turns = opened()
    for message in (answer("abcdef", whole=False)[i] for i in (0, 1, 3)):
        turns.receive(message, 0)
    found, position = [], 0
    for _ in range(600):
        position += 160
        turns.tick(position)
        found += events(turns)
    assert [e.code for e in found if isinstance(e, TurnFailed)] == ["lost"]
    assert turns.counters["resends"] == SETTINGS.resends


def test_a_worker_that_goes_silent_in_mid_answer_is_given_up_and_told():
    turns = opened()
    ack, first, *_ = answer("abcdef")
    turns.receive(ack, 0)
    turns.receive(first, 100)
    take(turns)
    turns.tick(100 + samples(SETTINGS.stall_ms) - 1)
    assert take(turns) == ([], [])
    at = 100 + samples(SETTINGS.stall_ms)
    turns.tick(at)
    assert take(turns) == (
        [Cancel(turn="t1", worker="w1", reason="timeout")],
        [TurnFailed(at, 7, "timeout")],
    )


def test_a_worker_may_think_longer_before_its_first_word():
    turns = opened()
    turns.receive(Ack(turn="t1", worker="w1"), 0)
    take(turns)
    turns.tick(samples(SETTINGS.stall_ms) + 1)
    assert take(turns) == ([], [])
    turns.tick(samples(SETTINGS.first_ms))
    assert [type(e) for e in events(turns)] == [TurnFailed]


def test_a_busy_worker_makes_the_next_attempt_come_at_once():
    turns = opened()
    turns.receive(Err(turn="t1", worker="w1", code="busy", retry_ms=500), 50)
    (again,) = messages(turns)
    assert again.attempt == 2
    turns.receive(Err(turn="t1", worker="w2", code="busy", retry_ms=500), 60)
    assert events(turns) == [TurnFailed(60, 7, "busy")]


def test_a_busy_worker_does_not_spoil_a_try_that_is_still_out():
    turns = opened()
    turns.tick(samples(SETTINGS.ack_ms))
    turns.receive(Err(turn="t1", worker="w1", code="busy"), samples(410))
    turns.receive(Ack(turn="t1", worker="w2", attempt=2), samples(420))
    assert events(turns) == [TurnAcked(samples(420), 7)]


def test_the_owners_error_fails_the_turn_and_a_strangers_does_not():
    turns = opened()
    turns.receive(Ack(turn="t1", worker="w1"), 0)
    turns.receive(Err(turn="t1", worker="w2", code="boom"), 5)
    turns.receive(Err(turn="t1", worker="w1", code="upstream_down"), 9)
    assert events(turns)[1:] == [TurnFailed(9, 7, "upstream_down")]


def test_other_revisions_and_other_turns_are_dropped_and_counted():
    turns = opened()
    turns.receive(Ack(turn="t1", worker="w1"), 0)
    take(turns)
    turns.receive(Delta(turn="t1", worker="w1", rev=3, seq=0, off=0, text="no"), 1)
    turns.receive(Delta(turn="other", worker="w1", seq=0, off=0, text="no"), 1)
    assert take(turns) == ([], [])
    assert turns.counters["stale"] == 2


def test_a_cancelled_turn_tells_its_owner_and_sends_late_ackers_away():
    turns = opened()
    turns.receive(Ack(turn="t1", worker="w1"), 0)
    take(turns)
    turns.cancel(7, "stop")
    turns.receive(Delta(turn="t1", worker="w1", seq=0, off=0, text="too late"), 1)
    assert take(turns) == ([Cancel(turn="t1", worker="w1", reason="stop")], [])
    turns.open(OpenTurn(8, "x"), 10)
    turns.cancel(8, "stop")
    take(turns)
    turns.receive(Ack(turn="t2", worker="w1"), 20)
    assert take(turns) == ([Cancel(turn="t2", worker="w1", reason="stop")], [])


def test_a_new_turn_supersedes_the_one_that_is_open():
    turns = opened()
    turns.receive(Ack(turn="t1", worker="w1"), 0)
    take(turns)
    turns.open(OpenTurn(8, "something else"), 10)
    sent, found = take(turns)
    assert sent[0] == Cancel(turn="t1", worker="w1", reason="superseded") and sent[1].turn == "t2"
    assert found == []


def test_what_was_heard_reaches_the_owner_after_the_end_and_rides_on_the_next_turn():
    turns = opened()
    for message in answer("A long story."):
        turns.receive(message, 0)
    take(turns)
    report = HeardReport(7, chars=6, text="A long", ms=400, reason="barge_in")
    turns.heard(report)
    assert messages(turns) == [
        HeardMessage(turn="t1", worker="w1", chars=6, text="A long", ms=400, reason="barge_in")
    ]
    turns.open(OpenTurn(8, "and then?", heard_prev=report), 10)
    (sent,) = messages(turns)
    assert (sent.heard_prev.turn, sent.heard_prev.text) == ("t1", "A long")
    turns.heard(HeardReport(99, 0, "", 0, "never asked"))
    assert messages(turns) == []


def test_losing_the_broker_fails_a_turn_that_nobody_took_and_spares_one_with_an_owner():
    turns = opened()
    turns.disconnected(5)
    assert events(turns) == [TurnFailed(5, 7, "no_broker")]
    turns = opened()
    turns.receive(Ack(turn="t1", worker="w1"), 0)
    take(turns)
    turns.disconnected(5)
    assert take(turns) == ([], [])


def test_a_worker_that_contradicts_itself_is_not_trusted():
    turns = opened()
    turns.receive(Ack(turn="t1", worker="w1"), 0)
    turns.receive(Delta(turn="t1", worker="w1", seq=0, off=0, text="abc"), 0)
    turns.receive(End(turn="t1", worker="w1", n=1, len=3, text="xyz"), 0)
    assert events(turns)[-1] == TurnFailed(0, 7, "inconsistent")


def test_a_tool_call_is_refused_because_this_device_offers_none():
    turns = opened()
    turns.receive(Ack(turn="t1", worker="w1"), 0)
    turns.receive(Tool(turn="t1", worker="w1", call="c1", name="lamp"), 0)
    assert messages(turns) == [ToolResult(turn="t1", worker="w1", call="c1", ok=False, code="unsupported")]


@given(
    text=st.text(min_size=1, max_size=60),
    size=st.integers(1, 7),
    whole=st.booleans(),
    data=st.data(),
)
@settings(max_examples=300, deadline=None)
def test_whatever_the_network_does_the_words_are_a_prefix_and_the_end_comes_once(text, size, whole, data):
    """Drop, double and shuffle a worker's messages, at any pace: never a hole, never two endings, never no ending."""
    ack, *rest = answer(text, size, whole=whole)
    copies = [m for m in rest for _ in range(data.draw(st.sampled_from((0, 1, 1, 1, 2)), label="copies"))]
    order = data.draw(st.permutations(copies)) if data.draw(st.booleans(), label="shuffle") else copies
    turns = opened()
    turns.receive(ack, 0)
    found, position = [], 0
    for message in order:
        position += data.draw(st.sampled_from((0, 160, 1600, 4800)), label="pause")
        turns.tick(position)
        turns.receive(message, position)
        found += events(turns)
        assert text.startswith(spoken(found))
    for _ in range(20):
        position += samples(1000)
        turns.tick(position)
        found += events(turns)
    endings = [e for e in found if isinstance(e, TurnEnded | TurnFailed)]
    assert len(endings) == 1 and found[-1] is endings[0]
    if isinstance(endings[0], TurnEnded):
        assert spoken(found) == text
    if whole and rest[-1] in order and position < samples(SETTINGS.first_ms):
        assert isinstance(endings[0], TurnEnded)


@given(data=st.data(), text=st.text(min_size=1, max_size=80))
@settings(max_examples=150, deadline=None)
def test_a_worker_that_resends_on_request_delivers_every_word_over_a_lossy_network(data, text):
    ack, *rest = answer(text, 2, whole=False)
    turns = opened()
    turns.receive(ack, 0)
    found, position, wire = [], 0, list(rest)
    for _ in range(400):
        position += 160
        turns.tick(position)
        sent, happened = take(turns)
        found += happened
        wire += [m for r in sent if isinstance(r, Resend) for m in rest[r.seq :]]
        # a loss now and then, but what is asked for again does arrive
        if wire:
            message = wire.pop(0)
            lost = len(wire) >= 2 and position < 20_000 and data.draw(st.booleans())
            if not lost:
                turns.receive(message, position)
    found += events(turns)
    assert spoken(found) == text and isinstance(found[-1], TurnEnded)


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_the_number_of_attempts_is_the_configured_one(attempts):
    turns = opened(attempts=attempts)
    opens, failures = 1, 0
    for step in range(1, 10):
        turns.tick(step * samples(SETTINGS.ack_ms))
        sent, found = take(turns)
        opens += len(sent)
        failures += len(found)
    assert (opens, failures) == (attempts, 1)
