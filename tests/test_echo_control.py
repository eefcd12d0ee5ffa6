"""The right canceller is at work: chosen at once, checked when it is quiet, changed without a click."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from helpers_audio import db, joined, power, speech_like, steps
from helpers_echo import CancellingRoom, entry

from device.audio import AudioEngine
from device.audio.backends.room import RoomBackend, RoomSettings
from device.audio.echo_control import AGAIN, QUIET, EchoControl
from device.audio.echo_policy import Decision, SoundPath
from device.config import parse
from device.daemon import Device
from device.link.transport import OfflineTransport
from device.values import FRAME, RATE_HZ


def run(engine, control, seconds, idle=lambda k: True):
    for k in range(round(seconds * 100)):
        engine.capture()
        control.step(idle(k))
        engine.render()


# ------------------------------------------------------------------ the engine


def test_a_device_that_cancels_is_handed_on_untouched_and_costs_the_canceller_nothing():
    engine = AudioEngine(CancellingRoom(), echo="hardware")
    engine.mixer.play(speech_like(4.0))
    frames = steps(engine, 400)
    assert all(f.clean is f.mic for f in frames)
    assert engine.counters.get("canceller_adapted", 0) == 0
    assert any(f.playing for f in frames) and joined(frames, "reference").any()


def test_with_hardware_the_erle_is_what_the_device_leaves_of_the_playback():
    losses = []
    for works in (True, False):
        engine = AudioEngine(CancellingRoom(works=works), echo="hardware")
        engine.mixer.play(speech_like(8.0))
        steps(engine, 800)
        assert engine.echo.mode == "hardware" and engine.echo.converged == works
        losses.append(engine.echo.erle_db)
    assert losses[0] > 12 and abs(losses[1]) < 6


def test_switching_live_makes_no_click_and_keeps_what_was_learned():
    engine = AudioEngine(RoomBackend(RoomSettings(distortion="none")), keep_s=20)
    engine.mixer.play(speech_like(9.0))
    frames = steps(engine, 600)
    was = engine.counters["canceller_adapted"]
    engine.use_echo(Decision("hardware", "a test"))
    frames += steps(engine, 20)
    assert frames[-1].clean is frames[-1].mic and engine.counters["canceller_adapted"] == was + 1
    engine.use_echo(Decision("software", "a test"))
    frames += steps(engine, 40)
    clean, mic = joined(frames, "clean"), joined(frames, "mic")
    # in the frame of each switch the signal passes from one to the other
    for k, first, second in ((600, clean, mic), (620, mic, clean)):
        a = k * FRAME
        assert abs(clean[a] - first[a - 1]) < 0.02 + np.abs(np.diff(mic[a - FRAME : a + FRAME])).max()
        np.testing.assert_allclose(clean[a + FRAME], second[a + FRAME])
    rest = slice(625 * FRAME, 660 * FRAME)
    assert db(power(clean[rest]) / power(mic[rest])) < -12


def test_switching_while_nothing_plays_changes_not_a_sample():
    engine = AudioEngine(RoomBackend())
    frames = steps(engine, 10)
    engine.use_echo(Decision("none", "a test"))
    frames += steps(engine, 10)
    np.testing.assert_array_equal(joined(frames, "clean"), joined(frames, "mic"))
    assert engine.echo.erle_db is None


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="'webrtc'.*'hardware', 'software', 'none'"):
        AudioEngine(RoomBackend()).use_echo(Decision("webrtc", ""))


# ------------------------------------------------------------------ by itself


def test_it_decides_at_once_without_a_measurement():
    engine = AudioEngine(CancellingRoom())
    EchoControl(engine, "auto")
    assert engine.echo.mode == "hardware" and "XVF3800" in engine.echo.reason
    engine = AudioEngine(RoomBackend())
    EchoControl(engine, "auto")
    assert engine.echo.mode == "software"


def test_without_being_asked_it_measures_once_softly_when_it_is_quiet():
    engine = AudioEngine(RoomBackend(RoomSettings(drift_ppm=80)), keep_s=20)
    control = EchoControl(engine, "auto", at_start=True)
    run(engine, control, QUIET / RATE_HZ - 0.1)
    assert not control.measuring and engine.echo.delay_ms is None
    run(engine, control, 6.0)
    thread = control._run._thread if control._run else None
    if thread is not None:  # the analysis has a thread of its own
        thread.join()
        run(engine, control, 0.02)
    assert engine.echo.drift_ppm == pytest.approx(80, abs=2)
    assert engine.echo.delay_ms == pytest.approx(39.5, abs=0.5)
    assert engine.echo.mode == "software" and not engine.echo.problems
    played = engine.reference.read(0, engine.position).samples
    assert 0 < np.abs(played).max() < 10 ** (-32 / 20)
    run(engine, control, 30)
    assert (
        not control.measuring
        and not engine.reference.read(engine.position - 15 * RATE_HZ, RATE_HZ * 15).samples.any()
    )


@pytest.mark.parametrize("ppm", [0, 100])
def test_after_a_measurement_the_first_words_of_the_first_reply_are_cancelled_already(ppm):
    left = []
    for at_start in (True, False):
        engine = AudioEngine(RoomBackend(RoomSettings(drift_ppm=ppm, seed=4)))
        control = EchoControl(engine, "auto", at_start=at_start)
        run(engine, control, 2.1)
        finish(engine, control)
        run(engine, control, 0.5)
        engine.mixer.play(speech_like(1.0))
        frames = steps(engine, 60)
        left.append(db(power(joined(frames, "clean")[1600:]) / power(joined(frames, "mic")[1600:])))
    assert left[0] < -12 and left[0] < left[1] - 6


def test_it_measures_nothing_where_it_is_not_wanted():
    engine = AudioEngine(RoomBackend())
    run(engine, EchoControl(engine, "auto"), 6)
    assert not engine.reference.read(0, engine.position).samples.any()


def test_a_measurement_falls_silent_when_somebody_speaks_and_is_tried_again_later():
    engine = AudioEngine(RoomBackend())
    control = EchoControl(engine, "auto", at_start=True)
    run(engine, control, 2.6)
    assert control.measuring and engine.mixer.sounding
    run(engine, control, 0.1, idle=lambda k: False)
    assert not control.measuring and not engine.mixer.sounding and engine.learning
    run(engine, control, QUIET / RATE_HZ + 0.5)
    assert control.measuring


def test_over_an_alarm_it_does_not_measure():
    engine = AudioEngine(RoomBackend())
    engine.mixer.play(speech_like(4.0))
    control = EchoControl(engine, "auto", at_start=True)
    run(engine, control, 4)
    assert not control.measuring


def finish(engine, control):
    """Until the running measurement has its result, analysis in its thread included."""
    for _ in range(1300):
        if not control.measuring:
            return
        thread = getattr(control._run, "_thread", None)
        if thread is not None:
            thread.join()
        run(engine, control, 0.01)
    raise AssertionError("the measurement does not end")


def test_a_canceller_that_does_not_cancel_is_found_out_by_itself_and_replaced():
    for works, mode in ((True, "hardware"), (False, "software")):
        engine = AudioEngine(CancellingRoom(works=works))
        control = EchoControl(engine, "auto", at_start=True)
        assert engine.echo.mode == "hardware"
        run(engine, control, 2.1)
        finish(engine, control)
        assert engine.echo.mode == mode
        assert [p.code for p in engine.echo.problems] == ([] if works else ["echo_hardware_not_cancelling"])
        assert control.check is not None


def test_hardware_on_an_unknown_device_is_used_once_measured_good():
    for works, mode in ((True, "hardware"), (False, "software")):
        engine = AudioEngine(CancellingRoom(works=works, device=None))
        control = EchoControl(engine, "hardware", at_start=True)
        assert engine.echo.mode == "software" and engine.echo.problems[0].code == "echo_hardware_unproven"
        run(engine, control, 2.1)
        finish(engine, control)
        assert engine.echo.mode == mode


def test_a_loudspeaker_that_is_plugged_in_changes_the_decision_and_back():
    room = CancellingRoom()
    engine = AudioEngine(room)
    control = EchoControl(engine, "auto")
    array = room.path
    room.path = dataclasses.replace(array, loudspeaker="HDMI (hw:0,3)", same_card=False)
    run(engine, control, 1.1)
    assert engine.echo.mode == "software" and engine.echo.problems[0].code == "echo_hardware_other_card"
    room.path = array
    run(engine, control, 1.1)
    assert engine.echo.mode == "hardware" and not engine.echo.problems


def test_a_measurement_counts_only_for_the_devices_that_were_measured():
    room = CancellingRoom(works=False)
    engine = AudioEngine(room)
    control = EchoControl(engine, "auto", at_start=True)
    run(engine, control, 2.1)
    finish(engine, control)
    assert engine.echo.mode == "software"
    room.path = SoundPath("another (hw:4,0)", "another (hw:4,0)", entry("xvf3000"), 6, 0, True)
    run(engine, control, 1.1)
    assert engine.echo.mode == "hardware" and control.path is None and engine.echo.delay_ms is None


# ------------------------------------------------------------------ in the device


class Broker(OfflineTransport):
    """Keeps what would have been sent."""

    def __init__(self):
        super().__init__()
        self.sent = []

    def send(self, kind, message):
        self.sent.append((kind, message))
        return True


def device(room=None, measure=False, **audio):
    broker = Broker()
    made = Device(parse({"audio": audio}), room or RoomBackend(), broker, in_process=True, measure=measure)
    return made, broker


def play_on(made, seconds):
    for _ in range(round(seconds * 100)):
        assert made.step()


def test_the_retained_state_tells_how_echo_cancelling_stands():
    made, broker = device(CancellingRoom(works=False), measure=True)
    play_on(made, 8)
    finish_device(made)
    play_on(made, 10.1)
    state = [message for kind, message in broker.sent if kind == "state"][-1].echo
    assert state.mode == "software" and "should cancel the echo, and does not" in state.reason
    assert state.problems == ("echo_hardware_not_cancelling",)
    assert state.delay_ms == pytest.approx(40, abs=0.2) and state.drift_ppm == pytest.approx(0, abs=0.5)
    # what the sweep sounds like to the detector of interruptions is nobody's business
    assert "barge_in" not in [message.kind for kind, message in broker.sent if kind == "event"]
    made.stop()


def finish_device(made):
    for _ in range(1300):
        if not made.echo.measuring:
            return
        thread = getattr(made.echo._run, "_thread", None)
        if thread is not None:
            thread.join()
        made.step()
    raise AssertionError("the measurement does not end")


def test_a_device_that_is_not_told_to_does_not_measure():
    made, _ = device()
    play_on(made, 4)
    assert not made.engine.reference.read(0, made.position).samples.any()
    assert made.engine.echo.mode == "software"
    made.stop()


def test_somebody_who_speaks_stops_the_measurement():
    room = RoomBackend(RoomSettings(ser_db=10))
    made, _ = device(room, measure=True)
    room.say(speech_like(3.0), 3 * RATE_HZ)
    play_on(made, 2.6)
    assert made.echo.measuring
    play_on(made, 2.0)
    assert not made.echo.measuring and made.engine.learning
    made.stop()


def test_echo_is_chosen_by_the_configuration():
    for wanted, mode in (("auto", "hardware"), ("software", "software"), ("none", "none")):
        made, _ = device(CancellingRoom(), echo=wanted)
        assert made.engine.echo.mode == mode
        made.stop()


def test_again_is_later_than_a_whole_measurement():
    assert AGAIN > QUIET + 6 * RATE_HZ
