"""Keeps the right canceller at work: looks at the devices once a second, measures once when it is quiet.

    devices (backend.path) --+
    audio.echo --------------+--> echo_policy.decide --> engine.use_echo
    SweepRun, ProbeRun ------+
    audio.suppressor ------------> SuppressorChoice -----> engine.suppress

In the daemon it runs in the ear's thread, one ``step`` a frame; ``earshot doctor echo`` asks it for whole measurements.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from device.values import FRAME, RATE_HZ

from .echo_policy import Decision, Problem, SoundPath, Wanted, decide, findings, suspicious
from .engine import AudioEngine
from .measure import QUIET_DBFS, ProbeRun, SweepRun
from .probe import Check
from .suppressor_choice import SuppressorChoice, WantedSuppressor
from .sweep import EchoPath

log = logging.getLogger("earshot.audio")

SECOND = RATE_HZ
QUIET = 2 * SECOND
"""The device must have been idle, and nothing played, for so long before it measures by itself."""
TRIES = 3
"""A measurement that somebody talked into, or during which playback slipped, is tried so often; the last is taken with
a slip too, without a drift."""
AGAIN = 30 * SECOND


class EchoControl:
    """Decides at once, without a measurement, and anew with each one and whenever the devices change.

    ``at_start``: measure once by itself, softly, as soon as it is quiet. ``path`` and ``check`` are the last
    measurement of the present devices.
    """

    def __init__(
        self,
        engine: AudioEngine,
        wanted: Wanted,
        suppressor: WantedSuppressor = "auto",
        *,
        at_start: bool = False,
    ) -> None:
        self._engine, self._wanted = engine, wanted
        self._choice = SuppressorChoice(suppressor)
        self._tries = TRIES if at_start else 0
        self._run: SweepRun | ProbeRun | None = None
        self._busy_until = engine.position + QUIET
        self.sound: SoundPath = engine.backend.path
        self.path: EchoPath | None = None
        self.check: Check | None = None
        self._measured: SoundPath | None = None
        self.decision: Decision | None = None
        """What is in force; never None once this object is made."""
        self._decide()

    @property
    def measuring(self) -> bool:
        return self._run is not None

    def step(self, idle: bool) -> None:
        """Once a frame, between ``capture`` and ``render``. ``idle``: nobody speaks, neither people nor the device."""
        position = self._engine.position
        if position % SECOND < FRAME:
            if self._engine.backend.path is not self.sound:
                self._devices_changed()
            self._choose_suppressor()
        if not idle:
            if self._run is not None:
                self._run.cancel()
                self._run = None
            self._busy_until = position + QUIET
        elif self._run is not None:
            self._go_on(self._run)
        elif not self._engine.mixer.silent:  # an earcon, an alarm
            self._busy_until = position + QUIET
        elif self._tries and position >= self._busy_until and self._engine.problem is None:
            self._tries -= 1
            self._busy_until = position + AGAIN
            self._run = SweepRun(self._engine, level_dbfs=QUIET_DBFS, in_thread=True)

    def take(self, path: EchoPath, check: Check | None = None) -> None:
        """A measurement of the present devices: decide anew with it."""
        self.path, self.check, self._measured = path, check, self.sound
        self._engine.note_path(path)
        self._decide()

    def must_check(self, path: EchoPath) -> bool:
        """Whether ``path`` leaves open if the device cancels, so that a ``ProbeRun`` must tell."""
        if self._engine.echo.mode == "hardware":
            return suspicious(path)
        return self._wanted == "hardware" and self.sound.same_card is not False and path.played

    # ------------------------------------------------------------------ inside

    def _go_on(self, run: SweepRun | ProbeRun) -> None:
        run.step()
        if not run.done:
            return
        self._run = None
        if isinstance(run, ProbeRun):
            assert self.path is not None
            self._tries = 0
            self.take(self.path, run.check)
            return
        assert run.path is not None
        path = run.path
        # what another canceller leaves of two sweeps is never the same
        sure = path.sure or not path.heard or "hardware" in (self._wanted, self._engine.echo.mode)
        if not path.played or not sure or (run.slips and self._tries):
            why = "nothing was played" if not path.played else run.slips or f"likeness {path.confidence:.2f}"
            log.info("the echo path could not be measured (%s); tries left: %d", why, self._tries)
            return
        log.info("the echo path is measured: %s", path)
        self._tries = 0
        self.take(run.path)
        if self.must_check(run.path):
            self._run = ProbeRun(self._engine, level_dbfs=QUIET_DBFS)

    def _devices_changed(self) -> None:
        self.sound = self._engine.backend.path
        if self._measured is not None and self._measured != self.sound:
            self.path = self.check = self._measured = None
            self._engine.note_path(None)
        self._decide()

    def _decide(self) -> None:
        path, check = self.path, self.check
        decision = decide(self._wanted, self.sound, path, check)
        found: tuple[Problem, ...] = findings(decision.mode, path, check)
        decision = replace(decision, problems=decision.problems + found)
        if decision != self.decision:
            told = log.warning if decision.problems else log.info
            told("echo cancelling: %s (%s)", decision.mode, decision.reason)
            for problem in found:
                log.warning("%s; %s", problem.text, problem.fix)
        self.decision = decision
        self._engine.use_echo(decision)
        self._choose_suppressor()

    def _choose_suppressor(self) -> None:
        """By what is known now: the sweep and what replies have shown of the loudspeaker, and how well it is cancelled."""
        engine, path, ours = self._engine, self._engine.measured, self._engine.canceller
        was = engine.suppress
        engine.suppress = self._choice.decide(
            engine.echo.mode,
            None if path is None else path.nonlinearity_db,
            None if ours is None else ours.distortion_db,
            engine.erle_db or None,  # 0: nothing was played yet
        )
        if engine.suppress != was:
            log.info(
                "residual echo suppressor: %s (ERLE %.0f dB)",
                "on" if engine.suppress else "off",
                engine.erle_db,
            )
