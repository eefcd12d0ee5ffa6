"""Sessions of a benchmark, each in a fresh process: espeak-ng goes on counting from clause to clause, so only the first run
in a process is the same every time.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any, TypeVar

from device.errors import EarshotError, ScenarioError

Key = TypeVar("Key")


def in_processes(
    work: Callable[..., Any], sessions: Mapping[Key, tuple[Any, ...]], jobs: int
) -> Iterator[tuple[Key, Any]]:
    """``work(*arguments)`` of each session, ``jobs`` at a time: its key and what came of it, as they come.

    What crosses between the processes has to be picklable. Raises ``ScenarioError`` for an ``EarshotError`` of a session; the
    others are given up then, and for Ctrl-C.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # arrays this small are slower in many threads
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, max_tasks_per_child=1) as pool:
        running = {pool.submit(_guarded, work, *arguments): key for key, arguments in sessions.items()}
        try:
            for future in as_completed(running):
                yield running[future], future.result()
        except BaseException:
            # cancelled alone, those under way would be waited for, a minute and more; with ``shutdown(wait=False)``
            # Python 3.11 trips over its own processes
            for future in running:
                future.cancel()
            for process in multiprocessing.active_children():
                process.terminate()
            raise


def _guarded(work: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return work(*arguments)
    except EarshotError as exc:
        raise ScenarioError(str(exc)) from None  # one that survives the way between processes
