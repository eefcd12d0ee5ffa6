"""Does the device answer itself? Its own voice for minutes, nobody else in the room, and something wrong with the sound.

    scripted turn --> reply --> voice --> loudspeaker ~~~ fault ~~~> microphone --> canceller, ear, conversation
                                              ^                                              |
                                              +---- a cancel, or a turn of its own words <---+   must not happen

Lock-step on the sample clock: the whole device in the simulated room, the echo 20 dB above where a talker would be.
Ducks and holds are counted too: they cost nothing but a moment.
"""

from __future__ import annotations

import collections
import time
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device import values as v
from device.audio.backends.room import RoomBackend, RoomSettings
from device.config import parse
from device.daemon import Device
from device.scenario import tables, talkers
from device.scenario.endpoint import ScriptedTransport
from device.trace import TraceEvent

SER_DB = -20.0
OTHER = "The answer is not so simple. People have asked this for a long time, and each of them found something else."
TEXT = (
    "Once there was a lighthouse on an island far out in the sea. An old man lived in it with his dog, and every evening "
    "they climbed up the ninety nine steps together. He lit the lamp, and the dog barked at the first star. One night a "
    "storm came up, and a small boat was lost between the rocks. To make bread, take five hundred grams of flour, three "
    "hundred and fifty of water, ten of salt and a little yeast. Mix it, wait for twenty minutes, fold it four times, and "
    "let it stand over night. I can tell you what is known, what is guessed, and what is only a good story. "
)
REPLY_S = 600
"""What one reply lasts: longer than a measurement, so that its end is never waited for."""
GIVEN_UP_S = 20.0
"""A device that says nothing for so long begins anew."""
FATAL = ("cancel", "turn")
COUNTED = ("duck", "hold", "resume", *FATAL, "wake", "intent")
FAULTS = (
    "none", "two_clocks", "bad_loudspeaker", "substitute", "clipping", "zeros", "constant", "rate_lie", "drift_1000",
    "drift_3000",
)  # fmt: skip


def room(fault: str, seed: int) -> RoomSettings:
    """The room with one thing wrong. Raises ValueError for a fault that is not in ``FAULTS``."""
    wrong: dict[str, dict[str, Any]] = {
        "none": {},
        "two_clocks": {"drift_ppm": 50.0},
        "bad_loudspeaker": {"distortion": "clip"},
        "substitute": {"substitute": _other()} if fault == "substitute" else {},
        "clipping": {"mic_gain_db": 35.0},
        "zeros": {"mic_fault": "zeros"},
        "constant": {"mic_fault": "constant"},
        "rate_lie": {"rate_error": 0.011},
        "drift_1000": {"drift_ppm": 1000.0},
        "drift_3000": {"drift_ppm": 3000.0},
    }
    if fault not in FAULTS:
        raise ValueError(f"fault is {fault!r}: it must be one of {', '.join(FAULTS)}")
    return RoomSettings(seed=seed, ser_db=SER_DB, **wrong[fault])


def _other() -> NDArray[np.float32]:
    return talkers.render(OTHER, "flite:rms")


def measure(fault: str, seconds: float, seed: int = 1, engine: str = "auto") -> dict[str, Any]:
    """``seconds`` of playback with ``fault`` in room ``seed``, over as many devices as it takes.

    Counts of ``duck``, ``hold``, ``resume``, ``cancel``, ``turn``, ``wake`` and ``intent`` from the first sample of the
    reply on; ``problems``: code -> seconds of playback after which it was named; ``cpu_s_per_s``.
    """
    counts: collections.Counter[str] = collections.Counter()
    problems: dict[str, float] = {}
    spoken, devices, cpu = 0.0, 0, time.process_time()
    while spoken < seconds:
        one = _Talk(fault, seed + devices, engine)
        spoken += one.run(seconds - spoken, counts, problems if devices == 0 else {})
        devices += 1
    cpu = time.process_time() - cpu
    return {
        "fault": fault,
        "playback_s": round(spoken, 1),
        "devices": devices,
        **{name: counts[name] for name in COUNTED},
        "problems": problems,
        "cpu_s_per_s": round(cpu / max(spoken, 1.0), 3),
    }


class _Talk:
    """One device that is asked once, without a word, and then talks until its time is up or its reply was cut."""

    def __init__(self, fault: str, seed: int, engine: str) -> None:
        self._transport = ScriptedTransport(
            tables.Endpoint(reply=(tables.Reply(text=TEXT * (1 + REPLY_S // 30)),), tokens_per_s=100.0)
        )
        config = parse(
            {"audio": {"backend": "room"}, "recogniser": {"engine": engine}, "log": {"level": "error"}}
        )
        self._device = Device(
            config,
            RoomBackend(room(fault, seed)),
            self._transport,
            in_process=True,
            attention=True,
            trace=self._traced,
        )
        self._asked = False
        self._counts: collections.Counter[str] | None = None
        self._began: int | None = None
        self._over = False

    def run(self, seconds: float, counts: collections.Counter[str], problems: dict[str, float]) -> float:
        """Talk for ``seconds``; how long it did."""
        device = self._device
        device.start()
        try:
            while not self._over:
                self._transport.position = device.position + v.FRAME
                device.step()
                position = device.position
                if self._began is None:
                    if position > GIVEN_UP_S * v.RATE_HZ:
                        raise RuntimeError(f"the device has said nothing for {GIVEN_UP_S:.0f} s")
                    self._ask(position)
                    continue
                self._counts = counts
                spoken = (position - self._began) / v.RATE_HZ
                for problem in device.engine.health.problems:
                    problems.setdefault(problem.code, round(spoken, 1))
                if spoken >= seconds:
                    break
        finally:
            device.stop()
        return (device.position - (self._began or 0)) / v.RATE_HZ

    def _ask(self, position: int) -> None:
        """The question that is being listened for, understood without having been said."""
        if not self._asked and position > v.RATE_HZ:
            self._asked = True
            self._device._inbox.append(v.Final(position, 1, "tell me a story"))

    def _traced(self, event: TraceEvent) -> None:
        if event.event == "reply_start" and self._began is None:
            self._began = event.position
        elif self._counts is not None:
            if event.event in COUNTED:
                self._counts[event.event] += 1
            self._over |= event.event in ("reply_end", "reply_cut")


def broken(reports: Iterable[dict[str, Any]]) -> list[str]:
    """The faults under which the device cut its own reply or opened a turn for its own words."""
    return [report["fault"] for report in reports if any(report[name] for name in FATAL)]
