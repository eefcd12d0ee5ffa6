"""A conversation to talk to by hand, and the laws that its commands must keep whatever happens."""

from __future__ import annotations

from typing import Any

import msgspec

from device import values as v
from device.config import Config, load_words
from device.conversation import Conversation

STEP_MS = 10


def config(**sections: dict[str, Any]) -> Config:
    """The defaults with overrides: ``config(conversation={"follow_up_s": 0})``."""
    return msgspec.convert(sections, Config)


class Laws:
    """Watches every command and event; a broken law is an AssertionError that names it."""

    def __init__(self, history: int) -> None:
        self.history = history
        self.utterance: int | None = None
        self.utterances = self.replies = self.turns = 0
        self.awaited: set[int] = set()
        self.reply: int | None = None
        self.local = self.cancelled = self.finished = self.ducked = self.held = False
        self.turn: int | None = None
        self.closed_turns: set[int] = set()
        self.given_up: int | None = None
        """A failed turn: only one that no worker had taken may still be taken late."""
        self.taken = False
        self.guess: int | None = None
        """The speculative turn, as long as it is neither committed nor cancelled."""
        self.guess_over = False
        self.guess_text = ""
        self.gated: int | None = None
        """The reply behind its gate."""
        self.gated_turn: int | None = None
        self.gated_finished = False
        self.wanted = False
        """What is behind the gate was said: a turn committed, or an intent acted upon."""
        self.turn_of: dict[int, int | None] = {}
        self.cut_turns: set[int] = set()
        """Turns whose reply was cut: the rest of it may be gone on with."""
        self.previews: list[v.Intent] = []
        self.acts: list[v.Intent] = []
        self.announcements: set[int] = set()
        """Announced, and not told what became of them."""
        self.loudness = v.Loudness()
        self.shown = v.Show()

    def event(self, event: v.Event) -> None:
        match event:
            case v.ReplyEnded(reply=reply) | v.ReplyCut(reply=reply) if reply == self.reply:
                if isinstance(event, v.ReplyCut) and self.turn_of.get(reply) is not None:
                    self.cut_turns.add(self.turn_of[reply])
                self.reply = None
            case v.TurnEnded(turn=turn) | v.TurnFailed(turn=turn) if turn == self.guess:
                self.guess_over = True
            case v.Announce(announcement=number):
                self.announcements.add(number)
            case v.Final(utterance=utterance):
                self.awaited.discard(utterance)
            case v.TurnEnded(turn=turn) if turn == self.turn:
                self.turn = None
            case v.TurnFailed(turn=turn) if turn == self.turn:
                self.turn, self.given_up = None, turn
            case v.TurnAcked(turn=turn):
                if turn == self.given_up and self.turn is None and not self.taken:
                    self.turn = turn
                self.taken = True
            case v.TurnDelta(turn=turn) if turn in (self.turn, self.guess):
                self.taken = True
            case v.SkillDone(intent=intent) if intent in self.acts:
                self.acts.remove(intent)

    def commands(self, event: v.Event | None, commands: list[v.Command]) -> None:
        began = False
        for command in commands:
            self._one(event, command)
            began |= isinstance(command, v.Say | v.Release)
            began |= isinstance(command, v.ReplyBegin) and not command.gated
        if began:
            assert self.utterance is None, "a reply begins over an open utterance"
        if not self.announcements:
            assert self.loudness == v.Loudness(), "loud, or soft, after the announcement"
        assert self.guess is None or self.utterance is not None or self.awaited, (
            "a guess outlives what was said"
        )
        if self.ducked:
            assert self.reply is not None, "ducked or held, and no reply to resume"
            assert not self.cancelled, "ducked or held, and the reply is cancelled"
        assert (self.shown.ducked, self.shown.held) == (self.ducked, self.held), (
            "Show lies about the playback"
        )

    def _one(self, event: v.Event | None, command: v.Command) -> None:
        match command:
            case v.Listen():
                assert self.utterance is None, "two utterances at once"
                assert command.utterance > self.utterances, "utterance number used twice"
                assert 0 <= command.start <= command.after
                self.utterance = self.utterances = command.utterance
            case v.Finalise() | v.Discard():
                assert command.utterance == self.utterance, f"{command} without its Listen"
                self.utterance = None
                if isinstance(command, v.Finalise):
                    self.awaited.add(command.utterance)
            case v.ReplyBegin(gated=True):
                assert self.gated is None, "two replies behind the gate"
                assert self.reply is None, "a guess beside a reply"
                assert command.reply > self.replies, "reply number used twice"
                assert (command.turn is None and self.previews) or command.turn == self.guess
                self.gated = self.replies = command.reply
                self.turn_of[command.reply] = self.gated_turn = command.turn
                self.gated_finished = self.wanted = False
            case v.Release():
                assert command.reply == self.gated, "a gate opens that is not there"
                assert self.wanted, "what was only guessed becomes audible"
                assert self.reply is None, "two replies overlap"
                self.reply, self.gated = self.gated, None
                self.local, self.cancelled = self.gated_turn is None, False
                self.finished = self.gated_finished
            case v.Say() | v.ReplyBegin():
                assert self.reply is None, "two replies overlap"
                assert command.reply > self.replies, "reply number used twice"
                self.reply = self.replies = command.reply
                self.local, self.cancelled = isinstance(command, v.Say), False
                self.finished = self.local
                self.turn_of[command.reply] = None if self.local else command.turn
            case v.ReplyText(text=text):
                self._of_reply(command.reply)
                assert text
                assert command.reply != self.gated or self.wanted or self.guess is not None or self.previews
                turns = {int(piece.split(".")[0]) for piece in text.split() if piece[0].isdigit()}
                assert len(turns) <= 1, "one piece of text from two turns"
                for turn in turns:
                    if turn == self.turn_of[command.reply] and turn in self.cut_turns:
                        continue  # what was not heard of it is gone on with
                    assert turn not in self.closed_turns, "words of a cancelled turn are spoken"
                    assert turn == self.turns, "words of an older turn are spoken"
            case v.ReplyFinish():
                self._of_reply(command.reply)
                if command.reply == self.gated:
                    self.gated_finished = True
                else:
                    self.finished = True
            case v.Cancel(reply=reply) if reply == self.gated:
                self.gated = None
            case v.Cancel():
                assert command.reply == self.reply, "Cancel of a reply that is not there"
                assert not self.cancelled, "Cancel twice"
                self.cancelled, self.ducked, self.held = True, False, False
            case v.Duck():
                assert self.reply is not None and not self.cancelled and not self.ducked
                self.ducked = True
            case v.Hold():
                assert self.ducked and not self.held
                self.held = True
            case v.Resume():
                assert self.ducked, "Resume of nothing"
                self.ducked = self.held = False
            case v.OpenTurn():
                assert self.turn is None, "two turns at once"
                assert self.guess is None, "a turn beside a guess"
                assert command.turn > self.turns, "turn number used twice"
                assert command.text.strip()
                assert len(command.conversation) <= self.history
                assert not (self.reply is not None and self.cancelled), (
                    "a turn opened before the cut was reported"
                )
                self.turns = command.turn
                self.given_up, self.taken = None, False
                self.guess_text = command.text
                if command.speculative:
                    self.guess, self.guess_over = command.turn, False
                else:
                    self.turn = command.turn
            case v.ReviseTurn():
                assert command.turn == self.guess and command.to > self.turns
                self.closed_turns.add(command.turn)
                self.guess, self.guess_text = command.to, command.text
                self.taken = False
                self.turns = command.to
                self.guess_over = False
            case v.CommitTurn():
                assert isinstance(event, v.Final), "committed without a last word"
                assert command.turn == self.guess and self.turn is None
                self.turn, self.guess = None if self.guess_over else command.turn, None
                self.wanted = self.gated_turn == command.turn
            case v.CancelTurn(turn=turn) if turn == self.guess:
                self.closed_turns.add(turn)
                self.guess = None
            case v.CancelTurn():
                assert command.turn in (self.turn, self.given_up), "CancelTurn of a turn that is over"
                if command.reason != "timeout":  # what came in time is spoken, then that the rest is lost
                    self.closed_turns.add(command.turn)
                self.turn = self.given_up = None
            case v.SendHeard():
                assert isinstance(event, v.ReplyCut) and event.heard.strip()
                assert command.report.text.endswith(event.heard)
            case v.Preview():
                assert self.utterance is not None
                self.previews.append(command.intent)
            case v.Act():
                assert command.intent.name not in ("stop", "cancel", "wait", "repeat", "go_on", "correct")
                assert isinstance(event, v.Final), "an action without a last word"
                self.acts.append(command.intent)
                self.wanted |= self.gated is not None and self.gated_turn is None
            case v.Announced(announcement=number):
                assert number in self.announcements, "two outcomes of one announcement"
                self.announcements.discard(number)
            case v.Loudness():
                assert command != self.loudness, "Loudness without a change"
                self.loudness = command
            case v.Show():
                assert command != self.shown, "Show without a change"
                self.shown = command

    def _of_reply(self, reply: int) -> None:
        if reply == self.gated:
            assert not self.gated_finished
            return
        assert reply == self.reply, "text for a reply that is not there"
        assert not self.local and not self.cancelled and not self.finished


class Talk:
    """Drives one conversation; ``log`` holds every command with the time [ms] at which it came."""

    def __init__(self, **sections: dict[str, Any]) -> None:
        self.config = config(**sections)
        self.conversation = Conversation(self.config, load_words())
        self.laws = Laws(self.config.conversation.history)
        self.now = 0
        self.log: list[tuple[float, v.Command]] = []

    @property
    def position(self) -> int:
        return v.samples(self.now)

    def event(self, event: v.Event) -> list[v.Command]:
        self.laws.event(event)
        return self._note(event, self.conversation.handle(event))

    def wait(self, milliseconds: int) -> list[v.Command]:
        """Let time pass in steps; the commands that it led to."""
        commands: list[v.Command] = []
        for _ in range(milliseconds // STEP_MS):
            self.now += STEP_MS
            commands += self._note(None, self.conversation.tick(self.position))
        return commands

    def until(self, ms: int) -> list[v.Command]:
        return self.wait(ms - self.now)

    def _note(self, event: v.Event | None, commands: list[v.Command]) -> list[v.Command]:
        self.log += [(self.now, command) for command in commands]
        self.laws.commands(event, commands)
        return commands

    def deafen(self, deaf: bool = True) -> list[v.Command]:
        return self._note(None, self.conversation.deafen(self.position, deaf))

    # ------------------------------------------------------------------ what the rooms say, now

    def wake(self, ago: int = 150) -> list[v.Command]:
        return self.event(v.Wake(self.position, "alexa", 0.97, max(0, v.samples(self.now - ago))))

    def speech(self, ago: int = 60) -> list[v.Command]:
        return self.event(v.SpeechBegan(self.position, max(0, v.samples(self.now - ago))))

    def silence(self, ago: int = 100) -> list[v.Command]:
        return self.event(v.SpeechEnded(self.position, v.samples(self.now - ago)))

    def barge_in(self, ago: int = 80, score: float = 12.0) -> list[v.Command]:
        return self.event(v.BargeIn(self.position, v.samples(self.now - ago), score))

    def barge_in_ended(self, ago: int = 100) -> list[v.Command]:
        return self.event(v.BargeInEnded(self.position, v.samples(self.now - ago)))

    def partial(
        self,
        text: str,
        accepted: bool = True,
        utterance: int | None = None,
        intent: str = "",
        free: bool = True,
    ) -> list[v.Command]:
        number = self.laws.utterances if utterance is None else utterance
        known = v.Intent(intent) if intent else None
        return self.event(v.Partial(self.position, number, text, (), accepted, free, known))

    def plausible(self, ago: int = 150, utterance: int | None = None) -> list[v.Command]:
        number = self.laws.utterances if utterance is None else utterance
        return self.event(v.PlausibleEnd(self.position, number, v.samples(self.now - ago)))

    def preview(self, intent: str, text: str = "") -> list[v.Command]:
        return self.event(v.SkillPreview(self.position, v.Intent(intent), text))

    def endpoint(self, ago: int = 600) -> list[v.Command]:
        return self.event(v.Endpoint(self.position, self.laws.utterances, v.samples(self.now - ago)))

    def final(
        self,
        text: str,
        intent: str = "",
        accepted: bool = True,
        free: bool = True,
        utterance: int | None = None,
    ) -> list[v.Command]:
        number = self.laws.utterances if utterance is None else utterance
        known = v.Intent(intent) if intent else None
        return self.event(v.Final(self.position, number, text, (), accepted, known, free))

    @property
    def _number(self) -> int:
        """The reply that is being said; else the last one that was."""
        return self.laws.replies if self.laws.reply is None else self.laws.reply

    def started(self) -> list[v.Command]:
        return self.event(v.ReplyStarted(self.position, self._number))

    def ended(self, heard: str = "All of it.") -> list[v.Command]:
        return self.event(v.ReplyEnded(self.position, self._number, heard, len(heard.split())))

    def cut(self, heard: str = "") -> list[v.Command]:
        words = len(heard.split())
        return self.event(v.ReplyCut(self.position, self._number, heard, len(heard), words, 300 * words))

    def delta(self, text: str) -> list[v.Command]:
        return self.event(v.TurnDelta(self.position, self.laws.turns, text))

    def turn_ended(self, expect_reply: bool = False) -> list[v.Command]:
        return self.event(v.TurnEnded(self.position, self.laws.turns, expect_reply))

    def turn_failed(self, code: str) -> list[v.Command]:
        return self.event(v.TurnFailed(self.position, self.laws.turns, code))

    def skill_done(self, intent: str, text: str = "", ok: bool = True) -> list[v.Command]:
        return self.event(v.SkillDone(self.position, v.Intent(intent), text, ok))

    # ------------------------------------------------------------------ scenes

    def ask(self, text: str = "tell me a story") -> list[v.Command]:
        """Wake word and a question in one breath, up to its turn."""
        self.wait(1000)
        self.wake()
        self.wait(1500)
        self.partial(text)
        self.wait(600)
        self.endpoint()
        return self.final(text)

    def speaking(self, text: str = "Once upon a time there was a long story.") -> None:
        """... and its answer, audible."""
        self.ask()
        self.wait(300)
        self.delta(text)
        self.wait(200)
        self.started()
        self.wait(1000)

    def local_reply(self, text: str = "It is nine o'clock.") -> None:
        """Wake word, local command, and its spoken answer, audible."""
        self.wait(1000)
        self.wake()
        self.wait(1500)
        self.endpoint()
        self.final("what time is it", "time")
        self.skill_done("time", text)
        self.wait(100)
        self.started()
        self.wait(300)


def kinds(commands: list[v.Command]) -> list[str]:
    """Names of the commands but Show, which has its own tests."""
    return [type(command).__name__ for command in commands if not isinstance(command, v.Show)]


def only(commands: list[v.Command], kind: type) -> Any:
    """The one command of ``kind`` among ``commands``."""
    found = [command for command in commands if isinstance(command, kind)]
    assert len(found) == 1, f"{len(found)} {kind.__name__} in {commands}"
    return found[0]
