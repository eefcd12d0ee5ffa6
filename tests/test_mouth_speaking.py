"""The mouth in a simulated room with real espeak-ng: what is heard, in what order, and what of it is known."""

from __future__ import annotations

import random
import time
from pathlib import Path

import numpy as np
import pytest
from helpers_mouth import KOKORO_TINY, STORY, RecordingDoor, Rig, espeak_door, fragile_door

from device import values as v
from device.audio.levels import db_to_gain
from device.engines import InProcessDoor
from device.engines.process import open_door
from device.mouth.clauses import Splitter
from device.mouth.feed import PAUSE_MS
from device.mouth.voices import FACTORIES
from device.mouth.voices.messages import VoiceSettings


def ended(rig: Rig) -> bool:
    return bool(rig.of(v.ReplyEnded) or rig.of(v.ReplyCut))


def loud(samples: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.abs(samples) > 2e-3)


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_a_reply_starts_with_its_first_audible_sample_and_ends_with_its_last(rate_hz: int) -> None:
    rig = Rig(rate_hz=rate_hz)
    rig.run_ms(200)
    rig.say(STORY)
    rig.run_until(lambda: ended(rig))
    [start], [end] = rig.of(v.ReplyStarted), rig.of(v.ReplyEnded)
    rig.run_ms(300)
    sounding = loud(rig.loudspeaker())
    assert abs(sounding[0] - start.position) <= 48
    assert 0 <= end.position - sounding[-1] <= v.samples(PAUSE_MS["none"] + 25)
    assert (end.heard, end.words) == (STORY, len(STORY.split()))
    assert [type(e) for e in rig.events] == [v.FirstClause, v.ReplyStarted, v.ReplyEnded]


def test_the_first_sound_leaves_in_the_step_that_brings_the_first_clause() -> None:
    rig = Rig()
    rig.do(v.ReplyBegin(1), v.ReplyText(1, "It is half past"))
    rig.run_ms(500)
    assert rig.track.written == 0
    rig.do(v.ReplyText(1, " seven, and"))
    fed = rig.position
    rig.run_ms(100)
    [start] = rig.of(v.ReplyStarted)
    assert start.position - fed <= 3 * v.FRAME  # the next block, and 20 ms of output buffer


def test_a_reply_streamed_slowly_is_heard_whole_with_natural_pauses() -> None:
    rig = Rig()
    rig.do(v.ReplyBegin(1))
    for at in range(0, len(STORY), 5):
        rig.do(v.ReplyText(1, STORY[at : at + 5]))
        rig.run_ms(50)
    rig.do(v.ReplyFinish(1))
    rig.run_until(lambda: ended(rig))
    assert rig.of(v.ReplyEnded)[0].heard == STORY
    sounding = loud(rig.loudspeaker())
    assert np.diff(sounding).max() < v.samples(PAUSE_MS["sentence"] + 150)
    assert rig.mouth.counters["clauses"] == len([c for c in split(STORY) if c.text])


def split(text: str) -> list:
    splitter = Splitter()
    return splitter.feed(text) + splitter.finish()


def test_the_voice_works_one_clause_ahead_not_more() -> None:
    rig = Rig(voice=RecordingDoor(espeak_door()))
    text = " ".join(
        f"This is sentence number {n} of a story that takes a long while to tell." for n in range(9)
    )
    rig.say(text)
    assert len(rig.voice.texts) == 2
    seen = 0
    while not ended(rig):
        rig.step()
        if rig.mouth.speaking is not None:
            ahead = rig.track.written - rig.track.rendered
            assert ahead < 12 * 24_000
            seen = max(seen, len(rig.voice.texts))
    assert seen == len(rig.voice.texts) == len([c for c in split(text) if c.text])


def recorded_writes(rig: Rig) -> list[tuple[int, np.ndarray]]:
    """Everything that is written to the track from now on, with the track sample it begins at."""
    writes: list[tuple[int, np.ndarray]] = []
    write = rig.track.write

    def record(samples: np.ndarray) -> None:
        writes.append((rig.track.written, samples))
        write(samples)

    rig.track.write = record
    return writes


def test_words_in_heard_are_the_words_that_left_the_loudspeaker_to_within_half_a_word() -> None:
    rng = random.Random(7)
    text = STORY + " " + STORY.replace("Once", "Then once")
    for _ in range(20):
        rig = Rig(voice=RecordingDoor(espeak_door()))
        writes = recorded_writes(rig)
        rig.say(text)
        rig.run_ms(rng.randrange(200, 19_000, 10))
        rig.do(v.Cancel(1))
        rig.run_ms(100)
        [cut] = rig.of(v.ReplyCut)
        stop = rig.track.heard
        # the truth: where the samples of each clause lie on the track, and what the voice said of its words
        sounds = [(at, loud(samples).size > 0) for at, samples in writes]
        starts = [
            at
            for (at, now), (_, before) in zip(sounds, [(0, False), *sounds], strict=False)
            if now and not before
        ]
        whole = partly = 0.0
        for start, number in zip(starts, sorted(rig.voice.words), strict=False):
            for word in rig.voice.words[number]:
                begin, end = (start + s * 24_000 / rig.voice.rate_hz for s in (word.sample, word.end))
                whole += end <= stop
                partly += min(1.0, max(0.0, (stop - begin) / (end - begin)))
        assert abs(cut.words - partly) <= 0.51, (cut, whole, partly)
        assert cut.heard == text[: cut.chars] and cut.words - whole in (0, 1)
        assert len(cut.heard.split()) == cut.words
        assert cut.ms == round(stop / 24)


def test_after_a_cancel_nothing_more_sounds_and_the_answer_comes_with_the_next_step() -> None:
    rig = Rig()
    rig.say(STORY)
    rig.run_ms(1500)
    rig.do(v.Cancel(1))
    assert [type(e) for e in rig.step()] == [v.ReplyCut]
    at = rig.position
    rig.run_ms(500)
    sounding = loud(rig.loudspeaker())
    assert sounding[-1] < at + 4 * v.FRAME  # 10 ms ramp, 20 ms output buffer
    rig.do(v.Cancel(1))  # twice changes nothing
    rig.run_ms(100)
    assert len(rig.of(v.ReplyCut)) == 1 and not rig.of(v.ReplyEnded)


def test_a_reply_cancelled_before_it_sounded_was_not_heard_at_all() -> None:
    rig = Rig()
    rig.do(
        v.ReplyBegin(1), v.ReplyText(1, "It is"), v.Cancel(1), v.ReplyText(1, " late, so"), v.ReplyFinish(1)
    )
    rig.say("Hello there.", 2)
    rig.do(v.Cancel(2), v.Cancel(77))
    rig.run_ms(300)
    assert [(c.reply, c.heard, c.chars, c.words, c.ms) for c in rig.of(v.ReplyCut)] == [
        (1, "", 0, 0, 0), (2, "", 0, 0, 0), (77, "", 0, 0, 0),
    ]  # fmt: skip
    assert not loud(rig.loudspeaker()).size


def test_ducking_lowers_by_the_configured_gain_and_resume_undoes_it_without_a_step_back() -> None:
    rig = Rig(config={"barge_in": {"duck_db": -30.0}})
    rig.say(STORY)
    rig.run_ms(1000)
    rig.do(v.Duck())
    rig.run_ms(1500)
    rig.do(v.Resume())
    rendered = rig.track.rendered
    rig.step()
    assert rig.track.rendered == rendered + 240
    rig.run_until(lambda: ended(rig))
    played = rig.loudspeaker()
    before, ducked = (np.abs(played[a:b]).max() for a, b in ((8000, 16000), (17000, 39000)))
    assert ducked < before * db_to_gain(-24)
    assert rig.of(v.ReplyEnded)


def test_a_hold_is_resumed_from_the_beginning_of_the_word_that_the_duck_fell_into() -> None:
    rig = Rig(voice=RecordingDoor(espeak_door()))
    text = "Wonderful hippopotamuses enthusiastically congratulated everybody."
    rig.say(text)
    rig.run_ms(1500)
    rig.do(v.Duck())
    place = rig.engine.played.at(rig.position)
    words = [(w.sample * 24_000 / 22_050, w.end * 24_000 / 22_050) for w in rig.voice.words[1]]
    begin = next(start for start, end in words if start <= place < end)
    rig.run_ms(250)
    rig.do(v.Hold())
    rig.run_ms(800)
    silent_from = loud(rig.loudspeaker())[-1]
    heard_held = rig.mouth.heard(rig.position)
    rig.do(v.Resume())
    resumed = rig.track.rendered
    assert 0 <= begin - resumed <= 0.013 * 24_000  # a lead-in for the fade, no more
    assert rig.mouth.heard(rig.position) == heard_held  # what was heard stays heard
    rig.run_until(lambda: ended(rig))
    sounding = loud(rig.loudspeaker())
    assert sounding[sounding > silent_from][0] - silent_from > v.samples(500)
    assert rig.of(v.ReplyEnded)[0].heard == text


def test_a_hold_without_a_resume_ends_in_a_truthful_cut() -> None:
    rig = Rig()
    rig.say(STORY)
    rig.run_ms(2000)
    rig.do(v.Duck(), v.Hold())
    rig.run_ms(1000)
    held = rig.mouth.heard(rig.position)
    rig.do(v.Cancel(1))
    rig.step()
    [cut] = rig.of(v.ReplyCut)
    assert (cut.heard, cut.words) == (held.text, held.words) and 4 <= cut.words <= 8
    assert STORY.startswith(cut.heard)


def test_replies_are_spoken_one_after_the_other() -> None:
    rig = Rig()
    rig.say("One is here.", 1)
    rig.do(v.Say(2, "Two is here."))
    rig.say("Three is never heard.", 3)
    rig.do(v.Say(4, "Four is here."), v.Cancel(3))
    rig.run_until(lambda: len(rig.of(v.ReplyEnded)) == 3)
    told = [e for e in rig.events if isinstance(e, v.ReplyStarted | v.ReplyEnded)]
    order = [(type(e).__name__, e.reply) for e in told]
    assert order == [(kind, n) for n in (1, 2, 4) for kind in ("ReplyStarted", "ReplyEnded")]
    positions = [e.position for e in told]
    assert positions == sorted(positions)


@pytest.mark.parametrize("text", ["", "   ", "😀 ***"])
def test_a_reply_with_nothing_to_say_ends_at_once(text: str) -> None:
    rig = Rig()
    rig.say(text)
    rig.run_ms(50)
    assert [(type(e), e.heard, e.words) for e in rig.events] == [(v.ReplyEnded, text, 0)]


@pytest.mark.parametrize("model", ["kokoro-tiny-v1.0.onnx", "kokoro-tiny-timed.onnx"])
def test_kokoro_speaks_a_reply_and_knows_what_was_heard(model: str) -> None:
    door = InProcessDoor(
        "voice", FACTORIES["kokoro"], VoiceSettings("kokoro", "", 1.0, str(KOKORO_TINY / model), 1)
    )
    rig = Rig(voice=door, rate_hz=16_000)
    rig.say(STORY, 1)
    rig.run_ms(3000)
    rig.do(v.Cancel(1), v.Say(2, "That is all."))
    rig.run_until(lambda: rig.of(v.ReplyEnded))
    [cut], [end] = rig.of(v.ReplyCut), rig.of(v.ReplyEnded)
    assert STORY.startswith(cut.heard) and 4 <= cut.words <= 14
    assert end.heard == "That is all."


def real_time(rig: Rig):
    """Pace the sample clock while the voice's process is away: its return takes real time."""
    return lambda: time.sleep(0.01 if rig.voice.failure or not rig.voice.loaded else 0.001)


@pytest.mark.parametrize("chunks", [1, 12])
def test_a_voice_that_dies_in_a_clause_goes_on_with_the_same_clause_when_it_is_back(
    tmp_path: Path, chunks: int
) -> None:
    text = "This is a clause of some length that is broken off in the middle. And this is another one."
    rig = Rig(voice=fragile_door(tmp_path, chunks, lives=1))
    try:
        rig.say(text)
        rig.run_until(lambda: ended(rig), pace=real_time(rig))
    finally:
        rig.voice.close()
    [end] = rig.of(v.ReplyEnded)
    assert (end.heard, end.words) == (text, len(text.split()))
    assert rig.mouth.counters["resent"] == 1 and rig.voice.restarts == 1 and not rig.of(v.EngineFailed)
    whole = Rig()
    whole.say(text)
    whole.run_until(lambda: ended(whole))
    # the same sound as without the crash, nothing twice and nothing missing, but for the gap
    assert len(loud(rig.loudspeaker())) == pytest.approx(len(loud(whole.loudspeaker())), rel=0.03)


def test_a_clause_that_always_kills_the_voice_ends_the_reply_with_what_was_heard(tmp_path: Path) -> None:
    voice = fragile_door(tmp_path, 12, lives=99)
    rig = Rig(voice=voice)
    text = "This is a clause of some length that is always broken off in the middle."
    try:
        rig.say(text)
        rig.run_until(lambda: ended(rig), pace=real_time(rig))
    finally:
        voice.close()
    [failed], [cut] = rig.of(v.EngineFailed), rig.of(v.ReplyCut)
    assert failed.engine == "voice" and "3 times at the same clause" in failed.reason
    assert text.startswith(cut.heard) and cut.ms < 1000 and not rig.of(v.ReplyEnded)
    assert rig.mouth.counters["lost_replies"] == 1 and rig.mouth.speaking is None


def test_a_voice_that_cannot_start_fails_every_reply_in_time_and_says_why() -> None:
    door = open_door("voice", FACTORIES["espeak"], VoiceSettings("espeak", "en-narnia"), in_process=False)
    rig = Rig(voice=door)
    try:
        rig.say("Nobody will hear this, ever.", 1)
        rig.run_until(lambda: door.failure, pace=lambda: time.sleep(0.01))
        rig.run_until(lambda: ended(rig), limit_s=12)
        rig.say("Nor this.", 2)
        rig.run_ms(50)
    finally:
        door.close()
    assert ["en-narnia" in failed.reason for failed in rig.of(v.EngineFailed)] == [True, True]
    assert [(cut.reply, cut.chars) for cut in rig.of(v.ReplyCut)] == [(1, 0), (2, 0)]
