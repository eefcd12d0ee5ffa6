"""Percentiles in bounded memory, what many turns come to, and what the device says of it each minute."""

from __future__ import annotations

import math
import statistics

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device import values as v
from device.config.schema import BudgetSection
from device.latency import Latency
from device.latency.sketch import ACCURACY, LEAST_MS, MOST_MS, Sketch
from device.latency.timeline import Timeline, budget_of
from device.latency.totals import Totals
from device.link.messages import State, decode, encode
from device.values import samples

DURATIONS = st.lists(st.floats(0, 2 * MOST_MS, allow_nan=False), min_size=1, max_size=60)
BUDGET = budget_of(BudgetSection())


def sketch(durations) -> Sketch:
    one = Sketch()
    for duration in durations:
        one.add(duration)
    return one


@given(DURATIONS, st.floats(0, 1))
def test_a_quantile_is_right_to_its_accuracy(durations, share):
    exact = sorted(durations)[max(1, math.ceil(share * len(durations))) - 1]
    exact = 0.0 if exact < LEAST_MS else min(exact, MOST_MS)
    assert sketch(durations).quantile(share) == pytest.approx(exact, rel=ACCURACY * 1.0001)


@given(DURATIONS, DURATIONS)
def test_merging_is_the_same_as_counting_all_in_one_place(some, others):
    both = sketch(some)
    both.merge(sketch(others))
    assert both.buckets == sketch(some + others).buckets and both.n == len(some) + len(others)


def test_any_number_of_durations_takes_bounded_memory():
    one = sketch(1.01**step for step in range(3000))
    assert one.n == 3000 and len(one.buckets) <= 668


def test_no_durations_have_no_quantile_and_no_number_no_bucket():
    assert Sketch().quantile(0.5) is None
    with pytest.raises(ValueError, match=r"within 0\.\.1"):
        Sketch().quantile(1.5)
    with pytest.raises(ValueError, match="nan"):
        Sketch().add(math.nan)


def turn(v2v_ms: float, **fields) -> Timeline:
    """A turn whose question was asked 400 ms after the speech and whose answer is audible ``v2v_ms`` after it."""
    at = {"endpoint": samples(300), "commit": samples(400), "first_sample": samples(v2v_ms)}
    return Timeline("turn", 0, at, **{"outcome": "heard", "calls": 1, **fields})


def test_totals_count_turns_calls_and_stages_over_their_budget():
    totals = Totals()
    for line in (
        turn(500),
        turn(590),
        turn(2000, calls=3, wasted=2),
        turn(700, outcome="superseded", calls=9),
    ):
        totals.add(line, BUDGET)
    totals.add(Timeline("command", 0, {"first_sample": samples(350)}, outcome="heard"), BUDGET)
    assert totals.counted == {
        "heard": 4, "superseded": 1, "turns": 3, "commands": 1, "calls": 5, "wasted_calls": 2, "over_first_sample": 2,
    }  # fmt: skip
    assert totals.calls_per_turn == pytest.approx(5 / 3)
    assert totals.sketches["voice_to_voice"].quantile(0.5) == pytest.approx(590, rel=ACCURACY)
    assert totals.sketches["command"].n == 1 and totals.sketches["endpoint"].n == 3


def test_before_the_first_turn_there_are_no_calls_per_turn():
    assert Totals().calls_per_turn is None


class Told:
    """``Latency`` as the daemon uses it."""

    def __init__(self) -> None:
        self.latency = Latency(BudgetSection(), lambda: {"audio.overruns": 3})
        self.now = 0

    def answer(self, turn: int, v2v_ms: float) -> list:
        """One turn from its end of speech to the end of its answer."""
        watcher, said = self.latency.watcher, self.now + v.RATE_HZ
        decided, first = said + samples(200), said + samples(v2v_ms)
        self.now = first + v.RATE_HZ
        watcher.event(v.Endpoint(decided, turn, said), decided)
        watcher.command(v.OpenTurn(turn, "a secret question"), decided, decided)
        watcher.command(v.ReplyBegin(turn, turn=turn), decided, decided)
        watcher.event(v.ReplyStarted(first, turn), first)
        speaking = self.latency.messages(first)
        watcher.event(v.ReplyEnded(self.now, turn, "a secret answer", 3), self.now)
        return speaking + self.latency.messages(self.now)


def test_a_turn_is_published_twice_with_positions_and_milliseconds_and_without_a_word_of_it():
    speaking, over = Told().answer(1, 400)
    assert (speaking.outcome, over.outcome) == ("speaking", "heard") and speaking.line == over.line == 1
    assert over.at["endpoint"] - over.speech_end == samples(200) and over.at_ms["endpoint"] == 200
    assert (
        over.cost_ms == {"endpoint": 200, "commit": 0, "first_sample": 200} and over.voice_to_voice_ms == 400
    )
    assert over.budget_ms["ack"] == 200 and over.over == ()
    assert decode("metrics", encode("metrics", over)) == over
    assert b"secret" not in msgspec.json.encode(over)


def test_the_state_has_percentiles_since_the_start_and_stays_small():
    told = Told()
    assert told.latency.since_start is None
    figures = [310 + 7 * number for number in range(40)]
    for number, figure in enumerate(figures, 1):
        told.answer(number, figure)
    latency = told.latency.since_start
    assert latency.percentiles["voice_to_voice"].n == 40 and latency.calls_per_turn == 1.0
    assert latency.percentiles["voice_to_voice"].p50_ms == pytest.approx(
        statistics.median_low(figures), rel=0.011
    )
    state = State(latency=latency)
    assert decode("state", encode("state", state)) == state and len(encode("state", state)) < 2000


def test_each_minute_tells_its_own_turns_in_histograms_that_add_up():
    told = Told()
    told.answer(1, 400)
    (first,) = told.latency.messages(60 * v.RATE_HZ)
    assert first.seconds == 60 and first.counted["turns"] == 1 and first.counters == {"audio.overruns": 3}
    assert told.latency.messages(60 * v.RATE_HZ + v.FRAME) == []
    told.now = 61 * v.RATE_HZ
    told.answer(2, 500)
    told.answer(3, 600)
    (second,) = told.latency.messages(120 * v.RATE_HZ)
    assert second.counted["turns"] == 2
    read = decode("metrics", encode("metrics", second))
    both = Sketch(read.histograms["voice_to_voice"])
    both.merge(Sketch(first.histograms["voice_to_voice"]))
    assert both.n == 3 and both.quantile(0.5) == pytest.approx(500, rel=ACCURACY)


def test_a_quiet_minute_is_told_too():
    (quiet,) = Told().latency.messages(60 * v.RATE_HZ)
    assert quiet.counted == {} and quiet.histograms == {}
