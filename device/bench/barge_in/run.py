"""All sessions of a plan, each in a fresh process, and what becomes of them."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from device import __version__
from device.bench import speex
from device.bench.barge_in import figures, people
from device.bench.barge_in.plan import (
    DELAY_MS,
    DRIFT_PPM,
    FIRST_ROOM,
    RT60_S,
    SNR_DB,
    Condition,
    Plan,
    Session,
)
from device.bench.barge_in.session import Outcome, configuration, run
from device.bench.sessions import in_processes
from device.ear.recognisers import recogniser_settings

PACKAGES = ("numpy", "pocketsphinx", "vosk", "espeakng-loader", "pymicro-wakeword", "webrtcvad-wheels")


def measure(
    plan: Plan, jobs: int = 1, progress: Callable[[int, int], None] = lambda done, of: None
) -> dict[str, Any]:
    """Run ``plan`` in ``jobs`` processes at a time; the result as it goes into JSON.

    ``progress`` is told sessions done and in all. Raises ``AudioError`` for a folder without recordings or a missing
    noise, ``ScenarioError`` where a talker's voice is not installed, and what the device's parts raise.
    """
    check(plan)
    sessions = list(plan.sessions())
    outcomes: dict[Session, Outcome] = {}
    progress(0, len(sessions))
    for session, outcome in in_processes(run, {one: (plan, one) for one in sessions}, jobs):
        outcomes[session] = outcome
        progress(len(outcomes), len(sessions))
    return result(plan, [outcomes[session] for session in sessions])


def film(plan: Plan) -> Outcome:
    """A short session for the picture: a backchannel and an interruption, over the plan's first playback and noise,
    at 0 dB or the level nearest to it."""
    plan = replace(plan, alone_s=5.0, backchannels=1, interruptions=1, stops=0, wakes=0)
    session = Session(Condition(min(plan.sers, key=abs), plan.playbacks[0], plan.noises[0]), 0)
    ((_, filmed),) = in_processes(run, {session: (plan, session, True)}, 1)
    return filmed


def check(plan: Plan) -> None:
    """Find out now, not after an hour, that something is missing: the first line of each kind is made."""
    recogniser_settings(configuration(plan.recogniser))
    rng = np.random.default_rng(0)
    people.interruptions(1, 0, rng, plan.speech)
    people.wake_words(1, 0, plan.wake)
    people.noise(plan.noise, rng)


def result(plan: Plan, outcomes: list[Outcome]) -> dict[str, Any]:
    """``setup``, ``conditions``, ``also`` and the rate of false stops over all of it."""
    conditions, also = figures.rows(outcomes)
    hours = sum(outcome.tally.playback_min for outcome in outcomes) / 60
    false_stops = sum(outcome.tally.false_stops for outcome in outcomes)
    return {
        "setup": setup(plan),
        "conditions": conditions,
        "also": also,
        "false_stops_per_h": round(false_stops / hours, 3) if hours else None,
    }


def setup(plan: Plan) -> dict[str, Any]:
    notes = [] if speex.installed() else [speex.ABSENT]
    return {
        "version": __version__,
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "clock": "sample",
        "seed": plan.seed,
        "rooms": plan.rooms,
        "room_seeds": [FIRST_ROOM + plan.seed + k for k in range(plan.rooms)],
        "rt60_s": list(RT60_S),
        "drift_ppm": list(DRIFT_PPM),
        "echo_delay_ms": list(DELAY_MS),
        "distortion": "soft",
        "converge_s": plan.converge_s,
        "alone_s": plan.alone_s,
        "noise": _named(plan.noise) or "computed kitchen",
        "snr_db": SNR_DB,
        "recogniser": plan.recogniser,
        "talkers": _named(plan.speech) or "synthetic",
        "voices": list(people.VOICES),
        "wake_word": people.WAKE_WORD,
        "wake_talkers": _named(plan.wake) or "synthetic",
        "notes": notes,
    }


def _named(path: Path | None) -> str:
    """The last part of a path: which machine it lay on is nobody's business."""
    return path.resolve().name if path else ""
