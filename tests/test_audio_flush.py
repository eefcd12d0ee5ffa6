"""Stopping at once: what is queued is taken back, and everybody's account of what was heard stays true."""

from __future__ import annotations

import numpy as np
import pytest
from helpers_audio import speech_like
from hypothesis import given, settings
from hypothesis import strategies as st

from device.audio import AudioEngine
from device.audio.backends.room import RoomBackend, RoomSettings
from device.audio.played import PlayedLog
from device.audio.ramp import max_step
from device.audio.ring import Ring
from device.audio.speech_track import SpeechTrack
from device.values import FRAME, RATE_HZ


class Spoken:
    """An engine whose track carries its own sample numbers, so that what left the loudspeaker can be read from it."""

    def __init__(self, rate_hz: int = RATE_HZ) -> None:
        self.room = RoomBackend(RoomSettings(playback_rate_hz=rate_hz, distortion="none", rt60_s=0.1))
        self.engine = AudioEngine(self.room, echo="none", volume=100)
        self.track = self.engine.mixer.speech
        self.left: list[np.ndarray] = []
        self.reference: list[np.ndarray] = []

    def capture(self) -> None:
        frame = self.engine.capture()
        # what the room's loudspeaker makes of this frame, and what the engine says that it makes
        self.left.append(self.room._span(frame.position, FRAME))
        self.reference.append(frame.reference)

    def step(self, count: int = 1) -> None:
        for _ in range(count):
            self.capture()
            self.engine.render()

    def say(self, samples: np.ndarray) -> None:
        self.track.begin(1)
        self.track.write(samples.astype(np.float32))
        self.track.finish()

    def stop(self, *, flush: bool) -> int:
        """Between capture and render, as the device does; how many samples later nothing is heard any more."""
        self.step()
        self.capture()
        if flush:
            self.engine.flush()
        self.track.stop()
        decided = self.engine.position
        self.engine.render()
        self.step(10)
        heard = np.concatenate(self.left)
        return int(np.flatnonzero(heard)[-1]) + 1 - decided


def test_a_flush_brings_silence_forward_by_what_was_queued():
    ramped, flushed = Spoken(), Spoken()
    for one in (ramped, flushed):
        one.say(np.full(RATE_HZ, 0.5))
        one.step(20)
    assert flushed.stop(flush=True) == FRAME
    assert ramped.stop(flush=False) == 3 * FRAME


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_after_a_flush_the_reference_is_still_what_left_the_loudspeaker(rate_hz):
    spoken = Spoken(rate_hz)
    spoken.say(speech_like(rate_hz / RATE_HZ * 2.0))
    spoken.step(40)
    for _ in range(3):
        spoken.step(15)
        spoken.capture()
        spoken.engine.flush()
        spoken.track.hold()
        spoken.engine.render()
        spoken.step(6)
        spoken.track.resume(spoken.track.rendered)
    left, reference = np.concatenate(spoken.left), np.concatenate(spoken.reference)
    lag = 0 if rate_hz == RATE_HZ else 15  # the room's own decimator is late by its filter
    error = left[lag:] - reference[: len(reference) - lag]
    assert np.abs(left).max() > 0.2
    # at 48 kHz the ramps lie those 15 samples apart
    assert (error @ error) / (left @ left) < (1e-12 if rate_hz == RATE_HZ else 1e-3)


def test_a_flush_does_not_click():
    spoken = Spoken()
    spoken.say(np.ones(RATE_HZ) * 0.9)
    spoken.step(20)
    spoken.stop(flush=True)
    assert np.abs(np.diff(np.concatenate(spoken.left))).max() <= max_step(FRAME)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 5), st.booleans()), min_size=1, max_size=8))
def test_what_the_log_says_was_heard_is_what_left_whatever_is_held_and_resumed(pauses):
    """The track counts up, so the largest number that left the loudspeaker at full gain tells the furthest sample."""
    spoken = Spoken()
    total = 150 * FRAME
    spoken.say(np.arange(1, total + 1) / total * 0.9)
    for run, silence, flush in pauses:
        spoken.step(run)
        spoken.capture()
        if flush:
            spoken.engine.flush()
        place = spoken.track.hold()
        spoken.engine.render()
        spoken.step(silence + 3)
        assert spoken.track.rendered == place
        assert spoken.engine.played.at(spoken.engine.position) == place
        spoken.track.resume(place)
    while not spoken.track.finished:
        spoken.step()
    spoken.step(4)
    assert spoken.engine.played.at(spoken.engine.position) == total
    seen = np.rint(np.concatenate(spoken.left) / 0.9 * total)
    at_full_gain = set(seen.astype(int))
    # every sample left: at full gain, or in one of the ramps around a pause
    assert total - len(at_full_gain) <= (2 * len(pauses) + 2) * FRAME


def test_an_earcon_in_the_queue_is_not_cut_for_a_hold():
    spoken = Spoken()
    spoken.say(np.full(RATE_HZ, 0.3))
    spoken.step(20)
    spoken.engine.mixer.play(np.full(FRAME, 0.2, np.float32))
    spoken.step(2)  # rendered, not yet heard
    spoken.capture()
    spoken.engine.flush()
    assert spoken.engine.counters["flushes"] == 0


def test_a_flush_when_nothing_sounds_changes_nothing():
    spoken = Spoken()
    spoken.step(10)
    spoken.engine.flush()
    assert spoken.engine.counters["flushes"] == 0 and spoken.room.flush() is None


def test_a_hold_in_a_replys_last_20_ms_can_be_resumed_to_its_end():
    spoken = Spoken()
    spoken.say(np.full(20 * FRAME, 0.5))
    while not spoken.track.finished:
        spoken.step()
    spoken.capture()
    spoken.engine.flush()
    place = spoken.track.hold()
    spoken.engine.render()
    assert place == 19 * FRAME and not spoken.track.finished
    spoken.step(5)
    spoken.track.resume(place)
    spoken.step(5)
    assert spoken.track.finished and spoken.engine.played.at(spoken.engine.position) == 20 * FRAME


# ------------------------------------------------------------------ its parts


def test_what_was_taken_back_did_not_leave():
    log = PlayedLog(48_000)
    for k in range(10):
        log.add(1, 5, 1000 + 160 * k, 480 * k, 480)
    assert log.cut(1000 + 8 * 160) == 8 * 480
    assert (log.at(99_999), log.last) == (8 * 480, 1000 + 8 * 160)
    log.add(1, 5, 9000, 8 * 480, 480)
    assert log.at(9160) == 9 * 480
    assert log.cut(0) == 0 and log.first is None and log.cut(0) is None


def test_a_cut_in_the_middle_of_a_block_is_counted_to_the_sample():
    log = PlayedLog(48_000)
    log.add(1, 5, 1000, 0, 480)
    assert log.cut(1080) == 240 and log.at(5000) == 240


def test_a_track_goes_back_to_what_left_and_no_further_than_it_was():
    track = SpeechTrack(RATE_HZ)
    track.begin(1)
    track.write(np.ones(20 * FRAME, np.float32))
    for _ in range(6):
        track.render(np.zeros(FRAME, np.float32))
    track.take_back(4 * FRAME)
    assert track.stop() == 4 * FRAME
    out = np.zeros(FRAME, np.float32)
    track.render(out)
    assert not out.any()
    track.begin(2)
    with pytest.raises(ValueError, match=r"0\.\.0 were rendered"):
        track.take_back(1)


@given(st.lists(st.integers(1, 300), min_size=1, max_size=20), st.integers(0, 300))
def test_a_ring_that_was_rewound_holds_what_is_written_next_and_never_old_samples(lengths, back):
    ring, kept = Ring(500), np.zeros(0, np.float32)
    for i, length in enumerate(lengths):
        block = np.full(length, i + 1, np.float32)
        ring.write(block)
        kept = np.concatenate((kept, block))
        position = max(ring.start, ring.end - back)
        ring.rewind(position)
        kept = kept[:position]
        assert ring.end == len(kept)
        found = ring.read(ring.start, 500)
        assert np.array_equal(found.samples, kept[ring.start :])
    with pytest.raises(ValueError, match="are kept"):
        ring.rewind(ring.end + 1)
