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

    left of OWNED: ``Ownership``                     right of it: ``Delivery``

A speculative turn goes the same way, but its end leaves it open until it is committed or cancelled, because a revision may
follow: ``revise`` gives the open turn a new revision and number, and only its owner hears of it; what belongs to the old
revision is stale from that moment on.

One turn is current. Whoever acks a turn that has another owner, or is closed, gets a ``cancel``, so that no worker
talks to a wall. A ``TurnFailed(no_worker)`` may be followed by ``TurnAcked`` of the same turn (the late ack).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from device.link.answer import Answer
from device.link.delivery import Delivery
from device.link.effects import Effects
from device.link.ids import uuid7
from device.link.latest import LatestTurns
from device.link.messages import Ack, Commit, Line, Message, Open
from device.link.ownership import Ownership
from device.link.turn import Turn, TurnSettings
from device.values import Event, HeardReport, OpenTurn, ReviseTurn, TurnFailed, samples

__all__ = ["TurnSettings", "Turns"]


class Turns:
    """Each method takes what happened; ``outgoing`` and ``events`` hand out what it caused."""

    def __init__(self, settings: TurnSettings, mint: Callable[[], str] = uuid7) -> None:
        self.settings = settings
        self._mint = mint
        self._current: Turn | None = None
        self._latest = LatestTurns()
        self._effects = Effects()
        self.counters = self._effects.counters
        self._ownership = Ownership(settings, self._latest, self._effects)
        self._delivery = Delivery(settings, self._ownership, self._effects)

    def reconfigure(self, settings: TurnSettings) -> None:
        """Wait and try again by ``settings`` from now on, also in the turn that is open."""
        self.settings = self._ownership.settings = self._delivery.settings = settings

    @property
    def current(self) -> int | None:
        """Number of the turn that is open, or None."""
        return self._current.number if self._current else None

    def outgoing(self) -> list[Message]:
        """The messages to send, since the last call."""
        return self._effects.take_messages()

    def events(self) -> list[Event]:
        """What happened, since the last call."""
        return self._effects.take_events()

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
        self._current = Turn(
            command.turn,
            turn_id,
            message,
            deadline,
            speculative=command.speculative,
            answer=Answer(settings.reorder),
        )
        self._effects.messages.append(message)
        self._latest.note(command.turn, turn_id)

    def revise(self, command: ReviseTurn, position: int) -> None:
        """The open speculative turn asks something else. One that has failed, or is over, fails under its new number too."""
        turn = self._current
        if turn is None or turn.number != command.turn or turn.failed or turn.final:
            self._effects.events.append(TurnFailed(position, command.to, "closed"))
            return
        self.counters["revisions"] += 1
        self._count(turn.answer)
        turn.revise(command.to, command.text, Answer(self.settings.reorder), position)
        self._latest.note(turn.number, turn.id, turn.owner, turn.rev)
        if turn.owner:
            self._effects.messages += turn.changes(turn.owner)

    def commit(self, number: int) -> None:
        """The open speculative turn is what was said; its end may come now. Others: nothing happens."""
        turn = self._current
        if turn is None or turn.number != number or turn.final:
            return
        self.counters["commits"] += 1
        turn.commit()
        if turn.owner:
            self._effects.messages.append(Commit(turn=turn.id, rev=turn.rev, worker=turn.owner))
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
            self._effects.messages.append(message)

    # ----------------------------------------------------------------- what comes in

    def receive(self, message: Any, position: int) -> None:
        """A worker's message (``messages.Answer``), whatever it says."""
        turn = self._current
        if turn is None or message.turn != turn.id:
            self._for_another_turn(message)
            return
        admitted = self._ownership.admits(turn, message, position)
        if turn.owner:
            early, turn.early = turn.early, []
            for overtaking in early:
                if turn.closed is None:
                    self._delivery.take(turn, overtaking, position)
        if admitted and turn.closed is None:
            self._delivery.take(turn, message, position)
        elif admitted:
            self.counters["stale"] += 1
        self._put_away(turn)

    def no_subscribers(self, turn_id: str, position: int, worker: str | None = None) -> None:
        """The broker's hint that nobody read the ``open``: the local answer comes at once. Or, with ``worker``, that its
        owner is gone, which did not read what we told it: another one is asked."""
        turn = self._current
        if turn is None or turn.id != turn_id or turn.failed or turn.owner != worker:
            return
        if worker is None:
            self._ownership.give_up(turn, "no_worker", position)
        elif not turn.answer.begun:
            self._ownership.disown(turn, "no_worker", position)

    def disconnected(self, position: int, code: str = "no_broker") -> None:
        """The broker is gone: a turn that no worker has taken fails now; one with an owner may still go on."""
        turn = self._current
        if turn and turn.owner is None and not turn.failed:
            self._ownership.give_up(turn, code, position)

    def reconnected(self, position: int) -> None:
        """The broker is back. What was said meanwhile, by us and by the owner, is lost: say it again, and ask for its own
        until something comes."""
        turn = self._current
        if turn and turn.owner:
            self._effects.messages += turn.changes(turn.owner)
            self._delivery.expect_hole(turn, position)

    def tick(self, position: int) -> None:
        """Let time pass."""
        turn = self._current
        if turn is None:
            return
        if turn.owner is None:
            self._ownership.tick(turn, position)
        else:
            self._delivery.tick(turn, position)
        self._put_away(turn)

    # ----------------------------------------------------------------- inside

    def _for_another_turn(self, message: Any) -> None:
        closed = self._latest.closed(message.turn) if isinstance(message, Ack) else None
        if closed is None:
            self.counters["stale"] += 1
        elif message.worker != closed.owner:
            self.counters["lost_races"] += closed.owner is not None
            self._effects.cancel(message, message.worker, "lost_race" if closed.owner else closed.reason)

    def _cancel(self, turn: Turn, reason: str) -> None:
        if turn.owner:
            self._effects.cancel(turn.open, turn.owner, reason)
        self._close(turn, reason)

    def _close(self, turn: Turn, reason: str) -> None:
        turn.closed = reason
        self._put_away(turn)

    def _put_away(self, turn: Turn) -> None:
        """Once nothing more is expected of it."""
        if turn.closed is not None:
            self._count(turn.answer)
            self._latest.close(turn.id, turn.owner, turn.closed)
            self._current = None

    def _count(self, answer: Answer) -> None:
        for name in ("duplicates", "conflicts", "overflow"):
            self.counters[name] += getattr(answer, name)
