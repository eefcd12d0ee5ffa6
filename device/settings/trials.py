"""What has to be remembered of a change that is proving itself, and of how that ended. Pure: states in, states out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from device.config.faults import Fault
from device.settings.ledger import Candidate
from device.settings.state import KEPT, Good, Mark, Marks, Outcome, Push, State, Trial, faults_of


def begin(state: State, candidate: Candidate, *, sound: bool, limit_s: int) -> State:
    """``candidate`` is in force, on trial. Live changes that follow each other are one trial, whose base is the last that was
    proven."""
    before, push = state.trial, candidate.push
    pushes = (push,) if push else ()
    trial = Trial(kind=candidate.kind, base=candidate.beneath, pushes=pushes, sound=sound, limit_s=limit_s)
    if before is not None:
        trial = replace(trial, sound=before.sound)
        if before.kind == candidate.kind == "live":
            trial = replace(before, pushes=_joined(before.pushes, push))
        elif push is None and before.kind != "live":
            # a command within such a trial is neither proven by it nor taken back with it
            base = replace(before.base, command={**before.base.command, **candidate.layers.command})
            trial = replace(before, base=base)
    state = replace(state, layers=candidate.layers, trial=trial)
    if push is None:
        return state
    outcome = Outcome(
        state="applied" if candidate.kind == "live" else "pending",
        confirmed=False,
        scope=push.scope,
        warnings=faults_of(candidate.warnings),
    )
    return replace(state, marks=_marked(state.marks, push, candidate.digest), outcome=outcome)


def _joined(pushes: tuple[Push, ...], push: Push | None) -> tuple[Push, ...]:
    """The newest of each scope, signed and unsigned."""
    if push is None:
        return pushes
    others = [each for each in pushes if (each.scope, each.signed) != (push.scope, push.signed)]
    return (*others, push)[-KEPT:]


def confirm(state: State, file: Mapping[str, Any]) -> State:
    """What is in force has proved itself: it is the last known good."""
    outcome = state.outcome
    if outcome.state in ("applied", "pending"):
        outcome = replace(outcome, state="applied", confirmed=True)
    return replace(state, trial=None, good=Good(file=dict(file), layers=state.layers), outcome=outcome)


def roll_back(state: State, faults: Sequence[Fault]) -> State:
    """What was before the trial is in force again; the versions on trial are bad for ever."""
    trial = state.trial
    assert trial is not None
    outcome = state.outcome
    if trial.pushes:
        scope = trial.pushes[-1].scope
        outcome = Outcome(state="rolled_back", scope=scope, errors=faults_of(faults))
    marks = dict(state.marks)
    for push in trial.pushes:
        of_scope = marks.get(push.scope, Marks())
        mark = of_scope.signed if push.signed else of_scope.unsigned
        if mark is None:  # so many scopes ago that it is forgotten
            continue
        mark = replace(mark, bad=(*mark.bad, push.version)[-KEPT:])
        marks[push.scope] = (
            replace(of_scope, signed=mark) if push.signed else replace(of_scope, unsigned=mark)
        )
    return replace(state, layers=trial.base, trial=None, marks=marks, outcome=outcome)


def _marked(marks: Mapping[str, Marks], push: Push, digest: str) -> dict[str, Marks]:
    """``push`` is the newest of its scope; the scopes that were pushed to last are remembered."""
    old = marks.get(push.scope, Marks())
    before = old.signed if push.signed else old.unsigned
    mark = Mark(version=push.version, digest=digest, bad=before.bad if before else ())
    new = replace(old, signed=mark) if push.signed else replace(old, unsigned=mark)
    rest = [(scope, each) for scope, each in marks.items() if scope != push.scope]
    return dict([*rest, (push.scope, new)][-KEPT:])
