"""The gate before an answer to something that may not be over: prepared early, kept back, given only when it was said.

    shut ──guess──► guessed ──the same again──► guessed          deltas come: ReplyBegin(gated), ReplyText
                      │  └─────other words──► guessed (ReviseTurn; at most ``max_tries`` guesses an utterance)
                      ├──take(what was said): a match──► shut, and what was prepared is the asker's (CommitTurn)
                      ├──take_intent: a match──► acting ──confirm(what the skill says): the same──► shut, likewise
                      └──anything else that was said, drop, TurnFailed──► shut (CancelTurn, Cancel of the gated reply)

A guess is a question to the endpoint, or a local intent whose answer is previewed and never carried out here. Questions match
by their words (``normalise``: case and punctuation do not count), intents by name and slots. A guess that failed is forgotten:
what is really said is asked as if there had been none.

Sources: LiveKit's preemptive generation (its bounds of 3 tries and 10 s), Pipecat's speculation gate (normalised match).
Pure: values in, commands out through ``emit``; positions in samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from device.config.schema import SpeculationSection
from device.config.words import normalise
from device.conversation.speaking import Reply, Speaking
from device.conversation.turn import Turn
from device.values import (
    RATE_HZ,
    Cancel,
    CancelTurn,
    Command,
    CommitTurn,
    HeardReport,
    Intent,
    Message,
    OpenTurn,
    Preview,
    ReplyBegin,
    ReplyFinish,
    ReplyText,
    ReviseTurn,
)

__all__ = ["Gate", "Prepared"]

HELD_CHARS = 4096
"""Most text of an answer that a gated reply is given; only its first clause is synthesised anyway."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question that was guessed and came true. ``reply``: what it is answered with; None where no words came yet."""

    turn: Turn
    reply: Reply | None


class Gate:
    """At most one guess. ``speaking`` mints the replies' numbers, ``turns`` the turns'."""

    def __init__(
        self,
        emit: Callable[[Command], None],
        settings: SpeculationSection,
        speaking: Speaking,
        turns: Callable[[str, int], Turn],
    ) -> None:
        self._emit, self._settings, self._speaking, self._turns = emit, settings, speaking, turns
        self._turn: Turn | None = None
        self._intent: Intent | None = None
        self._reply: Reply | None = None
        self._held = 0
        self._previewed = ""
        self._acting = False
        self._utterance, self._tries = -1, 0

    def reconfigure(self, settings: SpeculationSection) -> None:
        """Other rules, for the guesses to come; one that is made goes its way."""
        self._settings = settings

    @property
    def guessing(self) -> bool:
        """There is a guess that has neither come true nor been dropped."""
        return self._turn is not None or self._intent is not None

    def may_guess(self, utterance: int, spoken: int) -> bool:
        """Whether another guess about ``utterance``, whose speech lasts ``spoken`` samples so far, is allowed."""
        if not self._settings.enabled or spoken > self._settings.max_speech_s * RATE_HZ:
            return False
        return utterance != self._utterance or self._tries < self._settings.max_tries

    # ------------------------------------------------------------------ guesses

    def asks(self, text: str) -> bool:
        """Whether the guess is the question ``text``."""
        return self._turn is not None and normalise(self._turn.text) == normalise(text)

    def ask(
        self,
        now: int,
        utterance: int,
        text: str,
        conversation: tuple[Message, ...],
        heard_prev: HeardReport | None,
    ) -> None:
        """Guess that the question is ``text``; a guess that says something else becomes it."""
        self._count(utterance)
        old, turn = self._turn, self._turns(text, now)
        if old is None:
            self.drop("revised")
            self._emit(OpenTurn(turn.id, text, conversation, heard_prev, speculative=True))
        else:
            self._shut()
            self._emit(ReviseTurn(old.id, turn.id, text))
        self._turn = turn

    def act(self, utterance: int, intent: Intent) -> None:
        """Guess that ``intent`` is meant; its answer is asked for, nothing is done."""
        if self._intent == intent:
            return
        self.drop("revised")
        self._count(utterance)
        self._intent = intent
        self._emit(Preview(intent))

    def drop(self, reason: str) -> None:
        """Forget the guess, and all that was prepared for it."""
        self._shut()
        if self._turn is not None:
            self._emit(CancelTurn(self._turn.id, reason))
        self._turn = self._intent = None
        self._acting = False

    # ------------------------------------------------------------------ what comes in for it

    def previewed(self, intent: Intent, text: str) -> None:
        """What ``intent`` would be answered with."""
        if intent != self._intent or self._reply is not None or not text.strip():
            return
        self._previewed = text
        self._begin(None, "", whole=True)
        self._pass(text)
        self._finish()

    def owns(self, turn: int) -> bool:
        """Whether ``turn`` is the guess's."""
        return self._turn is not None and self._turn.id == turn

    def acked(self) -> None:
        """A worker has taken it."""
        if self._turn is not None:
            self._turn.acked = True

    def delta(self, now: int, text: str) -> None:
        """The next piece of the answer to the guess."""
        turn = self._turn
        if turn is None or turn.ended:
            return
        turn.words(now, text)  # which keeps what somebody may want to hear, whatever comes
        if self._reply is None and turn.has_words:
            self._begin(turn.id, turn.text)
        if self._reply is not None and self._held < HELD_CHARS:
            self._pass(turn.take())

    def ended(self, expect: bool) -> None:
        """The answer is complete; one without words is as good as none."""
        turn = self._turn
        if turn is None or turn.ended:
            return
        turn.ended, turn.expect = True, expect
        if self._reply is None:
            self.drop("empty")
        elif not turn.waiting_text:
            self._reply.expect = expect
            self._finish()

    def failed(self) -> None:
        """No answer will come: as if nothing had been guessed. It is asked again when it is known what was said."""
        self.drop("failed")

    # ------------------------------------------------------------------ what was really said

    def take(self, now: int, text: str) -> Prepared | None:
        """The question is ``text``, for good. What was prepared for it; None, and any other guess is dropped."""
        turn = self._turn
        if turn is None or not self.asks(text):
            self.drop("not_said")
            return None
        turn.commit(now)
        self._emit(CommitTurn(turn.id))
        prepared = Prepared(turn, self._reply)
        self._turn = self._reply = None
        return prepared

    def take_intent(self, intent: Intent) -> None:
        """``intent`` is meant, for good, and being carried out: its answer waits for ``confirm``."""
        if self._intent != intent or self._reply is None:
            self.drop("not_said")
        else:
            self._intent, self._acting = None, True

    def confirm(self, text: str) -> Reply | None:
        """The skill has done it and says ``text``; the reply that says so already, if there is one."""
        if not self._acting:
            return None
        self._acting = False
        reply = self._reply
        if text != self._previewed:
            self._shut()
            return None
        self._reply = None
        return reply

    # ------------------------------------------------------------------ inside

    def _count(self, utterance: int) -> None:
        self._tries = self._tries + 1 if utterance == self._utterance else 1
        self._utterance = utterance

    def _begin(self, turn: int | None, question: str, whole: bool = False) -> None:
        self._reply = self._speaking.mint(turn, question)
        self._held = 0
        self._emit(ReplyBegin(self._reply.id, gated=True, turn=turn, whole=whole))

    def _pass(self, text: str) -> None:
        if self._reply is not None and text:
            self._held += len(text)
            self._reply.text += text
            self._emit(ReplyText(self._reply.id, text))

    def _finish(self) -> None:
        if self._reply is not None:
            self._reply.finished = True
            self._emit(ReplyFinish(self._reply.id))

    def _shut(self) -> None:
        """Cancel the gated reply: nothing of it was to be heard."""
        if self._reply is not None:
            self._emit(Cancel(self._reply.id))
            self._reply = None
