"""One device, a long mixed conversation on the sample clock: what grows, and how long a step takes.

Once a minute: resident memory, objects that the garbage collector knows, the slowest step. A leak shows as a line that
climbs; the end compares the last third with the first (after 3 minutes, when caches are filled).
"""

from __future__ import annotations

import collections
import gc
import random
import resource
import statistics
import time
from pathlib import Path
from typing import Any

from compose import ANSWERS, BACKCHANNELS, COMMANDS, CUT_INS, QUESTIONS, VOICES

from device.audio.backends.room import RoomBackend, RoomSettings
from device.config.load import parse
from device.daemon import Device
from device.scenario import tables, talkers
from device.scenario.endpoint import ScriptedTransport
from device.trace import TraceEvent
from device.values import FRAME, RATE_HZ

SETTLED_MIN = 3
MOST_GROWTH = 0.02
"""Of objects, from the first third to the last: caches that fill slowly stay below, one entry per turn does not."""


def soak(minutes: float, seed: int) -> int:
    rng = random.Random(seed)
    config = parse(
        {"audio": {"backend": "room"}, "recogniser": {"engine": "vosk", "model": "vosk-tiny-en"}}, "soak"
    )
    script = tables.Endpoint(
        reply=tuple(
            tables.Reply(when=w, text=t)
            for w, t in zip(("who", "two", "tomorrow", "moon", "joke", "*"), ANSWERS, strict=False)
        )
    )
    backend, transport = RoomBackend(RoomSettings(seed=seed, ser_db=2, rt60_s=0.3)), ScriptedTransport(script)
    counted: collections.Counter[str] = collections.Counter()

    def trace(event: TraceEvent) -> None:
        counted[event.event] += 1

    device = Device(config, backend, transport, in_process=True, trace=trace)
    device.start()
    next_line, steps, samples = RATE_HZ, [], []
    began = time.monotonic()
    for number in range(round(minutes * 6000)):
        transport.position = device.position + FRAME
        start = time.perf_counter()
        device.step()
        steps.append(time.perf_counter() - start)
        if device.position >= next_line:
            next_line = device.position + _say(rng, backend, device)
        if (number + 1) % 6000 == 0:
            samples.append(_sample(steps))
            print(f"{(number + 1) // 6000:4} min  {samples[-1]}", flush=True)
            steps = []
    print(f"{minutes:g} min in {time.monotonic() - began:.0f} s:", dict(counted.most_common(20)))
    _sizes(device)
    device.stop()
    return _verdict(samples)


def _say(rng: random.Random, backend: RoomBackend, device: Device) -> int:
    """Somebody says something; in how many samples the next line comes."""
    called = f"Alexa, {rng.choice((*COMMANDS, *QUESTIONS))}."
    text = rng.choice((called, called, called, *(f"{x}." for x in rng.sample((*CUT_INS, *BACKCHANNELS), 2))))
    voice = rng.randrange(len(VOICES))
    backend.say(talkers.render(text, VOICES[voice]), device.position + FRAME, rng.choice((-3, 0, 3)), voice)
    return round(rng.choice((1.5, 3, 5, 8, 15)) * RATE_HZ)


def _sample(steps: list[float]) -> dict[str, Any]:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    ordered = sorted(steps)
    return {
        "objects": len(gc.get_objects()),
        "rss_mib": round(pages * resource.getpagesize() / 2**20, 1),
        "step_p50_ms": round(1000 * statistics.median(ordered), 2),
        "step_p99_ms": round(1000 * ordered[len(ordered) * 99 // 100], 2),
        "step_max_ms": round(1000 * ordered[-1], 1),
    }


def _sizes(device: Device) -> None:
    """The biggest containers that the device itself holds."""
    found: dict[str, int] = {}
    seen: set[int] = set()
    queue: list[tuple[str, Any]] = [("device", device)]
    while queue:
        name, value = queue.pop()
        if id(value) in seen or name.count(".") > 8:
            continue
        seen.add(id(value))
        if isinstance(value, (list, dict, set, collections.deque)):
            found[name] = len(value)
            continue
        if not type(value).__module__.startswith("device"):
            continue
        slots = [slot for kind in type(value).__mro__ for slot in getattr(kind, "__slots__", ())]
        inner = {**getattr(value, "__dict__", {}), **{s: getattr(value, s, None) for s in slots}}
        queue += [(f"{name}.{key}", one) for key, one in inner.items()]
    biggest = sorted(found.items(), key=lambda item: -item[1])[:12]
    print("biggest:", ", ".join(f"{name.removeprefix('device.')} {size}" for name, size in biggest))


def _verdict(samples: list[dict[str, Any]]) -> int:
    rest = samples[SETTLED_MIN:]
    if len(rest) < 6:
        return 0
    third = len(rest) // 3
    failed = 0
    for key in ("objects", "rss_mib"):
        early, late = (statistics.mean(s[key] for s in part) for part in (rest[:third], rest[-third:]))
        growth = late / early - 1
        print(f"{key}: {early:.0f} in the first third, {late:.0f} in the last ({100 * growth:+.1f} %)")
        failed |= growth > MOST_GROWTH
    return failed
