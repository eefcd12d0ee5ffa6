"""One scenario in a process of its own: engines keep process-global state, and a crash must cost one file only.

run_file(path) ─► python -m device.scenario.child REQUEST ─► pickles over a pipe: Happened..., then Result
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from device import subprocesses
from device.errors import EarshotError, ScenarioError
from device.scenario.expectations import Happened
from device.scenario.result import Result


def run_file(
    path: str | Path,
    *,
    realtime: bool = False,
    out_dir: Path | None = None,
    on_event: Callable[[Happened], None] | None = None,
    verbose: bool = False,
) -> Result:
    """Run the scenario file ``path`` in a child process.

    Raises what ``run_scenario`` raises, and ``ScenarioError`` when the process itself dies; what libraries print
    goes to standard error with ``verbose`` and is dropped without (but for the last line of a crash).
    """
    request = {"path": str(path), "realtime": realtime, "out_dir": str(out_dir) if out_dir else None}
    request |= {"events": on_event is not None, "verbose": verbose}
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "device.scenario.child", str(writer), json.dumps(request)]
    # standard error goes to a file: nobody reads it while the run goes on, and a pipe would fill up
    with os.fdopen(reader, "rb") as pipe, tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=None if verbose else said,
            pass_fds=(writer,),
            env=subprocesses.environment(),
        )
        os.close(writer)
        try:
            outcome = _receive(pipe, on_event)
        except BaseException:
            process.terminate()
            raise
        finally:
            process.wait()
        said.seek(0)
        last = said.read().decode(errors="replace").strip().splitlines()[-1:]
    if isinstance(outcome, Result):
        return outcome
    if isinstance(outcome, EarshotError):
        raise outcome
    reason = last[0] if last else "no reason given"
    raise ScenarioError(f"{path}: the run died (exit code {process.returncode}): {reason}")


def _receive(pipe: Any, on_event: Callable[[Happened], None] | None) -> Any:
    """Everything until the result or the end of the pipe."""
    while True:
        try:
            item = pickle.load(pipe)
        except EOFError:
            return None
        if isinstance(item, Happened):
            if on_event:
                on_event(item)
        else:
            return item


def main(arguments: list[str]) -> int:
    from device.scenario import format
    from device.scenario.runner import run_scenario

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that broker and worker go with us
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which ends us
    pipe = os.fdopen(int(arguments[0]), "wb")
    request = json.loads(arguments[1])
    logging.basicConfig(level=logging.INFO if request["verbose"] else logging.WARNING)

    def send(item: Any) -> None:
        with contextlib.suppress(BrokenPipeError):
            pickle.dump(item, pipe)
            pipe.flush()

    try:
        result: Any = run_scenario(
            format.load(request["path"]),
            realtime=request["realtime"],
            out_dir=Path(request["out_dir"]) if request["out_dir"] else None,
            on_event=send if request["events"] else None,
        )
    except EarshotError as exc:
        # as an error that survives pickling, whatever exc is made of
        told, file = str(exc), request["path"]
        result = ScenarioError(told if told.startswith(file) else f"{file}: {told}")
    send(result)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
