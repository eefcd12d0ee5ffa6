"""Habits: how this speaker talks, and how long that makes us wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.config import Config
from device.ear.completeness import Completeness
from device.ear.habits import CONVERSATION, USUAL_RATE, Habits
from device.ear.patience import Patience
from device.values import samples

ADAPTIVE = Patience(Config())
COMMAND, COMPLETE, NEUTRAL, CONTINUABLE, OPEN = Completeness
LEAST, MOST = samples(Config().endpointing.min_ms), samples(Config().endpointing.max_ms)


def with_strategy(strategy, **keys):
    config = Config()
    return Patience(Config(endpointing=type(config.endpointing)(strategy=strategy, **keys)))


def utterance(habits, at, pauses=(), rate=None, by_words=True):
    """One utterance of 2 s from ``at`` on; returns its last sample."""
    habits.began(at)
    for pause in pauses:
        habits.paused(samples(pause))
    last = at + samples(2000)
    habits.finished(last, rate, by_words)
    return last


def test_who_pauses_inside_sentences_is_waited_for():
    habits, at = Habits(), 0
    before = ADAPTIVE.wait(NEUTRAL, habits)
    for _ in range(3):
        at = utterance(habits, at, pauses=(300, 380)) + samples(5000)
    assert habits.pause > samples(380)
    assert ADAPTIVE.wait(NEUTRAL, habits) > max(before, samples(380))


def test_who_goes_on_right_after_we_took_him_for_finished_is_waited_for_longer_the_next_time():
    habits = Habits()
    before = habits.pause
    habits.began(utterance(habits, 0) + samples(450))
    assert habits.pause > before


@pytest.mark.parametrize("gap_ms", [2000, -20])
def test_who_speaks_again_later_or_was_never_quiet_was_not_cut_short(gap_ms):
    habits = Habits()
    last = utterance(habits, 0)
    before = habits.pause
    habits.began(last + samples(gap_ms))
    assert habits.pause == before


def test_who_answers_the_device_was_not_cut_short():
    habits = Habits()
    last = utterance(habits, 0)
    before = habits.pause
    habits.answered()
    habits.began(last + samples(450))
    assert habits.pause == before


def test_a_pause_that_the_words_explain_says_nothing_of_the_speaker():
    habits = Habits()
    last = utterance(habits, 0, by_words=False)
    before = habits.pause
    habits.began(last + samples(450))
    assert habits.pause == before


def test_fluent_sentences_make_it_quick_again():
    habits = Habits()
    at = utterance(habits, 0, pauses=(400, 400))
    slow = habits.pause
    for _ in range(20):
        at = utterance(habits, at + samples(5000))
    assert habits.pause < slow
    assert ADAPTIVE.wait(NEUTRAL, habits) == ADAPTIVE.wait(NEUTRAL, Habits())


def test_a_conversation_ends_after_a_minute_and_the_household_keeps_a_little_of_it():
    fresh, habits = Habits(), Habits()
    at = 0
    for _ in range(5):
        at = utterance(habits, at + samples(5000), pauses=(400, 400), rate=2.0)
    conversation = habits.pause
    habits.began(at + CONVERSATION)
    assert fresh.pause < habits.pause < (fresh.pause + conversation) / 2
    assert 2.0 < habits.rate < USUAL_RATE


def test_within_the_minute_it_is_the_same_conversation():
    habits = Habits()
    at = utterance(habits, 0, pauses=(400, 400))
    before = habits.pause
    habits.began(at + CONVERSATION - 1)
    assert habits.pause == before


def test_fast_talkers_are_answered_sooner_and_slow_ones_later_within_bounds():
    habits = Habits()
    waits = [ADAPTIVE.wait(NEUTRAL, habits, rate) for rate in (1.0, 2.2, 3.3, 4.0, 6.0)]
    assert waits == sorted(waits, reverse=True)
    assert LEAST <= waits[-1] < waits[2] < waits[0] <= samples(450)


def test_a_rate_that_nobody_speaks_at_is_not_believed():
    habits = Habits()
    utterance(habits, 0, rate=40.0)
    assert habits.rate == USUAL_RATE


def test_the_waits_are_ordered_as_the_words_are():
    waits = [ADAPTIVE.wait(completeness, Habits()) for completeness in Completeness]
    assert waits[0] == LEAST
    assert waits == sorted(waits)
    assert waits[-1] <= MOST
    assert ADAPTIVE.wait(None, Habits()) == samples(Config().endpointing.silence_ms)


def test_fixed_waits_the_same_for_everything():
    fixed = with_strategy("fixed", silence_ms=700)
    assert {fixed.wait(c, Habits(), 1.0, 0.9) for c in (None, *Completeness)} == {samples(700)}


def test_a_model_that_is_sure_shortens_the_wait_and_one_that_doubts_lengthens_it():
    model = with_strategy("model")
    for completeness in Completeness:
        waits = [model.wait(completeness, Habits(), None, p) for p in (0.0, 0.25, 0.5, 0.75, 1.0)]
        assert waits == sorted(waits, reverse=True)
        assert waits[2] == model.wait(completeness, Habits()) == ADAPTIVE.wait(completeness, Habits())
    assert model.wait(OPEN, Habits(), None, 1.0) == model.wait(OPEN, Habits())
    assert model.wait(CONTINUABLE, Habits(), None, 1.0) <= samples(250)
    assert model.wait(NEUTRAL, Habits(), None, 0.0) >= samples(500)
    assert ADAPTIVE.wait(NEUTRAL, Habits(), None, 0.0) == ADAPTIVE.wait(NEUTRAL, Habits())


@given(
    st.sampled_from([None, *Completeness]),
    st.lists(st.floats(0, 3000), max_size=20),
    st.none() | st.floats(0.5, 10),
    st.none() | st.floats(0, 1),
    st.integers(100, 800),
    st.integers(300, 1200),
)
def test_the_wait_is_always_within_the_bounds_of_the_configuration(
    completeness, pauses, rate, p, least, most
):
    habits = Habits()
    for pause in pauses:
        habits.paused(samples(pause))
    most = max(least, most)
    wait = with_strategy("model", min_ms=least, max_ms=most).wait(completeness, habits, rate, p)
    assert samples(least) <= wait <= samples(most)
