"""`earshot doctor` tries the sound devices: what two seconds tell of a microphone, who holds a card, and the real thing."""

import json

import numpy as np
import pytest
from helpers_sound import needs_rig

from device.cli import main
from device.doctor.finding import worst
from device.doctor.recording import Recording, judge, tone
from device.doctor.sound_trial import holders

RATE_HZ = 16_000


def room(seconds=2.5, level=200.0, seed=1):
    return np.random.default_rng(seed).normal(0, level, (round(seconds * RATE_HZ), 1)).astype(np.int16)


def recording(samples, **more):
    return Recording("usb", RATE_HZ, samples, **more)


def with_tone(samples, level_dbfs, at_s=1.5):
    heard = tone(RATE_HZ, 0.5, level_dbfs)
    at = round(at_s * RATE_HZ)
    samples = samples.copy()
    samples[at : at + len(heard), 0] += heard
    return samples, (round(1.3 * RATE_HZ), round(2.3 * RATE_HZ))


def code_of(found):
    (one,) = found
    return one.severity, one.data.get("code")


def test_a_microphone_in_a_quiet_room_is_well():
    (found,) = judge(recording(room(level=3.0)))
    assert found.severity == "ok" and "16000 Hz, -82 dBFS" in found.text


def test_zeros_one_value_and_clipping_are_told_with_their_fix():
    assert code_of(judge(recording(np.zeros((RATE_HZ, 1), np.int16)))) == ("fault", "mic_silent")
    assert code_of(judge(recording(np.full((RATE_HZ, 1), 77, np.int16)))) == ("fault", "mic_stuck")
    loud = np.clip(room(level=40_000.0).astype(np.int32) * 3, -32768, 32767).astype(np.int16)
    assert code_of(judge(recording(loud))) == ("fault", "mic_clipping")
    door = room()
    door[8000:8160] = 32767
    assert worst(judge(recording(door))) == "ok"


def test_a_microphone_that_hears_next_to_nothing_is_a_warning():
    faint = np.random.default_rng(1).integers(-1, 2, (RATE_HZ, 1)).astype(np.int16)
    assert code_of(judge(recording(faint))) == ("warning", None)


def test_a_microphone_that_delivers_nothing_is_missing():
    assert code_of(judge(recording(np.zeros((0, 2), np.int16)))) == ("fault", "mic_missing")


def test_the_channel_that_has_the_sound_is_named_where_it_is_another_one():
    four = np.zeros((2 * RATE_HZ, 4), np.int16)
    four[:, 2:3] = room(2.0)
    (found,) = judge(recording(four))
    assert (found.severity, found.data["code"]) == ("fault", "wrong_channel")
    assert "channel 0 of the microphone is silent, channel 2 is not" in found.text
    assert worst(judge(recording(four, channel=2))) == "ok"


@pytest.mark.parametrize(("measured", "severity"), [(16_100.0, "ok"), (14_700.0, "fault"), (None, "ok")])
def test_a_rate_that_is_not_what_was_promised_is_told(measured, severity):
    found = judge(recording(room(), measured_hz=measured))
    assert worst(found) == severity
    if severity == "fault":
        assert found[0].data["code"] == "mic_rate" and "-8 %" in found[0].text


def test_a_tone_that_comes_back_is_the_loudspeaker():
    samples, when = with_tone(room(), -45.0)
    _, found = judge(recording(samples, tone=when))
    assert found.severity == "ok" and "the loudspeaker is heard" in found.text


def test_without_it_the_loudspeaker_is_doubted_and_headphones_are_fine():
    _, found = judge(recording(room(), tone=(20_800, 36_800)))
    assert (found.severity, found.data["code"]) == ("warning", "speaker_silent") and "headphones" in found.fix


def test_a_tone_is_not_looked_for_by_a_dead_microphone():
    assert len(judge(recording(np.zeros((RATE_HZ, 1), np.int16), tone=(100, 8000)))) == 1


def test_the_tone_swells_so_that_nothing_clicks():
    sound = tone(48_000, 0.5, -32.0)
    assert abs(int(sound[:48].max())) < 5 and 1000 < sound.max() < 1200


# ------------------------------------------------------------------ who holds the card


def test_who_holds_a_card_is_named(tmp_path):
    asound = tmp_path / "proc/asound"
    status = asound / "card1/pcm0c/sub0/status"
    status.parent.mkdir(parents=True)
    status.write_text("state: RUNNING\nowner_pid   : 812\n")
    (asound / "cards").write_text(
        " 0 [vc4hdmi        ]: vc4-hdmi - vc4-hdmi\n                      vc4-hdmi\n"
        " 1 [Mic            ]: USB-Audio - USB Mic\n                      Maker USB Mic at usb-1.2\n"
    )
    (tmp_path / "proc/812").mkdir()
    (tmp_path / "proc/812/comm").write_text("arecord\n")
    assert [str(one) for one in holders("usb mic", "input", tmp_path)] == ["'arecord' (process 812)"]
    assert [one.pid for one in holders("", "input", tmp_path)] == [812]
    assert not holders("USB Mic: Audio (hw:1,0)", "output", tmp_path)
    assert not holders("vc4-hdmi: (hw:0,0)", "input", tmp_path)


# ------------------------------------------------------------------ a real sound server


class TestOnTheRig:
    pytestmark = needs_rig

    def doctor(self, capsys, *options):
        code = main(["doctor", "--only", "sound", "--json", *options])
        return code, json.loads(capsys.readouterr().out)["findings"]

    def test_a_loudspeaker_that_is_the_microphone_is_heard(self, capsys, monkeypatch):
        monkeypatch.setenv("PULSE_SOURCE", "spk.monitor")
        code, found = self.doctor(capsys, "--set", "audio.input=pulse", "--set", "audio.output=pulse")
        assert code == 0 and "the loudspeaker is heard" in found[1]["text"]
        assert abs(found[0]["data"]["measured_hz"] / found[0]["data"]["rate_hz"] - 1) < 0.05

    def test_a_microphone_without_any_sound_is_a_fault_and_so_is_one_that_is_not_there(self, capsys):
        code, found = self.doctor(capsys)
        assert code == 1 and found[0]["data"]["code"] == "mic_silent"
        code, found = self.doctor(capsys, "--set", "audio.input=respeaker")
        assert code == 1 and "'respeaker' not found" in found[0]["text"]
