"""Workers against a real mosquitto: in this process where a test must hold the pen, as `earshot endpoint` where not."""

from __future__ import annotations

import argparse
import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator

import pytest
from helpers_broker import CHECKOUT, Mosquitto, Spy, WorkerProcess, broker, spy, until  # noqa: F401
from test_link_broker import Device, device  # noqa: F401

from device.endpoint import command
from device.endpoint.backend import Finish, Question
from device.endpoint.backends.builtin import BuiltinBackend
from device.endpoint.builtin import STORY
from device.endpoint.worker import Worker
from device.errors import EarshotError
from device.values import CancelTurn, OpenTurn, TurnAcked, TurnDelta, TurnEnded, TurnFailed

TURN = "earshot/1/d/kitchen/up/turn/home"
CTL = "earshot/1/d/kitchen/up/ctl/a1"
ANSWER = "d/kitchen/dn/turn"


class Dictated:
    """A backend that says what the test dictates, token by token; ``closed`` counts answers that were hung up on."""

    name, model = "dictated", "none"

    def __init__(self) -> None:
        self.questions: list[str] = []
        self.closed = 0
        self.queues: list[asyncio.Queue[str | None]] = []
        self.loop: asyncio.AbstractEventLoop | None = None

    def say(self, token: str | None, answer: int = -1) -> None:
        """None ends the answer."""
        assert self.loop is not None
        self.loop.call_soon_threadsafe(self.queues[answer].put_nowait, token)

    async def stream(self, question: Question) -> AsyncIterator[str | Finish]:
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        self.loop = asyncio.get_running_loop()
        self.queues.append(queue)
        self.questions.append(question.text)
        try:
            while (token := await queue.get()) is not None:
                if token == "boom":
                    raise ValueError("a bug in a backend")
                yield token
            yield Finish()
        except (GeneratorExit, asyncio.CancelledError):
            self.closed += 1
            raise

    async def close(self) -> None:
        pass


class WorkerThread:
    """A worker in this process; ``close`` stops it as a signal would."""

    def __init__(self, broker: Mosquitto, backend, name: str = "a1", limit: int = 2) -> None:  # noqa: F811
        self._ready = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._run(broker, backend, name, limit),))
        self._thread.start()
        self._ready.wait()
        until(lambda: self.worker._client and self.worker._client.connected, "the worker's connection")

    async def _run(self, broker: Mosquitto, backend, name: str, limit: int) -> None:  # noqa: F811
        self.loop = asyncio.get_running_loop()
        self.worker = Worker(broker.section, "home", name, backend, limit)
        self._ready.set()
        await self.worker.run()

    def close(self) -> None:
        if self._thread.is_alive():
            self.loop.call_soon_threadsafe(self.worker.stop)
        self._thread.join()


@pytest.fixture
def dictated(broker, spy):  # noqa: F811
    backend = Dictated()
    thread = WorkerThread(broker, backend)
    backend.worker = thread.worker
    spy.wait("w/a1/up/status", state="online")
    yield backend
    thread.close()


def ask(spy, turn: str = "t1", text: str = "hello", **more) -> None:  # noqa: F811
    spy.publish(TURN, {"op": "open", "turn": turn, "rev": 0, "attempt": 1, "text": text, **more})
    spy.wait(ANSWER, op="ack", turn=turn)


def asked(backend: Dictated, count: int = 1) -> None:
    until(lambda: len(backend.queues) == count, f"question {count} at the backend")


def test_a_worker_acks_streams_and_ends_as_the_contract_says(dictated, spy):  # noqa: F811
    ask(spy, attempt=2)
    asked(dictated)
    for token in ("Well, ", "shall ", "I go", " on?"):
        dictated.say(token)
    dictated.say(None)
    end = spy.wait(ANSWER, op="end")
    posts = spy.seen(ANSWER)
    ack, deltas = posts[0], [p for p in posts if p.json["op"] == "delta"]
    assert ack.json == {"op": "ack", "turn": "t1", "rev": 0, "worker": "a1", "attempt": 2} and ack.qos == 1
    assert [d.json["seq"] for d in deltas] == list(range(len(deltas)))
    assert "".join(d.json["text"] for d in deltas) == "Well, shall I go on?"
    assert [d.json["off"] for d in deltas] == [
        len("".join(e.json["text"] for e in deltas[:i])) for i in range(len(deltas))
    ]
    assert {d.qos for d in deltas} == {0} and end.qos == 1
    assert end.json == {
        "op": "end", "turn": "t1", "rev": 0, "worker": "a1", "n": len(deltas), "len": 20,
        "finish": "stop", "expect_reply": True, "text": "Well, shall I go on?",
    }  # fmt: skip
    assert all(0 < post.expiry_s <= 10 and not post.retain for post in posts)


def test_the_first_token_does_not_wait_for_the_second(dictated, spy):  # noqa: F811
    ask(spy)
    asked(dictated)
    dictated.say("Once")
    assert spy.wait(ANSWER, op="delta").json["text"] == "Once"
    dictated.say(" upon")
    assert spy.wait(ANSWER, op="delta", seq=1).json["text"] == " upon", (
        "the 50 ms flush needs no further token"
    )


def test_cancel_stops_the_answer_and_closes_the_backends_stream(dictated, spy):  # noqa: F811
    ask(spy)
    asked(dictated)
    dictated.say("Once")
    spy.wait(ANSWER, op="delta")
    spy.publish(CTL, {"op": "cancel", "turn": "t1", "rev": 0, "worker": "a1", "reason": "stop"})
    until(lambda: dictated.closed == 1, "the stream to be closed")
    dictated.say(" upon a time.")
    ask(spy, "t2")
    assert [p.json["op"] for p in spy.seen(ANSWER, turn="t1")] == ["ack", "delta"]


def test_a_second_attempt_is_acked_again_but_answered_once(dictated, spy):  # noqa: F811
    ask(spy)
    asked(dictated)
    spy.publish(TURN, {"op": "open", "turn": "t1", "rev": 0, "attempt": 2, "text": "hello"})
    spy.wait(ANSWER, op="ack", attempt=2)
    dictated.say("Hi.")
    dictated.say(None)
    spy.wait(ANSWER, op="end")
    spy.publish(TURN, {"op": "open", "turn": "t1", "rev": 0, "attempt": 3, "text": "hello"})
    spy.wait(ANSWER, op="ack", attempt=3)
    until(lambda: len(spy.seen(ANSWER, op="end")) == 2, "the end once more")
    assert dictated.questions == ["hello"]


def test_what_was_lost_is_sent_again_on_request(dictated, spy):  # noqa: F811
    ask(spy)
    asked(dictated)
    for index, token in enumerate(("One.", " Two.", " Three.")):
        dictated.say(token)
        spy.wait(ANSWER, op="delta", seq=index)
    spy.publish(CTL, {"op": "resend", "turn": "t1", "rev": 0, "worker": "a1", "seq": 1})
    until(lambda: len(spy.seen(ANSWER, op="delta", seq=2)) == 2, "the deltas again")
    assert len(spy.seen(ANSWER, op="delta", seq=1)) == 2 and len(spy.seen(ANSWER, op="delta", seq=0)) == 1


def test_a_full_worker_refuses_so_that_another_may_take_the_turn(dictated, spy):  # noqa: F811
    ask(spy, "t1")
    ask(spy, "t2")
    asked(dictated, 2)
    spy.publish(TURN, {"op": "open", "turn": "t3", "text": "hello"})
    err = spy.wait(ANSWER, op="err", turn="t3").json
    assert err["code"] == "busy" and err["retry_ms"] > 0 and not spy.seen(ANSWER, op="ack", turn="t3")
    dictated.say(None, 0)
    spy.wait(ANSWER, op="end", turn="t1")
    ask(spy, "t4")


def test_a_speculative_turn_is_revised_and_committed(dictated, spy):  # noqa: F811
    ask(spy, text="turn on the", speculative=True)
    asked(dictated)
    dictated.say("On the what?")
    spy.wait(ANSWER, op="delta", rev=0)
    spy.publish(CTL, {"op": "revise", "turn": "t1", "rev": 1, "worker": "a1", "text": "turn on the light"})
    asked(dictated, 2)
    assert dictated.questions[-1] == "turn on the light" and dictated.closed == 1
    spy.publish(CTL, {"op": "commit", "turn": "t1", "rev": 1, "worker": "a1"})
    dictated.say("Done.")
    dictated.say(None)
    end = spy.wait(ANSWER, op="end").json
    assert (end["rev"], end["n"], end["text"]) == (1, 1, "Done.")
    assert spy.wait(ANSWER, op="delta", rev=1).json["seq"] == 0
    assert dictated.worker._turns["t1"].committed


def test_a_backend_that_fails_is_an_error_for_the_device_and_the_worker_lives(dictated, spy, caplog):  # noqa: F811
    ask(spy)
    asked(dictated)
    dictated.say("boom")
    assert spy.wait(ANSWER, op="err").json["code"] == "internal"
    ask(spy, "t2")


@pytest.mark.parametrize("topic", [TURN, CTL])
@pytest.mark.parametrize("payload", [b"\xff", b"[]", b'{"op":"open","turn":7,"text":"x"}', b"{" * 7000])
def test_garbage_is_counted_and_nothing_else_happens(dictated, spy, topic, payload, caplog):  # noqa: F811
    for _ in range(3):
        spy.publish(topic, payload)
    ask(spy, "t2")
    assert dictated.worker._client.counters["garbage"] == 3
    assert sum("garbage" in line for line in caplog.messages) == 1
    assert {p.json["turn"] for p in spy.seen(ANSWER)} == {"t2"}


def test_retained_turns_and_foreign_response_topics_are_refused(dictated, spy):  # noqa: F811
    message = {"op": "open", "turn": "t1", "text": "hello"}
    spy.publish(TURN, message, ResponseTopic="earshot/1/d/bedroom/dn/turn")
    faults = dictated.worker._client.counters
    until(lambda: faults.get("bad_response_topic") == 1, "the refusal")
    ask(spy, "t2")
    spy.publish(TURN, {**message, "turn": "t3"}, ResponseTopic="earshot/1/d/kitchen/dn/turn")
    spy.wait(ANSWER, op="ack", turn="t3")
    assert not spy.seen(ANSWER, turn="t1") and not spy.seen("d/bedroom/dn/turn")


def test_one_device_cannot_cancel_anothers_turn(dictated, spy):  # noqa: F811
    ask(spy)
    asked(dictated)
    spy.publish(
        "earshot/1/d/bedroom/up/ctl/a1", {"op": "cancel", "turn": "t1", "worker": "a1", "reason": "x"}
    )
    until(lambda: dictated.worker.counters["unknown_turn"] == 1, "the stray cancel")
    dictated.say("Still here.")
    spy.wait(ANSWER, op="delta")


def test_a_stopped_worker_tells_its_devices_and_says_offline(broker, spy):  # noqa: F811
    backend = Dictated()
    thread = WorkerThread(broker, backend)
    ask(spy)
    asked(backend)
    thread.close()
    assert spy.wait(ANSWER, op="err").json["code"] == "worker_stopped"
    status = spy.wait("w/a1/up/status", state="offline")
    assert status.json["pool"] == "home" and status.expiry_s > 0 and backend.closed == 1


def test_a_worker_subscribes_again_when_the_broker_has_forgotten_it(dictated, broker, spy):  # noqa: F811
    connected = dictated.worker._client.counters["connects"]
    broker.stop()
    broker.start()
    until(lambda: dictated.worker._client.counters["connects"] > connected, "the worker's return")
    again = Spy(broker, "again")
    again.wait("w/a1/up/status", state="online")
    ask(again)
    again.close()


# --------------------------------------------------------------------------- whole: a device and worker processes


@pytest.fixture
def workers(broker, spy):  # noqa: F811
    """Start `earshot endpoint` processes that are gone when the test is."""
    started: list[WorkerProcess] = []

    def start(name: str, *arguments: str) -> WorkerProcess:
        started.append(WorkerProcess(broker, name, *arguments))
        spy.wait(f"w/{name}/up/status", state="online")
        return started[-1]

    yield start
    for one in started:
        one.kill()


def spoken(device: Device, turn: int) -> str:  # noqa: F811
    return "".join(e.text for e in device.events if isinstance(e, TurnDelta) and e.turn == turn)


def ended(device: Device, turn: int):  # noqa: F811
    return next((e for e in device.events if isinstance(e, TurnEnded | TurnFailed) and e.turn == turn), None)


def test_a_whole_turn_over_a_real_broker_and_a_real_worker(device, workers):  # noqa: F811
    worker = workers("a1", "--pace", "0")
    assert "answers pool 'home'" in worker.said and "no language model" in worker.said
    device.link.execute(OpenTurn(1, "tell me a story"))
    assert device.until(lambda: ended(device, 1), "the end") == TurnEnded(0, 1, expect_reply=False)
    assert spoken(device, 1) == STORY
    assert [e for e in device.events if isinstance(e, TurnAcked)] == [TurnAcked(0, 1)]
    device.link.execute(OpenTurn(2, "what is twelve times three"))
    device.until(lambda: ended(device, 2), "the end")
    assert spoken(device, 2) == "12 times 3 is 36."


def test_a_cut_in_stops_the_worker_in_mid_story(device, workers):  # noqa: F811
    worker = workers("a1", "--pace", "20")
    device.link.execute(OpenTurn(1, "tell me a story"))
    device.until(lambda: len(spoken(device, 1)) > 20, "some words")
    device.link.execute(CancelTurn(1, "barge_in"))
    device.until(lambda: "cancelled (barge_in)" in worker.said, "the cancel at the worker")
    assert ended(device, 1) is None and len(spoken(device, 1)) < len(STORY) / 2


def test_of_two_workers_the_first_ack_wins_and_the_late_one_is_sent_away(device, workers):  # noqa: F811
    frozen, lively = workers("frozen"), workers("lively", "--pace", "0")
    frozen.process.send_signal(signal.SIGSTOP)
    for turn in range(
        1, 4
    ):  # the broker gives turns in rotation: at most every second one goes to the frozen worker
        device.link.execute(OpenTurn(turn, "hello"))
        try_out(device, turn)
        if device.link.counters["second_attempts"]:
            break
    assert ended(device, turn) == TurnEnded(device.position, turn, expect_reply=True)
    frozen.process.send_signal(signal.SIGCONT)
    device.until(lambda: "lost_race" in frozen.said, "the loser to be told")
    assert device.link.counters["lost_races"] >= 1 and "lost_race" not in lively.said


def try_out(device: Device, turn: int) -> None:  # noqa: F811
    """Let the lively worker answer if the broker gave it the turn; else let 400 ms pass: the second attempt."""
    waited = 0

    def answered() -> bool:
        nonlocal waited
        waited += 1
        if waited == 200:  # about a second without an ack: the frozen worker has it
            device.pass_time(401)
        return ended(device, turn) is not None

    device.until(answered, "an answer")


def test_a_worker_killed_in_mid_answer_times_out_and_leaves_nothing_parked(device, workers, spy):  # noqa: F811
    first = workers("first", "--pace", "20")
    device.link.execute(OpenTurn(1, "tell me a story"))
    device.until(lambda: len(spoken(device, 1)) > 10, "some words")
    second = workers("second", "--pace", "0")
    first.kill()
    spy.wait("w/first/up/status", state="offline")
    while not ended(device, 1):
        device.pass_time(1000)
    assert isinstance(ended(device, 1), TurnFailed) and ended(device, 1).code == "timeout"
    assert STORY.startswith(spoken(device, 1)), "what had come is a prefix, without a hole"
    for turn in range(2, 8):
        device.link.execute(OpenTurn(turn, "hello"))
        device.until(lambda t=turn: ended(device, t), "the end")
        assert isinstance(ended(device, turn), TurnEnded)
    assert device.link.counters["second_attempts"] == 0, "none of six turns went to the dead worker"
    second.kill()
    spy.wait("w/second/up/status", state="offline")
    device.link.execute(OpenTurn(9, "hello"))
    while not ended(
        device, 9
    ):  # the spy subscribes to turns too, so the broker does not say that nobody does
        device.pass_time(401)
    assert ended(device, 9).code == "no_worker"


def test_sigterm_says_offline_and_ends_with_success(workers, spy, device):  # noqa: F811
    worker = workers("a1", "--pace", "20")
    device.link.execute(OpenTurn(1, "tell me a story"))
    device.until(lambda: spoken(device, 1), "a word")
    worker.process.terminate()
    assert worker.process.wait(30) == 0 and worker.said.endswith("stopped\n")
    spy.wait("w/a1/up/status", state="offline")
    assert device.until(lambda: ended(device, 1), "the end").code == "worker_stopped"


def test_a_worker_waits_for_a_broker_that_comes_later(tmp_path):
    late_broker = Mosquitto(tmp_path)
    worker = WorkerProcess(late_broker, "early")
    try:
        until(lambda: "cannot be reached" in worker.said, "the complaint")
        late_broker.start()
        until(lambda: "connected to broker" in worker.said, "the connection")
    finally:
        worker.kill()
        late_broker.stop()
    assert "Traceback" not in worker.said


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--backend", "openai"], "--model is missing"),
        (["--backend", "openai", "--model", "m", "--base-url", "localhost:1"], "--base-url 'localhost:1'"),
        (
            ["--backend", "openai", "--model", "m", "--api-key-file", "/nowhere/key"],
            "--api-key-file '/nowhere/key'",
        ),
        (["--password-file", "/nowhere/pw"], "'/nowhere/pw': no such file"),
        (["--name", "a/b", "--port", "0"], "--name 'a/b'"),
        (["--name", "a/b", "--port", "0"], "--port 0: must be 1..65535"),
        (["--pool", "a+b"], "--pool 'a+b'"),
    ],
)
def test_a_wrong_option_is_named_with_what_is_allowed(arguments, complaint):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    with pytest.raises(EarshotError) as caught:
        command.run(parser.parse_args(arguments))
    assert complaint in str(caught.value) and "\n" not in str(caught.value)


def test_a_wrong_option_on_the_command_line_is_one_line_and_exit_code_2():
    line = [sys.executable, "-m", "device.endpoint", "--pool", "a+b"]
    done = subprocess.run(line, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith("endpoint: --pool 'a+b'")


def test_the_key_comes_from_the_first_line_of_its_file_or_from_systemds_credentials(tmp_path, monkeypatch):
    (tmp_path / "openai").write_text("sesame\nsecond line\n")
    assert command.read_key(str(tmp_path / "openai")) == "sesame"
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert command.read_key("openai") == "sesame" and command.read_key("") is None
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(EarshotError, match="first line must be the key"):
        command.read_key("empty")


def test_the_builtin_backend_paces_its_words():
    async def first_two() -> list:
        stream = BuiltinBackend(1000.0).stream(Question("tell me a story"))
        return [await anext(stream), await anext(stream)]

    assert asyncio.run(first_two()) == ["On ", "an "]
