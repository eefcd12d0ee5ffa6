"""Turns as the device sees them: who owns the turn, what may be spoken, when to give up. Pure; time in samples.

                       no ack in ack_ms, attempts left: open(attempt+1)
                             ┌────┐
              open(1)        │    ▼      first ack                        end, nothing missing
    OpenTurn ─────────────► WAITING ───────────────► OWNED ─────────────────────────────────► closed: TurnEnded
                             │   ▲                   │  ▲ │
       no attempt left, or   │   │ busy: next try    │  └─┘ delta: TurnDelta (hole: resend after hole_ms)
       "no subscribers"      ▼                       │
                          FAILED: TurnFailed         ├── err, contradiction: TurnFailed(code) ──► closed
                             │  a late ack within    ├── silent for first_ms / stall_ms: TurnFailed(timeout) ─► closed
                             └─ late_ms is welcome ► OWNED
                                                     └── it is gone, or has forgotten the turn, before the first word:
                                                         WAITING: open(attempt+1)

A speculative turn goes the same way, but its end leaves it open until it is committed or cancelled, because a revision may
follow: ``revise`` gives the open turn a new revision and number, and only its owner hears of it; what belongs to the old
revision is stale from that moment on.

One turn is current. Whoever acks a turn that has another owner, or is closed, gets a ``cancel``, so that no worker
talks to a wall. A ``TurnFailed(no_worker)`` may be followed by ``TurnAcked`` of the same turn (the late ack).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from device.link.answer import Answer
from device.link.ids import uuid7
from device.link.latest import LatestTurns
from device.link.messages import (
    Ack,
    Cancel,
    Commit,
    Delta,
    End,
    Err,
    Line,
    Message,
    Open,
    Reply,
    Resend,
    Revise,
    Tool,
    ToolResult,
)
from device.values import (
    Event,
    HeardReport,
    OpenTurn,
    ReviseTurn,
    TurnAcked,
    TurnDelta,
    TurnEnded,
    TurnFailed,
    samples,
)


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """[ms] unless said otherwise."""

    ack_ms: int = 400
    attempts: int = 2
    first_ms: int = 15_000
    """From the ack to the first word: a language model on the device may need it."""
    stall_ms: int = 8_000
    """Between words: a worker that died in mid-answer is noticed after this."""
    late_ms: int = 15_000
    """An ack after the failure is welcome this long: the expiry of an ``open``."""
    hole_ms: int = 150
    resend_ms: int = 1_000
    resends: int = 3
    reorder: int = 8
    """[messages]"""
    lang: str = "en"


@dataclass(slots=True)
class _Turn:
    number: int
    id: str
    open: Open
    deadline: int
    rev: int = 0
    attempt: int = 1
    speculative: bool = False
    committed: bool = False
    owner: str | None = None
    losers: set[str] = field(default_factory=set)
    refused: int = 0
    failed: bool = False
    last: int = 0
    """Position of the last sign of life of the owner."""
    hole_at: int | None = None
    resends: int = 0
    answer: Answer = field(default_factory=Answer)
    early: list[Reply] = field(default_factory=list)
    """Unsigned messages that overtook the ack."""


class Turns:
    """Each method takes what happened; ``outgoing`` and ``events`` hand out what it caused."""

    def __init__(self, settings: TurnSettings, mint: Callable[[], str] = uuid7) -> None:
        self.settings = settings
        self.counters = dict.fromkeys(
            (
                "turns", "speculations", "revisions", "commits", "second_attempts", "failed_turns", "lost_races", "late_acks", "stale", "duplicates",
                "conflicts", "overflow", "holes", "resends", "tools_refused",
            ),
            0,
        )  # fmt: skip
        self._mint = mint
        self._current: _Turn | None = None
        self._latest = LatestTurns()
        self._messages: list[Message] = []
        self._events: list[Event] = []

    @property
    def current(self) -> int | None:
        """Number of the turn that is open, or None."""
        return self._current.number if self._current else None

    def outgoing(self) -> list[Message]:
        """The messages to send, since the last call."""
        messages, self._messages = self._messages, []
        return messages

    def events(self) -> list[Event]:
        """What happened, since the last call."""
        events, self._events = self._events, []
        return events

    # ----------------------------------------------------------------- what the device wants

    def open(self, command: OpenTurn, position: int) -> None:
        """Ask the pool. A turn that is still open is cancelled (superseded)."""
        if self._current:
            self._cancel(self._current, "superseded")
        self.counters["turns"] += 1
        self.counters["speculations"] += command.speculative
        settings, turn_id = self.settings, self._mint()
        message = Open(
            turn=turn_id,
            speculative=command.speculative,
            text=command.text,
            lang=settings.lang,
            conversation=tuple(
                Line(role=m.role, text=m.text, interrupted=m.interrupted, notes=m.notes)
                for m in command.conversation
            ),
            heard_prev=self._latest.heard_prev(command.heard_prev),
            budget_ms=settings.first_ms,
        )
        deadline = position + samples(settings.ack_ms)
        self._current = _Turn(
            command.turn,
            turn_id,
            message,
            deadline,
            speculative=command.speculative,
            answer=Answer(settings.reorder),
        )
        self._messages.append(message)
        self._latest.note(command.turn, turn_id)

    def revise(self, command: ReviseTurn, position: int) -> None:
        """The open speculative turn asks something else. One that has failed, or is over, fails under its new number too."""
        turn = self._current
        if (
            turn is None
            or turn.number != command.turn
            or turn.failed
            or not turn.speculative
            or turn.committed
        ):
            self._events.append(TurnFailed(position, command.to, "closed"))
            return
        self.counters["revisions"] += 1
        self._count_answer(turn)
        turn.number, turn.rev, turn.last = command.to, turn.rev + 1, position
        turn.open = msgspec.structs.replace(turn.open, rev=turn.rev, text=command.text)
        turn.answer, turn.hole_at, turn.resends = Answer(self.settings.reorder), None, 0
        turn.early.clear()
        self._latest.note(turn.number, turn.id, turn.owner, turn.rev)
        if turn.owner:
            self._messages.append(self._revision(turn, turn.owner))

    def commit(self, number: int) -> None:
        """The open speculative turn is what was said; its end may come now. Others: nothing happens."""
        turn = self._current
        if turn is None or turn.number != number or not turn.speculative or turn.committed:
            return
        self.counters["commits"] += 1
        turn.committed = True
        turn.open = msgspec.structs.replace(turn.open, speculative=False)  # for attempts to come
        if turn.owner:
            self._messages.append(Commit(turn=turn.id, rev=turn.rev, worker=turn.owner))
            if turn.answer.complete:
                self._close(turn, "ended")

    def cancel(self, turn: int, reason: str) -> None:
        """Nobody waits for ``turn`` any more; no event follows. Unknown or closed turns: nothing happens."""
        if self._current and self._current.number == turn:
            self._cancel(self._current, reason)

    def heard(self, report: HeardReport) -> None:
        """Tell the owner what was heard of its answer; also after the turn has ended."""
        message = self._latest.heard_message(report)
        if message is not None:
            self._messages.append(message)

    # ----------------------------------------------------------------- what comes in

    def receive(self, message: Any, position: int) -> None:
        """A worker's message (``messages.Answer``), whatever it says."""
        turn = self._current
        if turn is None or message.turn != turn.id:
            self._for_another_turn(message)
        elif message.rev < turn.rev and turn.owner is None and message.worker:
            self._outdated(turn, message, position)
        elif message.rev != turn.rev:
            self.counters["stale"] += not (isinstance(message, Ack) and message.worker == turn.owner)
            if isinstance(message, Ack) and message.worker != turn.owner:
                self._lost_race(turn, message.worker)
        elif isinstance(message, Ack):
            self._ack(turn, message.worker, position)
        elif turn.owner is None:
            self._before_ack(turn, message, position)
        elif message.worker != turn.owner and (message.worker or turn.losers):
            self.counters["stale"] += 1
            if message.worker:
                self._lost_race(turn, message.worker)
        else:
            self._from_owner(turn, message, position)

    def no_subscribers(self, turn_id: str, position: int, worker: str | None = None) -> None:
        """The broker's hint that nobody read the ``open``: the local answer comes at once. Or, with ``worker``, that its
        owner is gone, which did not read what we told it: another one is asked."""
        turn = self._current
        if turn is None or turn.id != turn_id or turn.failed or turn.owner != worker:
            return
        if worker is None:
            self._fail_unowned(turn, "no_worker", position)
        elif not turn.answer.begun:
            self._disown(turn, "no_worker", position)

    def disconnected(self, position: int, code: str = "no_broker") -> None:
        """The broker is gone: a turn that no worker has taken fails now; one with an owner may still go on."""
        turn = self._current
        if turn and turn.owner is None and not turn.failed:
            self._fail_unowned(turn, code, position)

    def reconnected(self, position: int) -> None:
        """The broker is back. What was said meanwhile, by us and by the owner, is lost: say it again, and ask for its own
        until something comes."""
        turn = self._current
        if turn and turn.owner:
            self._brief(turn, turn.owner)
            turn.hole_at, turn.resends = position + samples(self.settings.hole_ms), 0

    def tick(self, position: int) -> None:
        """Let time pass."""
        turn = self._current
        if turn is None:
            return
        if turn.owner is None:
            if position < turn.deadline:
                return
            if turn.failed:
                self._close(turn, "late")
            else:
                self._next_attempt(turn, "no_worker", position)
            return
        if turn.answer.complete:
            return  # speculative, and answered
        settings = self.settings
        patience = settings.stall_ms if turn.answer.text else settings.first_ms
        if position >= turn.last + samples(patience):
            self._fail(turn, "timeout", position, cancel=True)
        elif turn.hole_at is not None and position >= turn.hole_at:
            if turn.resends >= settings.resends:
                if turn.answer.ended:
                    self._fail(turn, "lost", position, cancel=False)
                return
            turn.resends += 1
            turn.hole_at = position + samples(settings.resend_ms)
            self.counters["resends"] += 1
            self._messages.append(
                Resend(turn=turn.id, rev=turn.rev, worker=turn.owner, seq=turn.answer.next_seq)
            )

    # ----------------------------------------------------------------- inside

    def _ack(self, turn: _Turn, worker: str, position: int, outdated: bool = False) -> None:
        """``outdated``: the worker knows an older revision only."""
        if turn.owner is None:
            if turn.failed:
                self.counters["late_acks"] += 1
            turn.owner, turn.failed, turn.last = worker, False, position
            self._latest.note(turn.number, turn.id, worker, turn.rev)
            self._events.append(TurnAcked(position, turn.number))
            self._brief(turn, worker, revised=outdated)
            early, turn.early = turn.early, []
            for message in early:
                if turn is self._current:
                    self._from_owner(turn, message, position)
        elif worker != turn.owner:
            self._lost_race(turn, worker)

    def _outdated(self, turn: _Turn, message: Ack | Reply, position: int) -> None:
        """Said about a revision that is no longer wanted, before anybody owns the turn: who has taken that has the turn."""
        if isinstance(message, Err) and message.code == "busy":
            self._before_ack(turn, message, position)
            return
        self.counters["stale"] += not isinstance(message, Ack)
        if not isinstance(message, Err):
            self._ack(turn, message.worker, position, outdated=True)

    def _brief(self, turn: _Turn, worker: str, revised: bool = True) -> None:
        """Tell ``worker`` all that has changed since the ``open`` that it has."""
        if turn.rev and revised:
            self._messages.append(self._revision(turn, worker))
        if turn.committed:
            self._messages.append(Commit(turn=turn.id, rev=turn.rev, worker=worker))

    def _disown(self, turn: _Turn, code: str, position: int) -> None:
        """Its owner is gone before the first word: the pool is asked again."""
        turn.owner, turn.hole_at, turn.refused = None, None, turn.attempt
        self._latest.note(turn.number, turn.id, None, turn.rev)
        self._next_attempt(turn, code, position)

    def _before_ack(self, turn: _Turn, message: Reply, position: int) -> None:
        if isinstance(message, Err):
            if message.code == "unknown_turn":  # told again by the owner that was
                self.counters["stale"] += 1
                return
            turn.refused += 1
            if turn.failed or turn.refused < turn.attempt:
                return  # another try is still out
            if message.code == "busy":
                self._next_attempt(turn, "busy", position)
            else:
                self._fail(turn, message.code, position, cancel=False)
        elif message.worker:  # a delta overtook the ack, or the ack was lost: it says as much
            self._ack(turn, message.worker, position)
            self.receive(message, position)
        elif len(turn.early) < self.settings.reorder:
            turn.early.append(message)
        else:
            self.counters["overflow"] += 1

    def _from_owner(self, turn: _Turn, message: Reply, position: int) -> None:
        answer = turn.answer
        turn.last = position
        match message:
            case Delta():
                text = answer.delta(message)
            case End():
                text = answer.end(message)
            case Err(code="unknown_turn" | "worker_stopped") if not answer.begun:
                return self._disown(turn, message.code, position)
            case Err():
                return self._fail(turn, message.code, position, cancel=False)
            case Tool():
                # this device offers no tools yet: say so, or the worker waits for its timeout
                self.counters["tools_refused"] += 1
                refused = ToolResult(
                    turn=turn.id, rev=turn.rev, worker=turn.owner or "-", call=message.call, ok=False,
                    code="unsupported",
                )  # fmt: skip
                return self._messages.append(refused)
            case _:
                return None
        if text or not answer.hole:
            turn.hole_at, turn.resends = None, 0
        if text:
            self._events.append(TurnDelta(position, turn.number, text))
        if answer.contradicted:
            return self._fail(turn, "inconsistent", position, cancel=False)
        if answer.complete and answer.ended:
            if turn.committed or not turn.speculative:
                self._close(turn, "ended")
            self._events.append(TurnEnded(position, turn.number, answer.ended.expect_reply))
        elif answer.hole and turn.hole_at is None:
            self.counters["holes"] += 1
            turn.hole_at = position + samples(self.settings.hole_ms)
        return None

    def _for_another_turn(self, message: Any) -> None:
        closed = self._latest.closed(message.turn) if isinstance(message, Ack) else None
        if closed is not None:
            if message.worker != closed.owner:
                self.counters["lost_races"] += closed.owner is not None
                self._send_cancel(message, message.worker, "lost_race" if closed.owner else closed.reason)
            return
        self.counters["stale"] += 1

    def _lost_race(self, turn: _Turn, worker: str) -> None:
        if worker not in turn.losers:
            turn.losers.add(worker)
            self.counters["lost_races"] += 1
            self._send_cancel(turn.open, worker, "lost_race")

    def _next_attempt(self, turn: _Turn, code: str, position: int) -> None:
        if turn.attempt >= self.settings.attempts:
            self._fail_unowned(turn, code, position)
            return
        turn.attempt += 1
        turn.deadline = position + samples(self.settings.ack_ms)
        turn.open = msgspec.structs.replace(turn.open, attempt=turn.attempt)
        self.counters["second_attempts"] += 1
        self._messages.append(turn.open)

    def _fail_unowned(self, turn: _Turn, code: str, position: int) -> None:
        turn.failed = True
        turn.deadline = position + samples(self.settings.late_ms)
        self.counters["failed_turns"] += 1
        self._events.append(TurnFailed(position, turn.number, code))

    def _fail(self, turn: _Turn, code: str, position: int, *, cancel: bool) -> None:
        self.counters["failed_turns"] += 1
        if cancel:
            self._cancel(turn, code)
        else:
            self._close(turn, code)
        self._events.append(TurnFailed(position, turn.number, code))

    def _cancel(self, turn: _Turn, reason: str) -> None:
        if turn.owner:
            self._send_cancel(turn.open, turn.owner, reason)
        self._close(turn, reason)

    def _send_cancel(self, about: Any, worker: str, reason: str) -> None:
        self._messages.append(
            Cancel(turn=about.turn, rev=about.rev, worker=worker, reason=reason[:64] or "-")
        )

    def _revision(self, turn: _Turn, worker: str) -> Revise:
        return Revise(turn=turn.id, rev=turn.rev, worker=worker, text=turn.open.text)

    def _close(self, turn: _Turn, reason: str) -> None:
        self._count_answer(turn)
        self._latest.close(turn.id, turn.owner, reason)
        self._current = None

    def _count_answer(self, turn: _Turn) -> None:
        self.counters["duplicates"] += turn.answer.duplicates
        self.counters["conflicts"] += turn.answer.conflicts
        self.counters["overflow"] += turn.answer.overflow
