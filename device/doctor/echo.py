"""Examines echo cancelling: opens the devices, plays sweeps and noise, and collects what is wrong.

    settle 1 s -> SweepRun (again where playback slipped or somebody spoke) -> ProbeRun -> decide
                                                                 |  a device that should cancel and does not:
                                                                 +-> software, ProbeRun again

It drives the audio engine itself, as the ear's thread does in the daemon.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from device.audio import AudioEngine, Backend
from device.audio.echo_control import EchoControl
from device.audio.echo_policy import EchoState, Problem, SoundPath, software_findings
from device.audio.measure import ProbeRun, SweepRun, drive
from device.audio.probe import Check
from device.audio.sweep import EchoPath
from device.config import Config
from device.errors import AudioError
from device.problems import CATALOGUE
from device.values import FRAME, RATE_HZ

Verdict = Literal["ok", "warning", "fault"]
Tell = Callable[[str, float], None]
"""Told what is being done, and how far it is (0..1)."""

WARNINGS = {
    "echo_hardware_other_card",
    "echo_hardware_unproven",
    "echo_nonlinear",
    "echo_slips",
    "echo_unsure",
}
"""Problems that leave the device usable; every other one is a fault."""
ATTEMPTS = 3
"""Measurements, where somebody spoke or the devices slipped."""
SETTLE = RATE_HZ
OPEN_S = 8.0
"""The devices must deliver within this time."""


@dataclass(frozen=True, slots=True, eq=False)
class EchoReport:
    """What was found. ``check`` is the last one, ``before`` the one before our canceller replaced the device's own."""

    sound: SoundPath
    state: EchoState
    path: EchoPath
    check: Check | None
    before: Check | None
    problems: tuple[Problem, ...]

    @property
    def verdict(self) -> Verdict:
        return worst(self.problems)

    def as_json(self) -> dict[str, Any]:
        """The report as values of JSON; numbers rounded to what is meant."""
        entry, path, check = self.sound.device, self.path, self.check
        return {
            "verdict": self.verdict,
            "microphone": {
                "name": self.sound.microphone,
                "channel": self.sound.channel,
                "channels": self.sound.channels,
            },
            "loudspeaker": {
                "name": self.sound.loudspeaker,
                "same_card": self.sound.same_card,
                "bluetooth": self.sound.bluetooth,
            },
            "recognised": entry
            and {"id": entry.id, "name": entry.name, "aec": entry.aec, "quirk": entry.quirk.strip(), "probe": entry.probe},
            "echo": {
                "mode": self.state.mode,
                "reason": self.state.reason,
                "suppressor": self.state.suppressor,
            },
            "measured": {
                "played": path.played,
                "heard": path.heard,
                "sure": path.sure,
                "confidence": round(path.confidence, 3),
                "delay_ms": _rounded(path.delay_ms, 2),
                "drift_ppm": _rounded(path.drift_ppm),
                "noise_dbfs": _rounded(path.noise_dbfs),
                "snr_db": _rounded(path.snr_db),
                "nonlinearity_db": _rounded(path.nonlinearity_db),
                "loss_before_db": _rounded(check.loss_db if check else path.loss_db),
                "loss_after_db": _rounded(check.clean_loss_db if check else path.clean_loss_db),
                "hardware_loss_db": _rounded(self.before and self.before.loss_db),
            },
            "problems": [
                {"code": p.code, "severity": worst([p]), "text": p.text, "fix": p.fix} for p in self.problems
            ],
        }  # fmt: skip


def worst(problems: Sequence[Problem]) -> Verdict:
    """The gravest of ``problems``."""
    if any(problem.code not in WARNINGS for problem in problems):
        return "fault"
    return "warning" if problems else "ok"


def examine(
    backend: Backend,
    config: Config,
    tell: Tell = lambda what, share: None,
    *,
    level_dbfs: float = -20.0,
    others: Callable[[AudioEngine], Sequence[Problem]] = lambda engine: (),
    clock: Callable[[], float] = time.monotonic,
) -> EchoReport:
    """Open ``backend``, measure for some 12 s, close it. ``others`` gives what else is known to be wrong with the sound
    at the end. Raises AudioError where the devices cannot be opened or deliver nothing."""
    engine = AudioEngine(backend, keep_s=config.audio.keep_s, volume=config.device.volume)
    engine.start()
    try:
        _settle(engine, clock)
        control = EchoControl(engine, config.audio.echo, config.audio.suppressor)
        path, slips = _sweeps(engine, tell, level_dbfs)
        control.take(path)
        before = check = None
        # what is not heard at all may be a canceller that works, but not ours
        if path.played and (
            engine.echo.mode == "hardware" or (path.heard and engine.echo.mode == "software")
        ):
            check, more = _probe(engine, tell, level_dbfs, "checking the canceller")
            slips |= more
            was = engine.echo.mode
            control.take(path, check)
            if was == "hardware" and engine.echo.mode == "software":
                before = check
                check, more = _probe(engine, tell, level_dbfs, "checking ours instead")
                slips |= more
        state = engine.echo
        found = [
            *state.problems,
            *(software_findings(check) if before else ()),
            *_slipped(slips),
            *others(engine),
        ]
        return EchoReport(control.sound, state, path, check, before, tuple(dict.fromkeys(found)))
    finally:
        engine.stop()


def _settle(engine: AudioEngine, clock: Callable[[], float]) -> None:
    """Until a second of sound has come."""
    deadline = clock() + OPEN_S
    good = 0
    while good < SETTLE:
        if clock() > deadline:
            raise AudioError(
                f"nothing can be measured: {engine.problem or 'the microphone delivers nothing'}"
            )
        frame = engine.capture()
        if frame is None:
            engine.wait(0.05)
            continue
        engine.render()
        # without a loudspeaker playback goes nowhere, with frames coming all the same
        good = 0 if frame.missing or engine.problem else good + FRAME


def _sweeps(engine: AudioEngine, tell: Tell, level_dbfs: float) -> tuple[EchoPath, dict[str, int]]:
    """What the sweeps found, and how playback slipped meanwhile, in the last attempt."""
    for attempt in range(ATTEMPTS):
        run = SweepRun(engine, level_dbfs=level_dbfs)
        what = _attempt("measuring the echo path", attempt)
        drive(engine, run, lambda share, what=what: tell(what, share))
        assert run.path is not None
        if not run.path.heard:
            return run.path, {}
        if not run.slips and (run.path.sure or engine.echo.mode == "hardware"):
            break
    return run.path, run.slips


def _probe(engine: AudioEngine, tell: Tell, level_dbfs: float, what: str) -> tuple[Check, dict[str, int]]:
    best: tuple[Check, dict[str, int]] | None = None
    for attempt in range(ATTEMPTS):
        run = ProbeRun(engine, level_dbfs=level_dbfs)
        told = _attempt(what, attempt)
        drive(engine, run, lambda share, told=told: tell(told, share))
        assert run.check is not None
        if best is None or run.check.erle_db > best[0].erle_db:
            best = run.check, run.slips
        # a sound server that slips says nothing of it: before our canceller is blamed it may try again
        if not run.slips and not software_findings(run.check):
            return run.check, run.slips
    assert best is not None
    return best


def _attempt(what: str, attempt: int) -> str:
    return what + (f" (again, {attempt + 1} of {ATTEMPTS})" if attempt else "")


def _slipped(slips: dict[str, int]) -> tuple[Problem, ...]:
    if not slips:
        return ()
    counted = ", ".join(f"{name} {n}" for name, n in slips.items())
    text = f"playback and capture slip against each other, which no canceller follows ({counted})"
    return (Problem("echo_slips", text, CATALOGUE["echo_slips"].fix),)


def _rounded(value: float | None, digits: int = 1) -> float | None:
    return None if value is None else round(value, digits) + 0.0
