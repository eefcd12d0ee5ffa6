"""Timelines: what each stage cost, with and without guesses, from the events and commands of the steps."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from device import values as v
from device.config.schema import BudgetSection
from device.latency.timeline import STAGES, Timeline, budget_of, over_budget
from device.latency.watcher import REMEMBERED, Watcher
from device.values import ms, samples

S = v.RATE_HZ
VOLUME = v.Intent("set_volume", {"volume": 40})


class Story:
    """A watcher that is told events and commands at times in ms."""

    def __init__(self) -> None:
        self.watcher, self.now = Watcher(), 0

    def at(self, when_ms: float, *happenings: v.Event | v.Command) -> Story:
        self.now = samples(when_ms)
        for one in happenings:
            if isinstance(one, v.Event):
                self.watcher.event(one, self.now)
            else:
                self.watcher.command(one, self.now, self.now + samples(20))
        return self

    def said(self, last_ms: float, decided_ms: float, final_ms: float, utterance: int = 1) -> Story:
        """Speech that ends at ``last_ms``, is decided to be over, and understood."""
        last, decided = samples(last_ms), samples(decided_ms)
        self.at(decided_ms, v.Endpoint(decided, utterance, last), v.Finalise(utterance))
        return self.at(final_ms, v.Final(last, utterance, "what is the moon made of"))

    def lines(self) -> list[Timeline]:
        return self.watcher.take()

    def line(self) -> Timeline:
        """The one timeline that is over."""
        (over,) = [line for line in self.lines() if line.outcome != "speaking"]
        return over


def costs_ms(line: Timeline) -> dict[str, float]:
    return {stage: ms(cost) for stage, cost in line.costs().items()}


def moments_ms(line: Timeline) -> dict[str, float]:
    return {name: ms(at) for name, at in line.at.items()}


def plain_turn() -> Story:
    story = Story().said(1000, 1400, 1500).at(1500, v.OpenTurn(1, "what is the moon made of"))
    story.at(1540, v.TurnAcked(samples(1540), 1)).at(1700, v.TurnDelta(samples(1700), 1, "Rock"))
    story.at(1700, v.ReplyBegin(1, turn=1), v.ReplyText(1, "Rock"))
    story.at(1800, v.FirstClause(samples(1800), 1)).at(1850, v.ReplyStarted(samples(1850), 1))
    return story


def test_every_stage_of_a_plain_turn_costs_its_own_time_and_together_they_are_voice_to_voice():
    line = plain_turn().at(3000, v.ReplyEnded(samples(3000), 1, "Rock and dust.", 3)).line()
    assert costs_ms(line) == {
        "endpoint": 400, "commit": 100, "ack": 40, "first_token": 160, "first_clause": 100, "first_sample": 50,
    }  # fmt: skip
    assert ms(line.voice_to_voice) == 850 == sum(costs_ms(line).values())
    assert (line.outcome, line.heard_words, line.calls, line.wasted) == ("heard", 3, 1, 0)
    assert moments_ms(line)["end"] == 3000 and not line.stalled


def test_a_turn_is_told_when_it_becomes_audible_and_again_when_it_is_over():
    story = plain_turn()
    (speaking,) = story.lines()
    assert speaking.outcome == "speaking" and speaking.heard_words is None
    story.at(2500, v.ReplyCut(samples(2500), 1, "Rock and", 8, 2, 650))
    (over,) = story.lines()
    assert over.number == speaking.number == 1
    assert (over.outcome, over.heard_words, over.heard_ms) == ("cut", 2, 650)
    assert speaking.outcome == "speaking", "what was told before has not changed"


def test_what_a_guess_did_before_the_commit_costs_nothing_after_it():
    story = Story().at(
        1200, v.PlausibleEnd(samples(1200), 1, samples(1000)), v.OpenTurn(1, "hello", speculative=True)
    )
    story.at(1250, v.TurnAcked(samples(1250), 1)).at(1300, v.TurnDelta(samples(1300), 1, "Hi."))
    story.at(1300, v.ReplyBegin(1, gated=True, turn=1)).at(1310, v.FirstClause(samples(1310), 1))
    story.said(1000, 1400, 1500).at(1500, v.CommitTurn(1), v.Release(1))
    line = story.at(1530, v.ReplyStarted(samples(1530), 1), v.ReplyEnded(samples(2000), 1, "Hi.", 1)).line()
    assert costs_ms(line) == {
        "endpoint": 400, "commit": 100, "ack": 0, "first_token": 0, "first_clause": 0, "first_sample": 30,
    }  # fmt: skip
    assert moments_ms(line)["first_token"] == 1300 and moments_ms(line)["plausible"] == 1200
    assert moments_ms(line)["sent"] == 1200 < moments_ms(line)["commit"]
    assert (line.calls, line.wasted) == (1, 0)


def test_a_stage_that_was_only_half_over_before_the_commit_costs_its_other_half():
    story = Story().at(1200, v.OpenTurn(1, "hello", speculative=True)).at(1210, v.TurnAcked(samples(1210), 1))
    story.said(1000, 1400, 1500).at(1500, v.CommitTurn(1)).at(1800, v.TurnDelta(samples(1800), 1, "Hi."))
    story.at(1800, v.ReplyBegin(1, turn=1), v.FirstClause(samples(1800), 1))
    line = story.at(1900, v.ReplyStarted(samples(1900), 1), v.ReplyEnded(samples(2000), 1, "Hi.", 1)).line()
    assert costs_ms(line)["ack"] == 0 and costs_ms(line)["first_token"] == 300


def test_guesses_that_came_to_nothing_are_calls_of_the_question_that_was_asked():
    story = Story().at(500, v.OpenTurn(1, "hello", speculative=True)).at(900, v.CancelTurn(1, "not_said"))
    story.at(1200, v.OpenTurn(2, "hello what", speculative=True)).at(1250, v.TurnAcked(samples(1250), 2))
    story.at(1260, v.TurnDelta(samples(1260), 2, "What")).at(1300, v.ReviseTurn(2, 3, "hello what is up"))
    story.said(1000, 1400, 1500).at(1500, v.CommitTurn(3)).at(1600, v.TurnDelta(samples(1600), 3, "Fine."))
    story.at(1600, v.ReplyBegin(1, turn=3)).at(1700, v.ReplyStarted(samples(1700), 1))
    line = story.at(2000, v.ReplyEnded(samples(2000), 1, "Fine.", 1)).line()
    assert (line.calls, line.wasted) == (3, 2)
    assert moments_ms(line)["first_token"] == 1600, "what an older revision said does not count"
    assert moments_ms(line)["ack"] == 1250 and moments_ms(line)["sent"] == 1300


def test_the_plausible_end_is_that_of_the_last_pause():
    story = Story().at(600, v.PlausibleEnd(samples(600), 1, samples(400)))
    story.at(1200, v.PlausibleEnd(samples(1200), 1, samples(1000))).said(1000, 1400, 1500)
    line = story.at(1500, v.OpenTurn(1, "x"), v.TurnFailed(samples(1500), 1, "no_worker")).line()
    assert moments_ms(line)["plausible"] == 1200


def test_a_local_command_is_measured_to_the_first_sample_of_what_is_said_about_it():
    story = Story().said(1000, 1300, 1400).at(1400, v.Act(VOLUME)).at(1410, v.Say(7, "Forty."))
    story.at(1410, v.FirstClause(samples(1410), 7)).at(1450, v.ReplyStarted(samples(1450), 7))
    line = story.at(1900, v.ReplyEnded(samples(1900), 7, "Forty.", 1)).line()
    assert line.kind == "command" and line.calls == 0
    assert costs_ms(line) == {"endpoint": 300, "commit": 100, "first_clause": 10, "first_sample": 40}


def test_a_local_command_that_was_prepared_is_measured_to_its_release():
    story = (
        Story()
        .at(1200, v.Preview(VOLUME), v.ReplyBegin(7, gated=True))
        .at(1210, v.FirstClause(samples(1210), 7))
    )
    story.said(1000, 1300, 1400).at(1400, v.Act(VOLUME), v.Release(7)).at(
        1420, v.ReplyStarted(samples(1420), 7)
    )
    line = story.at(1900, v.ReplyEnded(samples(1900), 7, "Forty.", 1)).line()
    assert costs_ms(line) == {"endpoint": 300, "commit": 100, "first_clause": 0, "first_sample": 20}
    assert moments_ms(line)["sent"] == 1200


def test_a_local_command_that_is_answered_by_a_sound_ends_with_it():
    line = Story().said(1000, 1300, 1400).at(1400, v.Act(VOLUME)).at(1410, v.Earcon("done")).line()
    assert (line.kind, line.outcome, ms(line.voice_to_voice)) == ("command", "heard", 430)


def test_without_an_endpoint_the_end_of_speech_is_that_of_the_detector():
    story = Story().at(1300, v.BargeInEnded(samples(1300), samples(1100))).at(1350, v.Finalise(4))
    story.at(1400, v.Final(samples(1400), 4, "what about mars")).at(1400, v.OpenTurn(1, "what about mars"))
    line = story.at(1500, v.TurnFailed(samples(1500), 1, "no_worker")).line()
    assert ms(line.speech_end) == 1100 and costs_ms(line) == {"endpoint": 250, "commit": 50}


def test_an_echo_is_no_end_of_speech():
    story = Story().said(1000, 1300, 1400).at(1410, v.BargeInEnded(samples(1410), samples(1390), echo=True))
    line = story.at(1500, v.OpenTurn(1, "x"), v.TurnFailed(samples(1500), 1, "no_worker")).line()
    assert ms(line.speech_end) == 1000


@pytest.mark.parametrize(
    ("what", "outcome", "code"),
    [
        (v.TurnFailed(samples(1600), 1, "no_worker"), "failed", "no_worker"),
        (v.TurnEnded(samples(1600), 1), "empty", ""),
        (v.CancelTurn(1, "stop"), "cancelled", "stop"),
        (v.CancelTurn(1, "timeout"), "failed", "timeout"),
        (v.CancelTurn(1, "superseded"), "superseded", "superseded"),
    ],
)
def test_a_turn_that_nobody_heard_says_why(what, outcome, code):
    line = Story().said(1000, 1400, 1500).at(1500, v.OpenTurn(1, "x")).at(1600, what).line()
    assert (line.outcome, line.code, line.voice_to_voice) == (outcome, code, None)


def test_an_answer_that_breaks_off_is_heard_and_says_why():
    story = plain_turn().at(2000, v.TurnFailed(samples(2000), 1, "lost"))
    line = story.at(2500, v.ReplyEnded(samples(2500), 1, "Rock", 1)).line()
    assert (line.outcome, line.code) == ("heard", "lost")


def test_going_on_speaking_makes_one_question_of_two_with_the_calls_of_both():
    story = Story().said(1000, 1400, 1500).at(1500, v.OpenTurn(1, "tell me"))
    story.at(1800, v.CancelTurn(1, "superseded")).said(2000, 2400, 2500, utterance=2).at(
        2500, v.OpenTurn(2, "all")
    )
    first, second = story.at(2600, v.TurnFailed(samples(2600), 2, "busy")).lines()
    assert (first.outcome, second.calls, second.wasted) == ("superseded", 2, 1)


def test_a_question_that_was_asked_late_is_a_stall():
    line = Story().said(1000, 2150, 2210).at(2210, v.OpenTurn(1, "x"), v.CancelTurn(1, "stop")).line()
    assert line.stalled
    line = Story().said(1000, 2150, 2200).at(2200, v.OpenTurn(1, "x"), v.CancelTurn(1, "stop")).line()
    assert not line.stalled


def test_the_sound_of_thinking_is_a_moment_of_the_turn_that_takes_so_long():
    story = Story().said(1000, 1400, 1500).at(1500, v.OpenTurn(1, "x")).at(3000, v.Earcon("thinking"))
    assert moments_ms(story.at(3500, v.CancelTurn(1, "stop")).line())["thinking"] == 3020


def test_what_never_ends_is_forgotten_and_counted():
    story = Story()
    for turn in range(REMEMBERED + 3):
        story.at(turn, v.OpenTurn(turn, "x", speculative=True))
    assert story.watcher.lost == 3 and not story.lines()


def test_stages_over_their_budget_are_named_in_the_order_of_the_way():
    budget = budget_of(BudgetSection(ack_ms=39, first_clause_ms=99))
    line = plain_turn().lines()[0]
    assert over_budget(line.costs(), budget) == ("ack", "first_clause")
    assert over_budget(line.costs(), budget_of(BudgetSection(ack_ms=40, first_clause_ms=100))) == ()


def test_the_budget_has_a_key_for_every_stage():
    assert list(budget_of(BudgetSection())) == list(STAGES)


@given(st.dictionaries(st.sampled_from(STAGES), st.integers(-S, 5 * S)))
def test_costs_are_never_negative_and_add_up_to_the_latest_moment(at):
    costs = Timeline("turn", 0, at).costs()
    assert all(cost >= 0 for cost in costs.values())
    assert sum(costs.values()) == max([0, *at.values()])


EVENTS = st.one_of(
    st.builds(v.PlausibleEnd, st.integers(0, S), st.integers(1, 3), st.integers(0, S)),
    st.builds(v.Endpoint, st.integers(0, S), st.integers(1, 3), st.integers(0, S)),
    st.builds(v.Final, st.integers(0, S), st.integers(1, 3), st.just("x")),
    st.builds(v.TurnAcked, st.integers(0, S), st.integers(1, 3)),
    st.builds(v.TurnDelta, st.integers(0, S), st.integers(1, 3), st.just("x")),
    st.builds(v.TurnEnded, st.integers(0, S), st.integers(1, 3)),
    st.builds(v.TurnFailed, st.integers(0, S), st.integers(1, 3), st.just("busy")),
    st.builds(v.FirstClause, st.integers(0, S), st.integers(1, 3)),
    st.builds(v.ReplyStarted, st.integers(0, S), st.integers(1, 3)),
    st.builds(v.ReplyEnded, st.integers(0, S), st.integers(1, 3), st.just("x"), st.just(1)),
    st.builds(
        v.ReplyCut, st.integers(0, S), st.integers(1, 3), st.just("x"), st.just(1), st.just(1), st.just(9)
    ),
    st.builds(v.OpenTurn, st.integers(1, 3), st.just("x"), speculative=st.booleans()),
    st.builds(v.ReviseTurn, st.integers(1, 3), st.integers(1, 3), st.just("x")),
    st.builds(v.CommitTurn, st.integers(1, 3)),
    st.builds(v.CancelTurn, st.integers(1, 3), st.sampled_from(["stop", "superseded", "timeout"])),
    st.builds(v.ReplyBegin, st.integers(1, 3), st.booleans(), st.sampled_from([None, 1, 2, 3])),
    st.builds(v.Say, st.integers(1, 3), st.just("x")),
    st.builds(v.Release, st.integers(1, 3)),
    st.builds(v.Cancel, st.integers(1, 3)),
    st.builds(v.Act, st.just(VOLUME)),
    st.builds(v.Earcon, st.sampled_from(["done", "thinking"])),
)


@given(st.lists(EVENTS, max_size=40))
@example([v.Act(VOLUME), v.Say(1, "x"), v.Act(VOLUME), v.ReplyStarted(0, 1)])
def test_whatever_happens_a_timeline_ends_once_and_its_calls_are_counted_once(happenings):
    story = Story()
    for when, one in enumerate(happenings):
        story.at(when * 10, one)
    over = [line for line in story.lines() if line.outcome != "speaking"]
    assert len(over) == len({line.number for line in over})
    lines = [line for line in over if line.outcome != "superseded"]
    asked = sum(isinstance(one, v.OpenTurn | v.ReviseTurn) for one in happenings)
    assert sum(line.calls for line in lines) <= asked
    assert all(0 <= line.wasted <= line.calls for line in lines)
