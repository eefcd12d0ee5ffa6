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


def whole(said, heard):
    """Whether every quarter of a second of ``said`` was heard, and all in the same place."""
    piece = RATE_HZ // 4
    found = [(at, *locate(said[at : at + piece], heard)) for at in range(0, len(said) - piece, piece)]
    offsets = [place - at for at, place, _ in found]
    return min(score for _, _, score in found) > 0.9 and max(offsets) - min(offsets) <= 2


def once_of(attempts, try_it):
    """A machine that is busy with other things may interrupt the sound: not every time."""
    assert any(try_it(attempt) for attempt in range(attempts))


def test_what_is_said_arrives_whole_and_in_place(engine_with, tmp_path):
    engine = engine_with()
    drive(engine, 20, until=lambda: engine.position > RATE_HZ // 2)

    def hear(attempt):
        begin = engine.position
        said = noise(5.0, seed=attempt)
        with talking(said, tmp_path) as talker:
            drive(engine, 30, until=lambda: talker.poll() is not None)
            drive(engine, 0.5)
        return whole(said, engine.clean.read(begin, engine.position - begin).samples)

    once_of(3, hear)
    assert engine.problem is None
    assert engine.counters["lost_blocks"] == 0


def test_positions_of_frames_follow_each_other(engine_with):
    engine = engine_with()
    frames = drive(engine, 20, until=lambda: engine.position > RATE_HZ)
    assert [frame.position for frame in frames] == [i * FRAME for i in range(len(frames))]


def test_what_is_played_leaves_the_loudspeaker_whole(engine_with, tmp_path):
    engine = engine_with()
    drive(engine, 20, until=lambda: engine.position > RATE_HZ // 2)

    def play(attempt):
        with Listener(tmp_path) as listener:
            drive(engine, 1.0)  # the ear stood still while the listener was started
            engine.mixer.play(noise(2.0, seed=attempt, rate_hz=engine.mixer.rate_hz))
            drive(engine, 20, until=lambda: not engine.mixer.sounding)
            drive(engine, 1.0)
            return whole(noise(2.0, seed=attempt), listener.heard())

    once_of(3, play)


def test_the_position_that_play_returns_is_where_a_loopback_hears_it(engine_with, monkeypatch):
    monkeypatch.setenv(
        "PULSE_SOURCE", "spk.monitor"
    )  # the microphone hears the loudspeaker, and nothing else

    def measure(attempt):
        engine = engine_with(input="pulse")
        drive(engine, 20, until=lambda: engine.position > RATE_HZ * 3 // 2)
        errors_ms = []
        for _ in range(3):
            begin = engine.position
            engine.mixer.play(noise(0.5, seed=5, rate_hz=engine.mixer.rate_hz))
            drive(engine, 20, until=lambda: not engine.mixer.sounding)
            drive(engine, 0.6)
            # the reference ring holds what was played at the positions that play() returned
            reference = engine.reference.read(begin, engine.position - begin).samples
            first, last = np.flatnonzero(np.abs(reference) > 1e-3)[[0, -1]]
            at, score = locate(reference[first:last], engine.mic.read(begin, engine.position - begin).samples)
            if score > 0.7:
                errors_ms.append((at - first) * 1000 / RATE_HZ)
        engine.stop()
        return len(errors_ms) >= 2 and abs(np.median(errors_ms)) < 15

    once_of(3, measure)


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
    last = min(engine.position, 3 * RATE_HZ)
    heard = engine.clean.read(engine.position - last, last).samples
    assert max(locate(said[at : at + 4000], heard)[1] for at in range(0, len(said), 4000)) > 0.9
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
    for event in ("wake", "final", "intent", "reply_start", "reply_end"):
        assert event in names(), [(e.event, e.text) for e in happened]
    assert next(event.text for event in happened if event.event == "wake") == "alexa"
    reply = next(event for event in happened if event.event == "heard")
    assert reply.text.startswith("It's ")
    played = device.engine.reference.read(device.position - 6 * RATE_HZ, 6 * RATE_HZ).samples
    pieces = [played[at : at + RATE_HZ // 4] for at in range(0, len(played), RATE_HZ // 4)]
    scores = [locate(piece, heard)[1] for piece in pieces if np.abs(piece).max() > 0.05]
    assert len(scores) >= 3 and np.median(scores) > 0.9, (scores, device.engine.counters)


@pytest.mark.parametrize("abort_above_ms", [60.0, -1.0], ids=["flush", "abort"])
def test_a_hold_silences_the_loudspeaker_sooner_and_the_reply_goes_on_where_it_was(
    engine_with, tmp_path, abort_above_ms
):
    engine = engine_with()
    backend, speech = engine.backend, engine.mixer.speech
    drive(engine, 20, until=lambda: engine.position > RATE_HZ // 2)
    backend.abort_above_ms = abort_above_ms
    assert backend.device_latency_ms < 60

    def hold_and_resume(attempt):
        said = noise(3.0, seed=10 + attempt, rate_hz=engine.mixer.rate_hz)
        with Listener(tmp_path) as listener:
            drive(engine, 1.0)
            speech.begin(attempt + 1)
            speech.write(said)
            speech.finish()
            drive(engine, 1.0)
            before = speech.rendered
            engine.flush()
            place = speech.hold()
            rate_ms = engine.mixer.rate_hz // 1000
            assert (
                before - 100 * rate_ms < place < before
            )  # without a flush it would be 10 ms after what was rendered
            held = engine.settled_at
            drive(engine, 0.5)
            assert engine.played.at(engine.position) == speech.rendered == place
            assert not engine.reference.read(held + FRAME, RATE_HZ // 4).samples.any()
            speech.resume(place)
            drive(engine, 20, until=lambda: speech.finished)
            drive(engine, 1.0)
            heard = listener.heard()
        ratio = engine.mixer.rate_hz // RATE_HZ
        at = place // ratio
        said = noise(3.0, seed=10 + attempt)
        first, score = locate(said[at - 8000 : at - 800], heard)
        second, score_after = locate(said[at + 400 : at + 8000], heard)
        silence_ms = (second - first - 8400) * 1000 / RATE_HZ
        print(score, score_after, silence_ms, engine.counters)
        return min(score, score_after) > 0.9 and 400 < silence_ms < 800

    once_of(3, hold_and_resume)
    assert (
        engine.problem is None and engine.counters["reopened"] == engine.counters["revivals"]
    )  # nobody speaks: zeros
    assert (engine.counters["aborts"] > 0) == (abort_above_ms < 0)


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
    assert "pulse" in out and 'input = "node:mic"' in out
