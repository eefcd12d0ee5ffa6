"""The result of all sessions, as JSON and as text. Pure.

Delays are from the last sample of what was said to the first audible sample of the answer: as it leaves the simulated
loudspeaker, or, between scripted services, is handed to it. A turn without an
answer is in no percentile; it is a stall. docs/bench.md tells what each figure means.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from device.bench.table import cell, table
from device.bench.turns.judge import Outcome, Turn
from device.bench.turns.plan import FLOOR_MS, SCRIPTED

STALL_MS = 1200
"""A finished turn whose answer begins later than this has stalled."""
GROUPS = ("normal", "dangling", "fast", "slow", "recorded", "hesitation", "cut_in", "local")
COLUMNS = (
    ("said", "group", ""), ("turns", "turns", "d"), ("p50", "p50_ms", ".0f"), ("p95", "p95_ms", ".0f"),
    ("max", "max_ms", ".0f"), ("p50", "endpoint_p50_ms", ".0f"), ("max", "endpoint_max_ms", ".0f"),
    ("stalls", "stalls", "d"), ("cut", "early_cuts", "d"), ("aloud", "answered_early", "d"),
    ("whole", "understood", "d"),
)  # fmt: skip


def result(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Everything but ``setup``: the figures of the whole run, then ``off`` and ``on`` (speculation), then ``own``.

    ``local_command_p50_ms`` is of the slower of our own recognisers, in real time.
    """
    scripted = [one for one in outcomes if one.session.recogniser == SCRIPTED]
    off = [one for one in scripted if not one.session.speculation]
    on = [one for one in scripted if one.session.speculation]
    plain, guessing = _side(off), _side(on)
    own = [row for one in outcomes if one.session.recogniser != SCRIPTED for row in _own(one)]
    paced = [row["p50_ms"] for row in own if row["clock"] == "real" and row["group"] == "local"]
    return {
        "floor_ms": round(FLOOR_MS),
        "v2v_p50_ms": plain["v2v_p50_ms"],
        "v2v_p95_ms": plain["v2v_p95_ms"],
        "v2v_spec_p50_ms": guessing["v2v_p50_ms"],
        "v2v_spec_p95_ms": guessing["v2v_p95_ms"],
        "local_command_p50_ms": max((p50 for p50 in paced if p50 is not None), default=None),
        "turns": plain["turns"],
        "stalls": plain["stalls"] + guessing["stalls"],
        "hesitations": plain["hesitations"],
        "early_cuts": max(plain["early_cuts"], guessing["early_cuts"]),
        "early_cuts_answered": max(plain["early_cuts_answered"], guessing["early_cuts_answered"]),
        "llm_calls_per_turn": guessing["llm_calls_per_turn"],
        "wasted_calls": guessing["wasted_calls"],
        "heard_error_words": plain["heard_error_words"] + guessing["heard_error_words"],
        "off": plain,
        "on": guessing,
        "own": own,
    }


def _side(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """All sessions of one way of speculating."""
    turns = [turn for outcome in outcomes for turn in outcome.turns]
    finished = [turn for turn in turns if turn.trial.kind == "finished"]
    pauses = [turn for turn in turns if turn.trial.kind == "hesitation"]
    asked = [turn for turn in turns if turn.trial.kind != "local"]
    calls = sum(outcome.calls for outcome in outcomes)
    return {
        "v2v_p50_ms": percentile(_delays(finished), 50),
        "v2v_p95_ms": percentile(_delays(finished), 95),
        "turns": len(finished),
        "stalls": sum(stalled(turn) for turn in finished),
        "hesitations": len(pauses),
        "early_cuts": sum(turn.committed for turn in pauses),
        "early_cuts_answered": sum(turn.answered for turn in pauses),
        "false_wakes": sum(turn.woken for turn in turns),
        "llm_calls": calls,
        "llm_calls_per_turn": round(calls / len(asked), 3) if asked else None,
        "wasted_calls": sum(outcome.wasted for outcome in outcomes),
        "heard_error_words": [
            round(cut.claimed - cut.played, 2)
            for outcome in outcomes
            for cut in outcome.cuts
            if cut.claimed or cut.played
        ],
        "groups": groups(turns),
        "remarks": [remark for turn in turns if (remark := remarked(turn)) is not None],
        "delays_ms": {
            group: sorted(
                _delays(turn for turn in turns if turn.trial.group == group and turn.trial.kind != "ask")
            )
            for group in GROUPS
        },
    }


def _own(outcome: Outcome) -> list[dict[str, Any]]:
    """The rows of a session with our own recogniser and voice."""
    session = outcome.session
    clock = "real" if session.paced else "sample"
    return [{"recogniser": session.recogniser, "clock": clock, **row} for row in groups(outcome.turns)]


def groups(turns: Iterable[Turn]) -> list[dict[str, Any]]:
    """A row for each group of trials, in the order of their first appearance in the plan."""
    turns = [turn for turn in turns if turn.trial.kind != "ask"]
    rows = []
    for name in GROUPS:
        mine = [turn for turn in turns if turn.trial.group == name]
        if not mine:
            continue
        ends = [turn.endpoint_ms for turn in mine if turn.endpoint_ms is not None]
        rows.append(
            {
                "group": name,
                "turns": len(mine),
                "p50_ms": percentile(_delays(mine), 50),
                "p95_ms": percentile(_delays(mine), 95),
                "max_ms": max(_delays(mine), default=None),
                "endpoint_p50_ms": percentile(ends, 50),
                "endpoint_max_ms": max(ends, default=None),
                "stalls": sum(stalled(turn) for turn in mine),
                "early_cuts": sum(turn.committed for turn in mine),
                "answered_early": sum(turn.answered for turn in mine),
                "understood": sum(turn.understood for turn in mine),
            }
        )
    return rows


def remarked(turn: Turn) -> dict[str, Any] | None:
    """A turn that went wrong in any way, as a person would look for it; None for all others."""
    local = turn.trial.kind == "local"
    wrong = [
        name
        for name, holds in (
            ("taken for the wake word", turn.woken),
            ("cut early", turn.committed and turn.trial.kind != "ask"),
            ("answered early", turn.answered),
            ("no answer", turn.v2v_ms is None),
            ("stalled", turn.v2v_ms is not None and stalled(turn) and not local),
            ("not understood whole", not turn.understood),
        )
        if holds
    ]
    if not wrong:
        return None
    return {
        "group": turn.trial.group,
        "text": turn.trial.wav.name if turn.trial.wav is not None else turn.trial.text,
        "wrong": wrong,
        "v2v_ms": turn.v2v_ms,
        "endpoint_ms": turn.endpoint_ms,
        "voice": turn.trial.voice,
        "pause_ms": turn.trial.pause_ms,
    }


def stalled(turn: Turn) -> bool:
    return turn.v2v_ms is None or turn.v2v_ms > STALL_MS


def _delays(turns: Iterable[Turn]) -> list[float]:
    """A command that was not understood has no answer, whatever was to be heard."""
    return [
        turn.v2v_ms
        for turn in turns
        if turn.v2v_ms is not None and (turn.understood or turn.trial.kind != "local")
    ]


def percentile(values: Sequence[float], q: float) -> float | None:
    """Of ``values`` in ms, to 0.1 ms; None without any."""
    return round(float(np.percentile(values, q)), 1) if values else None


# ---------------------------------------------------------------------- for people


def text(figures: dict[str, Any]) -> str:
    """The result as tables of plain text."""
    parts = []
    for title, side in (("speculation off", "off"), ("speculation on", "on")):
        parts.append(
            table(
                f"{title}: from the last sample said to the first one heard, and to the endpoint [ms]",
                COLUMNS, figures[side]["groups"], ((2, 5, "answer"), (5, 7, "endpoint"), (8, 10, "early")),
            )
        )  # fmt: skip
        parts.append("")
    remarks = [(side, remark) for side in ("off", "on") for remark in figures[side]["remarks"]]
    parts += [_remark(side, remark) for side, remark in remarks] + [""]
    if figures["own"]:
        shifted = ((4, 7, "answer"), (7, 9, "endpoint"), (10, 12, "early"))
        columns = (("recogniser", "recogniser", ""), ("clock", "clock", ""), *COLUMNS)
        parts += [table("earshot's own recognisers and voice [ms]", columns, figures["own"], shifted), ""]
    errors = figures["heard_error_words"]
    worst = max(map(abs, errors), default=None)
    plain, guessing = (cell(figures[key], ".0f") for key in ("v2v_p50_ms", "v2v_spec_p50_ms"))
    calls = cell(figures["llm_calls_per_turn"], ".2f")
    early, aloud = figures["early_cuts"], figures["early_cuts_answered"]
    lines = (
        (
            "voice to voice, p50",
            f"{plain} ms, with speculation {guessing} ms (floor {figures['floor_ms']} ms)",
        ),
        ("local command, p50", f"{cell(figures['local_command_p50_ms'], '.0f')} ms"),
        ("stalls", f"{figures['stalls']} of 2 x {figures['turns']} finished turns"),
        ("early cuts", f"{early} of {figures['hesitations']} hesitations, {aloud} with an answer aloud"),
        ("calls of the model", f"{calls} a turn, {figures['wasted_calls']} wasted"),
        ("heard words", f"{len(errors)} cuts, claimed less played at worst {cell(worst, '.2f')}"),
    )
    parts += [f"{name:<20} {value}" for name, value in lines]
    return "\n".join(parts)


def _remark(side: str, remark: dict[str, Any]) -> str:
    endpoint, answer = (cell(remark[key], ".0f") for key in ("endpoint_ms", "v2v_ms"))
    wrong = ", ".join(remark["wrong"])
    return f"{side:>3}: {remark['text']!r} {wrong} (endpoint {endpoint} ms, answer {answer} ms, {remark['voice']})"
