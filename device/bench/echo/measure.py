"""All cases in several rooms each: what the canceller leaves, how soon, what of the talker, and at what cost."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from device import __version__
from device.bench import speex
from device.bench.cpu import cpu_ms_per_frame
from device.bench.echo import intelligibility, real
from device.bench.echo.cases import ALONE_S, FIRST_ROOM, MOVED_S, STEADY_S, TALK_S, Case
from device.bench.echo.scene import Scene, make, speech
from device.bench.erle import steady_db, time_to
from device.bench.parts import cancel, new_canceller, suppressed
from device.values import RATE_HZ

SERS = (-10.0, 0.0)


@dataclass(slots=True)
class Figures:
    """Of one case in one room. ``t20_s`` is infinite where 20 dB were never kept for a second."""

    erle_db: float
    suppressed_erle_db: float
    t20_s: float
    stoi: dict[float, float | None]
    stoi_before: dict[float, float | None]
    stoi_suppressed: dict[float, float | None]
    gain_db: float
    suppressed_gain_db: float
    cpu_ms: float | None
    speex_ms: float | None
    speex_erle_db: float | None


def measure(
    cases: Sequence[Case],
    rooms: int = 3,
    seed: int = 0,
    recordings: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> dict[str, Any]:
    """The result as it goes into JSON; ``recordings``: a folder of AEC-challenge recordings."""
    clips = real.find(recordings) if recordings is not None else []
    stoi = intelligibility.find_stoi()
    seeds = [FIRST_ROOM + seed + k for k in range(rooms)]
    replies = speech(ALONE_S + TALK_S, rooms)
    rows = []
    progress(0, len(cases) * rooms)
    for number, case in enumerate(cases):
        found = []
        for k, (room, reply) in enumerate(zip(seeds, replies, strict=True), 1):
            found.append(figures(make(case, room, reply), case, stoi))
            progress(number * rooms + k, len(cases) * rooms)
        rows.append(row(case, found))
    missing = {speex.ABSENT: not speex.installed(), intelligibility.ABSENT: stoi is None}
    notes = [note for note, absent in missing.items() if absent]
    return {
        "setup": {
            "version": __version__, "numpy": np.__version__, "rooms": seeds, "alone_s": ALONE_S, "steady_s": STEADY_S,
            "talk_s": TALK_S, "clock": "sample", "notes": notes,
        },
        "cases": rows,
        "real": [real.measure(clip, stoi) for clip in clips],
    }  # fmt: skip


def figures(scene: Scene, case: Case, stoi: intelligibility.Stoi | None) -> Figures:
    """Measure one scene."""
    alone, echo, reference = scene.alone, scene.echo, scene.reference
    clean = cancel(new_canceller(reference), echo[:alone])
    steady = slice(max(0, alone - int(STEADY_S * RATE_HZ)), alone)
    begin = int(MOVED_S * RATE_HZ) if case.moved else 0
    reached = time_to(20.0, echo[begin:alone], clean[begin:])
    after: dict[float, float | None] = {}
    before: dict[float, float | None] = {}
    behind: dict[float, float | None] = {}
    gain_db = behind_db = 0.0
    for ser_db in SERS:
        mic = scene.mic(ser_db)
        heard = cancel(new_canceller(reference), mic)
        after[ser_db], change_db = intelligibility.compare(scene.near[alone:], heard[alone:], stoi)
        before[ser_db], _ = intelligibility.compare(scene.near[alone:], mic[alone:], stoi)
        words = suppressed(mic[: len(heard)], heard)
        behind[ser_db], words_db = intelligibility.compare(scene.near[alone:], words[alone:], stoi)
        if ser_db == SERS[0]:
            gain_db, behind_db = change_db - ser_db, words_db - ser_db
    other = speex.open_speex(reference)
    other_clean = None if other is None else cancel(other, echo[:alone])
    parts = [new_canceller(reference), speex.open_speex(reference)]
    cpu_ms, speex_ms = cpu_ms_per_frame(parts, echo[:alone])
    return Figures(
        erle_db=steady_db(echo[steady], clean[steady]) or 0.0,
        suppressed_erle_db=steady_db(echo[steady], suppressed(echo[:alone], clean)[steady]) or 0.0,
        t20_s=math.inf if reached is None else reached,
        stoi=after,
        stoi_before=before,
        stoi_suppressed=behind,
        gain_db=gain_db,
        suppressed_gain_db=behind_db,
        cpu_ms=cpu_ms,
        speex_ms=speex_ms,
        speex_erle_db=None if other_clean is None else steady_db(echo[steady], other_clean[steady]),
    )


def row(case: Case, found: Sequence[Figures]) -> dict[str, Any]:
    """Medians over the rooms; null where there is nothing (no STOI, no libspeexdsp, 20 dB never reached)."""
    cpu, other = median(f.cpu_ms for f in found), median(f.speex_ms for f in found)
    return {
        "case": case.name,
        "text": case.text,
        "erle_db": rounded(median(f.erle_db for f in found), 1),
        "t20_s": rounded(median(f.t20_s for f in found), 2),
        "rooms_without_20_db": sum(math.isinf(f.t20_s) for f in found),
        **{f"stoi_ser_{ser:.0f}_db": rounded(median(f.stoi[ser] for f in found), 3) for ser in SERS},
        **{
            f"stoi_mic_ser_{ser:.0f}_db": rounded(median(f.stoi_before[ser] for f in found), 3)
            for ser in SERS
        },
        "talker_gain_db": rounded(median(f.gain_db for f in found), 1),
        "suppressed_erle_db": rounded(median(f.suppressed_erle_db for f in found), 1),
        **{
            f"suppressed_stoi_ser_{ser:.0f}_db": rounded(median(f.stoi_suppressed[ser] for f in found), 3)
            for ser in SERS
        },
        "suppressed_talker_gain_db": rounded(median(f.suppressed_gain_db for f in found), 1),
        "cpu_ms_per_10ms": rounded(cpu, 4),
        "speexdsp_cpu_ms_per_10ms": rounded(other, 4),
        "cpu_ratio": rounded(cpu / other, 2) if cpu and other else None,
        "speexdsp_erle_db": rounded(median(f.speex_erle_db for f in found), 1),
    }


def median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def rounded(value: float | None, digits: int) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, digits)
