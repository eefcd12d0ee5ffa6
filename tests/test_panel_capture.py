"""The hard mute on a real sound server: no capture stream is there any more, by the server's own list."""

from __future__ import annotations

import json
import os
import subprocess

from helpers_sound import delivered, drive, needs_rig

from device.audio import AudioEngine, open_backend
from device.config import parse
from device.values import RATE_HZ

pytestmark = needs_rig


def streams(kind: str) -> int:
    """How many streams of ``kind`` this process has, as the server says."""
    listed = subprocess.run(
        ["pactl", "--format=json", "list", kind], capture_output=True, text=True, check=True, timeout=20
    ).stdout
    return sum(
        one["properties"].get("application.process.id") == str(os.getpid()) for one in json.loads(listed)
    )


def test_a_microphone_that_is_closed_by_hand_has_no_stream_and_is_back_when_it_is_opened():
    engine = AudioEngine(open_backend(parse({})), echo="none")
    engine.start()
    try:
        drive(engine, 20, until=lambda: delivered(engine) > 50)
        assert (streams("source-outputs"), streams("sink-inputs")) == (1, 1)
        engine.close_mic(True)
        drive(engine, 20, until=lambda: engine.mic_closed)
        heard = delivered(engine)
        frames = drive(engine, 2.0)
        assert (streams("source-outputs"), streams("sink-inputs")) == (0, 1), "and the loudspeaker stays open"
        assert delivered(engine) == heard and all(frame.missing for frame in frames)
        assert len(frames) > 100, "the clock goes on"
        assert engine.problem is None and engine.problem_codes == ()
        engine.close_mic(False)
        drive(engine, 20, until=lambda: delivered(engine) > heard + 50)
        assert (streams("source-outputs"), streams("sink-inputs")) == (1, 1) and not engine.mic_closed
        assert engine.counters["closed_frames"] >= len(frames)
    finally:
        engine.stop()


def test_one_that_was_closed_before_the_start_is_never_opened():
    engine = AudioEngine(open_backend(parse({})), echo="none")
    engine.close_mic(True)
    engine.start()
    try:
        drive(engine, 20, until=lambda: engine.position > RATE_HZ and engine.mic_closed)
        assert streams("source-outputs") == 0 and delivered(engine) == 0 and engine.problem is None
    finally:
        engine.stop()
