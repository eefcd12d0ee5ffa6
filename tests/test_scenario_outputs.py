"""The picture and the transcript tell a run truthfully, whatever its length and its words."""

import itertools
import re

import numpy as np
import pytest

from device.scenario.expectations import Happened, judge_all
from device.scenario.measures import Sound, measure
from device.scenario.picture import draw
from device.scenario.result import Line, Result
from device.scenario.score import Mark, Window, make_strips, pack_labels, words_between
from device.scenario.tables import Expect
from device.scenario.timing import Span
from device.scenario.transcript import transcript

S = 16_000


def result(seconds: float, lines: list[Line], events: list[Happened], **options) -> tuple[Result, Sound]:
    count = int(seconds * S)
    rng = np.random.default_rng(0)
    sound = Sound(
        *(rng.standard_normal((3, count)) * 0.01).astype(np.float32), np.zeros(count // 160, np.float32)
    )
    for one in events:
        if one.event == "reply_start":
            sound.gain[one.position // 160 :] = 1.0
        elif one.event in ("reply_end", "reply_cut"):
            sound.gain[one.position // 160 :] = 0.0
    said = {line.id: line.span for line in lines}
    verdicts = judge_all([Expect(event="turn", of="a", within_ms=900)], events, said, count, over=True)
    measures = measure(events, said, sound)
    return Result(
        "A title", "a.toml", "sample", 1, seconds, 1.0, lines, events, verdicts, measures, **options
    ), sound


def line(at: float, name: str = "a", text: str = "What is | the weather?") -> Line:
    return Line(name, text, "flite:slt", Span(int(at * S), int(at * S), int((at + 1) * S)))


def reply(number: int, start: float, end: float, text: str, cut: bool = False) -> list[Happened]:
    data = {"reply": number, "interrupted": cut}
    return [
        Happened("reply_start", int(start * S), text, "a", data),
        Happened("reply_cut" if cut else "reply_end", int(end * S), text, "a", data),
        Happened("heard", int(end * S), text, "a", data),
    ]


def test_the_transcript_tells_who_said_what_and_what_was_cut():
    events = [
        Happened("turn", int(2.5 * S), "what is the weather", "a"),
        *reply(1, 3, 5, "Sunny and", cut=True),
    ]
    told = transcript(result(6, [line(1)], events)[0])
    assert "| 1.00 s | talker (flite:slt) | “What is \\| the weather?” |" in told
    assert "| 3.00 s | **earshot** | Sunny and — *cut off* |" in told
    assert "| held | turn of a within 900 ms | 500 ms |" in told


def test_the_transcript_names_what_failed_and_a_reply_that_never_ended():
    begun = reply(1, 3, 5, "And then")[:1]
    told = transcript(result(6, [line(1)], begun, troubles=["line 'b' was never spoken"])[0])
    assert (
        "**not as expected**" in told and "| **failed** | turn of a within 900 ms | no turn at all |" in told
    )
    assert "And then … *still speaking at the end*" in told and "- line 'b' was never spoken" in told


def test_a_long_run_is_drawn_in_strips_that_break_where_it_is_quiet():
    talk = [line(at, f"l{at}") for at in (1, 8, 14.5, 22, 30, 39)]
    windows = make_strips(*result(45, talk, []))
    assert len(windows) == 3
    assert len({round(window.edge - window.start, 6) for window in windows}) == 1, "all at the same scale"
    for window in windows[1:]:
        assert not any(one.span.first <= window.start * S <= one.span.last for one in talk), window


def test_a_short_run_is_one_strip_that_ends_soon_after_the_last_sound():
    (window,) = make_strips(*result(14, [line(1)], reply(1, 3, 5, "Sunny.")))
    assert window.start == 0 and 5 < window.edge < 7


def test_labels_never_run_into_one_another():
    window = Window(0.0, 15.0, 15.0)
    marks = [Mark(1 + 0.1 * i, "s", "black", "a label of some length") for i in range(30)]
    rows = pack_labels(marks, [], window)
    assert sum(map(len, rows)) == 30
    for row in rows:
        starts = sorted(mark.at_s for mark in row)
        assert all(b - a > len(marks[0].label) / window.chars_per_s for a, b in itertools.pairwise(starts))


@pytest.mark.parametrize("cuts", [[0, 0.5, 1], [0, 0.3, 0.31, 0.9, 1], [-1, 2]])
def test_a_reply_over_several_strips_loses_no_word(cuts):
    text = "Once there was a lighthouse on an island far out in the sea."
    parts = [words_between(text, a, b) for a, b in itertools.pairwise(cuts)]
    words = " ".join(re.sub(r"^… | …$", "", part) for part in parts).split()
    assert [word for word in words if word != "…"] == text.split()


@pytest.mark.parametrize("seconds", [0.5, 6.0, 40.0])
def test_a_picture_is_drawn_of_any_run(seconds, tmp_path):
    lines = [line(1)] if seconds > 2 else []
    events = (
        [Happened("wake", S, "alexa", "a"), *reply(1, 3, 5, "Sunny $\\frac{ and warm.")]
        if seconds > 2
        else []
    )
    for name in ("duck", "hold", "cancel", "resume", "error", "final"):
        events += [Happened(name, int(4 * S), "", "a")] if seconds > 2 else []
    draw(*result(seconds, lines, events), tmp_path / "timeline.png")
    assert (tmp_path / "timeline.png").stat().st_size > 5000
