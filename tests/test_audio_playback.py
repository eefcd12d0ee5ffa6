"""Playback: ducking, holding, resuming and stopping, to the sample and without a click."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.audio.mixer import Mixer, volume_gain
from device.audio.played import PlayedLog
from device.audio.ramp import max_step, raised_cosine
from device.audio.speech_track import SpeechTrack

RATE = 16_000
N = RATE // 100


def render(track: SpeechTrack) -> np.ndarray:
    out = np.zeros(N, np.float32)
    track.render(out)
    return out


def speaking(samples: np.ndarray, blocks: int = 3, finish: bool = False) -> SpeechTrack:
    track = SpeechTrack(RATE)
    track.begin(1)
    track.write(samples)
    if finish:
        track.finish()
    for _ in range(blocks):
        render(track)
    return track


def ones(n: int) -> np.ndarray:
    return np.ones(n, np.float32)


# --------------------------------------------------------------------------- the track


def test_duck_takes_effect_in_the_next_10_ms_and_reaches_its_gain_in_them():
    track = speaking(ones(10 * N))
    track.duck(-18)
    first, second = render(track), render(track)
    assert first[0] < 1.0
    assert first[-1] == pytest.approx(10 ** (-18 / 20), abs=0.001)
    np.testing.assert_allclose(second, 10 ** (-18 / 20), rtol=1e-5)


def test_unduck_is_back_at_full_gain_within_10_ms():
    track = speaking(ones(10 * N))
    track.duck(-18)
    render(track)
    track.unduck()
    render(track)
    np.testing.assert_array_equal(render(track), ones(N))


def test_hold_returns_the_sample_from_which_on_all_is_silent():
    track = speaking(ones(10 * N))
    place = track.hold()
    assert place == 4 * N
    block = render(track)
    assert np.count_nonzero(block) == N
    assert not render(track).any()
    assert track.rendered == place == track.hold()


def test_resume_goes_on_from_the_sample_that_was_asked_for():
    track = speaking(np.arange(1, 20 * N + 1, dtype=np.float32))
    place = track.hold()
    render(track)
    render(track)
    assert track.resume(place - 100) == place - 100
    render(track)
    assert track.span == (place - 100, N)
    np.testing.assert_array_equal(render(track), np.arange(place - 100 + N, place - 100 + 2 * N) + 1)


def test_resume_also_ends_the_duck():
    track = speaking(ones(20 * N))
    track.duck(-18)
    place = track.hold()
    render(track)
    track.resume(place)
    render(track)
    np.testing.assert_array_equal(render(track), ones(N))


def test_stop_returns_exactly_how_many_samples_were_heard():
    track = SpeechTrack(RATE)
    track.begin(1)
    track.write(ones(10 * N))
    audible = sum(np.count_nonzero(render(track)) for _ in range(3))
    heard = track.stop()
    audible += sum(np.count_nonzero(render(track)) for _ in range(3))
    assert heard == audible == 4 * N
    assert not track.active and not track.finished


def test_a_reply_stopped_before_its_first_sample_was_heard_by_nobody():
    track = SpeechTrack(RATE)
    track.begin(1)
    track.write(ones(10 * N))
    assert track.stop() == 0
    assert not render(track).any()


def test_what_was_heard_before_a_step_back_stays_heard():
    track = speaking(ones(50 * N), blocks=20)
    place = track.hold()
    render(track)
    track.resume(place - 10 * N)
    render(track)
    assert track.stop() == place


def test_samples_that_arrive_after_a_stop_are_dropped_and_counted():
    track = speaking(ones(5 * N))
    track.stop()
    track.write(ones(7))
    assert track.dropped == 7


def test_nothing_may_follow_the_end_of_a_reply():
    track = speaking(ones(5 * N), finish=True)
    with pytest.raises(ValueError, match="finished"):
        track.write(ones(1))


def test_a_finished_reply_is_rendered_to_its_last_sample():
    track = speaking(ones(5 * N + 37), blocks=5, finish=True)
    assert track.active and not track.finished
    render(track)
    assert track.finished and not track.active
    assert track.rendered == track.written == 5 * N + 37


def test_a_new_reply_ends_the_old_one_with_a_ramp():
    track = speaking(ones(10 * N))
    track.begin(2)
    assert np.count_nonzero(render(track)) == N
    assert (track.reply, track.rendered, track.generation) == (2, 0, 2)


def test_a_voice_that_falls_behind_makes_a_gap_and_loses_nothing():
    track = SpeechTrack(RATE)
    track.begin(1)
    track.write(ones(3 * N))
    for _ in range(6):
        render(track)
    waiting = track.rendered
    assert 2 * N <= waiting <= 3 * N
    track.write(ones(3 * N))
    track.finish()
    while not track.finished:
        render(track)
    assert track.rendered == 6 * N


def test_resume_refuses_a_sample_that_was_never_reached():
    track = speaking(ones(10 * N))
    with pytest.raises(ValueError, match="reached"):
        track.resume(9 * N)


def test_a_duck_that_would_be_louder_is_refused():
    with pytest.raises(ValueError, match="0 or below"):
        SpeechTrack(RATE).duck(6)


def test_a_long_reply_keeps_ten_seconds_to_step_back_and_not_all_of_it():
    track = SpeechTrack(RATE)
    track.begin(1)
    for _ in range(30):
        track.write(ones(RATE))
        for _ in range(100):
            render(track)
    track.hold()
    render(track)
    assert len(track._buffer) < 20 * RATE
    assert track.resume(track.rendered - 9 * RATE) == track.rendered
    render(track)
    assert render(track).all()


actions = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 900)),
        st.tuples(st.just("duck"), st.sampled_from([-6.0, -18.0, -60.0])),
        st.tuples(st.just("resume"), st.integers(0, 700)),
        st.tuples(
            st.sampled_from(["unduck", "hold", "stop", "finish", "begin", "render", "render", "render"])
        ),
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(actions)
def test_whatever_is_asked_in_whatever_order_nothing_clicks_and_every_sample_is_accounted_for(script):
    """On a reply of all ones the output *is* the gain: no step of it may exceed that of two ramps that cross."""
    track, output = SpeechTrack(RATE), [np.zeros(1, np.float32)]
    expected_next = 0
    stepped_back = False
    for name, *argument in script:
        if name == "write":
            if not track._complete:
                track.write(ones(argument[0]))
        elif name == "begin":
            track.begin(7)
            expected_next, stepped_back = 0, False
        elif name == "resume":
            if track.active:
                place = track.resume(max(0, track.hold() - argument[0]))
                stepped_back = stepped_back or place != expected_next
                expected_next = place
        elif name == "stop":
            alive = track.active
            before = track.rendered
            heard = track.stop()
            if alive and not stepped_back:
                assert before <= heard <= before + N
            expected_next = None
        elif name == "render":
            generation = track.generation
            output.append(render(track))
            first, count = track.span
            if count and expected_next is not None and generation == track.generation and track.active:
                assert first == expected_next
                expected_next = first + count
        else:
            getattr(track, name)(*argument)
    track.stop()
    output += [render(track), render(track)]
    gains = np.concatenate(output)
    assert np.abs(np.diff(gains)).max() <= 2 * max_step(N) + 1e-6
    assert gains.min() >= 0.0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 12), st.integers(1, 6), st.integers(0, 400)), max_size=6))
def test_holding_and_resuming_repeats_the_step_back_and_nothing_else(pauses):
    """Track samples carry their own number, so the output shows which were played."""
    track = SpeechTrack(RATE)
    track.begin(1)
    track.write(np.arange(100 * N, dtype=np.float32))
    track.finish()
    spans = []

    def step() -> None:
        out = render(track)
        first, count = track.span
        spans.append((first, count))
        if out[0] == first > 0 and first < 98 * N and not track.held:  # full gain: the very samples
            np.testing.assert_array_equal(out, np.arange(first, first + N))

    expected = []
    for run, silence, back in pauses:
        for _ in range(run):
            step()
        place = track.hold()
        for _ in range(silence):
            step()
        assert track.rendered == place
        expected.append(min(back, place))
        track.resume(place - expected[-1])
    while not track.finished:
        step()
    assert sum(count for _, count in spans) == 100 * N + sum(expected)


# --------------------------------------------------------------------------- the mixer


def test_volume_and_earcons_change_without_a_click():
    mixer = Mixer(RATE, volume=100)
    mixer.speech.begin(1)
    mixer.speech.write(ones(40 * N) * 0.5)
    out = [mixer.render() for _ in range(3)]
    mixer.volume = 20
    out += [mixer.render() for _ in range(3)]
    np.testing.assert_allclose(out[-1], 0.5 * volume_gain(20), rtol=1e-5)
    assert np.abs(np.diff(np.concatenate(out))).max() <= max_step(N)


def test_an_earcon_sounds_beside_the_reply_and_is_not_ducked():
    mixer = Mixer(RATE, volume=100)
    mixer.speech.begin(1)
    mixer.speech.write(ones(40 * N) * 0.25)
    mixer.speech.duck(-60)
    mixer.render()
    mixer.play(ones(2 * N), gain_db=-12)
    np.testing.assert_allclose(mixer.render(), 0.25 * 0.001 + 10 ** (-12 / 20), rtol=1e-4)
    assert mixer.sounding
    mixer.render()
    assert not mixer.sounding


def test_an_alarm_that_is_stopped_ends_with_a_ramp():
    mixer = Mixer(RATE, volume=100)
    mixer.play(ones(500 * N))
    out = [mixer.render() for _ in range(2)]
    mixer.stop_sounds()
    out += [mixer.render(), mixer.render()]
    assert np.abs(np.diff(np.concatenate(out))).max() <= max_step(N) * 1.001
    assert not out[-1].any() and mixer.silent


def test_what_is_too_loud_is_clipped_and_counted():
    mixer = Mixer(RATE, volume=100)
    mixer.play(ones(N))
    mixer.play(ones(N))
    assert mixer.render().max() == 1.0
    assert mixer.clipped == N


def test_volume_zero_is_silence_and_out_of_range_is_refused():
    mixer = Mixer(RATE, volume=0)
    mixer.play(ones(2 * N))
    assert not mixer.render().any()
    with pytest.raises(ValueError, match="0..100"):
        mixer.volume = 101


@given(st.integers(1, 2000))
def test_a_ramp_never_steps_further_than_it_says(n):
    gains = np.concatenate(([0.0], raised_cosine(n), [1.0]))
    assert np.abs(np.diff(gains)).max() <= max_step(n) + 1e-6


# --------------------------------------------------------------------------- what was played


def test_a_track_sample_is_heard_when_it_has_left_the_loudspeaker():
    log = PlayedLog(48_000)
    for k in range(10):
        log.add(1, 5, 1000 + 160 * k, 480 * k, 480)
    assert log.at(1000) == 0
    assert log.at(1001) == 3
    assert log.at(1000 + 160) == 480
    assert log.at(99_999) == 4800
    assert log.leaves_at(0) == 1000
    assert log.leaves_at(4797) == 1000 + 1599
    assert log.leaves_at(4800) is None
    assert (log.reply, log.first, log.last) == (5, 1000, 2600)


def test_a_hold_leaves_a_gap_and_a_step_back_takes_nothing_away():
    log = PlayedLog(16_000)
    log.add(1, 1, 1000, 0, 160)
    log.add(1, 1, 1160, 160, 160)
    log.add(1, 1, 5000, 200, 160)
    log.add(1, 1, 5160, 360, 160)
    assert log.at(3000) == 320
    assert not log.audible(3000) and log.audible(1100) and log.audible(5000)
    assert log.at(5050) == 320
    assert log.at(5200) == 400
    assert log.leaves_at(210) == 5010
    assert log.leaves_at(150) == 1150


def test_a_new_reply_begins_a_new_log():
    log = PlayedLog(16_000)
    log.add(1, 1, 1000, 0, 160)
    log.add(2, 2, 1160, 0, 0)
    assert (log.reply, log.first, log.at(9999)) == (2, None, 0)


def test_timestamps_that_jump_back_do_not_disorder_the_log():
    log = PlayedLog(16_000)
    log.add(1, 1, 1000, 0, 160)
    log.add(1, 1, 900, 160, 160)
    assert [log.at(p) for p in (1000, 1001, 1002, 1200)] == sorted(
        log.at(p) for p in (1000, 1001, 1002, 1200)
    )
    assert log.at(1200) == 320
