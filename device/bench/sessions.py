"""Sessions of a benchmark, each in a fresh process: espeak-ng goes on counting from clause to clause, so only the first run
in a process is the same every time.

Not ``ProcessPoolExecutor``: with one task a process (Python 3.11, 3.13) it now and then waits for ever for a process that it has
started to replace one that was ended.
"""

from __future__ import annotations

import multiprocessing
import os
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, TypeVar

from device.errors import EarshotError, ScenarioError

Key = TypeVar("Key")


def in_processes(
    work: Callable[..., Any], sessions: Mapping[Key, tuple[Any, ...]], jobs: int
) -> Iterator[tuple[Key, Any]]:
    """``work(*arguments)`` of each session, ``jobs`` at a time: its key and what came of it, as they come.

    What crosses between the processes has to be picklable. Raises ``ScenarioError`` for an ``EarshotError`` of a session, and for
    one whose process ends without a result; the others are given up then, and for Ctrl-C.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # arrays this small are slower in many threads
    waiting = deque(sessions.items())
    running: dict[Any, tuple[Key, SpawnProcess]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                key, arguments = waiting.popleft()
                ours, process = _started(work, arguments)
                running[ours] = key, process
            for ours in wait(list(running)):
                key, process = running[ours]
                result = _result(ours, process)
                del running[ours]
                yield key, result
    finally:
        for _, process in running.values():
            process.terminate()
        for ours, (_, process) in running.items():
            process.join()
            ours.close()


def _started(work: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Connection, SpawnProcess]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_session, args=(theirs, work, arguments))
    process.start()
    theirs.close()  # or the end of the process would not show
    return ours, process


def _result(ours: Any, process: SpawnProcess) -> Any:
    try:
        done, result = ours.recv()
    except EOFError:
        process.join()
        raise ScenarioError(f"a session ended without a result (exit code {process.exitcode})") from None
    process.join()
    ours.close()
    if not done:
        raise ScenarioError(result)
    return result


def _session(theirs: Connection, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """In the session's process."""
    try:
        theirs.send((True, work(*arguments)))
    except EarshotError as exc:
        theirs.send((False, str(exc)))
    except KeyboardInterrupt:  # the one who waits for us has got it too
        pass
    except Exception:  # noqa: BLE001  the one who waits learns that there is no result, and this tells why
        traceback.print_exc()
    finally:
        theirs.close()
