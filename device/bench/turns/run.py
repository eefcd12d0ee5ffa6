"""All sessions of a plan, each in a fresh process, and what becomes of them."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable
from typing import Any

from device import __version__
from device.bench.sessions import in_processes
from device.bench.turns import figures, plan, session
from device.bench.turns.judge import Outcome
from device.bench.turns.plan import Plan

PACKAGES = ("numpy", "pocketsphinx", "vosk", "espeakng-loader", "webrtcvad-wheels")


def measure(
    chosen: Plan, jobs: int = 1, progress: Callable[[int, int], None] = lambda done, of: None
) -> dict[str, Any]:
    """Run ``chosen`` in ``jobs`` processes at a time; the result as it goes into JSON.

    ``progress`` is told sessions done and in all. Raises ``ScenarioError`` for whatever a session raises.
    """
    sessions = [*chosen.all_sessions(), *chosen.own_sessions()]
    outcomes: dict[int, Outcome] = {}
    progress(0, len(sessions))
    for paced in (False, True):  # what is paced has the machine to itself
        mine = {k: (one, chosen.seed) for k, one in enumerate(sessions) if one.paced == paced}
        for k, outcome in in_processes(session.run, mine, 1 if paced else jobs):
            outcomes[k] = outcome
            progress(len(outcomes), len(sessions))
    ordered = [outcomes[k] for k in range(len(sessions))]
    return {**figures.result(ordered), "setup": setup(chosen, ordered)}


def setup(chosen: Plan, outcomes: list[Outcome]) -> dict[str, Any]:
    return {
        "version": __version__,
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "clock": "sample",
        "seed": chosen.seed,
        "quick": chosen.quick,
        "recordings": len(chosen.speech),
        "room": dict(session.ROOM),
        "voices": list(plan.VOICES),
        "words_per_minute": {"normal": plan.NORMAL_WPM, "fast": plan.FAST_WPM, "slow": plan.SLOW_WPM},
        "services": {
            "partial_ms": plan.PARTIAL_MS,
            "final_ms": plan.FINAL_MS,
            "first_token_ms": plan.FIRST_TOKEN_MS,
            "tokens_per_s": plan.TOKENS_PER_S,
            "first_byte_ms": plan.FIRST_BYTE_MS,
            "word_ms": plan.WORD_MS,
        },
        "seconds": round(sum(outcome.seconds for outcome in outcomes), 1),
        "cpu_s_per_s": round(
            sum(outcome.cpu_s for outcome in outcomes) / max(1.0, sum(o.seconds for o in outcomes)), 4
        ),
    }
