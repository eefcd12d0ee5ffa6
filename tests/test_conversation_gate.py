"""The gate: nothing uncommitted is ever audible, no action runs twice, the last committed text wins. Whatever comes."""

from __future__ import annotations

from helpers_conversation import config
from hypothesis import given, settings
from hypothesis import strategies as st

from device import values as v
from device.config.words import normalise
from device.conversation.answering import Answering
from device.conversation.timing import Timing

TEXTS = st.sampled_from(["paris", "Paris?", "paris tomorrow", "rome", "the moon"])
INTENTS = st.sampled_from([v.Intent("time"), v.Intent("volume_set", {"volume": 40})])
STEPS = st.one_of(
    st.tuples(st.just("guess"), TEXTS),
    st.tuples(st.just("guess"), TEXTS),
    st.tuples(st.just("guess_intent"), INTENTS),
    st.tuples(st.just("preview"), st.booleans()),
    st.tuples(st.just("delta"), st.integers(0, 2)),
    st.tuples(st.just("delta"), st.integers(0, 0)),
    st.tuples(st.just("ended"), st.integers(0, 1)),
    st.tuples(st.just("failed"), st.integers(0, 1)),
    st.tuples(st.just("ask"), TEXTS),
    st.tuples(st.just("ask what was guessed"), st.none()),
    st.tuples(st.just("act"), INTENTS),
    st.tuples(st.just("act as guessed"), st.none()),
    st.tuples(st.just("drop"), st.none()),
    st.tuples(st.just("floor is free"), st.none()),
    st.tuples(st.just("reply ends"), st.booleans()),
)


class Model:
    """The rooms around the gate: what each turn asks, what each reply says, which of it can be heard."""

    def __init__(self) -> None:
        setup = config()
        self.now = 0
        self.answering = Answering(self.command, Timing.of(setup), setup)
        self.asks: dict[int, str] = {}
        """Text of every turn that was opened or revised to."""
        self.committed: dict[int, str] = {}
        self.reply_of: dict[int, int | None] = {}
        self.gated: set[int] = set()
        self.audible: dict[int, str] = {}
        self.behind: dict[int, str] = {}
        self.current: int | None = None
        self.guess: int | None = None
        self.intent: v.Intent | None = None
        self.asked: list[str] = []
        self.acting: v.Intent | None = None
        self.acted: list[v.Intent] = []

    def command(self, command: v.Command) -> None:
        match command:
            case v.OpenTurn(turn=turn, text=text, speculative=speculative):
                self.asks[turn] = text
                self.guess = turn if speculative else None
                if not speculative:
                    self.committed[turn] = text
            case v.ReviseTurn(turn=turn, to=to, text=text):
                assert turn == self.guess and to not in self.asks
                self.asks[to], self.guess = text, to
            case v.CommitTurn(turn=turn):
                assert turn == self.guess
                self.committed[turn], self.guess = self.asks[turn], None
            case v.CancelTurn(turn=turn) if turn == self.guess:
                self.guess = None
            case v.ReplyBegin(reply=reply, gated=gated, turn=turn):
                self.reply_of[reply] = turn
                self.behind[reply] = ""
                self.gated.add(reply) if gated else self._sounds(reply)
            case v.ReplyText(reply=reply, text=text):
                self.behind[reply] += text
                if reply not in self.gated:
                    self._sounds(reply)
            case v.Release(reply=reply):
                self.gated.remove(reply)
                self._sounds(reply)
            case v.Cancel(reply=reply):
                self.gated.discard(reply)
                self.behind.pop(reply, None)
            case v.Say(reply=reply, text=text):
                self.reply_of[reply] = None
                self.audible[reply] = text
                self.current = reply

    def _sounds(self, reply: int) -> None:
        turn = self.reply_of[reply]
        assert turn is None or turn in self.committed, "an answer to what was only guessed is audible"
        self.audible[reply] = self.behind[reply]
        self.current = reply

    # ------------------------------------------------------------------ what happens

    def step(self, what: str, value) -> None:
        a = self.answering
        self.now += 160
        turns = sorted(self.asks)
        match what:
            case "guess":
                a.guess(self.now, 1 + self.now // 8000, 1000, value)
            case "guess_intent":
                self.intent = value
                a.guess_intent(1 + self.now // 8000, 1000, value)
            case "preview" if self.intent is not None:
                a.previewed(self.intent, f"{self.intent.name} is done" if value else "")
            case "delta" if turns:
                turn = turns[max(0, len(turns) - 1 - value)]
                a.delta(self.now, turn, f"{turn}:{self.asks[turn]} ")
            case "ended" if turns:
                a.ended(turns[max(0, len(turns) - 1 - value)], False)
            case "failed" if turns:
                a.failed(turns[max(0, len(turns) - 1 - value)], "no_worker")
            case "ask":
                self._ask(value)
            case "ask what was guessed" if self.guess is not None:
                self._ask(self.asks[self.guess].upper())
            case "act":
                self._act(value)
            case "act as guessed" if self.intent is not None:
                self._act(self.intent)
            case "drop":
                a.drop_guess()
            case "floor is free":
                a.drop_guess()
                a.proceed(self.now, False)
            case "reply ends" if self.current is not None:
                text = self.audible[self.current]
                a.reply_ended(v.ReplyEnded(self.now, self.current, text, 1))
                self.current = None
        a.proceed(self.now, True)

    def _ask(self, text: str) -> None:
        if self.answering.replying:  # the user would have interrupted it
            return
        self.asked.append(text)
        self.answering.ask(self.now, text)
        self.answering.proceed(self.now, True)
        last = max(self.committed)
        said = normalise(self.committed[last])
        assert said[-len(normalise(text)) :] == normalise(text), (
            "the last committed text is not what was said last"
        )

    def _act(self, intent: v.Intent) -> None:
        self.answering.act(intent)
        before = len(self.audible)
        self.answering.skill_said(f"{intent.name} is done", False)
        assert len(self.audible) == before, "it is audible before the floor is free"
        self.acted.append(intent)


@settings(max_examples=1500, deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_nothing_uncommitted_is_audible_and_the_last_committed_text_wins(steps):
    model = Model()
    for what, value in steps:
        model.step(what, value)
    for reply, text in model.audible.items():
        turn = model.reply_of[reply]
        for word in text.split() if turn is not None else ():
            number, colon, _ = word.partition(":")
            assert not colon or int(number) == turn, f"words of turn {number} in the answer to turn {turn}"


@settings(max_examples=500, deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_what_was_done_is_said_once(steps):
    model = Model()
    for what, value in steps:
        model.step(what, value)
    for _ in range(60):  # everything that waits gets the floor
        model.step("floor is free", None)
        model.step("reply ends", True)
    done = [text for text in model.audible.values() if text.endswith("is done")]
    assert sorted(done) == sorted(f"{intent.name} is done" for intent in model.acted)
