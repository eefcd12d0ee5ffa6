"""An owner's answer on its way: text as it may be spoken, holes asked for again, and silence that lasts too long."""

from __future__ import annotations

from device.link.effects import Effects
from device.link.messages import Delta, End, Err, Reply, Resend, Tool, ToolResult
from device.link.ownership import Ownership
from device.link.turn import Turn, TurnSettings
from device.values import TurnDelta, TurnEnded, samples


class Delivery:
    """Pure. Of turns that have an owner; one that loses it before the first word goes back to ``ownership``."""

    def __init__(self, settings: TurnSettings, ownership: Ownership, effects: Effects) -> None:
        self.settings = settings
        self._ownership = ownership
        self._effects = effects

    def take(self, turn: Turn, message: Reply, position: int) -> None:
        """The next message of the owner's answer, in the order of arrival."""
        answer, turn.last = turn.answer, position
        match message:
            case Delta():
                self._said(turn, answer.delta(message), position)
            case End():
                self._said(turn, answer.end(message), position)
            case Err(code="unknown_turn" | "worker_stopped") if not answer.begun:
                self._ownership.disown(turn, message.code, position)
            case Err():
                self._fail(turn, message.code, position)
            case Tool():
                self._refuse(turn, message)

    def tick(self, turn: Turn, position: int) -> None:
        """Let time pass over a turn that has an owner."""
        answer, settings = turn.answer, self.settings
        if turn.owner is None or answer.complete:
            return  # complete: speculative, and answered
        patience = settings.stall_ms if answer.text else settings.first_ms
        if position >= turn.last + samples(patience):
            self._effects.cancel(turn.open, turn.owner, "timeout")
            self._fail(turn, "timeout", position)
        elif turn.hole_at is not None and position >= turn.hole_at:
            if turn.resends < settings.resends:
                self._ask_again(turn, turn.owner, position)
            elif answer.ended:
                self._fail(turn, "lost", position)

    def expect_hole(self, turn: Turn, position: int) -> None:
        """Something may be missing: ask for it unless it comes by itself."""
        turn.hole_at, turn.resends = position + samples(self.settings.hole_ms), 0

    # ----------------------------------------------------------------- inside

    def _said(self, turn: Turn, text: str, position: int) -> None:
        answer = turn.answer
        if text or not answer.hole:
            turn.hole_at, turn.resends = None, 0
        if text:
            self._effects.events.append(TurnDelta(position, turn.number, text))
        if answer.contradicted:
            self._fail(turn, "inconsistent", position)
        elif answer.complete and answer.ended:
            if turn.final:
                turn.closed = "ended"
            self._effects.events.append(TurnEnded(position, turn.number, answer.ended.expect_reply))
        elif answer.hole and turn.hole_at is None:
            self._effects.counters["holes"] += 1
            turn.hole_at = position + samples(self.settings.hole_ms)

    def _ask_again(self, turn: Turn, owner: str, position: int) -> None:
        turn.resends += 1
        turn.hole_at = position + samples(self.settings.resend_ms)
        self._effects.counters["resends"] += 1
        self._effects.messages.append(
            Resend(turn=turn.id, rev=turn.rev, worker=owner, seq=turn.answer.next_seq)
        )

    def _refuse(self, turn: Turn, tool: Tool) -> None:
        """This device offers no tools yet: say so, or the worker waits for its timeout."""
        self._effects.counters["tools_refused"] += 1
        self._effects.messages.append(
            ToolResult(
                turn=turn.id, rev=turn.rev, worker=turn.owner or "-", call=tool.call, ok=False, code="unsupported",
            )
        )  # fmt: skip

    def _fail(self, turn: Turn, code: str, position: int) -> None:
        turn.closed = code
        self._effects.failed(turn.number, code, position)
