"""Engines in their own process: real children that crash, hang, stream and lose their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers_recog import poll_until

from device.engines import InProcessDoor
from device.engines.process import MAX_WAITING, ProcessDoor, open_door
from device.errors import EarshotError, EngineError

PARROT = "helpers_recog:Parrot"
ROOT = Path(__file__).parent.parent


@pytest.fixture
def doors() -> Iterator[Any]:
    opened: list[ProcessDoor] = []

    def open_one(factory: str = PARROT, settings: Any = "Polly", **options: Any) -> ProcessDoor:
        options = {"backoff_s": (0.05, 0.2), **options}
        opened.append(ProcessDoor("parrot", factory, settings, **options))
        return opened[-1]

    yield open_one
    for door in opened:
        door.close()


def ask(door: ProcessDoor, message: Any) -> Any:
    assert door.send(message)
    return poll_until(door, bool)[-1]


def ready(door: ProcessDoor) -> list[Any]:
    return poll_until(door, lambda _: door.loaded)


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_an_engine_announces_itself_and_answers_in_order(doors: Any) -> None:
    door = doors()
    assert ready(door) == ["hello Polly"]
    for number in range(100):
        assert door.send(number)
    assert poll_until(door, lambda got: len(got) == 100) == list(range(100))
    assert (door.restarts, door.failure, door.lost) == (0, None, 0)


def test_messages_sent_before_the_engine_is_loaded_wait_for_it(doors: Any) -> None:
    door = doors()
    assert door.send("early")
    assert poll_until(door, lambda got: "early" in got) == ["hello Polly", "early"]


@pytest.mark.parametrize(
    ("last_words", "reason"),
    [
        ("exit", "parrot process ended with exit code 3"),
        ("crash", "parrot process was killed by SIGSEGV"),
        ("raise", "ValueError: the parrot has a cold"),
    ],
)
def test_a_crashed_engine_is_started_again_and_says_why(doors: Any, last_words: str, reason: str) -> None:
    door = doors(backoff_s=(0.3, 0.3))
    ready(door)
    first = ask(door, "pid")
    door.send(last_words)
    poll_until(door, lambda _: door.failure is not None)
    assert door.failure == reason
    assert not door.send("into the void")
    poll_until(door, lambda _: door.loaded)
    assert (door.restarts, door.failure) == (1, None)
    assert ask(door, "pid") != first
    assert door.lost == 2  # the message that killed it, and the one it refused while down


def test_a_killed_engine_comes_back(doors: Any) -> None:
    door = doors()
    ready(door)
    os.kill(door.pid, signal.SIGKILL)
    poll_until(door, lambda _: door.restarts == 1 and door.loaded)
    assert ask(door, "still there?") == "still there?"


@pytest.mark.parametrize("how", ["hang", "hang holding the GIL"])
def test_a_hung_engine_is_killed_and_started_again(doors: Any, how: str) -> None:
    door = doors(hang_s=0.5)
    ready(door)
    first = ask(door, "pid")
    door.send(how)
    poll_until(door, lambda _: door.restarts == 1 and door.loaded)
    assert ask(door, "awake?") == "awake?"
    assert not alive(first)


def test_an_idle_engine_is_not_taken_for_hung(doors: Any) -> None:
    door = doors(hang_s=0.2)
    ready(door)
    end = time.monotonic() + 0.6
    poll_until(door, lambda _: time.monotonic() > end)
    assert ask(door, "here") == "here"
    assert door.restarts == 0


def test_slow_steps_of_a_long_answer_count_as_progress(doors: Any) -> None:
    door = doors(hang_s=0.5)
    ready(door)
    door.send(("count", 60))  # 1.2 s in all, one reply every 20 ms
    poll_until(door, lambda got: len(got) == 60)
    assert door.restarts == 0


def test_back_off_grows_while_an_engine_cannot_be_made(doors: Any, tmp_path: Path) -> None:
    flag = tmp_path / "ready"
    door = doors("helpers_recog:Fragile", str(flag), backoff_s=(0.05, 0.2))
    waits = []
    for restarts in (1, 2, 3, 4):
        poll_until(door, lambda _, n=restarts: door.restarts == n)
        waits.append(door._wait_s)
    assert waits == [0.05, 0.1, 0.2, 0.2]
    flag.touch()
    poll_until(door, lambda _: door.loaded)
    assert ask(door, "at last") == "at last"


def test_an_engine_that_was_never_made_stays_down_after_as_many_tries_as_it_was_given(doors: Any) -> None:
    door = doors("helpers_recog:broken", tries=3)
    poll_until(door, lambda _: door.restarts == 2)
    poll_until(door, lambda _: door.pid is None)
    end = time.monotonic() + 0.5  # more than twice the longest back-off
    poll_until(door, lambda _: time.monotonic() > end)
    assert (door.restarts, door.pid) == (2, None)
    assert door.failure == "model 'x' is not on this machine; fix: earshot models fetch x"


def test_an_engine_that_has_worked_is_started_again_however_often_it_fails(doors: Any) -> None:
    door = doors(tries=1)
    for restarts in (1, 2):
        poll_until(door, lambda _: door.loaded)
        door.send("exit")
        poll_until(door, lambda _, n=restarts: door.restarts == n)


def test_a_missing_model_is_reported_in_its_own_words(doors: Any) -> None:
    door = doors("helpers_recog:broken")
    poll_until(door, lambda _: door.failure is not None)
    assert door.failure == "model 'x' is not on this machine; fix: earshot models fetch x"


def test_an_unknown_factory_is_reported_not_raised(doors: Any) -> None:
    door = doors("device.ear.recognisers.telepathy:make")
    poll_until(door, lambda _: door.failure is not None)
    assert "'device.ear.recognisers.telepathy:make' cannot be loaded" in door.failure


def test_the_backlog_is_bounded_and_send_never_blocks(doors: Any) -> None:
    door = doors()
    ready(door)
    door.send("hang")
    began = time.monotonic()
    taken = 0
    while door.send(bytes(640)):
        taken += 1
        assert taken <= MAX_WAITING
    assert taken == MAX_WAITING - 1
    assert door.lost == 1
    assert time.monotonic() - began < 5  # blocking would last until the hang is noticed, 20 s


def test_messages_larger_than_any_socket_buffer_arrive_whole(doors: Any) -> None:
    door = doors()
    ready(door)
    big = os.urandom(5_000_000)
    assert ask(door, big) == big


def test_an_abort_closes_the_running_answer_and_drops_the_queue(doors: Any) -> None:
    door = doors()
    ready(door)
    door.send(("count", 500))
    got = poll_until(door, lambda got: len(got) >= 3)
    door.send("queued")
    door.send("abort")
    got += poll_until(door, lambda got: "abort" in got)
    assert "queued" not in got
    assert len(got) < 400
    assert ask(door, "after") == "after"


@pytest.mark.parametrize("state", ["idle", "hung", "starting"])
def test_close_waits_for_no_engine_and_leaves_no_process(doors: Any, state: str) -> None:
    door = doors()
    pid = door.pid
    if state != "starting":
        ready(door)
    if state == "hung":
        door.send("hang holding the GIL")
        door.poll()
    began = time.monotonic()
    door.close()
    assert time.monotonic() - began < 10  # its own limits: 0.9 s
    assert not alive(pid)
    assert not door.send("anyone?")
    assert door.poll() == []
    door.close()


def test_the_engine_process_steps_back_and_imports_nothing_of_its_parent(doors: Any) -> None:
    door = doors()
    ready(door)
    facts = ask(door, "facts")
    assert facts["nice"] >= os.nice(0) + 5 or facts["nice"] == 19
    assert facts["omp"] == "1"
    assert facts["sigint ignored"]
    assert facts["group"] != os.getpgid(0)  # Ctrl-C in the terminal does not reach it
    assert "pytest" not in facts["modules"]
    assert "device.cli" not in facts["modules"]


def test_what_an_engine_prints_stays_off_standard_output(doors: Any, capfd: Any) -> None:
    door = doors()
    ready(door)
    assert ask(door, "print") == "printed"
    door.close()
    assert "squawk" not in capfd.readouterr().out


SCRIPT = """
import sys, time
from device.engines.process import ProcessDoor
print("main module runs", flush=True)
door = ProcessDoor("parrot", "helpers_recog:Parrot", "x")
while not door.loaded:
    door.poll()
    time.sleep(0.005)
door.send("hang holding the GIL")
print(door.pid, flush=True)
time.sleep(3600)
"""


@pytest.mark.parametrize("how", ["a script without a main guard", "python -c", "standard input"])
def test_a_hung_engine_dies_with_its_parent_and_the_main_module_runs_once(tmp_path: Path, how: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = {
        "a script without a main guard": [str(script)],
        "python -c": ["-c", SCRIPT],
        "standard input": ["-"],
    }
    parent = subprocess.Popen(
        [sys.executable, *command[how]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])},
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    try:
        if how == "standard input":
            parent.stdin.write(SCRIPT)
        parent.stdin.close()
        assert parent.stdout.readline() == "main module runs\n"
        child = int(parent.stdout.readline())  # a second run of the main module would print here
        assert alive(child)
    finally:
        parent.kill()
        parent.wait()
    end = time.monotonic() + 20
    while alive(child):
        assert time.monotonic() < end, "the engine process outlived its parent"
        time.sleep(0.01)


def test_open_door_gives_the_same_engine_in_process() -> None:
    door = open_door("parrot", PARROT, "Polly", in_process=True)
    assert isinstance(door, InProcessDoor)
    assert door.send("hi")
    assert door.poll() == ["hello Polly", "hi"]
    door.close()
    with pytest.raises(EngineError, match="cannot be loaded"):
        open_door("parrot", "helpers_recog:no_such", None, in_process=True)
    with pytest.raises(EarshotError, match="fetch x"):
        open_door("parrot", "helpers_recog:broken", None, in_process=True)
