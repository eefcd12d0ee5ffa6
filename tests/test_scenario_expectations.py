"""Expectations are met, missed or not yet decided; times count from the edge that the event answers to."""

import pytest

from device.scenario.expectations import Happened, judge, line_of
from device.scenario.tables import Expect
from device.scenario.timing import Span

S = 16_000
SAID = {"q": Span(S, S + 800, 2 * S), "cut": Span(5 * S, 5 * S + 160, 6 * S)}


def at_ms(position: int, milliseconds: float) -> int:
    return position + round(milliseconds * 16)


@pytest.mark.parametrize(
    "event", ["partial", "final", "intent", "turn", "reply_start", "resume", "heard", "error"]
)
def test_what_answers_speech_counts_from_its_last_sample(event):
    happened = [Happened(event, at_ms(2 * S, 700), "x", "q")]
    assert judge(Expect(event=event, of="q", within_ms=700), happened, SAID, 4 * S).passed is True
    late = judge(Expect(event=event, of="q", within_ms=699), happened, SAID, 4 * S)
    assert late.passed is False and late.measured_ms == 700 and "came after 700 ms" in late.why


@pytest.mark.parametrize("event", ["wake", "duck", "hold", "cancel"])
def test_what_reacts_to_speech_counts_from_its_first_sample(event):
    happened = [Happened(event, at_ms(5 * S + 160, 120), "", "cut")]
    verdict = judge(Expect(event=event, of="cut", within_ms=120), happened, SAID, 7 * S)
    assert verdict.passed is True and verdict.measured_ms == 120


def test_nothing_is_decided_before_the_time_allowed_is_over():
    expect = Expect(event="turn", of="q", within_ms=500)
    assert judge(expect, [], SAID, at_ms(2 * S, 500)).passed is None
    assert judge(expect, [], SAID, at_ms(2 * S, 501)).passed is False
    assert judge(expect, [], {}, 9 * S).passed is None, "the line was not yet spoken"


def test_without_a_time_allowed_the_end_decides():
    expect = Expect(event="turn", of="q")
    assert judge(expect, [], SAID, 20 * S).passed is None
    verdict = judge(expect, [], SAID, 20 * S, over=True)
    assert verdict.passed is False and verdict.why == "no turn at all"


def test_text_is_compared_as_part_and_without_case():
    happened = [Happened("turn", 3 * S, "What TIME is it", "q")]
    assert judge(Expect(event="turn", of="q", text="time is"), happened, SAID, 4 * S).passed is True
    other = judge(Expect(event="turn", of="q", text="weather"), happened, SAID, 4 * S, over=True)
    assert other.passed is False and "What TIME is it" in other.why


def test_an_event_of_another_line_does_not_count():
    happened = [Happened("turn", 7 * S, "x", "cut")]
    assert judge(Expect(event="turn", of="q"), happened, SAID, 9 * S, over=True).passed is False
    assert judge(Expect(event="turn", of="cut"), happened, SAID, 9 * S, over=True).passed is True


def test_an_event_before_its_line_does_not_count():
    happened = [Happened("duck", S, "", "q")]
    assert judge(Expect(event="duck", of="cut", within_ms=400), happened, SAID, 9 * S).passed is False


def test_something_absent_fails_as_soon_as_it_happens_and_holds_at_the_end_only():
    expect = Expect(event="cancel", absent=True)
    assert judge(expect, [], SAID, 9 * S).passed is None
    assert judge(expect, [], SAID, 9 * S, over=True).passed is True
    seen = judge(expect, [Happened("cancel", 6 * S, "", "cut")], SAID, 9 * S)
    assert seen.passed is False and "6.00 s" in seen.why


def test_absence_can_be_limited_to_a_time_and_a_text():
    late = [Happened("turn", at_ms(2 * S, 900), "hello", "q")]
    assert judge(Expect(event="turn", of="q", within_ms=800, absent=True), late, SAID, 4 * S).passed is True
    assert judge(Expect(event="turn", of="q", within_ms=900, absent=True), late, SAID, 4 * S).passed is False
    assert judge(Expect(event="turn", text="bye", absent=True), late, SAID, 4 * S, over=True).passed is True


def test_an_expectation_of_a_line_that_was_never_spoken_fails():
    for absent in (False, True):
        verdict = judge(Expect(event="turn", of="b", absent=absent), [], SAID, 9 * S, over=True)
        assert verdict.passed is False and "never spoken" in verdict.why


def test_with_one_line_only_the_time_counts_from_it():
    one = {"q": SAID["q"]}
    happened = [Happened("wake", at_ms(S + 800, 300), "alexa", "q")]
    assert judge(Expect(event="wake", within_ms=300), happened, one, 3 * S).measured_ms == 300


def test_recognised_words_belong_to_the_line_they_were_spoken_in():
    assert line_of(5 * S + 8000, SAID, (S + 900, 2 * S)) == "q", (
        "a final that comes while the next line is spoken"
    )
    assert line_of(5 * S + 8000, SAID) == "cut"
    assert line_of(100, SAID) == ""
