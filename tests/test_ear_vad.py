"""Voice activity: when does somebody speak?"""

import numpy as np
import pytest
from helpers_ear import Listener, of, say, silence, with_noise
from hypothesis import given
from hypothesis import strategies as st

from device.ear.vad import HANGOVER, SpeechGate, Vad
from device.values import FRAME, RATE_HZ, SpeechBegan, SpeechEnded, samples


def gate_over(flags):
    gate, changes = SpeechGate(), []
    for k, flag in enumerate(flags):
        before = gate.open
        gate.step(k * FRAME, flag)
        if gate.open != before:
            changes.append((k, gate.open))
    return gate, changes


def test_three_speech_frames_of_five_open_the_gate_and_the_onset_is_the_first_of_them():
    gate, changes = gate_over([False, True, False, True, True])
    assert changes == [(4, True)]
    assert gate.onset == 1 * FRAME
    assert gate.last == 5 * FRAME


def test_single_clicks_never_open_the_gate():
    _, changes = gate_over([k % 4 == 0 for k in range(400)])
    assert changes == []


def test_the_gate_bridges_the_closure_of_a_stop_consonant_and_closes_after_180_ms():
    speech, pause = [True] * 20, [False] * 12
    gate, changes = gate_over(speech + pause + speech + [False] * 30)
    assert changes == [(2, True), (52 + 17, False)]
    assert gate.last == 52 * FRAME


@given(st.lists(st.booleans(), max_size=300))
def test_an_open_gate_has_always_heard_speech_within_its_hangover(flags):
    gate = SpeechGate()
    for k, flag in enumerate(flags):
        gate.step(k * FRAME, flag)
        end = (k + 1) * FRAME
        if gate.open:
            assert 0 <= gate.onset < gate.last <= end
            assert end - gate.last < HANGOVER
            assert flags[(gate.last - FRAME) // FRAME]


def test_digital_silence_and_dither_are_never_speech():
    vad = Vad()
    dither = np.random.default_rng(0).integers(-1, 2, (300, FRAME)).astype("<i2")
    assert not any(vad.is_speech(bytes(2 * FRAME), -120.0) for _ in range(300))
    assert not any(vad.is_speech(block.tobytes(), -92.0) for block in dither)


def test_a_fan_that_starts_is_no_longer_speech_after_some_seconds():
    listener = Listener(wake=[])
    hum = with_noise(silence(20), level_dbfs=-40.0)
    listener.hear(with_noise(silence(1)))
    listener.hear(hum)
    late = [e for e in of(SpeechBegan, listener.events) if e.position > 16 * RATE_HZ]
    assert late == []
    assert not listener.ear._gate.open


@pytest.mark.parametrize("voice", ["flite:slt", "flite:rms", "flite:awb", "espeak:en-gb+m3"])
def test_a_talker_in_the_quiet_is_noticed_within_100_ms_and_his_end_is_known(voice):
    clip = say("what time is it", voice)
    loud = np.flatnonzero(np.abs(clip) > 10 ** (-30 / 20) * np.abs(clip).max())
    first, last = RATE_HZ + int(loud[0]), RATE_HZ + int(loud[-1])
    listener = Listener(wake=[])
    events = listener.hear(with_noise(np.concatenate((silence(1), clip, silence(1)))))
    began, ended = of(SpeechBegan, events)[0], of(SpeechEnded, events)[-1]
    assert first - samples(20) <= began.position <= first + samples(100)
    assert abs(began.onset - first) <= samples(60)
    assert abs(ended.last - last) <= samples(120)
    assert len(of(SpeechBegan, events)) == len(of(SpeechEnded, events))


def test_a_microphone_that_goes_missing_ends_the_speech():
    clip = say("tell me a very long story about lighthouses")
    listener = Listener(wake=[])
    listener.hear(with_noise(silence(0.5)))
    cut = listener.position + samples(800)
    events = listener.hear(with_noise(clip), missing=lambda at: at >= cut)
    assert [type(e) for e in events] == [SpeechBegan, SpeechEnded]
    assert events[1].last <= cut + FRAME
