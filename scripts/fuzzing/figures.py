"""How fast a cut-in acts and how often nothing does: the same N rooms each time, so that two versions compare.

playback   a long answer and nobody else in the room: ducks, holds and wakes in it are all false
stop       "stop" somewhere in the answer's first ten seconds: how soon it is quiet, how soon silent, whether at all
wake       the same with the wake word
"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from compose import VOICES

from device.scenario.child import run_file
from device.scenario.result import Result
from device.values import RATE_HZ

LONG = (
    (
        "Once there was a lighthouse on an island far out in the sea. An old man lived in it with his dog, and every "
        "evening they climbed up the ninety nine steps together. He lit the lamp, and the dog barked at the first star. One "
        "night a storm came up, and a small boat was lost between the rocks. The old man saw its light, took his own "
        "lantern, and went down to the water. "
    ),
    (
        "The answer is not so simple. People have asked this for a long time, and each of them found something else. Some "
        "say that it all began with a question at a kitchen table; others, that nobody asked anything. I can tell you what "
        "is known, what is guessed, and what is only a good story. "
    ),
    (
        "To make bread, take five hundred grams of flour, three hundred and fifty of water, ten of salt and a little yeast. "
        "Mix it, wait for twenty minutes, fold it four times, and let it stand over night. In the morning heat the oven as "
        "far as it goes, put the bread in, and do not open the door for half an hour. "
    ),
)
FALSE_SHOWN = 8


def figures(rooms: int, seed: int, engine: str) -> int:
    """Print the figures of ``rooms`` rooms from ``seed`` on."""
    with tempfile.TemporaryDirectory(prefix="earshot-figures-") as name:
        folder = Path(name)
        playback = [_run(folder, seed + i, engine, "") for i in range(rooms)]
        stop = [_run(folder, seed + i, engine, "Stop.") for i in range(rooms)]
        wake = [_run(folder, seed + i, engine, "Alexa.") for i in range(rooms)]
    minutes = sum(_spoken(result) for result in playback) / 60
    false = {what: [] for what in ("duck", "hold", "cancel", "wake", "turn", "intent")}
    for result in playback:
        begin = next((one.position for one in result.events if one.event == "reply_start"), 1 << 62)
        for one in result.events:
            if one.event in false and one.position > begin:
                false[one.event].append(f"{result.seed}@{(one.position - begin) / RATE_HZ:.1f}s")
    print(f"playback alone, {minutes:.1f} min in {rooms} rooms:")
    for what, where in false.items():
        print(
            f"  false {what}: {len(where)} ({len(where) / max(minutes, 0.1):.2f} a minute) {' '.join(where[:FALSE_SHOWN])}"
        )
    _cut_ins("stop", stop, "cancel")
    _cut_ins("wake", wake, "wake")
    return 0


def _cut_ins(name: str, results: Sequence[Result], event: str) -> None:
    talked_over = [r for r in results if any(line.id == "cut" for line in r.lines)]
    done = [r for r in talked_over if any(e.event == event and e.of == "cut" for e in r.events)]
    print(f"{name!r} over the answer: {len(done)} of {len(talked_over)}")
    if len(done) < len(talked_over):
        missed = [str(r.seed) for r in talked_over if r not in done]
        print(f"  missed: {' '.join(missed)}")
    for key in ("duck_ms", "stop_ms"):
        values = sorted(value for r in talked_over for value in getattr(r.measures, key))
        if values:
            print(
                f"  {key}: median {statistics.median(values):.0f}, p90 {values[len(values) * 9 // 10]:.0f} of {len(values)}"
            )
    firm = sorted(
        (e.position - s.first) / 16
        for r in done
        for e in r.events
        for s in [_span(r)]
        if e.event == event and e.of == "cut"
    )
    if firm:
        print(
            f"  {event}: median {statistics.median(firm):.0f} ms, p90 {firm[len(firm) * 9 // 10]:.0f} ms after its first sample"
        )


def _span(result: Result) -> Any:
    return next(line.span for line in result.lines if line.id == "cut")


def _spoken(result: Result) -> float:
    begun = next((e.position for e in result.events if e.event == "reply_start"), None)
    return 0.0 if begun is None else (result.seconds - begun / RATE_HZ)


def _run(folder: Path, seed: int, engine: str, cut: str) -> Result:
    path = folder / "one.toml"
    path.write_text(_scenario(seed, engine, cut), encoding="utf-8")
    return run_file(path)


def _scenario(seed: int, engine: str, cut: str) -> str:
    rng = random.Random(seed)
    model = ', model = "vosk-tiny-en"' if engine == "vosk" else ""
    text = LONG[seed % len(LONG)] * (3 if cut == "" else 1)
    room = {
        "rt60_s": round(rng.uniform(0.2, 0.6), 2), "ser_db": round(rng.uniform(-6, 6), 1),
        "echo_delay_ms": rng.choice((20, 40, 80)), "distortion": rng.choice(("none", "soft", "clip")),
        "drift_ppm": rng.choice((0, 0, -40, 40)), "snr_db": rng.choice((18, 25, 40)),
    }  # fmt: skip
    out = ['title = "figures"', f"seed = {seed}", "max_s = 120", "attention = true", "[room]"]
    out += [f"{key} = {json.dumps(value)}" for key, value in room.items()]
    out += ["[device]", f'recogniser = {{ engine = "{engine}"{model} }}']
    out += ["[endpoint]", "[[endpoint.reply]]", f"text = {json.dumps(text)}"]
    # a command grammar has no questions: there the device's own sentence about that is the playback
    out += [
        "[[say]]",
        'id = "ask"',
        'text = "Tell me a story."',
        'voice = "flite:rms"',
        "at_s = 0.5",
        "gain_db = 4",
    ]
    if cut:
        out += [
            "[[say]]",
            'id = "cut"',
            f"text = {json.dumps(cut)}",
            f"voice = {json.dumps(rng.choice(VOICES[:3]))}",
        ]
        out += ['after = "reply_start"', f"plus_ms = {rng.randint(1500, 10_000)}"]
    else:
        out += ["[[expect]]", 'event = "heard"', 'of = "ask"', "within_ms = 80000"]
    return "\n".join(out) + "\n"
