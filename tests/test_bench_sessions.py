"""Sessions of benchmarks in processes of their own: what comes of them, and what becomes of them when one fails."""

from __future__ import annotations

import multiprocessing
import os
import time

import pytest

from device.bench.sessions import in_processes
from device.errors import EngineError, ScenarioError


def where(number: int) -> tuple[int, int]:
    return number, os.getpid()


def fail_or_last(fails: bool) -> None:
    if fails:
        raise EngineError("the voice is not there")
    time.sleep(3600)


def test_each_session_has_a_process_of_its_own():
    came = dict(in_processes(where, {key: (key,) for key in range(3)}, 2))
    assert {key: number for key, (number, _) in came.items()} == {0: 0, 1: 1, 2: 2}
    assert len({pid for _, pid in came.values()} | {os.getpid()}) == 4


def test_one_that_fails_says_why_and_ends_the_others():
    sessions = {"lasts": (False,), "fails": (True,), "waits": (False,)}
    with pytest.raises(ScenarioError, match="the voice is not there"):
        list(in_processes(fail_or_last, sessions, 2))
    assert not multiprocessing.active_children()


def dies() -> None:
    os._exit(3)


def test_one_that_dies_is_no_reason_to_wait_for_ever():
    with pytest.raises(ScenarioError, match="without a result .exit code 3"):
        list(in_processes(dies, {"dies": ()}, 1))
