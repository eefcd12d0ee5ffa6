"""The PortAudio backend on a real sound server without a card: sound in, sound out, and what may go wrong with both.

The clock is real here, so deadlines are generous and every assertion is about content, never about how fast.
"""

import time
from pathlib import Path

import numpy as np
import pytest
from helpers_sound import Listener, delivered, drive, hanging_server, locate, needs_rig, noise, talking

from device.audio import AudioEngine, open_backend
from device.config.load import parse
from device.values import FRAME, RATE_HZ

pytestmark = needs_rig


@pytest.fixture
def engine_with():
    """Engines that are stopped whatever happens."""
    engines = []

    def make(**audio):
        engine = AudioEngine(open_backend(parse({"audio": audio})), echo="none", keep_s=20.0, volume=100)
        engines.append(engine)
        engine.start()
        return engine

    yield make
    for engine in engines:
        engine.stop()


def test_what_is_said_arrives_whole_and_in_place(engine_with, tmp_path):
    engine = engine_with()
    drive(engine, 20, until=lambda: engine.position > RATE_HZ // 2)
    said = noise(5.0)
    with talking(said, tmp_path) as talker:
        drive(engine, 30, until=lambda: talker.poll() is not None)
        drive(engine, 0.5)
    assert engine.problem is None
    heard = engine.clean.read(0, engine.position).samples
    piece = RATE_HZ // 4
    places = [locate(said[at : at + piece], heard) for at in range(0, len(said) - piece, piece)]
    assert min(score for _, score in places) > 0.9
    offsets = [at - i * piece for i, (at, _) in enumerate(places)]
    assert max(offsets) - min(offsets) <= 2, offsets
    assert engine.counters["missing_frames"] <= 30  # before the stream delivered its first block


def test_positions_of_frames_follow_each_other(engine_with):
    engine = engine_with()
    frames = drive(engine, 20, until=lambda: engine.position > RATE_HZ)
    assert [frame.position for frame in frames] == [i * FRAME for i in range(len(frames))]


def test_what_is_played_leaves_the_loudspeaker_whole(engine_with, tmp_path):
    engine = engine_with()
    with Listener(tmp_path) as listener:
        drive(engine, 20, until=lambda: engine.position > RATE_HZ // 2)
        rate_hz = engine.mixer.rate_hz
        played = noise(2.0, seed=5, rate_hz=rate_hz)
        engine.mixer.play(played)
        drive(engine, 20, until=lambda: not engine.mixer.sounding)
        drive(engine, 1.0)
        heard = listener.heard()
    import soxr

    expected = soxr.resample(played, rate_hz, RATE_HZ)
    _, score = locate(expected[RATE_HZ // 10 : -RATE_HZ // 10], heard)
    assert score > 0.9, engine.counters


def test_the_position_that_play_returns_is_where_a_loopback_hears_it(engine_with, monkeypatch):
    monkeypatch.setenv(
        "PULSE_SOURCE", "spk.monitor"
    )  # the microphone hears the loudspeaker, and nothing else
    engine = engine_with(input="pulse")
    drive(engine, 20, until=lambda: engine.position > RATE_HZ * 3 // 2)
    errors_ms = []
    for _ in range(4):
        begin = engine.position
        engine.mixer.play(noise(0.5, seed=5, rate_hz=engine.mixer.rate_hz))
        drive(engine, 20, until=lambda: not engine.mixer.sounding)
        drive(engine, 0.6)
        # the reference ring holds what was played at the positions that play() returned
        reference = engine.reference.read(begin, engine.position - begin).samples
        first, last = np.flatnonzero(np.abs(reference) > 1e-3)[[0, -1]]
        at, score = locate(reference[first:last], engine.mic.read(begin, engine.position - begin).samples)
        assert score > 0.7, engine.counters
        errors_ms.append((at - first) * 1000 / RATE_HZ)
    # a busy machine may let the stream slip while it is heard: one of the four may be wrong, not most of them
    assert abs(np.median(errors_ms)) < 15, errors_ms


def test_a_microphone_that_is_not_there_is_named_and_taken_when_it_comes(engine_with, tmp_path):
    engine = engine_with(input="usb_mic")
    frames = drive(engine, 20, until=lambda: engine.position > RATE_HZ // 2)
    assert all(frame.missing for frame in frames)
    assert engine.problem == "microphone 'usb_mic' not found; there are: 'pulse', 'default'"
    asoundrc = Path.home() / ".asoundrc"
    before = asoundrc.read_text()
    asoundrc.write_text(before + "pcm.usb_mic { type pulse\n device mic }\n")
    try:
        frames = drive(engine, 30, until=lambda: delivered(engine) > 50)
        assert engine.problem is None
        said = noise(1.0, seed=3)
        with talking(said, tmp_path) as talker:
            drive(engine, 30, until=lambda: talker.poll() is not None)
            drive(engine, 0.5)
    finally:
        asoundrc.write_text(before)
    _, score = locate(said, engine.clean.read(max(0, engine.position - 6 * RATE_HZ), 6 * RATE_HZ).samples)
    assert score > 0.9
    positions = [frame.position for frame in frames]
    assert np.all(np.diff(positions) == FRAME)


def test_a_sound_server_that_hangs_stops_no_clock_and_is_taken_again(engine_with):
    engine = engine_with()
    drive(engine, 20, until=lambda: engine.position > RATE_HZ // 2)
    assert engine.problem is None
    engine.mixer.speech.begin(1)
    engine.mixer.speech.write(noise(1.5, seed=5, rate_hz=engine.mixer.rate_hz))
    engine.mixer.speech.finish()
    with hanging_server():
        frames = drive(engine, 20, until=lambda: engine.problem is not None)
        frames += drive(engine, 20, until=lambda: engine.mixer.speech.finished)
        assert "'default'" in engine.problem
    assert np.all(np.diff([frame.position for frame in frames]) == FRAME)
    assert frames[-1].missing
    last = engine.played.last
    drive(
        engine, 20, until=lambda: engine.position > last
    )  # the reply came to its end, though nobody heard it
    assert engine.played.at(engine.position) == engine.mixer.speech.written
    before = delivered(engine)
    drive(engine, 40, until=lambda: delivered(engine) > before + 50)
    assert engine.problem is None


def test_the_whole_device_answers_out_of_a_real_loudspeaker(tmp_path):
    from device.audio.levels import active_rms
    from device.daemon import Device
    from device.scenario.talkers import render

    happened = []
    config = parse(
        {"mqtt": {"enabled": False}, "recogniser": {"engine": "pocketsphinx"}, "voice": {"engine": "espeak"}}
    )
    device = Device(config, open_backend(config), None, trace=happened.append)
    clip = render("alexa, what time is it", "flite:slt")
    said = np.concatenate([np.zeros(RATE_HZ), clip * (0.1 / active_rms(clip)), np.zeros(2 * RATE_HZ)])
    said += np.random.default_rng(7).standard_normal(len(said)) * 1e-3  # no room is silent

    def names():
        return [event.event for event in happened]

    def step_until(done, seconds):
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, (names(), device.engine.problem, device.engine.counters)
            if not device.step():
                device.engine.wait(0.05)

    try:
        device.start()
        step_until(lambda: device.position > 2 * RATE_HZ, 30)  # the engines load meanwhile
        with Listener(tmp_path) as listener, talking(said, tmp_path):
            step_until(lambda: "reply_end" in names(), 60)
            settled = device.position + RATE_HZ
            step_until(lambda: device.position > settled, 30)
            heard = listener.heard()
    finally:
        device.stop()
    for event in ("wake", "final", "intent", "say", "reply_start", "reply_end"):
        assert event in names(), [(e.event, e.text) for e in happened]
    assert next(event.text for event in happened if event.event == "wake") == "alexa"
    reply = next(event for event in happened if event.event == "heard")
    assert reply.text and reply.text == next(event.text for event in happened if event.event == "say")
    played = device.engine.reference.read(device.position - 6 * RATE_HZ, 6 * RATE_HZ).samples
    pieces = [played[at : at + RATE_HZ // 4] for at in range(0, len(played), RATE_HZ // 4)]
    scores = [locate(piece, heard)[1] for piece in pieces if np.abs(piece).max() > 0.05]
    assert len(scores) >= 3 and np.median(scores) > 0.9, (scores, device.engine.counters)


def test_stop_closes_the_streams_and_may_be_called_twice(engine_with):
    engine = engine_with()
    drive(engine, 20, until=lambda: engine.position > RATE_HZ // 4)
    engine.stop()
    engine.stop()


def test_nothing_is_written_to_stderr_by_looking_for_devices(capfd):
    from device.cli import main

    assert main(["devices"]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert "pulse" in out and 'input = "' in out
