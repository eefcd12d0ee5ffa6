"""Whether what is on trial has proved itself: evidence in, a verdict out. Pure; seconds are monotonic and passed in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from device.config.faults import Fault
from device.config.keys import KEYS
from device.config.schema import Config

QUIET_S = 10.0
"""So long nothing may go wrong after a start, or after a change that restarts nothing."""
STEADY_S = {"rooms": 1.0, "daemon": 5.0}
"""So long everything has to hold for a change that restarts something: a sound card takes a moment to say that it does not open."""
Proof = Literal["sound", "broker", "reported", "settled"]
EVERYTHING: tuple[Proof, ...] = ("sound", "broker", "reported", "settled")


@dataclass(frozen=True, slots=True)
class Evidence:
    """How the device is now.

    ``sound``: capture runs; ``broker``: reached with the settings in force; ``reported``: it has the latest report on the
    configuration, which counts from then on (anybody can cause further reports); ``settled``, ``failure``: of the adoption under way; ``problem``: what is wrong with the sound, in words.
    """

    sound: bool = False
    broker: bool = False
    reported: bool = False
    settled: bool = True
    failure: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``faults`` empty: proven."""

    faults: tuple[Fault, ...] = ()


class Probation:
    """One trial. ``needs`` must hold together for ``least_s`` without a break, before ``limit_s`` (None: for ever) is over, counted
    from the first ``judge``. ``sound``: whether there was any before: none now is then no worse. ``config`` is on trial,
    ``changed`` are the keys that it changes: a fault names the one that it most likely comes from."""

    def __init__(
        self,
        needs: Iterable[Proof],
        config: Config,
        changed: Iterable[str] = (),
        *,
        least_s: float = 0.0,
        limit_s: float | None = None,
        sound: bool = True,
    ) -> None:
        self._needs, self._config = tuple(needs), config
        self._changed = [path for path in KEYS if path in frozenset(changed)]
        self._least_s, self._limit_s, self._sound = least_s, limit_s, sound
        self._began_s: float | None = None
        self._whole_s: float | None = None
        self._reported = False

    def judge(self, now_s: float, evidence: Evidence) -> Verdict | None:
        """The verdict, or None while it is open."""
        if self._began_s is None:
            self._began_s = now_s
        self._reported |= evidence.reported
        if evidence.failure and self._limit_s is not None:
            return Verdict(
                (self._fault("engine_failed", evidence.failure, "recogniser", "voice", "turn_model"),)
            )
        missing = [need for need in self._needs if not self._holds(need, evidence)]
        if missing:
            self._whole_s = None
        elif self._whole_s is None:
            self._whole_s = now_s
        if self._whole_s is not None and now_s - self._whole_s >= self._least_s:
            return Verdict()
        # what holds when the time is over may show whether it lasts
        if not missing or self._limit_s is None or now_s - self._began_s < self._limit_s:
            return None
        if not any(path.startswith("mqtt.") for path in self._changed):
            # a broker that is away, at the start after a power cut, say, is nothing against other keys: all else was seen to work
            missing = [need for need in missing if need not in ("broker", "reported")]
            if not missing:
                return Verdict()
        if "broker" in missing and "reported" in missing:  # the one is why of the other
            missing.remove("reported")
        return Verdict(tuple(self._missing(need, evidence) for need in missing))

    def _holds(self, need: Proof, evidence: Evidence) -> bool:
        if need == "sound":
            return evidence.sound or not self._sound
        if need == "reported":
            return self._reported
        return bool(getattr(evidence, need))

    def _missing(self, need: Proof, evidence: Evidence) -> Fault:
        within = f"within {self._limit_s:g} s"
        mqtt = self._config.mqtt
        if need == "sound":
            reason = f": {evidence.problem}" if evidence.problem else ""
            return self._fault("sound_missing", f"no sound {within}{reason}", "audio.")
        if need == "broker":
            line = f"the broker {mqtt.host}:{mqtt.port} was not reached {within}"
            return self._fault("broker_unreachable", line, "mqtt.")
        if need == "reported":
            line = f"the broker {mqtt.host}:{mqtt.port} did not take the report {within}"
            return self._fault("not_reported", line, "mqtt.")
        return self._fault("engine_slow", f"not ready {within}", "recogniser", "voice", "turn_model")

    def _fault(self, code: str, line: str, *places: str) -> Fault:
        """About the first key that was changed and is of one of ``places`` (a section with its dot, or what it restarts); without
        one, about the whole. All keys of that place are named."""
        of_place = [
            path for path in self._changed if path.startswith(places) or KEYS[path].policy.apply in places
        ]
        if not of_place:
            return Fault(line, "", code)
        return Fault(f"{', '.join(of_place)}: {line}", of_place[0], code)
