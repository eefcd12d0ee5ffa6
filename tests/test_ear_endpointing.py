"""Endpointing: when has the user finished?"""

from hypothesis import given
from hypothesis import strategies as st

from device.config import Config
from device.ear.endpointing import BESIDE, LEAST, WAKE_TAIL, Endpointing
from device.values import FRAME, samples

CONFIG = Config()
SILENCE = samples(CONFIG.endpointing.silence_ms)


def run(flags, after=0, tail=0, config=CONFIG):
    endpointing = Endpointing(config, after, tail)
    return [
        ((k + 1) * FRAME, last)
        for k, flag in enumerate(flags)
        if (last := endpointing.step(k * FRAME, flag)) is not None
    ]


def test_silence_after_speech_ends_the_utterance_once():
    ends = run([False] * 20 + [True] * 50 + [False] * 200)
    assert ends == [(70 * FRAME + SILENCE, 70 * FRAME)]


def test_a_pause_shorter_than_the_limit_does_not_end_it():
    pause = [False] * (SILENCE // FRAME - 1)
    ends = run([True] * 30 + pause + [True] * 30 + [False] * 100)
    assert [last for _, last in ends] == [(60 + len(pause)) * FRAME]


def test_nobody_speaks_so_nothing_ends():
    assert run([False] * 2000) == []


def test_clicks_are_not_an_utterance():
    assert run(([True] * 5 + [False] * 100) * 10) == []


def test_speech_before_the_words_count_is_not_this_utterance():
    assert run([True] * 60 + [False] * 200, after=60 * FRAME) == []


def test_the_tail_of_the_wake_word_is_not_the_command():
    tail = WAKE_TAIL // FRAME
    assert run([True] * (60 + tail) + [False] * 200, after=60 * FRAME, tail=WAKE_TAIL) == []
    one_breath = [True] * 60 + [True] * (tail + LEAST // FRAME) + [False] * 200
    assert len(run(one_breath, after=60 * FRAME, tail=WAKE_TAIL)) == 1


def test_the_longest_sentence_is_ended_although_it_goes_on():
    (end, last), *more = run([False] * 100 + [True] * 3000)
    assert more == []
    assert end == last == 100 * FRAME + samples(CONFIG.endpointing.max_s * 1000)


def test_speech_of_the_pre_roll_counts_but_commits_nothing_in_the_past():
    endpointing = Endpointing(CONFIG, 0)
    for k in range(200):
        assert endpointing.step(k * FRAME, k < 50, commit=False) is None
    assert endpointing.heard_speech
    assert endpointing.step(200 * FRAME, False) == 50 * FRAME


@given(st.lists(st.booleans(), max_size=400), st.integers(0, 100))
def test_whatever_is_said_it_ends_at_most_once_after_real_speech_and_never_while_it_lasts(flags, after):
    ends = run(flags, after=after * FRAME)
    assert len(ends) <= 1
    for end, last in ends:
        spoken = [k for k, flag in enumerate(flags) if flag and after <= k < last // FRAME]
        assert len(spoken) * FRAME >= LEAST
        assert end - last >= SILENCE
        assert not any(flags[last // FRAME : end // FRAME])


def run_levels(frames, config=CONFIG):
    endpointing = Endpointing(config, 0)
    return [
        ((k + 1) * FRAME, last)
        for k, (speech, level_db) in enumerate(frames)
        if (last := endpointing.step(k * FRAME, speech, level_db)) is not None
    ]


def test_a_television_that_goes_on_does_not_keep_the_sentence_open():
    sentence, television = [(True, -26.0)] * 150, [(True, -38.0)] * 500
    ends = run_levels(sentence + television)
    assert [last for _, last in ends] == [150 * FRAME]
    assert ends[0][0] == 150 * FRAME + BESIDE


def test_a_talker_who_gets_quieter_for_a_moment_is_not_cut():
    quiet = [(True, -38.0)] * (BESIDE // FRAME - 10)
    talk = [(True, -26.0)] * 100 + quiet + [(True, -26.0)] * 100 + [(False, -70.0)] * 100
    assert [last for _, last in run_levels(talk)] == [(200 + len(quiet)) * FRAME]


def test_single_loud_frames_of_a_television_are_not_the_talker():
    television = [(True, -30.0 if k % 4 == 3 else -38.0) for k in range(500)]
    assert [last for _, last in run_levels([(True, -26.0)] * 150 + television)] == [150 * FRAME]
