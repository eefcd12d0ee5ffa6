"""What is in force, and how it changes: checked, prepared, written, and only then handed over.

    Candidate ─► meaning ─► prepare ─► write ─► out: Adopt or Restart, Publish     all of it, or nothing
    Verdict   ─► confirm, or back to what was before

One call at a time, in whatever thread calls.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from device.config import Config
from device.config.faults import Fault
from device.config.keys import changed
from device.errors import ConfigError, EarshotError
from device.link.reports import ConfigReport
from device.settings.actions import Action, Adopt, Publish, Restart
from device.settings.boot import Booted, refit
from device.settings.ledger import Candidate, kind_of
from device.settings.probation import EVERYTHING, QUIET_S, STEADY_S, Probation, Proof
from device.settings.report import report, standing
from device.settings.state import Kind, State, config_of
from device.settings.store import StateUnwritable
from device.settings.trials import confirm, roll_back

log = logging.getLogger(__name__)


class Prepared(Protocol):
    """All that takes time, done; ``close`` where nobody will adopt it."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Step:
    """One thing for ``poll`` to hand over. ``config``: what the device then runs on; ``watch``: what it then has to prove;
    ``reported``: not before the broker has the report, for the connection may be gone afterwards; ``idle``: a report of a message
    that has changed nothing, which anybody can cause."""

    action: Action | None = None
    config: Config | None = None
    watch: Probation | None = None
    reported: bool = False
    idle: bool = False


class InForce:
    """``meaning`` and ``prepare`` as ``device.adoption`` has them. ``out`` is what ``Steward.poll`` hands over, in order."""

    def __init__(
        self,
        booted: Booted,
        meaning: Callable[[Config], Sequence[Fault]],
        prepare: Callable[[Config, Config], Prepared],
    ) -> None:
        self.booted = booted
        self.running = booted.config
        """What the device runs on once it has taken all of ``out``."""
        self.leaving = False
        """A restart is wanted: everything else waits for the next life."""
        self.out: deque[Step] = deque()
        self.outcome, self.seen = booted.state.outcome, dict(booted.state.seen)
        self.watched: Probation | None = None
        """What the device has to prove, from the moment that it is handed over."""
        self._meaning, self._prepare = meaning, prepare
        self._standing: tuple[State, ConfigReport] | None = None
        self._reported: ConfigReport | None = None
        self.publish()
        self._prove()

    @property
    def problems(self) -> tuple[str, ...]:
        """Codes for the status."""
        booted = self.booted
        rolled_back = booted.state.outcome.state == "rolled_back"
        found = {"config_rolled_back": rolled_back, "state_unwritable": booted.unsaved}
        return (*booted.problems, *(code for code, wrong in found.items() if wrong))

    def commit(self, candidate: Candidate, state: State) -> Sequence[Fault]:
        """Have ``state`` in force, or nothing at all."""
        config, action = candidate.config, kind_of(changed(self.running, candidate.config))
        if faults := self._new_faults(config):
            return faults
        prepared: Prepared | None = None
        if action != "daemon" and candidate.changed:
            try:
                prepared = self._prepare(self.running, config)
            except EarshotError as exc:
                path = min(candidate.changed)
                return [Fault(f"{path}: {exc}", path, "not_usable")]
        try:
            self.booted.store.save(state)
        except StateUnwritable as exc:
            log.warning("%s", exc)
            self.booted.unsaved = True
            if prepared is not None:
                prepared.close()
            return [Fault(f"the device cannot remember it: {exc}", "", "state_unwritable")]
        before, self.booted.state, self.booted.unsaved = self.booted.state, state, False
        if candidate.push is not None:
            self.outcome, self.seen = state.outcome, dict(state.seen)
        self._hand_over(
            config, action, prepared, "a pushed configuration needs it", announce=candidate.push is not None
        )
        nobody = candidate.push is None or not candidate.push.signed
        # what nobody signed never puts off the end of a trial
        goes_on = nobody and before.trial and state.trial and before.trial.kind == state.trial.kind
        if action != "daemon" and not goes_on:
            self._prove()
        return ()

    def read_file(self) -> Sequence[str]:
        """Have the file in force as it is now, below what was pushed; or nothing changes, for these faults."""
        booted = self.booted
        try:
            file = booted.read()
        except ConfigError as exc:
            self._file_is(broken=True)
            return exc.problems
        state, faults = refit(booted.state, file)
        if not faults:
            faults = self._put_file(file, state)
        self._file_is(broken=any(fault.code != "busy" for fault in faults))
        return faults

    def _put_file(self, file: dict[str, Any], state: State) -> list[Fault]:
        booted, config = self.booted, config_of(state.layers, file)
        differing = changed(self.running, config)
        action = kind_of(differing)
        if faults := self._new_faults(config):
            return faults
        if action == "daemon" and booted.state.trial is not None and booted.state.trial.kind != "live":
            line = "a pushed configuration is proving itself, and a restart would count against it: reload again in two minutes"
            return [Fault(line, "", "busy")]
        prepared: Prepared | None = None
        if action != "daemon" and differing:
            try:
                prepared = self._prepare(self.running, config)
            except EarshotError as exc:
                path = min(differing)
                return [Fault(f"{path}: {exc}", path, "not_usable")]
        booted.file, booted.own = file, True
        self._standing = None  # where a value is from may be told otherwise now
        if state != booted.state:
            booted.save(state)
        if action == "daemon":
            self._hand_over(config, action, None, "the configuration file has changed")
        elif differing:
            self._hand_over(config, action, prepared, "", announce=False)
            self._prove()
        else:
            self.publish()
        return []

    def _file_is(self, *, broken: bool) -> None:
        problems = [code for code in self.booted.problems if code != "config_invalid"]
        self.booted.problems[:] = [*problems, "config_invalid"] if broken else problems

    def _hand_over(
        self, config: Config, action: Kind, prepared: Prepared | None, reason: str, *, announce: bool = True
    ) -> None:
        """The device goes on by ``config``. A change that could cost the connection waits until it was told of."""
        moves = config.mqtt != self.running.mqtt
        if action == "live" or not announce:
            self._adopt(config, prepared)
            self.publish()
            return
        self.publish()
        if action == "daemon":
            self.leaving, self.watched = True, None
            self.out.append(Step(Restart(reason), reported=True))
        else:
            self._adopt(config, prepared, reported=moves)

    def _adopt(self, config: Config, prepared: Prepared | None, *, reported: bool = False) -> None:
        self.running = config
        self.out.append(Step(Adopt(prepared) if prepared is not None else None, config, reported=reported))

    def confirm(self) -> None:
        """What is on trial has proved itself; without a trial the start has."""
        booted, trial = self.booted, self.booted.state.trial
        state = confirm(booted.state, booted.file)
        if state != booted.state:
            booted.save(state)
        if trial is not None and trial.pushes:
            self.outcome = state.outcome
        self.publish()

    def roll_back(self, faults: Sequence[Fault]) -> None:
        """What is on trial has not proved itself."""
        booted, trial = self.booted, self.booted.state.trial
        if trial is None:
            return
        state = roll_back(booted.state, faults)
        for fault in faults:
            log.error("going back to the configuration of before: %s", fault)
        booted.save(state)
        if trial.pushes:
            self.outcome = state.outcome
        config = booted.config
        action, prepared = kind_of(changed(self.running, config)), None
        if action != "daemon" and config != self.running:
            try:
                prepared = self._prepare(self.running, config)
            except Exception:  # whatever it is: a start goes another way, and is counted
                log.exception("the configuration of before cannot be taken up while running")
                action = "daemon"
        self._hand_over(
            config,
            action,
            prepared,
            "a pushed configuration did not prove itself",
            announce=action == "daemon",
        )
        if action != "daemon":
            self._prove()

    def _new_faults(self, config: Config) -> list[Fault]:
        """What this machine cannot do of ``config``, but for what it could not do before."""
        if not (faults := list(self._meaning(config))):
            return []
        before = set(self._meaning(self.running))
        return [fault for fault in faults if fault not in before]

    def _prove(self) -> None:
        """What is in force has to prove itself, from the moment that it is handed over."""
        self.watched = self._probation()
        self.out.append(Step(watch=self.watched))

    def _probation(self) -> Probation:
        booted, trial = self.booted, self.booted.state.trial
        config = booted.config
        if trial is None:
            return Probation((), config, least_s=QUIET_S)
        differing = changed(config_of(trial.base, booted.file), config)
        needs: tuple[Proof, ...] = ("settled",)
        if trial.kind != "live" and trial.pushes:
            needs = EVERYTHING if config.mqtt.enabled else ("sound", "settled")
        least_s = QUIET_S if trial.kind == "live" else STEADY_S[trial.kind]
        return Probation(
            needs,
            config,
            differing,
            least_s=least_s,
            limit_s=trial.limit_s,
            sound=trial.sound,
        )

    def publish(self) -> None:
        """Tell what is in force and what became of the newest message, where that is anything new."""
        idle = self._standing is not None and self._standing[0] is self.booted.state
        if self._standing is None or not idle:
            self._standing = self.booted.state, standing(self.booted.state, self.booted.file)
        new = report(self._standing[1], self.outcome, self.seen)
        if new != self._reported:
            self._reported = new
            self.out.append(Step(Publish(new), idle=idle))

    def tell(self, action: Action) -> None:
        """Have ``action`` handed over."""
        self.out.append(Step(action))
