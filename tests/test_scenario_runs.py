"""Scenarios run the real device: same seed, same events; a recording, a picture and a transcript on request."""

import json
import os
import signal
import socket
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from device.errors import LinkError, ScenarioError
from device.scenario import format
from device.scenario.broker import private_broker
from device.scenario.child import run_file
from device.scenario.output import FILES

SCENARIOS = Path(__file__).parent / "scenarios"
ROOT = Path(__file__).parents[1]

COMMAND = """\
title = "What time is it"
seed = 1
[room]
rt60_s = 0.2
[device]
recogniser = { engine = "pocketsphinx" }
[[say]]
id = "time"
text = "Alexa, what time is it?"
voice = "en-gb-scotland"
at_s = 0.5
[[expect]]
event = "intent"
of = "time"
text = "time"
within_ms = 1500
[[expect]]
event = "turn"
absent = true
"""


def write(folder: Path, text: str, name: str = "a.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def earshot(*arguments: object, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "device", "scenario", *map(str, arguments)]
    return subprocess.run(
        command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=300, **options
    )


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """One run with everything it leaves."""
    folder = tmp_path_factory.mktemp("run")
    return run_file(write(folder, COMMAND), out_dir=folder / "out"), folder


def test_a_conversation_runs_as_expected_on_the_sample_clock(first):
    result, _ = first
    assert result.passed, [verdict.why for verdict in result.verdicts] + list(result.troubles)
    assert result.clock == "sample"
    assert [one.of for one in result.events if one.event == "wake"] == ["time"]
    assert len(result.measures.voice_to_voice_ms) == 1
    assert result.measures.erle_db is not None and result.measures.erle_db > 3
    assert result.engines["recogniser"] == "pocketsphinx" and result.engines["voice"] == "espeak"


def test_the_same_seed_gives_the_same_events_within_10_ms(first):
    result, folder = first
    again = run_file(folder / "a.toml")
    assert [(one.event, one.of, one.text) for one in again.events] == [
        (one.event, one.of, one.text) for one in result.events
    ]
    for one, other in zip(again.events, result.events, strict=True):
        assert abs(one.position - other.position) <= 160, one


def test_the_output_folder_holds_recording_timeline_picture_and_transcript(first):
    result, folder = first
    out = folder / "out"
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    with wave.open(str(out / "conversation.wav")) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 16_000)
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2) / 32768
    assert len(sound) == round(result.seconds * 16_000)
    (line,) = result.lines
    reply = next(one.position for one in result.events if one.event == "reply_start")
    level = lambda a, b, side: float(np.sqrt(np.mean(sound[a:b, side] ** 2)))
    assert level(line.span.first, line.span.last, 0) > 20 * level(0, line.span.first - 800, 0), (
        "left: the microphone"
    )
    assert level(0, reply - 160, 1) < 1e-4 < level(reply, reply + 8000, 1), "right: the loudspeaker"
    timeline = json.loads((out / "timeline.json").read_text())
    assert timeline["lines"][0]["first_s"] == pytest.approx(line.span.first / 16_000, abs=1e-3)
    assert {"gain", "events", "measures", "expectations"} <= timeline.keys()
    assert (out / "timeline.png").read_bytes().startswith(b"\x89PNG")
    assert "“Alexa, what time is it?”" in (out / "transcript.md").read_text(encoding="utf-8")


def test_json_is_one_object_per_file_with_the_promised_keys(tmp_path):
    done = earshot(write(tmp_path, COMMAND), "--json")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    told = json.loads(line)
    assert (told["title"], told["passed"], told["clock"]) == ("What time is it", True, "sample")
    assert {"event", "t_s", "of", "text"} <= told["events"][0].keys()
    assert told["expectations"][0]["passed"] is True
    assert set(told["measures"]) == {
        "voice_to_voice_ms", "duck_ms", "stop_ms", "resume_ms",
        "heard_error_words", "erle_db", "false_ducks", "cpu_s_per_s",
    }  # fmt: skip


def test_a_failed_expectation_is_exit_code_1_and_a_bad_file_2(tmp_path):
    failing = write(tmp_path, COMMAND.replace("within_ms = 1500", "within_ms = 1"))
    bad = write(tmp_path, 'title = "x"\nsay = 3\n', "bad.toml")
    done = earshot(failing)
    assert done.returncode == 1, done.stderr
    told = " ".join(done.stdout.split())
    assert "FAILED What time is it" in told and "allowed are 1 ms" in told
    done = earshot(bad)
    assert done.returncode == 2 and "bad.toml:2: say: must be written as [[say]]" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("broken.wav", b"RIFF\x00\x00\x00\x00junk", "broken.wav"),
        ("empty.wav", b"", "empty.wav"),
    ],
)
def test_a_broken_wav_is_refused_with_file_line_and_key(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    path = write(tmp_path, f'title = "x"\n[[say]]\nat_s = 1\nwav = "{name}"\n')
    with pytest.raises(ScenarioError, match=rf"a\.toml:4: say\[1\]\.wav: .*{words}"):
        run_file(path)


def test_a_wav_of_another_rate_and_channel_count_is_spoken(tmp_path):
    time = np.arange(22_050 // 2) / 22_050
    tone = np.sin(2 * np.pi * 300 * time) * np.sin(2 * np.pi * 3 * time) ** 2 * 9000
    with wave.open(str(tmp_path / "tone.wav"), "wb") as file:
        file.setparams((2, 2, 22_050, 0, "NONE", ""))
        file.writeframes(np.repeat(tone.astype("<i2"), 2).tobytes())
    text = 'title = "x"\n[device]\nrecogniser = { engine = "pocketsphinx" }\n[[say]]\nat_s = 0.2\nwav = "tone.wav"\n'
    result = run_file(write(tmp_path, text))
    span = result.lines[0].span
    assert span.last - span.first == pytest.approx(8000, abs=900)
    assert result.passed


def test_a_line_whose_cue_never_comes_fails_the_run(tmp_path):
    text = COMMAND + '[[say]]\nid = "more"\ntext = "Thanks."\nvoice = "en-gb"\nafter = "wake"\n'
    text = text.replace("Alexa, what", "What")
    result = run_file(write(tmp_path, text))
    assert not result.passed
    assert "line 'more' was never spoken: it waited for 'wake'" in result.troubles[0]


def test_a_run_that_dies_is_reported_with_its_file(tmp_path, monkeypatch):
    path = write(tmp_path, COMMAND)
    monkeypatch.setenv("PYTHONHOME", str(tmp_path / "nowhere"))  # the child's Python cannot start
    with pytest.raises(ScenarioError, match=r"a\.toml: the run died \(exit code 1\)"):
        run_file(path)


def test_a_run_that_is_ended_leaves_no_process_behind(tmp_path):
    path = write(tmp_path, COMMAND.replace("at_s = 0.5", "at_s = 50"))
    parent = subprocess.Popen(
        [sys.executable, "-m", "device", "scenario", str(path), "--realtime"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    group = lambda: [
        pid
        for pid in os.listdir("/proc")
        if pid.isdigit() and _session(pid) == parent.pid and int(pid) != parent.pid
    ]
    try:
        while not any(b"mosquitto" in _command(pid) for pid in group()):
            assert parent.poll() is None, parent.stdout.read().decode()
        os.kill(parent.pid, signal.SIGINT)
        assert parent.wait(30) == 130
        assert [_command(pid) for pid in group()] == []
    finally:
        if parent.poll() is None:
            os.killpg(parent.pid, signal.SIGKILL)
        parent.stdout.close()


def _session(pid: str) -> int | None:
    try:
        state, session = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0:4:3]
    except OSError:
        return None
    return None if state == "Z" else int(session)


def _command(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.toml")), ids=lambda path: path.stem)
def test_the_scenarios_that_ship_are_valid(path):
    scenario = format.load(path)
    assert scenario.expect and scenario.say
    assert all(line.voice.startswith("flite:") or line.voice.startswith("en-gb") for line in scenario.say)


def test_a_real_time_run_goes_through_a_real_broker_to_a_worker_process(tmp_path):
    text = """\
title = "A joke"
attention = true
[room]
rt60_s = 0.2
[device]
recogniser = { engine = "vosk", model = "vosk-tiny-en" }
[endpoint]
first_token_ms = 200
[[endpoint.reply]]
when = "joke"
text = "Why not two?"
expect_reply = true
[[say]]
id = "joke"
text = "Tell me a joke."
voice = "en-gb-scotland"
at_s = 0.4
[[expect]]
event = "turn"
text = "joke"
[[expect]]
event = "heard"
text = "Why not two?"
"""
    seen = []
    result = run_file(write(tmp_path, text), realtime=True, on_event=lambda one: seen.append(one.event))
    assert result.passed, ([verdict.why for verdict in result.verdicts], result.events)
    assert result.clock == "real" and result.wall_s > 0.9 * result.seconds
    kinds = [one.event for one in result.events]
    # asked on a guess, and again only if that was wrong
    assert kinds.index("guess") < kinds.index("ack") < kinds.index("first_token") < kinds.index("reply_start")
    assert kinds.index("guess") < kinds.index("turn") < kinds.index("reply_start")
    end = next(one for one in result.events if one.event == "turn_end")
    assert end.data["expect_reply"] is True
    assert "line" in seen and "reply_start" in seen, "the conversation can be watched while it runs"


def test_without_mosquitto_a_real_time_run_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("device.scenario.broker.shutil.which", lambda *_, **__: None)
    with pytest.raises(LinkError, match="apt install mosquitto"), private_broker():
        pytest.fail("there is none")


def test_the_private_broker_is_gone_after_the_block():
    with private_broker() as (host, port), socket.create_connection((host, port), timeout=5):
        pass
    with pytest.raises(OSError), socket.create_connection((host, port), timeout=5):
        pass


@pytest.mark.parametrize("allowed", [False, True])
def test_words_are_in_the_log_only_if_the_owner_says_so(tmp_path, allowed):
    file = tmp_path / "date.toml"
    text = (SCENARIOS / "attention.toml").read_text()
    file.write_text(
        text.replace("[device]\n", f"[device]\nprivacy = {{ transcripts = {str(allowed).lower()} }}\n")
    )
    command = [sys.executable, "-m", "device", "scenario", str(file), "--verbose"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert ("understood 'what day is it today'" in done.stderr) == allowed
    assert ("Monday" in done.stderr) == allowed
