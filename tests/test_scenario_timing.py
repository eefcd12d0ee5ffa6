"""Lines are spoken when their cue comes: the cues' meanings, one by one."""

import pytest

from device.scenario.tables import Say
from device.scenario.timing import Cues, Span

S = 16_000


SPOKEN = Span(S, S + 100, 2 * S)


def said(after: str, plus_ms: int = 0, before: Span | None = SPOKEN) -> Cues:
    """A line "b" that waits for ``after``; the line "a" before it was spoken at ``before``."""
    cues = Cues([Say(id="a", text="a", at_s=1.0), Say(id="b", text="b", after=after, plus_ms=plus_ms)])
    if before:
        cues.said("a", before)
    return cues


def starts(cues: Cues, position: int) -> list[tuple[str, int]]:
    return [(line.id, start) for line, start in cues.due(position)]


def test_a_line_with_a_time_begins_at_it():
    cues = Cues([Say(id="a", text="a", at_s=1.5)])
    assert starts(cues, S) == []
    assert starts(cues, int(1.45 * S)) == [("a", int(1.5 * S))]


def test_a_line_after_another_counts_from_its_last_sample():
    assert starts(said("a", plus_ms=250), 2 * S) == []
    assert starts(said("a", plus_ms=250), 2 * S + 3200) == [("b", 2 * S + 1 + 4000)]


def test_a_line_may_begin_before_the_other_has_ended():
    assert starts(said("a", plus_ms=-500), S + S // 2 - 100) == [("b", S + S // 2 + 1)]


def test_a_cue_in_the_past_is_taken_up_at_once():
    cues = said("reply_start")
    cues.reply_started(1, 3 * S)
    assert starts(cues, 3 * S + 160) == [("b", 3 * S + 160)]


def test_a_wake_word_from_before_the_previous_line_does_not_count():
    cues = said("wake")
    cues.wake(S)
    assert starts(cues, 3 * S) == []
    cues.wake(S + 8000)
    assert starts(cues, 3 * S) == [("b", 3 * S)]


def test_reply_start_is_the_next_reply_after_the_previous_line_began():
    cues = said("reply_start", plus_ms=1000)
    cues.reply_started(1, S // 2)
    assert starts(cues, 5 * S) == []
    cues.reply_started(2, 4 * S)
    assert starts(cues, 4 * S) == []
    assert starts(cues, 5 * S - 800) == [("b", 5 * S)]


def test_reply_end_skips_the_reply_that_the_previous_line_cut_off():
    cues = said("reply_end")
    cues.reply_started(1, S // 2)
    cues.reply_over(1, S + 4000, cut=True)
    assert starts(cues, 3 * S) == []
    cues.reply_started(2, 3 * S)
    cues.reply_over(2, 4 * S, cut=False)
    assert starts(cues, 4 * S) == [("b", 4 * S)]


def test_reply_end_is_the_end_of_the_reply_that_a_cough_did_not_stop():
    cues = said("reply_end")
    cues.reply_started(1, S // 2)
    cues.reply_over(1, 6 * S, cut=False)
    assert starts(cues, 6 * S) == [("b", 6 * S)]


def test_a_reply_that_was_never_audible_has_no_end():
    cues = said("reply_end")
    cues.reply_over(9, 3 * S, cut=True)
    assert starts(cues, 4 * S) == []


def test_quiet_takes_half_a_second_without_sound_all_of_it_after_the_previous_line():
    cues = said("quiet")
    for position in range(0, 2 * S, 160):
        cues.sounding(position, audible=position < S)
    assert starts(cues, 2 * S) == [], "the line before is not over"
    for position in range(2 * S, 3 * S, 160):
        cues.sounding(position, audible=position < 2 * S + 4000)
        if starts(cues, position):
            break
    assert position == pytest.approx(2 * S + 4000 + S // 2, abs=320)


def test_a_first_line_can_wait_for_what_the_device_does_by_itself():
    cues = Cues([Say(id="a", text="a", after="reply_end")])
    cues.reply_started(1, 100)
    cues.reply_over(1, S, cut=False)
    assert starts(cues, S) == [("a", S)]


def test_a_line_that_waits_for_an_unspoken_line_waits_on():
    cues = said("wake", before=None)
    cues.wake(S)
    assert starts(cues, S) == [("a", S)], "only the line with a time of its own"
    assert [line.id for line in cues.waiting()] == ["a", "b"]


def test_the_cues_know_whether_somebody_speaks_or_is_about_to():
    cues = said("wake")
    assert cues.speaking(S + 50) and not cues.speaking(2 * S + 1)
    assert cues.scheduled(S - 1) and not cues.scheduled(S)
