"""From a question to the last heard word of its answer: the turn, the reply that speaks it, and the history.

    guess ─► gate ─┐ it was said
    ask ───────────┴► OpenTurn ──deltas──► waiting text ──floor free──► ReplyBegin, ReplyText ... ──► heard ──► history

A question asked while the last one has no audible answer yet replaces it, and carries both texts: the user went on
speaking. A question waits for the report of a reply that is being cut, because it travels with what was heard; so does what
goes on with that reply, or repeats it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from device.config import Config
from device.conversation.gate import Gate
from device.conversation.record import Record
from device.conversation.sentences import excuse, sentence
from device.conversation.speaking import Reply, Speaking
from device.conversation.timing import NEVER, Timing
from device.conversation.turn import Turn
from device.conversation.words import join
from device.values import (
    CancelTurn,
    Command,
    Earcon,
    Intent,
    OpenTurn,
    ReplyCut,
    ReplyEnded,
    SendHeard,
)

__all__ = ["Answering"]


class Answering:
    """At most one turn and one reply at a time; ``proceed`` moves on whatever waits. Positions in samples."""

    def __init__(self, emit: Callable[[Command], None], timing: Timing, config: Config) -> None:
        self._emit, self._timing, self._language = emit, timing, config.device.language
        self._speaking = Speaking(emit, timing)
        self._record = Record(config.conversation.history)
        self._turn: Turn | None = None
        self._asked = ""
        """A question that waits for the report of the reply before it."""
        self._late: Turn | None = None
        """The last turn, which no worker took in time; its late answer is still welcome."""
        self._count = 0
        self._gate = Gate(emit, config.speculation, self._speaking, self._new_turn)
        self._again: Literal["", "repeat", "go_on", "take_up"] = ""
        """What is wanted of the last reply, once it is known what was heard of it."""
        self._go_on_text = ""
        """The user's words for it, for the endpoint where we cannot go on by ourselves."""

    def reconfigure(self, timing: Timing, config: Config) -> None:
        """Other times, another length of the history and other rules for guesses; a turn that is asked keeps its own."""
        self._timing = timing
        self._record.keep(config.conversation.history)
        self._gate.reconfigure(config.speculation)

    # ------------------------------------------------------------------ what holds

    @property
    def replying(self) -> bool:
        """A reply has begun (audible or not yet) that was not cancelled."""
        return self._speaking.active

    @property
    def pending(self) -> bool:
        """Something is still to be said, by the endpoint or by us."""
        speaking = self._speaking
        return bool(self._turn or self._asked or self._again or speaking.queue or speaking.waiting)

    @property
    def busy(self) -> bool:
        """Something is said, or still to be said, or a reply that was cut has not told yet what was heard of it."""
        return self.replying or self.pending or self._speaking.cutting

    @property
    def reply(self) -> Reply | None:
        """The reply that has the loudspeaker, or is being cut."""
        return self._speaking.reply

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
        waiting = self._speaking.waiting
        return bool(self._turn or self._asked) or (waiting is not None and waiting.turn is not None)

    @property
    def queued(self) -> bool:
        """Something waits for the loudspeaker: a sentence of our own, or what was prepared."""
        return bool(self._speaking.queue or self._speaking.waiting)

    def may_go_on(self, now: int) -> bool:
        """Whether what the user says now may still belong to the question."""
        return self._turn is None or now < self._record.first_asked + self._timing.going_on

    # ------------------------------------------------------------------ guesses

    def guess(self, now: int, utterance: int, spoken: int, text: str) -> None:
        """The question may be ``text``, after ``spoken`` samples of speech: prepare its answer, if nothing else goes on."""
        text = self._record.question(text)
        if self.busy or self._gate.asks(text) or not self._gate.may_guess(utterance, spoken):
            return
        self._refuse_late("superseded")
        self._gate.ask(now, utterance, text, *self._record.context())

    def guess_intent(self, utterance: int, spoken: int, intent: Intent) -> None:
        """The same for a local intent: its answer is prepared, nothing is done."""
        if not self.busy and self._gate.may_guess(utterance, spoken):
            self._gate.act(utterance, intent)

    def previewed(self, intent: Intent, text: str) -> None:
        """What the skill would answer."""
        self._gate.previewed(intent, text)

    def drop_guess(self, reason: str = "not_said") -> None:
        """Nothing came of what was being said, or nothing can come of the guess."""
        if self._gate.guessing:
            self._gate.drop(reason)

    # ------------------------------------------------------------------ decisions from above

    def ask(self, now: int, text: str) -> None:
        """Open a turn for ``text`` as soon as it is known what was heard of the reply before; or it was guessed before."""
        self._refuse_late("superseded")
        waiting = self._speaking.drop_waiting()
        if self._turn is not None or waiting is not None:
            before = self._turn.text if self._turn is not None else waiting.question if waiting else ""
            self._record.unanswered = before
            self._cancel_turn("superseded")
        prepared = None if self._asked else self._gate.take(now, self._record.question(text))
        if prepared is None:
            self._asked = join(self._asked, text)
            return
        self._turn = turn = prepared.turn
        self._record.asked(now, turn.text)
        if prepared.reply is not None:
            self._speaking.adopt(prepared.reply)
            self._take_words(turn)

    def act(self, intent: Intent) -> None:
        """``intent`` is being carried out; ``skill_said`` follows."""
        self._gate.take_intent(intent)

    def skill_said(self, text: str, expect: bool) -> None:
        """What the skill answers; perhaps that was prepared."""
        reply = self._gate.confirm(text)
        if reply is not None:
            reply.expect = expect
            self._speaking.adopt(reply)
        elif text.strip():
            self.say_text(text, expect)

    def repeat(self) -> None:
        """Say again what was heard last."""
        self._again = "repeat"

    def go_on(self, text: str, free: bool) -> None:
        """Go on after the last heard word; ``text``: how the user put it, ``free``: the endpoint may be asked so.

        Nothing to do while another answer is on its way.
        """
        if not (self._turn or self._asked or self._speaking.waiting):
            self._again, self._go_on_text = "go_on", text if free else ""

    def take_up(self) -> None:
        """The last thing said was interrupted by nothing: it goes on by itself, if something of it was not heard."""
        if not (self._turn or self._asked or self._speaking.waiting):
            self._again = "take_up"

    def note(self, text: str) -> None:
        """The user nodded, with these words, over the answer that is spoken or was a moment ago."""
        self._record.note(self._speaking.reply, text)

    def say(self, key: str, expect: bool = False) -> None:
        """Queue the device's own sentence called ``key``."""
        self._speaking.enqueue(sentence(key, self._language), expect)

    def say_text(self, text: str, expect: bool = False) -> None:
        self._speaking.enqueue(text, expect)

    def announce(self, text: str) -> Reply:
        """Say ``text`` now, before all that waits; nothing else is being said."""
        return self._speaking.say_now(text)

    def interrupt(self, now: int, reason: str) -> None:
        """Cancel the reply that is being spoken, its turn if that is still streaming, and what waits."""
        self._interrupted(self._speaking.cancel(now, reason), reason)

    def cut(self, now: int, reason: str) -> None:
        """The same, but what waits is still wanted."""
        self._interrupted(self._speaking.cut(now, reason), reason)

    def _interrupted(self, reply: Reply | None, reason: str) -> None:
        if reply is not None and reply.turn is not None:
            self._record.unanswered = "" if reply.audible or reply.before else reply.question
            if self._turn is not None and self._turn.id == reply.turn:
                self._cancel_turn(reason)

    def drop(self, now: int, reason: str) -> bool:
        """Cancel everything that is said or pending; whether there was anything."""
        busy = self.replying or self.pending
        self._gate.drop(reason)
        self._speaking.cancel(now, reason)
        self._cancel_turn(reason)
        self._refuse_late(reason)
        self._asked = self._record.unanswered = self._again = ""
        return busy

    def forget(self) -> None:
        """The user did not go on: the next question is a new one."""
        self._record.unanswered = ""

    def proceed(self, now: int, listening: bool) -> bool:
        """Open the turn or begin the reply that waits, if it may; whether a reply has begun."""
        speaking = self._speaking
        if self._again and not speaking.cutting:
            self._decide_going_on()
        if self._asked and not speaking.cutting:
            self._open_turn(now)
        if listening or speaking.reply is not None:
            return False
        if speaking.waiting is not None:
            speaking.release()
            return True
        if self._again:
            self._begin_again()
            return True
        if speaking.queue:
            speaking.say_next()
            return True
        turn = self._turn
        if turn is None or not turn.has_words:
            return False
        speaking.begin(turn.id, turn.text)
        self._take_words(turn)
        return True

    # ------------------------------------------------------------------ what the link says

    def acked(self, now: int, id: int) -> None:
        """A worker has taken the turn; also one that we had given up, and nothing was asked since."""
        if self._gate.owns(id):
            self._gate.acked()
        elif self._turn is not None and self._turn.id == id:
            self._turn.acked = True
        elif self._late is not None and self._late.id == id and self._turn is None:
            self._turn, self._late = Turn(id, self._late.text, now, self._timing), None
            self._turn.acked = True

    def delta(self, now: int, id: int, text: str) -> None:
        """The next piece of the answer: to the reply that speaks it, or kept until there is one."""
        if self._gate.owns(id):
            return self._gate.delta(now, text)
        turn = self._streaming(id)
        if turn is None:
            return None
        turn.words(now, text)
        if self._speaking.answers(id):
            self._take_words(turn)
        elif turn.too_long:
            self._enough(turn)
        return None

    def ended(self, id: int, expect: bool) -> None:
        """The answer is complete; ``expect``: it asks the user something. One without words is said to be empty."""
        if self._gate.owns(id):
            return self._gate.ended(expect)
        turn = self._streaming(id)
        if turn is None:
            return None
        turn.ended, turn.expect = True, expect
        if self._speaking.answers(id):
            self._finish(turn)
        elif not turn.has_words:
            self._turn = None
            self.say("empty")
        return None

    def failed(self, id: int, code: str) -> None:
        """No more will come: what there is is spoken, then that the rest is lost; without any words, why."""
        if self._gate.owns(id):
            return self._gate.failed()
        turn = self._streaming(id)
        if turn is None:
            return None
        turn.ended, turn.failed = True, code
        if self._speaking.answers(id):
            self._finish(turn)
        elif not turn.has_words:
            self._turn, self._late = None, None if turn.acked else turn
            self._speaking.enqueue(excuse(code, self._language))
        return None

    def _streaming(self, id: int) -> Turn | None:
        """The turn of that number, as long as its answer may still grow."""
        turn = self._turn
        return None if turn is None or turn.id != id or turn.ended else turn

    # ------------------------------------------------------------------ what the mouth says

    def reply_started(self, reply: int) -> None:
        self._speaking.started(reply)

    def reply_ended(self, event: ReplyEnded) -> Reply | None:
        """The whole reply was heard; None if it had its ending before. An answer that made no sound is said to be empty."""
        reply = self._speaking.ended(event.reply)
        if reply is None:
            return None
        if reply.turn is not None and not (reply.audible or reply.before):
            if not self._speaking.queue:
                self.say("empty")
        else:
            self._record.ended(reply, event.heard)
        return reply

    def reply_cut(self, event: ReplyCut) -> Reply | None:
        """A part of the reply was heard, perhaps none; None if it had its ending before."""
        reply = self._speaking.ended(event.reply)
        if reply is None:
            return None
        if reply.cut is None and self._turn is not None and self._turn.id == reply.turn:
            self._cancel_turn("voice")
        report = self._record.cut(reply, event.heard, event.chars, event.ms)
        if report is not None:
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

    def _new_turn(self, text: str, now: int) -> Turn:
        self._count += 1
        return Turn(self._count, text, now, self._timing)

    def _open_turn(self, now: int) -> None:
        text = self._record.question(self._asked)
        self._asked = ""
        self._turn = self._new_turn(text, now)
        self._emit(OpenTurn(self._turn.id, text, *self._record.context()))
        self._record.asked(now, text)

    def _take_words(self, turn: Turn) -> None:
        """What has come of the answer goes to the reply that speaks it."""
        self._speaking.text(turn.take())
        if turn.too_long:
            self._enough(turn)
        if turn.ended:
            self._finish(turn)

    def _enough(self, turn: Turn) -> None:
        """Nobody listens to an answer of any length: what is there is spoken, then that there was more."""
        if not turn.ended:
            self._emit(CancelTurn(turn.id, "too_long"))
        turn.ended, turn.failed = True, "too_long"
        if not (turn.has_words or self._speaking.answers(turn.id)):
            self._turn = None
            self.say("too_long")

    def _decide_going_on(self) -> None:
        """With what is there, if that is the whole rest; else the endpoint may know more."""
        known = self._record.continuing
        if self._again == "take_up" and known.unheard is None:
            self._again = ""
        elif self._again == "go_on" and (
            known.rest is None or (self._go_on_text and not known.rest.complete)
        ):
            self._again = ""
            if self._go_on_text:
                self._asked = join(self._asked, self._go_on_text)
            else:
                self.say("nothing_left")

    def _begin_again(self) -> None:
        speaking, known = self._speaking, self._record.continuing
        rest = {"go_on": known.rest, "take_up": known.unheard}.get(self._again)
        if rest is not None:
            speaking.begin(rest.turn, rest.question, rest.heard, whole=True)
            speaking.text(rest.text)
            speaking.finish(rest.expect)
            if not rest.complete:
                self.say("cut_off")
        else:
            heard = known.heard or sentence("nothing_said", self._language)
            speaking.enqueue(heard, repeats=True)
            speaking.say_next()
        self._again = ""

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
            self.say("too_long" if turn.failed == "too_long" else "cut_off")
