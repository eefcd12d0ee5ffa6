"""Does everything make the progress that its state expects? Signs in, a verdict out. Pure; seconds are monotonic and passed in.

    part            has to                                                             stuck after   then
    step            take the next 10 ms                                                2 s           nothing helps
    sound devices   look after the card: a try not older than 2 s                      2 s           reopen
    microphone      deliver, where it is said to be open; missing is no fault of ours  3 s           reopen
    wake words      score what is delivered                                            3 s           reload
    (a thread)      run: broker, steward                                               3 s           nothing (mqtt: see there)

What is stuck is named at once. It is tried to mend it once, and for five seconds more it may show that this has helped; after
that, and at once where nothing helps, systemd is told no longer that we live, and starts us again.

Engines in processes of their own are not here: their doors watch them and start them again (``device.engines``), and a device
without them goes on with what is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Microphone = Literal["none", "missing", "open", "closed"]
"""There is none by the owner's wish; it is known to be missing or of no use; it should deliver; it is closed by hand, and nothing
but the device's own thread and those that look after the card have anything to do."""

LIMIT_S = {"step": 2.0, "sound devices": 0.5, "microphone": 3.0, "wake words": 3.0}
"""So long a part may stand still. (The supervisor's figure is added to the age of its last try.)"""
THREAD_S = 3.0
"""A dead network thread is replaced after two seconds (``device.link.client``)."""
TRY_S = 2.0
"""A missing microphone is looked for at least so often."""
MENDING = {"sound devices": "reopen", "microphone": "reopen", "wake words": "reload"}
HELPS_S = 5.0
"""So long a mend may take to show."""
LOAD_S = 60.0
"""So long a start may take: models from a slow card."""
SLEPT_S = 2.0
"""Not asked for longer than this we slept ourselves (suspend, SIGSTOP, a debugger), and standing still proves nothing."""


@dataclass(frozen=True, slots=True)
class Signs:
    """How far everything is, as the ear's thread saw it. Counters never fall.

    ``steps``: frames of 10 ms taken. ``delivered``: those of them that a microphone delivered. ``scored``: frames that the wake
    words have listened to, None where there are none. ``try_age_s``: how long ago the sound devices were last looked after, None
    where nobody does. ``dead``: threads that ought to run and do not, by name.
    """

    steps: int
    delivered: int = 0
    scored: int | None = None
    microphone: Microphone = "none"
    try_age_s: float | None = None
    dead: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """``pet``: tell systemd now that we live. ``stuck``: parts by name. ``mend``: (part, what to try), each once."""

    pet: bool
    stuck: tuple[str, ...] = ()
    mend: tuple[tuple[str, str], ...] = ()


class Watchdog:
    """``judge`` about twice a second. ``timeout_s``: after which systemd acts, petted at a third of it; None: nobody to pet."""

    def __init__(self, timeout_s: float | None) -> None:
        self._every_s = None if timeout_s is None else timeout_s / 3
        self._petted_s: float | None = None
        self._judged_s: float | None = None
        self._began_s: float | None = None
        self._last: Signs | None = None
        self._moved_s: dict[str, float] = {}
        """When each part was last seen to do what it has to."""
        self._tried: set[str] = set()

    def judge(self, now_s: float, signs: Signs | None) -> Verdict:
        """``signs``: the newest there are; the same object again means that no step was taken since. None: still starting."""
        slept = self._judged_s is not None and now_s - self._judged_s > SLEPT_S
        self._judged_s = now_s
        self._began_s = now_s if self._began_s is None else self._began_s
        if signs is None:
            late = now_s - self._began_s > LOAD_S
            return Verdict(self._pet(now_s, not late), ("start",) if late else ())
        standing = self._parts(signs, now_s)
        for part, moves in standing.items():
            if moves or slept:
                self._moved_s[part] = now_s
            self._moved_s.setdefault(part, now_s)
        self._moved_s = {part: self._moved_s[part] for part in standing}
        self._last = signs
        still_s = {part: now_s - moved_s - _limit_s(part) for part, moved_s in self._moved_s.items()}
        stuck = tuple(part for part, over_s in still_s.items() if over_s > 0)
        self._tried &= set(stuck)
        mend = tuple((part, MENDING[part]) for part in stuck if part in MENDING and part not in self._tried)
        self._tried |= {part for part, _ in mend}
        alive = all(part in MENDING and still_s[part] <= HELPS_S for part in stuck)
        return Verdict(self._pet(now_s, alive), stuck, mend)

    def _parts(self, signs: Signs, now_s: float) -> dict[str, bool]:
        """Every part that has something to do now, and whether it does it."""
        last = self._last
        if last is None:
            return {"step": True}
        if signs.steps == last.steps:  # the rest is as it was: it proves nothing against it
            others = {part: True for part in self._moved_s if part != "step"}
            return {"step": False, **others}
        delivers = signs.delivered != last.delivered
        parts = {"step": True}
        if signs.try_age_s is not None:
            parts["sound devices"] = signs.try_age_s <= TRY_S
        if signs.microphone == "open":
            parts["microphone"] = delivers
        if signs.scored is not None:
            parts["wake words"] = not delivers or signs.scored != last.scored
        return parts | dict.fromkeys(signs.dead, False)

    def _pet(self, now_s: float, alive: bool) -> bool:
        if not alive or self._every_s is None:
            return False
        if self._petted_s is not None and now_s - self._petted_s < self._every_s:
            return False
        self._petted_s = now_s
        return True


def _limit_s(part: str) -> float:
    return LIMIT_S.get(part, THREAD_S)
