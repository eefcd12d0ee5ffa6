"""A TFLite interpreter that really works, or one clear error.

``ai-edge-litert`` (5.9 us per wake word inference, numpy 1 and 2) or, where only that is installed,
``tflite-runtime`` (18.5 us, numpy 1 only). The latter breaks with numpy 2 only when an interpreter is made, and has
been seen to compute zeros for ever on models with streaming state; so making one here includes trying it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from device.errors import EngineError

NUMPY = int(np.__version__.split(".")[0])
NOTICE = b"Created TensorFlow Lite XNNPACK delegate"


def load_runtime() -> tuple[str, Any]:
    """The installed runtime's name and its ``Interpreter`` class."""
    reasons = []
    runtimes = [
        ("ai-edge-litert", "ai_edge_litert.interpreter"),
        ("tflite-runtime", "tflite_runtime.interpreter"),
    ]
    if NUMPY < 2:
        # whoever has numpy 1 and tflite-runtime has asked for it (the extra `tflite`): 6 MB less memory
        runtimes.reverse()
    for name, module in runtimes:
        try:
            imported = __import__(module, fromlist=["Interpreter"])
        except (ImportError, SystemError, AttributeError, OSError) as exc:  # what broken wheels raise
            reasons.append(f"{name}: {exc}")
            continue
        return name, imported.Interpreter
    raise EngineError(
        "wake word: no TFLite runtime can be loaded; install one with `pip install ai-edge-litert`\n  "
        + "\n  ".join(reasons)
    )


def explain(runtime: str, path: Path, exc: BaseException) -> str:
    """Why an interpreter could not be made, and what to do about it."""
    why = f"wake word: {runtime} cannot open {path.name}: {type(exc).__name__}: {exc}"
    if runtime == "tflite-runtime" and NUMPY >= 2:
        return (
            f"{why}\n  tflite-runtime does not work with numpy {np.__version__}: "
            "`pip install ai-edge-litert`, or `pip install 'numpy<2'`"
        )
    return f"{why}\n  is {path} a complete TFLite file?"


def open_interpreter(path: Path, runtime: tuple[str, Any] | None = None) -> Any:
    """An allocated interpreter for the model at ``path``, one thread.

    Raises EngineError naming the fix when no runtime, or not this one, can run it.
    """
    name, make = runtime or load_runtime()
    try:
        with _without_notice():
            interpreter = make(model_path=str(path), num_threads=1)
            interpreter.allocate_tensors()
            interpreter.get_input_details(), interpreter.get_output_details()
    except Exception as exc:  # ValueError for a bad file, SystemError for the numpy clash
        raise EngineError(explain(name, path, exc)) from exc
    return interpreter


def answers(interpreter: Any, inferences: int = 160) -> bool:
    """Whether the model's output ever moves from 0 when its input is stirred hard; leaves the state reset.

    Blocks of loudest and quietest features, then one steady loud one, move each published model by 2-53 of 256.
    """
    wanted, out = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    limits = np.iinfo(wanted["dtype"])
    moved = False
    for k in range(inferences):
        high = k // 4 % 2 or k > inferences * 3 // 4
        interpreter.set_tensor(
            wanted["index"], np.full(wanted["shape"], limits.max if high else limits.min, wanted["dtype"])
        )
        interpreter.invoke()
        if np.any(interpreter.get_tensor(out["index"]) != out["quantization"][1]):
            moved = True
            break
    interpreter.reset_all_variables()
    return moved


@contextlib.contextmanager
def _without_notice() -> Iterator[None]:
    """Swallow the one line that the C++ side writes to stderr at its first interpreter, and nothing else."""
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (OSError, ValueError, AttributeError):  # no stderr at all
        yield
        return
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            caught.seek(0)
            rest = b"".join(line for line in caught if NOTICE not in line)
            if rest:
                os.write(2, rest)
