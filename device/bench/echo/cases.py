"""The rooms that the canceller is tried in: a base, and one thing changed at a time. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from device.audio.backends.room import RoomSettings
from device.errors import ScenarioError

ALONE_S = 20.0
"""Playback without a talker."""
TALK_S = 10.0
"""Double talk after that."""
STEADY_S = 8.0
"""The end of the playback alone, over which the ERLE is taken."""
MOVED_S = 10.0
"""When the loudspeaker is moved."""
FIRST_ROOM = 500
BASE: dict[str, Any] = {"rt60_s": 0.4, "echo_delay_ms": 40, "distortion": "soft"}


@dataclass(frozen=True, slots=True)
class Case:
    """``changed``: settings of the room other than ``BASE``'s."""

    name: str
    text: str
    changed: dict[str, Any] = field(default_factory=dict)
    moved: bool = False

    def settings(self, seed: int) -> RoomSettings:
        return RoomSettings(seed=seed, **{**BASE, **self.changed})


CASES = (
    Case("base", "RT60 0.4 s, delay 40 ms, one clock"),
    Case("drift+50", "loudspeaker 50 ppm faster", {"drift_ppm": 50}),
    Case("drift-50", "loudspeaker 50 ppm slower", {"drift_ppm": -50}),
    Case("drift+200", "loudspeaker 200 ppm faster", {"drift_ppm": 200}),
    Case("drift-200", "loudspeaker 200 ppm slower", {"drift_ppm": -200}),
    Case(
        "drift-changes",
        "50 ppm faster, 30 more and less once a minute",
        {"drift_ppm": 50, "drift_swing_ppm": 30},
    ),
    Case("moved", f"loudspeaker moved after {MOVED_S:g} s", moved=True),
    Case("delay-0", "no delay", {"echo_delay_ms": 0}),
    Case("delay-150", "delay 150 ms", {"echo_delay_ms": 150}),
    Case("rt60-0.2", "RT60 0.2 s", {"rt60_s": 0.2}),
    Case("rt60-0.6", "RT60 0.6 s", {"rt60_s": 0.6}),
    Case("clip", "loudspeaker that clips", {"distortion": "clip"}),
)


def chosen(names: list[str] | None) -> list[Case]:
    """The cases of these names, all without. Raises ``ScenarioError`` for an unknown one."""
    known = {case.name: case for case in CASES}
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise ScenarioError(f"there is no case {unknown[0]!r}; there are: {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(names or known)]
