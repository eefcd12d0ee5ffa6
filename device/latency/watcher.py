"""From the events and commands of the steps to timelines. Pure: positions in, timelines out, and it decides nothing.

OpenTurn(speculative) ─► guessed ─ReviseTurn─► guessed (another number) ─CancelTurn─► spent: its calls count for what
                            │                                                         is asked or done next
OpenTurn ─────────► open ◄──┴──CommitTurn
                      ├─ ReplyStarted ─► speaking ─ ReplyEnded, ReplyCut ─► over
                      └─ CancelTurn, TurnFailed, TurnEnded without words ─► over
Act ──────────────► open ─ Say, Release ─► ... ─ ReplyStarted ─► speaking ─ ReplyEnded, ReplyCut ─► over
                      └─ Earcon ─► over
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TypeVar

from device import values as v
from device.latency.timeline import Outcome, Timeline

_Value = TypeVar("_Value")

REMEMBERED = 8
"""Utterances, open timelines and replies that may matter at once: three do, the rest is for what was lost."""
PAUSES = 16
"""Plausible ends that an utterance may have before its last."""


@dataclass(slots=True)
class _Utterance:
    plausible: deque[int] = field(default_factory=lambda: deque(maxlen=PAUSES))
    last: int | None = None
    decided: int | None = None
    final: int | None = None


@dataclass(slots=True)
class _Open:
    """A timeline in the making."""

    line: Timeline
    committed: bool = False
    cancelled: bool = False
    reply: int | None = None


class Watcher:
    """Tell it every event and command; ``take`` hands out what changed."""

    def __init__(self) -> None:
        self.lost = 0
        """Timelines that never ended and were forgotten."""
        self._utterances: dict[int, _Utterance] = {}
        self._latest = _Utterance()
        """The utterance that was decided or understood last: what is asked next was said in it."""
        self._speech_last: int | None = None
        self._turns: dict[int, _Open] = {}
        self._command: _Open | None = None
        self._previewed: tuple[v.Intent, int] | None = None
        self._replies: dict[int, _Open] = {}
        self._clauses: dict[int, int] = {}
        """First clauses of replies that answer no turn, or none yet."""
        self._spent = 0
        """Calls for what was not said in the end, since something was."""
        self._count = 0
        self._out: list[Timeline] = []

    def take(self) -> list[Timeline]:
        """What became audible (outcome "speaking") or is over since the last call, as it stood then."""
        out, self._out = self._out, []
        return out

    # ------------------------------------------------------------------ events

    def event(self, event: v.Event, now: int) -> None:
        """An event that reaches the conversation at position ``now``."""
        at = event.position
        match event:
            case v.PlausibleEnd(utterance=utterance):
                self._utterance(utterance).plausible.append(at)
            case v.Endpoint(utterance=utterance, last=last):
                self._latest = self._utterance(utterance)
                self._latest.decided, self._latest.last = at, last
            case v.Final(utterance=utterance, words=words):
                self._latest = self._utterance(utterance)
                self._latest.final = now
                if self._latest.last is None and words:
                    self._latest.last = words[-1].end
            case v.SpeechEnded(last=last) | v.BargeInEnded(last=last, echo=False):
                self._speech_last = last
            case v.TurnAcked(turn=turn):
                self._moment(self._turns.get(turn), "ack", at)
            case v.TurnDelta(turn=turn, text=text) if text.strip():
                self._moment(self._turns.get(turn), "first_token", at)
            case v.TurnEnded(turn=turn):
                self._turn_ended(turn)
            case v.TurnFailed(turn=turn, code=code):
                self._turn_failed(turn, code)
            case v.FirstClause(reply=reply):
                _keep(self._clauses, reply, at)
                self._moment(self._replies.get(reply), "first_clause", at)
            case v.ReplyStarted(reply=reply):
                self._started(reply, at)
            case v.ReplyEnded(reply=reply, words=words):
                self._reply_over(reply, at, "heard", words, None)
            case v.ReplyCut(reply=reply, words=words, ms=heard_ms):
                self._reply_over(reply, at, "cut", words, heard_ms)

    # ------------------------------------------------------------------ commands

    def command(self, command: v.Command, now: int, audible: int) -> None:
        """A command carried out at position ``now``; a sound mixed now leaves the loudspeaker at ``audible``."""
        match command:
            case v.Finalise(utterance=utterance):
                said = self._utterance(utterance)
                said.decided = now if said.decided is None else said.decided
            case v.OpenTurn(turn=turn, speculative=speculative):
                self._open_turn(turn, Timeline("turn", now, {"sent": now}, calls=1))
                if not speculative:
                    self._commit_turn(turn, now)
            case v.ReviseTurn(turn=turn, to=to):
                before = self._turns.pop(turn, None)
                calls = before.line.calls if before else 0
                line = Timeline("turn", now, {"sent": now}, calls=calls + 1)
                if before and "ack" in before.line.at:  # the worker has the turn, whatever it asks
                    line.at["ack"] = before.line.at["ack"]
                self._open_turn(to, line)
            case v.CommitTurn(turn=turn):
                self._commit_turn(turn, now)
            case v.CancelTurn(turn=turn, reason=reason):
                self._turn_cancelled(turn, reason)
            case v.ReplyBegin(reply=reply, turn=turn) if turn is not None:
                self._speaks(reply, self._turns.get(turn))
            case v.Say(reply=reply) | v.Release(reply=reply):
                self._speaks(reply, self._command)
            case v.Cancel(reply=reply) if reply in self._replies:
                self._replies[reply].cancelled = True
            case v.Preview(intent=intent):
                self._previewed = intent, now
            case v.Act(intent=intent):
                self._act(intent, now)
            case v.Earcon(name="thinking"):
                for one in self._turns.values():
                    if one.committed and not _audible(one):
                        self._moment(one, "thinking", audible)
            case v.Earcon(name="done" | "error"):
                self._earcon(audible)

    # ------------------------------------------------------------------ turns

    def _open_turn(self, turn: int, line: Timeline) -> None:
        self.lost += _keep(self._turns, turn, _Open(line))

    def _commit_turn(self, turn: int, now: int) -> None:
        one = self._turns.get(turn)
        if one is None:
            return
        for other, before in list(self._turns.items()):  # at most one question is open
            if before.committed and before.line.outcome == "speaking" and not _audible(before):
                self._over(before, "cancelled" if before.cancelled else "superseded")
                del self._turns[other]
        self._commit(one, now)
        if one.line.code:
            self._turn_failed(turn, one.line.code)

    def _turn_ended(self, turn: int) -> None:
        one = self._turns.get(turn)
        if one is not None and one.committed and "first_token" not in one.line.at:
            self._over(self._turns.pop(turn), "empty")

    def _turn_failed(self, turn: int, code: str) -> None:
        one = self._turns.get(turn)
        if one is None:
            return
        one.line.code = code
        if one.committed and "first_token" not in one.line.at:
            self._over(self._turns.pop(turn), "failed")

    def _turn_cancelled(self, turn: int, reason: str) -> None:
        one = self._turns.get(turn)
        if one is None:
            return
        one.line.code = reason
        if _audible(one):
            return  # the mouth will say how much of it was heard
        del self._turns[turn]
        if not one.committed:
            self._spent += one.line.calls
            return
        if reason == "superseded":
            self._over(one, "superseded")
        else:
            self._over(one, "failed" if reason == "timeout" else "cancelled")

    # ------------------------------------------------------------------ local commands

    def _act(self, intent: v.Intent, now: int) -> None:
        if self._command is not None:
            self._over(self._command, "cancelled")
        self._command = _Open(Timeline("command", now))
        if self._previewed is not None and self._previewed[0] == intent:
            self._command.line.at["sent"] = self._previewed[1]
        self._previewed = None
        self._commit(self._command, now)

    def _earcon(self, audible: int) -> None:
        one = self._command
        if one is not None and one.reply is None:
            one.line.at["first_sample"] = one.line.at["end"] = audible
            self._over(one, "heard")

    # ------------------------------------------------------------------ both

    def _commit(self, one: _Open, now: int) -> None:
        """What was said, and when, is known: ``one`` answers it."""
        said, line = self._latest, one.line
        one.committed = True
        self._count += 1
        line.number = self._count
        line.calls += self._spent
        line.wasted = line.calls - (line.kind == "turn")
        line.at["commit"] = now
        ends = (said.last, self._speech_last, line.at.get("sent"), now)
        line.speech_end = next(end for end in ends if end is not None)
        self._spent, self._latest, self._speech_last = 0, _Utterance(), None
        if said.decided is not None:
            line.at["endpoint"] = said.decided
        if said.final is not None:
            line.at["final"] = said.final
        for moment in said.plausible:
            if moment > line.speech_end:  # those before it were about pauses that did not last
                line.at["plausible"] = moment
                break

    def _speaks(self, reply: int, one: _Open | None) -> None:
        """``reply`` is the answer to ``one``."""
        if one is None or reply in self._replies or (one.line.kind == "command" and one.reply is not None):
            return
        one.reply = reply
        _keep(self._replies, reply, one)
        one.line.at.pop("first_clause", None)
        self._moment(one, "first_clause", self._clauses.get(reply))

    def _started(self, reply: int, at: int) -> None:
        one = self._replies.get(reply)
        if one is None or one.reply != reply or one.line.outcome != "speaking":  # it may be over already
            return
        if one.committed and not _audible(one):
            one.line.at["first_sample"] = at
            self._publish(one)

    def _reply_over(self, reply: int, at: int, outcome: Outcome, words: int, heard_ms: int | None) -> None:
        one = self._replies.pop(reply, None)
        if one is None or one.reply != reply or not one.committed or one.line.outcome != "speaking":
            return
        if not _audible(one):
            outcome = "cancelled"
        else:
            one.line.at["end"] = at
            one.line.heard_words, one.line.heard_ms = words, heard_ms
        self._turns = {turn: other for turn, other in self._turns.items() if other is not one}
        self._over(one, outcome)

    def _over(self, one: _Open, outcome: Outcome) -> None:
        if one is self._command:
            self._command = None
        if outcome == "superseded":  # the next question asks it again: its calls count there, and in vain
            self._spent += one.line.calls
        one.line.outcome = outcome
        self._publish(one)

    def _publish(self, one: _Open) -> None:
        self._out.append(replace(one.line, at=dict(one.line.at)))

    @staticmethod
    def _moment(one: _Open | None, name: str, at: int | None) -> None:
        """``name`` happened; the first time counts."""
        if one is not None and at is not None:
            one.line.at.setdefault(name, at)

    def _utterance(self, number: int) -> _Utterance:
        if number not in self._utterances:
            _keep(self._utterances, number, _Utterance())
        return self._utterances[number]


def _audible(one: _Open) -> bool:
    return "first_sample" in one.line.at


def _keep(kept: dict[int, _Value], key: int, value: _Value) -> bool:
    """Put ``value`` into ``kept``, which holds ``REMEMBERED`` at most; whether the oldest had to go."""
    kept[key] = value
    if len(kept) <= REMEMBERED:
        return False
    del kept[next(iter(kept))]
    return True
