"""`earshot bench echo`: figures of the canceller alone, checked on signals whose figures are known."""

import sys

import numpy as np
import pytest

from device.audio.wav import write_wav
from device.bench import speex
from device.bench.barge_in.playback import tones
from device.bench.echo import figures, intelligibility, measure, real, scene
from device.bench.echo.cases import CASES, chosen
from device.bench.erle import steady_db, time_to
from device.bench.parts import cancel
from device.cli import main
from device.errors import AudioError, ScenarioError
from device.values import RATE_HZ

KEYS = {
    "case", "text", "erle_db", "t20_s", "rooms_without_20_db", "stoi_ser_-10_db", "stoi_ser_0_db",
    "stoi_mic_ser_-10_db", "stoi_mic_ser_0_db", "talker_gain_db", "cpu_ms_per_10ms", "speexdsp_cpu_ms_per_10ms",
    "cpu_ratio", "speexdsp_erle_db", "suppressed_erle_db", "suppressed_stoi_ser_-10_db", "suppressed_stoi_ser_0_db",
    "suppressed_talker_gain_db",
}  # fmt: skip


def echo(seconds: float = 6.0) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(int(seconds * RATE_HZ)).astype(np.float32) * 0.1


def test_erle_is_energy_before_over_energy_after_where_echo_sounds():
    mic = echo()
    clean = mic * np.float32(0.1)
    assert steady_db(mic, clean) == pytest.approx(20, abs=0.01)
    mic[RATE_HZ : 2 * RATE_HZ] = 0.0
    clean[RATE_HZ : 2 * RATE_HZ] = echo(1.0)  # whatever sounds in a pause of the playback is no echo
    assert steady_db(mic, clean) == pytest.approx(20, abs=0.5)
    assert steady_db(np.zeros(RATE_HZ, np.float32), mic[:RATE_HZ]) is None


def test_what_lies_outside_of_100_to_7200_hz_is_left_out():
    mic = echo()
    hum = np.sin(2 * np.pi * 50 * np.arange(len(mic)) / RATE_HZ).astype(np.float32)
    assert steady_db(mic, mic * np.float32(0.1) + hum) == pytest.approx(20, abs=0.5)


def test_20_db_are_reached_when_they_are_kept_for_a_second():
    mic = echo()
    gain = np.where(np.arange(len(mic)) < 2 * RATE_HZ, 0.5, 0.05).astype(np.float32)
    assert time_to(20, mic, mic * gain) == pytest.approx(2.24, abs=0.05)
    gain[int(3.0 * RATE_HZ) : int(3.4 * RATE_HZ)] = 0.5  # lost again too soon, and back at 3.4 s
    assert time_to(20, mic, mic * gain) == pytest.approx(3.64, abs=0.05)


def test_20_db_that_never_come_or_come_too_late_to_tell_are_none():
    mic = echo()
    assert time_to(20, mic, mic * np.float32(0.2)) is None
    gain = np.where(np.arange(len(mic)) < 5.5 * RATE_HZ, 0.5, 0.05).astype(np.float32)
    assert time_to(20, mic, mic * gain) is None
    assert time_to(20, np.zeros(RATE_HZ, np.float32), np.zeros(RATE_HZ, np.float32)) is None


def test_time_counts_from_the_first_echo():
    mic = echo()
    mic[:RATE_HZ] = 0.0
    gain = np.where(np.arange(len(mic)) < 2 * RATE_HZ, 0.5, 0.05).astype(np.float32)
    assert time_to(20, mic, mic * gain) == pytest.approx(1.24, abs=0.05)


def test_a_late_canceller_is_compared_in_time_and_a_quieter_talker_is_told():
    talker = tones(4.0, np.random.default_rng(2)) + echo(4.0) * np.float32(0.1)
    late = np.concatenate([np.zeros(37, np.float32), talker[:-37]]) * np.float32(0.5)
    assert intelligibility.lag(talker, late) == 37
    score, gain_db = intelligibility.compare(talker, late, None)
    assert score is None and gain_db == pytest.approx(-6.0, abs=0.1)


def test_stoi_is_1_for_the_talker_alone_and_less_in_noise():
    pytest.importorskip("pystoi")
    talker = scene.speech(3.0, 1)[0]
    stoi = intelligibility.find_stoi()
    assert intelligibility.compare(talker, talker, stoi)[0] == pytest.approx(1.0, abs=1e-3)
    assert intelligibility.compare(talker, talker + echo(3.0), stoi)[0] < 0.8


def test_a_case_is_measured_with_every_figure_and_recordings_beside_it(tmp_path):
    played = scene.speech(7.0, 1)[0]
    for kind, mic in (("farend_singletalk", played * np.float32(0.3)), ("nearend_singletalk", echo(7.0))):
        write_wav(tmp_path / f"a_{kind}_lpb.wav", played if "far" in kind else played * np.float32(0.0))
        write_wav(tmp_path / f"a_{kind}_mic.wav", mic)
    result = measure.measure(chosen(["base"]), rooms=1, recordings=tmp_path)
    (row,) = result["cases"]
    assert set(row) == KEYS
    assert 15 < row["erle_db"] < 45 and row["rooms_without_20_db"] == 0 and row["t20_s"] < 10
    assert abs(row["talker_gain_db"]) < 1.5
    assert row["suppressed_erle_db"] > row["erle_db"] + 3 and abs(row["suppressed_talker_gain_db"]) < 1.5
    if row["stoi_ser_0_db"] is not None:
        assert row["stoi_mic_ser_-10_db"] < row["stoi_mic_ser_0_db"] < row["stoi_ser_0_db"]
    far, near = result["real"]
    assert far["erle_6_s_db"] > far["erle_0_s_db"] > 0
    assert near["gain_db"] == pytest.approx(0.0, abs=0.1)
    assert "base" in figures.text(result) and "ERLE 0-3" in figures.text(result)


def test_a_moved_loudspeaker_changes_the_echo_and_the_scene_is_the_same_every_time():
    (base, moved), reply = chosen(["base", "moved"]), np.tile(echo(6.0), 5)
    here, there, again = (scene.make(case, 500, reply) for case in (base, moved, moved))
    jump = 10 * RATE_HZ
    assert np.array_equal(here.echo[:jump], there.echo[:jump])
    rest = slice(jump + RATE_HZ, 2 * jump)
    assert (here.echo[rest] - there.echo[rest]).std() > 0.3 * here.echo[rest].std()
    assert np.array_equal(there.echo, again.echo) and np.array_equal(there.near, again.near)
    assert not there.near[: there.alone].any() and there.near[there.alone :].any()
    assert np.array_equal(here.reference, there.reference)


def test_missing_libraries_leave_their_figures_out_with_a_note(monkeypatch):
    monkeypatch.setattr(speex, "LIBRARY", "libnothing-at-all.so.1")
    monkeypatch.setitem(sys.modules, "pystoi", None)
    played = echo(5.0)
    short = scene.Scene(played, played * np.float32(0.5), echo(5.0), alone=4 * RATE_HZ)
    monkeypatch.setattr(measure, "make", lambda case, seed, reply: short)
    result = measure.measure(chosen(["base"]), rooms=1)
    (row,) = result["cases"]
    assert row["speexdsp_cpu_ms_per_10ms"] is row["cpu_ratio"] is row["stoi_ser_0_db"] is None
    assert row["cpu_ms_per_10ms"] > 0
    assert len(result["setup"]["notes"]) == 2 and "pystoi" in figures.text(result)


def test_speexdsp_cancels_where_it_is_installed():
    played = echo(4.0)
    part = speex.open_speex(played)
    if part is None:
        pytest.skip("libspeexdsp is not installed")
    mic = np.concatenate([np.zeros(100, np.float32), played[:-100]]) * np.float32(0.5)
    clean = cancel(part, mic)
    assert steady_db(mic[-RATE_HZ:], clean[-RATE_HZ:]) > 15


def test_every_case_is_a_room_of_its_own_and_an_unknown_one_is_named():
    rooms = [(case.settings(500), case.moved) for case in CASES]
    told = {(*(getattr(room, key) for key in room.__dataclass_fields__), moved) for room, moved in rooms}
    assert len(told) == len(CASES)
    with pytest.raises(ScenarioError, match="no case 'bass'; there are: base"):
        chosen(["bass"])


def test_a_folder_without_pairs_is_refused(tmp_path, capsys):
    with pytest.raises(AudioError, match="no pair"):
        real.find(tmp_path)
    assert main(["bench", "echo", "--case", "base", "--real", str(tmp_path / "nowhere")]) == 2
    assert "no such folder" in capsys.readouterr().err
