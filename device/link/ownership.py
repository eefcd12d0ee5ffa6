"""Who answers a turn: the first of the pool to ack it; without an ack the pool is asked again, then the turn has failed.

Every ``open`` goes to the whole pool, and more than one worker may take it (attempts overlap, brokers redeliver). The
first ack wins; each loser is sent one ``cancel``. A delta that overtook its ack, or whose ack was lost, says as much as
the ack.
"""

from __future__ import annotations

from device.link.effects import Effects
from device.link.latest import LatestTurns
from device.link.messages import Ack, Err, Reply
from device.link.turn import Turn, TurnSettings
from device.values import TurnAcked, samples


class Ownership:
    """Pure. The owner of a turn is changed here only."""

    def __init__(self, settings: TurnSettings, latest: LatestTurns, effects: Effects) -> None:
        self.settings = settings
        self._latest = latest
        self._effects = effects
        self._counters = effects.counters

    def admits(self, turn: Turn, message: Reply, position: int) -> bool:
        """Whether ``message``, about the open ``turn``, is part of its owner's answer to what is asked now. Whatever else
        it says is dealt with here."""
        if turn.owner is None:
            return self._without_owner(turn, message, position)
        current, owners = message.rev == turn.rev, message.worker == turn.owner
        if isinstance(message, Ack):
            if not owners:
                self._counters["stale"] += not current
                self._lost_race(turn, message.worker)
            return False
        if current and (owners or not (message.worker or turn.losers)):
            return True
        self._counters["stale"] += 1
        if current and message.worker:
            self._lost_race(turn, message.worker)
        return False

    def tick(self, turn: Turn, position: int) -> None:
        """Let time pass over a turn that nobody owns."""
        if position < turn.deadline:
            return
        if turn.failed:
            turn.closed = "late"
        else:
            self._next_attempt(turn, "no_worker", position)

    def give_up(self, turn: Turn, code: str, position: int) -> None:
        """Nobody has taken it in time; who takes it late is still welcome."""
        turn.failed = True
        turn.deadline = position + samples(self.settings.late_ms)
        self._effects.failed(turn.number, code, position)

    def disown(self, turn: Turn, code: str, position: int) -> None:
        """Its owner is gone before the first word: the pool is asked again."""
        turn.owner, turn.hole_at, turn.resends, turn.refused = None, None, 0, turn.attempt
        self._latest.note(turn.number, turn.id, None, turn.rev)
        self._next_attempt(turn, code, position)

    # ----------------------------------------------------------------- inside

    def _without_owner(self, turn: Turn, message: Reply, position: int) -> bool:
        if message.rev < turn.rev and message.worker:
            self._outdated(turn, message, position)
        elif message.rev != turn.rev:
            self._counters["stale"] += 1
            if isinstance(message, Ack):
                self._lost_race(turn, message.worker)
        elif isinstance(message, Err):
            self._refused(turn, message, position)
        elif message.worker:
            self._taken(turn, message.worker, position)
            return not isinstance(message, Ack)
        elif len(turn.early) < self.settings.reorder:
            turn.early.append(message)
        else:
            self._counters["overflow"] += 1
        return False

    def _outdated(self, turn: Turn, message: Reply, position: int) -> None:
        """Said about a revision that is no longer wanted: who has taken that has the turn."""
        if isinstance(message, Err) and message.code == "busy":
            self._refused(turn, message, position)
            return
        self._counters["stale"] += not isinstance(message, Ack)
        if not isinstance(message, Err):
            self._taken(turn, message.worker, position, outdated=True)

    def _taken(self, turn: Turn, worker: str, position: int, outdated: bool = False) -> None:
        """``outdated``: the worker knows an older revision only."""
        self._counters["late_acks"] += turn.failed
        turn.owner, turn.failed, turn.last = worker, False, position
        self._latest.note(turn.number, turn.id, worker, turn.rev)
        self._effects.events.append(TurnAcked(position, turn.number))
        self._effects.messages += turn.changes(worker, revised=outdated)

    def _refused(self, turn: Turn, err: Err, position: int) -> None:
        if err.code == "unknown_turn":  # told again by the owner that was
            self._counters["stale"] += 1
            return
        turn.refused += 1
        if turn.failed or turn.refused < turn.attempt:
            return  # another try is still out
        if err.code == "busy":
            self._next_attempt(turn, "busy", position)
        else:
            turn.closed = err.code
            self._effects.failed(turn.number, err.code, position)

    def _next_attempt(self, turn: Turn, code: str, position: int) -> None:
        if turn.attempt >= self.settings.attempts:
            self.give_up(turn, code, position)
            return
        turn.retry(position + samples(self.settings.ack_ms))
        self._counters["second_attempts"] += 1
        self._effects.messages.append(turn.open)

    def _lost_race(self, turn: Turn, worker: str) -> None:
        if worker not in turn.losers:
            turn.losers.add(worker)
            self._counters["lost_races"] += 1
            self._effects.cancel(turn.open, worker, "lost_race")
