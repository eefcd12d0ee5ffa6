"""The systems that are compared: how each is set up in an environment of its own, and how it is run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SETUP_S = 1800
LEAST_RUN_S = 300
"""A run may take this long, and ``TRIAL_S`` for each trial on top."""
TRIAL_S = 30


@dataclass(frozen=True)
class System:
    """``requirements`` empty: it runs in the environment of this project."""

    name: str
    requirements: tuple[str, ...] = ()

    @property
    def adapter(self) -> Path:
        return HERE / f"{self.name}_peer.py"


SYSTEMS = (
    System("pipecat", ("pipecat-ai[silero]==1.14.0",)),
    System("livekit", ("livekit-agents==1.8.9", "livekit-plugins-silero==1.8.9")),
    System("earshot"),
)


class Failed(Exception):
    """A system could not be set up or run; says why in one line."""


def python_of(system: System, folder: Path) -> str:
    """Its interpreter; the environment is made where it is not there, or was made for other versions."""
    if not system.requirements:
        return sys.executable
    home = folder / system.name
    python, stamp = home / "bin" / "python", home / "requirements.txt"
    wanted = "\n".join(system.requirements)
    if python.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return str(python)
    try:
        venv.create(home, clear=True, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as exc:
        raise Failed(f"no environment in {home}: {exc}") from exc
    _run([str(python), "-m", "pip", "install", "--quiet", *system.requirements], "its installation", SETUP_S)
    stamp.write_text(wanted, encoding="utf-8")
    return str(python)


def utterances(folder: Path, speech: Path | None) -> Path:
    """What is said, rendered once for all systems."""
    into = folder / "utterances"
    extra = [str(speech.resolve())] if speech is not None else []
    _run(
        [sys.executable, str(HERE / "utterances.py"), str(into), *extra],
        "the rendering of what is said",
        SETUP_S,
    )
    return into


def run(
    system: System, python: str, folder: Path, said: Path, trials: int, idle_s: float, partials: bool
) -> dict[str, Any]:
    """One run of the harness; its report."""
    out = folder / f"{system.name}-{'partials' if partials else 'finals'}.json"
    out.unlink(missing_ok=True)
    command = [
        python,
        str(system.adapter),
        "--utterances",
        str(said),
        "--json",
        str(out),
        "--trials",
        str(trials),
    ]
    command += ["--idle", str(2.0 if partials else idle_s), *(["--partials"] if partials else [])]
    _run(command, "its run", LEAST_RUN_S + TRIAL_S * trials)
    report: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return report


def _run(command: list[str], what: str, patience_s: float) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=patience_s, env=environment
        )
    except subprocess.TimeoutExpired as exc:
        raise Failed(f"{what} did not end within {patience_s:g} s") from exc
    except OSError as exc:
        raise Failed(f"{what} could not begin: {exc}") from exc
    if done.returncode:
        last = [line for line in done.stderr.strip().splitlines() if line.strip()][-1:] or ["no reason given"]
        raise Failed(f"{what} failed (exit code {done.returncode}): {last[0]}")
