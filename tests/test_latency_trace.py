"""`earshot trace` on real devices behind a real mosquitto, and on files: what it prints, draws and refuses."""

from __future__ import annotations

import json
import math
import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest
from helpers_broker import CHECKOUT, PATIENCE_S, Mosquitto, Spy, broker, free_port, spy, until  # noqa: F401
from test_latency_totals import Told

from device.audio.backends.room import RoomBackend
from device.config import Config
from device.errors import EarshotError
from device.latency.picture import guessed, waited
from device.latency.reader import Seen
from device.latency.saved import line_of, read
from device.latency.table import HEADINGS, cells, excess, outcome, percentiles
from device.link import Link, open_transport
from device.link.telemetry import Timeline
from device.pictures import require
from device.scenario.format import load
from device.scenario.recorder import WatchedBackend
from device.scenario.runner import Run
from device.scenario.stage import clip_of, room_settings
from device.values import ms, samples

EARSHOT = [sys.executable, "-m", "device"]


def trace(broker: Mosquitto, *arguments: str) -> list[str]:  # noqa: F811
    return [*EARSHOT, "trace", "--set", f"mqtt.port={broker.port}", *arguments]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=CHECKOUT, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


class Device:
    """The device's own parts that tell of latency, on its own link to a real broker."""

    def __init__(self, config: Config) -> None:
        self.told, self.link, self.turns = Told(), Link(config, open_transport(config)), 0
        until(lambda: self._polled(self.link.connected), "connecting")

    def answer(self, v2v_ms: float) -> None:
        self.turns += 1
        for message in self.told.answer(self.turns, v2v_ms):
            self.link.metrics(message)
        self.link.describe(latency=self.told.latency.since_start)
        self.link.poll(self.told.now)

    def keep_answering(self, done) -> None:
        """Answer turns until ``done()``: nobody knows when a reader has subscribed."""
        while not done():
            self.answer(400)
            time.sleep(0.05)

    def _polled(self, value: bool) -> bool:
        self.link.poll(0)
        return value


@pytest.fixture
def kitchen(broker):  # noqa: F811
    device = Device(broker.device_config("kitchen"))
    yield device
    device.link.close()


def sample(**fields) -> Timeline:
    """A turn of a guess: sent 200 ms after the speech, endpoint 400, commit 500, first token 700 of a budget of 100."""
    at_ms = {
        "plausible": 200.0, "sent": 200.0, "ack": 250.0, "endpoint": 400.0, "commit": 500.0, "first_token": 700.0,
        "first_clause": 760.0, "first_sample": 800.0,
    }  # fmt: skip
    return Timeline(
        **{
            "line": 7, "kind": "turn", "outcome": "heard", "speech_end": 16000,
            "at": {name: 16000 + samples(at) for name, at in at_ms.items()}, "at_ms": at_ms,
            "cost_ms": {
                "endpoint": 400.0, "commit": 100.0, "ack": 0.0, "first_token": 200.0, "first_clause": 60.0,
                "first_sample": 40.0,
            },
            "voice_to_voice_ms": 800.0, "over": ("first_token",), "calls": 2, "wasted": 1, "heard_words": 5,
            "budget_ms": {"endpoint": 600.0, "first_token": 100.0}, **fields,
        }
    )  # fmt: skip


# ---------------------------------------------------------------------- behind a broker


def test_each_turn_travels_without_words_not_retained_and_expires(kitchen, spy):  # noqa: F811
    kitchen.answer(450)
    post = spy.wait("d/kitchen/up/metrics", op="timeline", outcome="heard")
    assert (post.qos, post.retain) == (0, False) and 0 < post.expiry_s <= 120
    assert post.json["voice_to_voice_ms"] == 450 and post.json["boot"] == kitchen.link.transport.boot
    assert b"secret" not in b"".join(post.payload for post in spy.posts)
    kitchen.link.poll(kitchen.told.now)
    state = until(
        lambda: kitchen._polled(True) and spy.seen("up/state") and _latency(spy), "latency in the state"
    )
    assert state["percentiles"]["voice_to_voice"]["n"] == 1


def _latency(spy: Spy):  # noqa: F811
    posts = spy.seen("up/state")
    return posts and posts[-1].json.get("latency")


def test_follow_prints_a_json_object_for_each_turn_and_leaves_after_so_many(broker, kitchen):  # noqa: F811
    command = trace(broker, "--follow", "--json", "--count", "2", "--device", "kitchen")
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        kitchen.keep_answering(lambda: process.poll() is not None)
        out = process.stdout.read()
    first, second = (json.loads(line) for line in out.splitlines())
    assert process.returncode == 0 and first["device"] == "kitchen"
    assert second["line"] == first["line"] + 1 and first["outcome"] == second["outcome"] == "heard"
    assert first["voice_to_voice_ms"] == 400 == sum(first["cost_ms"].values())


def test_without_follow_it_prints_the_percentiles_since_the_start_of_each_device(broker, kitchen):  # noqa: F811
    for figure in (400, 500, 600):
        kitchen.answer(figure)
    other = Device(broker.device_config("attic"))
    try:
        flushed = time.monotonic() + 1
        while time.monotonic() < flushed:  # the retained state is published at most four times a second
            kitchen.link.poll(0), other.link.poll(0)
            time.sleep(0.02)
        done = run(*trace(broker))
        data = run(*trace(broker, "--json", "--device", "kitchen"))
    finally:
        other.link.close()
    assert done.returncode == 0
    assert "attic: no turn" in done.stdout and "kitchen: 3 turns" in done.stdout
    row = re.search(r"voice to voice +(\d+) +(\d+) +(\d+)", done.stdout)
    assert int(row[1]) == 3 and abs(int(row[2]) - 500) <= 6 and abs(int(row[3]) - 600) <= 7
    (kitchens,) = [json.loads(line) for line in data.stdout.splitlines()]
    assert kitchens["device"] == "kitchen" and kitchens["latency"]["counted"]["turns"] == 3


def test_a_plot_of_the_turns_to_come_is_drawn_when_they_have_come(broker, kitchen, tmp_path):  # noqa: F811
    pytest.importorskip("matplotlib")
    picture = tmp_path / "turns.png"
    with subprocess.Popen(trace(broker, "--plot", str(picture), "--count", "2"), cwd=CHECKOUT) as process:
        kitchen.keep_answering(lambda: process.poll() is not None)
    assert process.returncode == 0 and picture.read_bytes().startswith(b"\x89PNG")


def test_ctrl_c_ends_following(broker, kitchen):  # noqa: F811
    process = subprocess.Popen(
        trace(broker, "--follow"), cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    stop = threading.Event()
    feeding = threading.Thread(target=kitchen.keep_answering, args=(stop.is_set,))
    feeding.start()
    heading, row = process.stdout.readline(), process.stdout.readline()
    stop.set()
    feeding.join()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130 and "Traceback" not in said
    assert heading.split()[:3] == ["time", "device", "turn"] and "kitchen" in row and "heard 3 words" in row


@pytest.mark.parametrize(("columns", "has_time"), [(120, True), (80, False)])
def test_on_a_terminal_the_table_is_kept_up_to_date_and_fits(broker, kitchen, columns, has_time):  # noqa: F811
    ours, theirs = pty.openpty()
    settings = {**os.environ, "COLUMNS": str(columns), "LINES": "24", "TERM": "xterm"}
    command = trace(broker, "--follow", "--count", "2")
    seen = bytearray()
    with subprocess.Popen(
        command, cwd=CHECKOUT, env=settings, stdout=theirs, stderr=subprocess.DEVNULL
    ) as process:

        def done() -> bool:
            over = process.poll() is not None
            while select.select([ours], [], [], 0)[0]:
                seen.extend(os.read(ours, 4096))
            return over

        kitchen.keep_answering(done)
    os.close(theirs)
    os.close(ours)
    assert process.returncode == 0
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen.decode())
    last = text[text.rindex("device") :]
    assert len(re.findall(r"^(?:[\d:]+ +)?kitchen .* 400 .*heard 3", last, re.MULTILINE)) == 2
    assert ("time" in text) == has_time and max(map(len, last.splitlines())) <= columns


def test_garbage_on_the_topic_is_passed_over(broker, spy, kitchen):  # noqa: F811
    command = trace(broker, "--follow", "--json", "--count", "1")
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:

        def feed() -> bool:
            spy.publish("earshot/1/d/attic/up/metrics", b"\xff{", qos=0)
            spy.publish("earshot/1/d/attic/up/metrics", {"op": "timeline", "line": "one"}, qos=0)
            return process.poll() is not None

        kitchen.keep_answering(feed)
        out = process.stdout.read()
    assert [json.loads(line)["device"] for line in out.splitlines()] == ["kitchen"]


def test_no_broker_is_one_line_that_says_what_to_do():
    done = run(*EARSHOT, "trace", "--set", f"mqtt.port={free_port()}")
    assert done.returncode == 2 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "cannot be reached" in line and "--broker HOST" in line


def test_a_broker_without_devices_is_said_so(broker):  # noqa: F811
    done = run(*trace(broker, "--device", "nobody"))
    assert done.returncode == 1 and "device 'nobody' has not reported" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--device", "Küche"), "--device 'Küche': must be 3 to 32 of a-z"),
        (("--last", "0"), "--last 0: must be 1..10000"),
        (("--count", "-3"), "--count -3: must be 1..10000"),
        (("--from", "nowhere.jsonl"), "'nowhere.jsonl' cannot be read"),
        (("--from", "x", "--follow"), "does not go together"),
        (("--last", "501", "--plot", "turns.png"), "--last 501: a picture has room for 1..500"),
        (("--plot", "turns.bmp"), "must end in .png, .svg, .pdf"),
        (("--plot", "nowhere/turns.png"), "there is no folder 'nowhere'"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_is_tried(arguments, said):
    done = run(*EARSHOT, "trace", *arguments)
    assert done.returncode == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1


# ---------------------------------------------------------------------- files


def test_what_json_prints_is_what_from_reads():
    turns = [Seen("kitchen", 1.5, sample()), Seen("attic", 2.0, sample(line=8, outcome="cut"))]
    assert read("saved", "\n".join(line_of(seen) for seen in turns)) == turns
    assert read("saved", line_of(turns[0])) == turns[:1]


def test_the_record_of_a_scenario_is_read_too():
    event = {"event": "timeline", "t_s": 3.2, "of": "", "text": "", "data": msgspec.to_builtins(sample())}
    (seen,) = read("timeline.json", json.dumps({"events": [{"event": "wake", "data": {}}, event]}, indent=1))
    assert (seen.device, seen.time_s, seen.line) == ("scenario", 3.2, sample())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no timeline in it"),
        ('{"device": "kitchen", "latency": null}', "no timeline in it"),
        ('{"op": "timeline", "line": 1}', "line 1: is no timeline"),
        ('{"op": "state"}\nnot json', "line 2: is no JSON"),
        ("[1, 2]", "no timeline in it"),
        ("[" * 100_000, "line 1: is no JSON"),
        (line_of(Seen("kitchen", 1e300, sample())), "line 1: is no timeline"),
        (line_of(Seen("kitchen", 1.0, sample(cost_ms={"ack": math.nan}))), "line 1: is no timeline"),
        (line_of(Seen("kitchen", 1.0, sample(at_ms={"end": 1e300}))), "line 1: is no timeline"),
    ],
)
def test_a_file_of_something_else_is_refused_by_line(text, said):
    with pytest.raises(EarshotError, match=f"^saved.*{said}"):
        read("saved", text)


def test_from_prints_the_last_turns_of_one_device_and_draws_them(tmp_path):
    pytest.importorskip("matplotlib")
    saved, picture = tmp_path / "turns.jsonl", tmp_path / "turns.svg"
    lines = [line_of(Seen(("kitchen", "attic")[n % 2], n, sample(line=n))) for n in range(10)]
    saved.write_text("\n".join(lines))
    done = run(
        *EARSHOT,
        "trace",
        "--from",
        str(saved),
        "--device",
        "attic",
        "--last",
        "2",
        "--plot",
        str(picture),
        "--json",
    )
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["line"] for line in done.stdout.splitlines()] == [7, 9]
    drawn = picture.read_text()
    assert "<svg" in drawn and done.stderr.strip().endswith(f"2 turns drawn: {picture}")


# ---------------------------------------------------------------------- what is shown


def test_a_row_names_the_stage_over_its_budget_and_marks_its_cell():
    row = dict(zip(HEADINGS, cells("kitchen", sample()), strict=True))
    assert row["token"].text == "200!" and row["token"].over and not row["endpoint"].over
    assert row["ahead"].text == "300" and row["calls"].text == "2 (1)" and row["to voice"].text == "800"
    assert row["outcome"].text == "heard 5 words, over: first token"


def test_outcomes_read_like_sentences():
    assert (
        outcome(sample(over=(), outcome="cut", heard_words=1, code="barge_in"))
        == "cut after 1 word (barge_in)"
    )
    assert (
        outcome(sample(over=(), outcome="failed", code="no_worker", heard_words=None)) == "failed (no_worker)"
    )
    assert outcome(sample(over=(), outcome="heard", kind="command", heard_words=None)) == "command, heard"
    assert outcome(sample(over=("endpoint",), stalled=True)).endswith("stalled, over: endpoint")


def test_what_somebody_else_wrote_does_nothing_to_the_terminal():
    line = sample(code="\x1b[2J", over=("moonshot",))
    texts = [cell.text for cell in cells("ki\x07tchen", line)]
    assert texts[0] == "ki?tchen" and texts[-1] == "heard 5 words (?[2J), over: moonshot"
    assert excess(line) == "moonshot +0 ms"


def test_percentiles_of_a_device_without_turns_are_a_sentence():
    assert percentiles("attic", None) == "attic: no turn and no local command since it started"


def test_the_bars_of_a_turn_lie_behind_one_another_and_show_where_a_budget_ended():
    bars = waited(sample())
    assert [(bar.stage, bar.start_ms, bar.end_ms) for bar in bars] == [
        ("endpoint", 0, 400), ("commit", 400, 500), ("first_token", 500, 700), ("first_clause", 700, 760),
        ("first_sample", 760, 800),
    ]  # fmt: skip
    assert [bar.over_ms for bar in bars] == [None, None, 600, None, None]


def test_what_a_guess_did_is_shown_where_it_did_it_and_ends_at_the_commit():
    assert [(bar.stage, bar.start_ms, bar.end_ms) for bar in guessed(sample())] == [
        ("ack", 200, 250), ("first_token", 250, 500),
    ]  # fmt: skip
    plain = sample()
    plain.at_ms.update(sent=500.0, ack=550.0)
    assert guessed(plain) == []


def test_a_picture_without_matplotlib_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EarshotError, match=r"pip install 'earshot\[plot\]'"):
        require(tmp_path / "turns.png")


@pytest.mark.parametrize("count", [1, 20])
def test_pictures_of_one_and_of_many_turns_are_drawn(count, tmp_path):
    pytest.importorskip("matplotlib")
    from device.latency.picture import draw

    odd = [
        sample(at_ms={"sent": -3e5}, cost_ms={"ack": 3e6}, code="$x_$", over=("$",)),
        sample(
            voice_to_voice_ms=None, cost_ms={}, at_ms={}, at={}, outcome="failed", over=(), kind="command"
        ),
    ]
    draw(
        [Seen("kitchen", 0, sample(line=n)) for n in range(count)] + [Seen("attic", 0, line) for line in odd],
        tmp_path / "a.png",
    )
    assert (tmp_path / "a.png").stat().st_size > 5000


def test_a_picture_that_cannot_be_written_is_one_clear_error(tmp_path):
    pytest.importorskip("matplotlib")
    from device.latency.picture import draw

    with pytest.raises(EarshotError, match="cannot be written"):
        draw([Seen("kitchen", 0, sample())], Path(tmp_path) / "none" / "a.png")


# ---------------------------------------------------------------------- the whole device


def test_a_real_device_is_traced_from_a_spoken_command_to_its_answer(broker, spy):  # noqa: F811
    scenario = load(CHECKOUT / "tests/scenarios/wake_and_command.toml")
    config = msgspec.structs.replace(scenario.config(), mqtt=broker.section)
    backend = WatchedBackend(RoomBackend(room_settings(scenario, realtime=False)))
    clips = {line.id: clip_of(scenario, index) for index, line in enumerate(scenario.say)}
    transport = open_transport(config)
    follow = trace(broker, "--follow", "--json", "--count", "1", "--device", config.device.id)
    with subprocess.Popen(
        follow, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as reader:
        assert "waiting for turns" in reader.stderr.readline()
        run = Run(scenario, config, backend, transport, clips, False, None, None)
        try:
            until(lambda: transport.connected, "connecting")
            result = run.play()
            line = json.loads(reader.communicate(timeout=PATIENCE_S)[0])

            def told() -> dict | None:  # the retained state is published at most four times a second
                run.device.link.poll(run.device.position)
                return _latency(spy) and spy.seen("up/state")[-1].json

            state = until(told, "the state")
        finally:
            run.device.stop()
    assert (line["kind"], line["outcome"], line["calls"]) == ("command", "heard", 0)
    told = next(event for event in result.events if event.event == "endpoint")
    assert line["speech_end"] == told.data["last"] and line["at"]["endpoint"] == told.position
    started = next(event for event in result.events if event.event == "reply_start")
    assert line["at"]["first_sample"] == started.position
    assert line["voice_to_voice_ms"] == pytest.approx(ms(started.position - line["speech_end"]), abs=0.1)
    assert state["latency"]["percentiles"]["command"]["n"] == 1 and state["voice"]["engine"] == "espeak"
