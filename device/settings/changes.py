"""A message, a command or a verdict: looked at, judged, and brought into force or refused.

One job at a time, in whatever thread calls.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from device.config.faults import Fault
from device.link.reports import Seen
from device.settings.actions import Changed, Reloaded
from device.settings.allowance import Allowance
from device.settings.envelope import Refused, open_envelope
from device.settings.in_force import InForce
from device.settings.ledger import (
    Candidate,
    Known,
    Message,
    Refusal,
    Standing,
    group_scope,
    order,
    supersedes,
    weigh,
)
from device.settings.probation import Probation, Verdict
from device.settings.state import Outcome, config_of, digest_of, faults_of
from device.settings.trials import begin

log = logging.getLogger(__name__)

CHANGES_AT_ONCE, CHANGE_EVERY_S = 100, 10.0
"""Of changes that nobody signed: each is two writes of some kilobytes, and a card does not take any number of them."""
ENGINE_COSTS = 10
"""As many such changes is one that starts an engine: a second of a core, and a hundred megabytes."""
LOG_EVERY_S = 10.0
"""Refusals are logged so often at most: anybody can have any number of them."""


class Changes:
    """``sound``, ``now_s``: how the device is and the time, monotonic, kept by the steward."""

    def __init__(self, force: InForce) -> None:
        self._force = force
        self.sound, self.now_s = False, 0.0
        self.counters: dict[str, int] = {}
        self._handled: dict[str, str] = {}
        self._held: dict[tuple[str, bool], bytes] = {}
        self._refused: dict[str, bytes] = {}
        self._allowance = Allowance(CHANGES_AT_ONCE, CHANGE_EVERY_S)
        self._logged_s = -LOG_EVERY_S

    @property
    def holding(self) -> bool:
        """Whether messages wait for a trial to end, or for their sender to become calmer."""
        return bool(self._held)

    # ------------------------------------------------------------------ jobs

    def desired(self, scope: str, payload: bytes) -> None:
        """A message on a topic of configuration; the same again costs nothing."""
        digest = digest_of(payload)
        if self._handled.get(scope) == digest or scope not in self._scopes() or not payload:
            return
        self._handled[scope] = digest
        self._refused.pop(scope, None)
        try:
            self._open(scope, payload)
        except Exception:
            log.exception("what was pushed to %s could not be looked at", scope)
            self._count("errors")
            self._refuse(scope, payload, None, [_internal()])

    def change(self, token: str, values: dict[str, Any]) -> None:
        """A command sets single keys."""
        try:
            faults = self._change(values)
        except Exception:
            log.exception("a command could not be looked at")
            self._count("errors")
            faults = [_internal()]
        self._force.tell(Changed(token, tuple(faults)))
        self._force.publish()

    def file_changed(self) -> None:
        """The file is to be read anew."""
        if self._force.leaving:  # the next life reads it
            self._force.tell(Reloaded(restarts=True))
            return
        try:
            faults = self._force.read_file()
        except Exception:
            log.exception("the file could not be looked at")
            self._count("errors")
            faults = [_internal()]
        self._count("reload_refused" if faults else "reloaded")
        self._force.tell(Reloaded(tuple(faults), restarts=self._force.leaving))
        if not faults:
            self._go_on()

    def decide(self, probation: Probation, verdict: Verdict) -> None:
        """``probation`` has come to an end: what is on trial has proved itself, or has not; without a trial: the start has."""
        if probation is not self._force.watched:
            return  # something newer has come since
        if verdict.faults:
            self._count("rolled_back")
            self._force.roll_back(verdict.faults)
        else:
            self._force.confirm()
        self._go_on()

    def release(self) -> None:
        """Look again at what waits."""
        waiting = sorted(self._held.items(), key=lambda each: not each[0][1])
        self._held = {}
        for (scope, _), payload in waiting:
            if scope in self._scopes():
                self._handled.pop(scope, None)
                self.desired(scope, payload)

    def save_again(self) -> None:
        """Try once more to write what could not be written."""
        if self._force.booted.unsaved:
            self._force.booted.save(self._force.booted.state)

    # ------------------------------------------------------------------ messages

    def _scopes(self) -> tuple[str, str]:
        booted = self._force.booted
        return f"d/{self._force.running.device.id}", group_scope(booted.state.layers, booted.file)

    def _open(self, scope: str, payload: bytes) -> None:
        if self._force.leaving:
            return
        state = self._force.booted.state
        try:
            opened = open_envelope(payload, scope, self._standing().config.keys.trusted)
        except Refused as exc:
            self._refuse(scope, payload, None, [Fault(str(exc), "", exc.code)])
            return
        signed = opened.kid is not None
        message = Message(scope, opened.version, opened.config, opened.kid, digest_of(opened.payload))
        self._held.pop((scope, False), None)
        if not supersedes(state, message) or not (signed or self._allowance.left(self.now_s)):
            self._held[scope, signed] = payload
            return
        self._judge(message, payload)

    def _judge(self, message: Message, payload: bytes, *, quiet: bool = False) -> None:
        """``quiet``: a refusal is not told again."""
        result = weigh(self._standing(), message)
        if isinstance(result, Known):
            self._known(message, payload, result)
            return
        faults: Sequence[Fault] = (
            result.faults if isinstance(result, Refusal) else self._put(result, message, payload)
        )
        if not faults:
            self._go_on(message.scope)
            return
        if not quiet:
            self._refuse(message.scope, payload, message.version, faults, result.warnings)
        self._refused[message.scope] = payload

    def _known(self, message: Message, payload: bytes, known: Known) -> None:
        self._force.seen[message.scope] = Seen(version=message.version, digest=digest_of(payload))
        state = self._force.booted.state
        on_trial = state.trial is not None and message.scope in {push.scope for push in state.trial.pushes}
        if on_trial or not known.in_force:
            self._force.outcome = state.outcome
        elif self._force.outcome.scope == message.scope or self._force.outcome.state in (
            "applied",
            "rejected",
        ):
            # what else was rolled back, or is on trial, is to be read until something new comes
            self._force.outcome = Outcome(confirmed=state.trial is None, scope=message.scope)
        self._force.publish()

    def _put(self, candidate: Candidate, message: Message, payload: bytes) -> Sequence[Fault]:
        """A pushed configuration comes into force, on trial; or the faults that keep it from that."""
        assert candidate.push is not None
        before = config_of(candidate.beneath, self._force.booted.file)
        seen = {**self._force.seen, message.scope: Seen(version=message.version, digest=digest_of(payload))}
        state = begin(
            self._force.booted.state, candidate, sound=self.sound, limit_s=before.rollout.probation_s
        )
        if faults := self._force.commit(candidate, replace(state, seen=seen)):
            return faults
        if not candidate.push.signed:
            self._allowance.take(self.now_s, _cost(candidate))
        self._count("taken")
        log.info("%s: version %d is %s", message.scope, message.version, state.outcome.state)
        return ()

    def _refuse(
        self,
        scope: str,
        payload: bytes,
        version: int | None,
        faults: Sequence[Fault],
        warnings: Sequence[Fault] = (),
    ) -> None:
        self._force.seen[scope] = Seen(version=version, digest=digest_of(payload))
        self._force.outcome = Outcome(
            state="rejected", scope=scope, errors=faults_of(faults), warnings=faults_of(warnings)
        )
        self._count("refused")
        if self.now_s - self._logged_s >= LOG_EVERY_S:
            self._logged_s = self.now_s
            more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
            log.warning("%s: what was pushed is refused: %s%s", scope, faults[0], more)
        self._force.publish()

    def _go_on(self, but: str = "") -> None:
        """Something has changed: what was refused before may do now, and what waited need not any longer."""
        self._handled = {scope: digest for scope, digest in self._handled.items() if scope in self._scopes()}
        if (
            self._force.leaving
            or (trial := self._force.booted.state.trial) is not None
            and trial.kind != "live"
        ):
            return
        refused, self._refused = self._refused, {}
        for other, payload in refused.items():
            if other == but or other not in self._scopes():
                continue
            try:
                opened = open_envelope(payload, other, self._standing().config.keys.trusted)
            except Refused:  # its signer is no longer trusted
                continue
            message = Message(other, opened.version, opened.config, opened.kid, digest_of(opened.payload))
            self._judge(message, payload, quiet=True)
        self.release()

    # ------------------------------------------------------------------ commands

    def _change(self, values: dict[str, Any]) -> Sequence[Fault]:
        path = next(iter(values), "")
        if self._force.leaving:
            return [Fault("the device is starting again: try again in a minute", path, "busy")]
        result = order(self._standing(), values)
        if isinstance(result, Refusal):
            return result.faults
        if result.layers == self._force.booted.state.layers:
            return ()
        if not self._allowance.take(self.now_s, _cost(result)):
            return [Fault("too many changes in a short time: try again in a minute", path, "busy")]
        limit_s = self._standing().config.rollout.probation_s
        return self._force.commit(
            result, begin(self._force.booted.state, result, sound=self.sound, limit_s=limit_s)
        )

    def _standing(self) -> Standing:
        return Standing(self._force.booted.file, self._force.booted.state)

    def _count(self, what: str) -> None:
        self.counters[what] = self.counters.get(what, 0) + 1

    def failed(self) -> None:
        """A mistake of our own has ended a job."""
        self._count("errors")


def _cost(candidate: Candidate) -> int:
    return ENGINE_COSTS if candidate.starts_engine else 1


def _internal() -> Fault:
    return Fault("a mistake in earshot itself: the device's log says more", "", "internal")
