"""The result of all sessions: one row a condition, as JSON and as tables. Pure.

Percentiles of ``duck_*`` and ``stop_*`` are over the talkers whom the playback gave way to; the others are counted
(``missed``; ``also.unsilenced``), not ranked. A figure without a single case is null. The sums of a row are over its
rooms, levels and costs the medians of its rooms.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from device.bench.barge_in.judge import Tally
from device.bench.barge_in.plan import Condition
from device.bench.table import cell, table

if TYPE_CHECKING:
    from device.bench.barge_in.session import Outcome

COLUMNS = (
    ("SER", "ser_db", "+.0f"), ("playback", "playback", ""), ("noise", "noise", ""), ("onsets", "onsets", "d"),
    ("missed", "missed", "d"), ("p50", "duck_p50_ms", ".0f"), ("p95", "duck_p95_ms", ".0f"),
    ("p50", "stop_p50_ms", ".0f"), ("p95", "stop_p95_ms", ".0f"), ("duck", "false_ducks_per_min", ".2f"),
    ("hold", "false_holds_per_min", ".2f"), ("cancel", "false_cancels_per_min", ".2f"),
)  # fmt: skip
WORDS = (
    ("SER", "ser_db", "+.0f"), ("playback", "playback", ""), ("noise", "noise", ""), ("said", "backchannels", "d"),
    ("held", "backchannel_holds", "d"), ("cancelled", "backchannel_cancels", "d"), ("resume", "resume_p50_ms", ".0f"),
    ("said", "stop_words", "d"), ("obeyed", "stop_word_hits", "d"), ("said", "wake_trials", "d"),
    ("missed", "wake_missed", "d"), ("false", "wake_false_accepts", "d"), ("ERLE", "erle_db", ".1f"),
    ("20 dB", "t20_s", ".1f"),
)  # fmt: skip


def rows(outcomes: Sequence[Outcome]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The ``conditions`` of the result, and beside each what ``also`` tells of it."""
    conditions, also = [], []
    for condition in dict.fromkeys(outcome.session.condition for outcome in outcomes):
        mine = [outcome for outcome in outcomes if outcome.session.condition == condition]
        total = Tally()
        for outcome in mine:
            total.add(outcome.tally)
        conditions.append(_row(condition, mine, total))
        also.append(_also(condition, mine, total))
    return conditions, also


def _row(condition: Condition, mine: Sequence[Outcome], total: Tally) -> dict[str, Any]:
    return {
        **_name(condition),
        "onsets": total.onsets,
        "missed": total.missed,
        "duck_p50_ms": percentile(total.duck_ms, 50),
        "duck_p95_ms": percentile(total.duck_ms, 95),
        "stop_p50_ms": percentile(total.stop_ms, 50),
        "stop_p95_ms": percentile(total.stop_ms, 95),
        "false_ducks_per_min": _rate(total.false_ducks, total.alone_min),
        "false_holds_per_min": _rate(total.false_holds, total.alone_min),
        "false_cancels_per_min": _rate(total.false_cancels, total.alone_min),
        "backchannels": total.backchannels,
        "backchannel_holds": total.backchannel_holds,
        "backchannel_cancels": total.backchannel_cancels,
        "resume_p50_ms": percentile(total.resume_ms, 50),
        "stop_words": total.stop_words,
        "stop_word_hits": total.stop_word_hits,
        "wake_trials": total.wake_trials,
        "wake_missed": total.wake_missed,
        "wake_false_accepts": total.wake_false_accepts,
        "erle_db": _median((outcome.erle_db for outcome in mine), 1),
        "t20_s": _median((math.inf if outcome.t20_s is None else outcome.t20_s for outcome in mine), 2),
        "cpu_ms_per_10ms": _median((outcome.cpu_ms for outcome in mine), 4),
        "speexdsp_cpu_ms_per_10ms": _median((outcome.speex_ms for outcome in mine), 4),
    }


def _also(condition: Condition, mine: Sequence[Outcome], total: Tally) -> dict[str, Any]:
    return {
        **_name(condition),
        "unsilenced": total.onsets - total.missed - len(total.stop_ms),
        "backchannel_ducks": total.backchannel_ducks,
        "resume_p95_ms": percentile(total.resume_ms, 95),
        "ducks_between_trials": total.ducks_between,
        "cancels_between_trials": total.cancels_between,
        "false_turns": total.false_turns,
        "false_stops_per_h": _rate(total.false_stops, total.playback_min / 60),
        "misheard_stops": total.misheard_stops,
        "stop_words_missed_without_playback": sum(outcome.missed_alone["stop"] for outcome in mine),
        "wake_missed_without_playback": sum(outcome.missed_alone["wake"] for outcome in mine),
        "voided": total.voided,
        "rooms_without_20_db": sum(outcome.t20_s is None for outcome in mine),
        "echo_dbfs": _median((outcome.echo_dbfs for outcome in mine), 1),
        "alone_min": round(total.alone_min, 3),
        "playback_min": round(total.playback_min, 3),
        "detector_cpu_ms_per_10ms": _median((outcome.detector_ms for outcome in mine), 4),
    }


def _name(condition: Condition) -> dict[str, Any]:
    return {"ser_db": condition.ser_db, "playback": condition.playback, "noise": condition.noise}


def percentile(values: Sequence[float], q: float) -> float | None:
    """Of ``values`` in ms, to 0.1 ms; None without any."""
    return round(float(np.percentile(values, q)), 1) if values else None


def _rate(count: int, time: float) -> float | None:
    return round(count / time, 3) if time > 0 else None


def _median(values: Iterable[float | None], digits: int) -> float | None:
    known = [value for value in values if value is not None]
    if not known or not math.isfinite(middle := statistics.median(known)):
        return None
    return round(middle, digits)


# ---------------------------------------------------------------------- for people


def text(result: dict[str, Any]) -> str:
    """The result as tables of plain text."""
    setup, rows = result["setup"], result["conditions"]
    also = result["also"]
    first = table("giving way to a talker [ms], and to nobody [per minute]", COLUMNS, rows, (
        (5, 7, "to duck"), (7, 9, "to silence"), (9, 12, "false"),
    ))  # fmt: skip
    second = table("what was said, and the canceller", WORDS, rows, (
        (3, 7, "backchannels"), (7, 9, '"stop"'), (9, 12, "wake word"), (12, 14, "echo, dB and s"),
    ))  # fmt: skip
    cpu = [cell(_median((row[key] for row in those), 4), ".3f") for those, key in (
        (rows, "cpu_ms_per_10ms"), (rows, "speexdsp_cpu_ms_per_10ms"), (also, "detector_cpu_ms_per_10ms"),
    )]  # fmt: skip
    hours = sum(row["playback_min"] for row in also) / 60
    lines = [
        f"CPU for 10 ms of sound: canceller {cpu[0]} ms, libspeexdsp {cpu[1]} ms, detector {cpu[2]} ms",
        f'false "stop": {cell(result["false_stops_per_h"], ".2f")} an hour, in {hours:.2f} h of playback',
        f"rooms {setup['room_seeds']}, recogniser {setup['recogniser']}, talkers: {setup['talkers']}",
        *setup["notes"],
    ]
    return "\n".join((first, "", second, "", *lines))
