"""From a question to the last heard word of its answer: the turn, the reply that speaks it, and the history.

    ask ──► OpenTurn ──deltas──► waiting text ──floor free──► ReplyBegin, ReplyText ... ──► heard ──► history

A question asked while the last one has no audible answer yet replaces it, and carries both texts: the user went on
speaking. A question waits for the report of a reply that is being cut, because it travels with what was heard.
"""

from __future__ import annotations

from collections.abc import Callable

from device.config import Config
from device.conversation.history import History
from device.conversation.sentences import excuse, sentence
from device.conversation.speaking import Reply, Speaking
from device.conversation.timing import NEVER, Timing
from device.conversation.turn import Turn
from device.conversation.words import join
from device.values import CancelTurn, Command, Earcon, HeardReport, OpenTurn, ReplyCut, ReplyEnded, SendHeard

__all__ = ["Answering"]


class Answering:
    """At most one turn and one reply at a time; ``proceed`` moves on whatever waits. Positions in samples."""

    def __init__(self, emit: Callable[[Command], None], timing: Timing, config: Config) -> None:
        self._emit, self._timing, self._language = emit, timing, config.device.language
        self._speaking = Speaking(emit, timing)
        self._history = History(config.conversation.history)
        self._turn: Turn | None = None
        self._asked = ""
        """A question that waits for the report of the reply before it."""
        self._unanswered = ""
        """The question before, when nothing of its answer was audible: the next one continues it."""
        self._heard_prev: HeardReport | None = None
        self._late: Turn | None = None
        """The last turn, which no worker took in time; its late answer is still welcome."""
        self._first_asked = 0
        """When the question was opened for the first time, before any continuation."""
        self._count = 0

    # ------------------------------------------------------------------ what holds

    @property
    def replying(self) -> bool:
        """A reply has begun (audible or not yet) that was not cancelled."""
        return self._speaking.active

    @property
    def pending(self) -> bool:
        """Something is still to be said, by the endpoint or by us."""
        return bool(self._turn or self._asked or self._speaking.queue)

    @property
    def speaking(self) -> bool:
        reply = self._speaking.reply
        return reply is not None and reply.audible and reply.cut is None

    @property
    def thinking(self) -> bool:
        """A question is asked, and nothing of its answer is audible."""
        reply = self._speaking.reply
        if reply is not None and reply.cut is None and reply.turn is not None:
            return not reply.audible
        return bool(self._turn or self._asked)

    @property
    def queued(self) -> bool:
        """A sentence of our own waits for the loudspeaker."""
        return bool(self._speaking.queue)

    def may_go_on(self, now: int) -> bool:
        """Whether what the user says now may still belong to the question."""
        return self._turn is None or now < self._first_asked + self._timing.going_on

    # ------------------------------------------------------------------ decisions from above

    def ask(self, now: int, text: str) -> None:
        """Open a turn for ``text`` as soon as it is known what was heard of the reply before."""
        self._refuse_late("superseded")
        if self._turn is not None:
            self._unanswered = self._turn.text
            self._cancel_turn("superseded")
        self._asked = join(self._asked, text)

    def say(self, key: str, expect: bool = False) -> None:
        """Queue the device's own sentence called ``key``."""
        self._speaking.enqueue(sentence(key, self._language), expect)

    def say_text(self, text: str, expect: bool = False) -> None:
        self._speaking.enqueue(text, expect)

    def interrupt(self, now: int, reason: str) -> None:
        """Cancel the reply that is being spoken, and its turn if that is still streaming."""
        reply = self._speaking.cancel(now, reason)
        if reply is not None and reply.turn is not None:
            self._unanswered = "" if reply.audible else reply.question
            if self._turn is not None and self._turn.id == reply.turn:
                self._cancel_turn(reason)

    def drop(self, now: int, reason: str) -> bool:
        """Cancel everything that is said or pending; whether there was anything."""
        busy = self.replying or self.pending
        self._speaking.cancel(now, reason)
        self._cancel_turn(reason)
        self._refuse_late(reason)
        self._asked = self._unanswered = ""
        return busy

    def forget(self) -> None:
        """The user did not go on: the next question is a new one."""
        self._unanswered = ""

    def proceed(self, now: int, listening: bool) -> bool:
        """Open the turn or begin the reply that waits, if it may; whether a reply has begun."""
        speaking = self._speaking
        if self._asked and not speaking.cutting:
            self._open_turn(now)
        if listening or speaking.reply is not None:
            return False
        if speaking.queue:
            speaking.say_next()
            return True
        turn = self._turn
        if turn is None or not turn.has_words:
            return False
        speaking.begin(turn.id, turn.text)
        speaking.text(turn.take())
        if turn.ended:
            self._finish(turn)
        return True

    # ------------------------------------------------------------------ what the link says

    def acked(self, now: int, id: int) -> None:
        """A worker has taken the turn; also one that we had given up, and nothing was asked since."""
        if self._turn is not None and self._turn.id == id:
            self._turn.acked = True
        elif self._late is not None and self._late.id == id and self._turn is None:
            self._turn, self._late = Turn(id, self._late.text, now, self._timing), None
            self._turn.acked = True

    def delta(self, now: int, id: int, text: str) -> None:
        """The next piece of the answer: to the reply that speaks it, or kept until there is one."""
        turn = self._streaming(id)
        if turn is None:
            return
        turn.words(now, text)
        if self._speaking.answers(id):
            self._speaking.text(turn.take())

    def ended(self, id: int, expect: bool) -> None:
        """The answer is complete; ``expect``: it asks the user something. One without words is said to be empty."""
        turn = self._streaming(id)
        if turn is None:
            return
        turn.ended, turn.expect = True, expect
        if self._speaking.answers(id):
            self._finish(turn)
        elif not turn.has_words:
            self._turn = None
            self.say("empty")

    def failed(self, id: int, code: str) -> None:
        """No more will come: what there is is spoken, then that the rest is lost; without any words, why."""
        turn = self._streaming(id)
        if turn is None:
            return
        turn.ended, turn.failed = True, code
        if self._speaking.answers(id):
            self._finish(turn)
        elif not turn.has_words:
            self._turn, self._late = None, None if turn.acked else turn
            self._speaking.enqueue(excuse(code, self._language))

    def _streaming(self, id: int) -> Turn | None:
        """The turn of that number, as long as its answer may still grow."""
        turn = self._turn
        return None if turn is None or turn.id != id or turn.ended else turn

    # ------------------------------------------------------------------ what the mouth says

    def reply_started(self, reply: int) -> None:
        self._speaking.started(reply)

    def reply_ended(self, event: ReplyEnded) -> Reply | None:
        """The whole reply was heard; None if it had its ending before."""
        reply = self._speaking.ended(event.reply)
        if reply is not None and reply.turn is not None:
            self._history.assistant(event.heard)
        return reply

    def reply_cut(self, event: ReplyCut) -> Reply | None:
        """A part of the reply was heard, perhaps none; None if it had its ending before."""
        reply = self._speaking.ended(event.reply)
        if reply is None or reply.turn is None:
            return reply
        if reply.cut is None and self._turn is not None and self._turn.id == reply.turn:
            self._cancel_turn("voice")
        if event.heard.strip():
            self._unanswered = ""
            self._history.assistant(event.heard, interrupted=True)
            report = HeardReport(reply.turn, event.chars, event.heard, event.ms, reply.cut or "voice")
            self._heard_prev = report
            self._emit(SendHeard(report))
        return reply

    # ------------------------------------------------------------------ time

    def due(self) -> int:
        return min(self._speaking.due(), self._turn.due() if self._turn is not None else NEVER)

    def tick(self, now: int) -> None:
        self._speaking.tick(now)
        if self._turn is None:
            return
        step = self._turn.tick(now)
        if step == "thinking":
            self._emit(Earcon("thinking"))
        elif step == "timeout":
            self._turn.acked = True  # or not: the turn is cancelled, nothing of it is welcome later
            self._emit(CancelTurn(self._turn.id, "timeout"))
            self.failed(self._turn.id, "timeout")

    # ------------------------------------------------------------------ inside

    def _open_turn(self, now: int) -> None:
        if self._unanswered:
            self._history.take_back(self._unanswered)
        else:
            self._first_asked = now
        text = join(self._unanswered, self._asked)
        self._asked = self._unanswered = ""
        self._count += 1
        self._turn = Turn(self._count, text, now, self._timing)
        self._emit(OpenTurn(self._count, text, self._history.messages(), self._heard_prev))
        self._heard_prev = None
        self._history.user(text)

    def _cancel_turn(self, reason: str) -> None:
        if self._turn is not None:
            if not self._turn.ended:
                self._emit(CancelTurn(self._turn.id, reason))
            self._turn = None

    def _refuse_late(self, reason: str) -> None:
        if self._late is not None:
            self._emit(CancelTurn(self._late.id, reason))
            self._late = None

    def _finish(self, turn: Turn) -> None:
        """All of the answer is with the mouth."""
        self._speaking.finish(turn.expect)
        self._turn = None
        if turn.failed is not None:
            self.say("cut_off")
