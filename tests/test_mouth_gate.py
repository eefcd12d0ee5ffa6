"""The mouth's gate: a guessed answer is made and not heard until it is released, and leaves no trace if it is not."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from helpers_mouth import KOKORO_TINY, STORY, RecordingDoor, Rig, espeak_door, fragile_door
from hypothesis import given, settings
from hypothesis import strategies as st

from device import values as v
from device.engines import InProcessDoor
from device.mouth.voices import FACTORIES
from device.mouth.voices.messages import VoiceSettings

LATE = "It is late, and the moon is up. Good night."


def kokoro_door() -> InProcessDoor:
    """Computes the same samples every time, which espeak-ng does not."""
    model = VoiceSettings("kokoro", "", 1.0, str(KOKORO_TINY), 1)
    return InProcessDoor("voice", FACTORIES["kokoro"], model)


def gated(number: int, text: str, finish: bool = True) -> list[v.Command]:
    return [v.ReplyBegin(number, gated=True), v.ReplyText(number, text)] + [v.ReplyFinish(number)] * finish


def test_a_gated_reply_is_made_up_to_its_first_clause_and_not_heard() -> None:
    rig = Rig(voice=RecordingDoor(espeak_door()))
    playing = []
    rig.do(*gated(1, LATE))
    for _ in range(100):
        frame = rig.engine.capture()
        playing.append(frame.playing)
        rig.events += rig.mouth.step(frame.position + v.FRAME)
        rig.engine.render()
        assert rig.engine.mixer.silent
    assert list(rig.voice.texts.values()) == ["It is late,"]
    assert [(type(e), e.reply) for e in rig.events] == [(v.FirstClause, 1)]
    assert not any(playing) and not rig.loudspeaker().any()
    assert rig.mouth.speaking is None and rig.mouth.heard(rig.position).words == 0


@pytest.mark.parametrize(("make", "clauses"), [(espeak_door, ["That is as loud as I can be."]),
                                               (kokoro_door, ["That is as loud,"])])  # fmt: skip
def test_a_guess_whose_whole_text_is_known_is_cut_early_for_a_slow_voice_only(make, clauses) -> None:
    rig = Rig(voice=RecordingDoor(make()))
    rig.run_ms(100)
    begin = v.ReplyBegin(1, gated=True, whole=True)
    rig.do(begin, v.ReplyText(1, "That is as loud as I can be."), v.ReplyFinish(1))
    rig.run_ms(100)
    assert list(rig.voice.texts.values()) == clauses


def test_a_released_reply_sounds_from_its_first_sample_in_the_next_block() -> None:
    rig, plain = Rig(voice=kokoro_door()), Rig(voice=kokoro_door())
    rig.do(*gated(1, LATE))
    for each in (rig, plain):
        each.run_ms(500)
    rig.do(v.Release(1))
    plain.say(LATE)
    rig.step()
    plain.step()
    assert rig.track.rendered == 240 and not rig.engine.mixer.silent
    for each in (rig, plain):
        each.run_until(lambda each=each: each.of(v.ReplyEnded))
    assert np.array_equal(rig.loudspeaker(), plain.loudspeaker())
    assert [(type(e), e.reply) for e in rig.events] == [
        (v.FirstClause, 1), (v.ReplyStarted, 1), (v.ReplyEnded, 1),
    ]  # fmt: skip


def test_text_that_comes_after_the_release_follows_without_a_gap() -> None:
    rig = Rig()
    rig.do(*gated(1, "It is late, and ", finish=False))
    rig.run_ms(300)
    rig.do(v.ReplyText(1, "the moon "), v.Release(1))
    rig.run_ms(100)
    rig.do(v.ReplyText(1, "is up. Good night."), v.ReplyFinish(1))
    rig.run_until(lambda: rig.of(v.ReplyEnded))
    assert rig.of(v.ReplyEnded)[0].heard == LATE
    assert rig.mouth.counters["dry"] == 0


@pytest.mark.parametrize("wait_ms", [0, 200])
def test_a_gated_reply_that_is_cancelled_was_not_heard_at_all(wait_ms: int) -> None:
    rig = Rig()
    rig.do(*gated(1, LATE))
    rig.run_ms(wait_ms)
    rig.do(v.Cancel(1), v.Release(1))
    rig.run_ms(500)
    [cut] = rig.of(v.ReplyCut)
    assert (cut.reply, cut.heard, cut.chars, cut.words, cut.ms) == (1, "", 0, 0, 0)
    assert not rig.loudspeaker().any() and not rig.of(v.ReplyStarted)
    assert rig.mouth.counters["unknown"] == 1  # the release that came too late


def test_a_gated_reply_is_made_while_another_is_spoken_and_does_not_disturb_it() -> None:
    rig, alone = Rig(voice=kokoro_door()), Rig(voice=kokoro_door())
    for each in (rig, alone):
        each.say(STORY)
        each.run_ms(800)
    rig.do(*gated(2, LATE))
    assert [e.reply for e in [*rig.events, *rig.step()] if isinstance(e, v.FirstClause)] == [1, 2]
    alone.step()
    for each in (rig, alone):
        each.run_until(lambda each=each: each.of(v.ReplyEnded))
    assert np.array_equal(rig.loudspeaker(), alone.loudspeaker())
    rig.run_ms(500)
    assert not rig.loudspeaker()[-v.samples(400) :].any()
    rig.do(v.Release(2))
    rig.run_until(lambda: len(rig.of(v.ReplyEnded)) == 2)


def test_a_reply_released_while_another_is_spoken_waits_for_its_end() -> None:
    rig = Rig()
    rig.say("One is here.", 1)
    rig.do(*gated(2, "Two is here."))
    rig.run_ms(200)
    rig.do(v.Release(2))
    rig.run_until(lambda: len(rig.of(v.ReplyEnded)) == 2)
    told = [(type(e).__name__, e.reply) for e in rig.events if not isinstance(e, v.FirstClause)]
    assert told == [(kind, n) for n in (1, 2) for kind in ("ReplyStarted", "ReplyEnded")]


def test_what_may_sound_does_not_wait_for_a_guess() -> None:
    rig = Rig()
    rig.do(*gated(1, "One is a guess."), *gated(2, "Two is a guess."), v.Say(3, "Three is here."))
    rig.run_until(lambda: rig.of(v.ReplyEnded))
    rig.do(v.Release(2))
    rig.run_until(lambda: len(rig.of(v.ReplyEnded)) == 2)
    assert [e.reply for e in rig.of(v.ReplyEnded)] == [3, 2]
    rig.do(v.Cancel(1))
    rig.run_ms(50)
    assert [(e.reply, e.ms) for e in rig.of(v.ReplyCut)] == [(1, 0)]


def test_duck_hold_and_resume_are_no_business_of_a_gated_reply() -> None:
    rig, plain = Rig(voice=kokoro_door()), Rig(voice=kokoro_door())
    rig.do(*gated(1, LATE), v.Duck())
    for each in (rig, plain):
        each.run_ms(100)
    rig.do(v.Hold())
    rig.run_ms(100)
    rig.do(v.Resume(), v.Duck(), v.Hold(), v.Release(1))
    plain.run_ms(100)
    plain.say(LATE)
    for each in (rig, plain):
        each.run_until(lambda each=each: each.of(v.ReplyEnded))
    assert np.array_equal(rig.loudspeaker(), plain.loudspeaker())


def test_a_gated_reply_with_nothing_to_say_ends_when_it_is_released() -> None:
    rig = Rig()
    rig.do(*gated(1, "  ***"))
    rig.run_ms(100)
    assert not rig.events
    rig.do(v.Release(1))
    rig.run_ms(30)
    assert [(type(e), e.heard) for e in rig.events] == [(v.ReplyEnded, "  ***")]


@pytest.mark.parametrize("chunks", [1, 6])
def test_a_voice_that_dies_behind_the_gate_makes_the_clause_again_and_nothing_is_heard_twice(
    tmp_path: Path, chunks: int
) -> None:
    rig, whole = Rig(voice=fragile_door(tmp_path, chunks, lives=1)), Rig()
    try:
        rig.do(*gated(1, LATE))
        rig.run_until(lambda: rig.mouth.counters["clauses"], pace=lambda: time.sleep(0.005))
        assert rig.mouth.counters["resent"] == 1 and not rig.loudspeaker().any()
        rig.do(v.Release(1))
        rig.run_until(lambda: rig.of(v.ReplyEnded), pace=lambda: time.sleep(0.001))
    finally:
        rig.voice.close()
    whole.say(LATE)
    whole.run_until(lambda: whole.of(v.ReplyEnded))
    lengths = [np.count_nonzero(np.abs(each.loudspeaker()) > 2e-3) for each in (rig, whole)]
    assert lengths[0] == pytest.approx(lengths[1], rel=0.03)


@pytest.mark.parametrize("over", [v.Release(1), v.Cancel(1)])
def test_a_gated_reply_that_the_voice_has_lost_ends_as_a_cut_once_it_is_wanted_or_not(
    tmp_path: Path, over: v.Command
) -> None:
    rig = Rig(voice=fragile_door(tmp_path, 1, lives=99))
    try:
        rig.do(*gated(1, LATE))
        rig.run_until(lambda: rig.of(v.EngineFailed), pace=lambda: time.sleep(0.005))
        rig.run_ms(100)
        assert not rig.of(v.ReplyCut)
        rig.do(over)
        rig.run_ms(500)
    finally:
        rig.voice.close()
    assert [cut.reply for cut in rig.of(v.ReplyCut)] == [1] and not rig.of(v.ReplyEnded)


NUMBERS = st.integers(1, 4)
ACTS = st.one_of(
    st.builds(lambda n: [v.ReplyBegin(n, gated=True)], NUMBERS),
    st.builds(lambda n: [v.ReplyBegin(n)], NUMBERS),
    st.builds(lambda n, text: [v.ReplyText(n, text)], NUMBERS, st.sampled_from(["Yes, it is, and ", LATE])),
    st.builds(lambda n: [v.ReplyFinish(n)], NUMBERS),
    st.builds(lambda n: [v.Release(n)], NUMBERS),
    st.builds(lambda n: [v.Cancel(n)], NUMBERS),
    st.sampled_from([[v.Duck()], [v.Duck(), v.Hold()], [v.Resume()]]),
    st.integers(1, 40),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ACTS, min_size=5, max_size=40))
def test_whatever_is_asked_in_whatever_order_nothing_gated_is_ever_rendered(acts: list) -> None:
    rig = Rig()
    shut: set[int] = set()
    for act in acts:
        if isinstance(act, int):
            for _ in range(act):
                rig.step()
                assert rig.engine.mixer.silent or rig.track.reply not in shut
            continue
        for command in act:
            unknown = rig.mouth.counters["unknown"]
            rig.do(command)
            if rig.mouth.counters["unknown"] == unknown and isinstance(command, v.ReplyBegin | v.Release):
                gate = isinstance(command, v.ReplyBegin) and command.gated
                (shut.add if gate else shut.discard)(command.reply)
    assert not {e.reply for e in rig.events if isinstance(e, v.ReplyStarted)} & shut
    rig.do(v.Resume(), *[c for n in range(1, 5) for c in (v.Release(n), v.ReplyFinish(n))])
    rig.run_ms(50)
    rig.run_until(lambda: rig.mouth.speaking is None, limit_s=200)
    begun = [e.reply for e in rig.of(v.FirstClause)]
    over = [e.reply for e in rig.of(v.ReplyEnded) + rig.of(v.ReplyCut)]
    assert all(over.count(number) >= begun.count(number) for number in begun)
