"""``earshot doctor echo``: measures, names what is wrong and what to do, for people and for programs."""

from __future__ import annotations

import json
import logging

import pytest
from helpers_audio import speech_like
from helpers_echo import CancellingRoom
from helpers_sound import needs_rig

from device.audio.backends.none import NoneBackend
from device.audio.backends.pace import Pacer
from device.audio.backends.room import RoomBackend, RoomSettings
from device.audio.echo_policy import Problem
from device.cli import main
from device.config import Config, parse
from device.doctor.echo import examine, worst
from device.doctor.screen import show
from device.errors import AudioError


@pytest.fixture(autouse=True)
def _log_as_before():
    handlers = list(logging.getLogger("earshot").handlers)
    yield
    logging.getLogger("earshot").handlers = handlers


def doctor(capsys, *options):
    code = main(["doctor", "echo", *options])
    return code, *capsys.readouterr()


def doctor_json(capsys, *options):
    code, out, err = doctor(capsys, *options, "--json")
    assert not err
    return code, json.loads(out)


def screen(report):
    import io

    from rich.console import Console

    out = io.StringIO()
    show(report, Console(file=out, width=120, highlight=False))
    return out.getvalue()


# ------------------------------------------------------------------ the command


def test_in_the_simulated_room_anybody_can_try_it(capsys):
    code, report = doctor_json(capsys, "--room")
    assert code == 0 and report["verdict"] == "ok" and report["problems"] == []
    assert report["echo"]["mode"] == "software"
    measured = report["measured"]
    assert measured["delay_ms"] == pytest.approx(40, abs=0.2)
    assert measured["drift_ppm"] == pytest.approx(0, abs=0.3)
    assert measured["loss_after_db"] - measured["loss_before_db"] > 15


def test_the_screen_says_what_there_is_what_was_measured_and_how_well_it_cancels(capsys):
    code, out, _ = doctor(capsys, "--room", "echo_delay_ms=80", "drift_ppm=-30")
    assert code in (0, 1)
    text = " ".join(out.split())
    assert "microphone the simulated room" in text and "canceller software" in text
    assert "79.9 ms" in text or "80.1 ms" in text
    assert "30 ppm slower" in text and "dB taken away" in text


def test_set_chooses_the_room_and_the_canceller(capsys):
    code, report = doctor_json(capsys, "--set", "audio.backend=room", "--set", "audio.echo=none")
    assert (code, report["echo"]["mode"]) == (0, "none")
    assert report["measured"]["loss_after_db"] == report["measured"]["loss_before_db"]


def test_a_fault_is_exit_code_1_with_its_name_and_its_mend(capsys):
    code, out, _ = doctor(capsys, "--room", "--set", "device.volume=0")
    assert code == 1
    assert (
        "✗" in out
        and "nothing was played" in out
        and "to do: set device.volume above 0" in " ".join(out.split())
    )
    code, report = doctor_json(capsys, "--room", "--set", "device.volume=0")
    (problem,) = report["problems"]
    assert (code, problem["code"], problem["severity"]) == (1, "echo_not_played", "fault")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--set", "audio.backend=none"], "audio.backend is 'none'"),
        (["--room", "drift=3"], "drift: unknown; there are rt60_s"),
        (["--room", "drift_ppm=fast"], "drift_ppm = 'fast': must be a number"),
        (["--room", "drift_ppm=90000"], "drift_ppm is 90000, allowed is -20000..20000"),
        (["--room", "--set", "audio.echo=webrtc"], "'auto', 'hardware', 'software', 'none'"),
    ],
)
def test_what_cannot_be_tried_is_exit_code_2_and_one_clear_message(capsys, options, told):
    code, out, err = doctor(capsys, *options)
    assert code == 2 and not out and told in err


@pytest.mark.parametrize("level", ["-60", "0", "loud"])
def test_a_level_that_is_no_level_is_refused(level, capsys):
    with pytest.raises(SystemExit) as left:
        main(["doctor", "echo", "--room", "--level", level])
    assert left.value.code == 2


# ------------------------------------------------------------------ devices


def test_a_device_that_cancels_is_found_good():
    report = examine(CancellingRoom(), Config())
    assert report.verdict == "ok" and report.state.mode == "hardware"
    text = screen(report)
    assert "ReSpeaker XVF3800 USB: cancels the echo itself" in text and "channel 0 of 2" in text
    assert "firmware 2.0.10" in text and "AEC_AECCONVERGED" in text


def test_a_device_that_only_claims_to_cancel_is_found_out_and_ours_is_checked_instead():
    said = []
    report = examine(CancellingRoom(works=False), Config(), lambda what, share: said.append(what))
    assert report.state.mode == "software" and report.verdict == "fault"
    assert [p.code for p in report.problems] == ["echo_hardware_not_cancelling"]
    assert report.before.loss_db < 3 and report.check.erle_db > 15
    assert list(dict.fromkeys(said)) == [
        "measuring the echo path", "checking the canceller", "checking ours instead"
    ]  # fmt: skip
    text = screen(report)
    assert "✗  its canceller" in text and "✓  cancelling" in text
    assert report.as_json()["measured"]["hardware_loss_db"] < 3


def test_hardware_asked_for_on_a_device_that_nobody_knows_is_used_if_it_cancels():
    config = parse({"audio": {"echo": "hardware"}})
    good = examine(CancellingRoom(device=None), config)
    assert good.state.mode == "hardware" and good.verdict == "ok"
    bad = examine(CancellingRoom(device=None, works=False), config)
    assert bad.state.mode == "software" and bad.verdict == "warning"
    assert "with reservations" in screen(bad)


def test_what_else_is_known_to_be_wrong_is_shown_too():
    clipping = Problem("mic_clipping", "the microphone clips", "lower its gain (alsamixer)")
    report = examine(RoomBackend(), Config(), others=lambda engine: [clipping])
    assert report.verdict == "fault" and "to do: lower its gain" in screen(report)
    assert report.as_json()["problems"][0]["code"] == "mic_clipping"


def test_a_machine_whose_playback_slips_is_told_so_after_three_attempts():
    class Busy(RoomBackend):
        """Every 1.5 s a block comes too late."""

        blocks = 0

        def play(self, block):
            Busy.blocks += 1
            return super().play(block) + (480 if Busy.blocks // 150 % 2 else 0)

    said = []
    report = examine(Busy(), Config(), lambda what, share: said.append(what))
    assert "measuring the echo path (again, 3 of 3)" in said
    assert "echo_slips" in [p.code for p in report.problems]
    (problem,) = (p for p in report.problems if p.code == "echo_slips")
    assert "reference_gaps" in problem.text
    assert report.path.drift_ppm is None
    assert worst([problem]) == "warning"


def test_what_somebody_talks_into_is_said_to_be_uncertain():
    room = RoomBackend(RoomSettings(ser_db=10))
    room.say(speech_like(60.0), 0)
    report = examine(room, Config())
    assert report.verdict == "warning" and "Nothing certain could be measured" in screen(report)


def test_only_faults_are_faults():
    assert worst([]) == "ok"
    assert worst([Problem("echo_nonlinear", "", "")]) == "warning"
    assert worst([Problem("echo_nonlinear", "", ""), Problem("echo_drift", "", "")]) == "fault"


def test_a_microphone_that_delivers_nothing_is_said_and_the_devices_are_closed():
    class Dead(RoomBackend):
        problem = None
        stopped = False

        def stop(self):
            Dead.stopped = True

    class Clock:
        now = 0.0

        def __call__(self):
            return self.now

        def sleep(self, seconds):
            Clock.now += seconds

    clock = Clock()
    with pytest.raises(AudioError, match="delivers nothing"):
        examine(NoneBackend(Pacer(clock, clock.sleep)), Config(), clock=clock)
    room = Dead(RoomSettings())
    room.unplug()
    with pytest.raises(AudioError, match="the simulated microphone is unplugged"):
        examine(room, Config(), clock=iter(range(1000)).__next__)
    assert Dead.stopped


# ------------------------------------------------------------------ a real sound server


class TestOnTheRig:
    pytestmark = needs_rig

    def test_a_loopback_is_measured_through_real_streams(self, capsys, monkeypatch):
        monkeypatch.setenv("PULSE_SOURCE", "spk.monitor")
        pulse = ["--set", "audio.input=pulse", "--set", "audio.output=pulse"]
        excuses = {
            "echo_slips",
            "echo_software_not_cancelling",
        }  # of a sound server on a busy machine: not every time
        for _ in range(2):
            code, report = doctor_json(capsys, *pulse)
            measured = report["measured"]
            assert measured["heard"] and abs(measured["delay_ms"]) < 40
            if not excuses & {problem["code"] for problem in report["problems"]}:
                assert code == 0 and measured["sure"]
                assert abs(measured["drift_ppm"]) < 3  # one clock
                assert measured["loss_after_db"] > 15
                break

    def test_a_microphone_that_does_not_hear_the_loudspeaker_is_named(self, capsys):
        code, report = doctor_json(capsys)
        # nothing is played into the rig's microphone: exact zeros
        assert code == 1 and [p["code"] for p in report["problems"]] == ["echo_not_heard", "mic_silent"]

    def test_devices_says_which_canceller_would_work(self, capsys):
        main(["devices"])
        assert "Echo canceller: software ('default' is not in the device table)" in capsys.readouterr().out
