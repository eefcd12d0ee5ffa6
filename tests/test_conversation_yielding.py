"""The judgement on who talks over a reply: whatever is said in whatever order, it keeps its word."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from device.config import Config, load_words
from device.conversation.timing import Timing
from device.conversation.words import Judge
from device.conversation.yielding import Move, Yielding
from device.values import samples

TIMING, JUDGE = Timing.of(Config()), Judge(load_words())
STEP = samples(10)
HARD, NODS, ONE, TALK = (
    ["stop", "wait", "no"],
    ["mm-hm", "yeah", "i see"],
    ["[unk]", "the"],
    ["[unk] [unk]", "yeah but"],
)
KINDS = {
    **dict.fromkeys(HARD, "hard"),
    **dict.fromkeys(NODS, "nod"),
    **dict.fromkeys(ONE, "one"),
    **dict.fromkeys(TALK, "talk"),
}

PAUSES = st.tuples(st.just("wait"), st.integers(1, 60))
SAID = st.one_of(
    PAUSES,
    st.tuples(st.just("speech"), st.integers(0, 12)),
    st.tuples(st.just("silence"), st.integers(18, 30)),
    st.tuples(st.just("echo"), st.integers(5, 24)),
    st.tuples(st.just("words"), st.sampled_from([*HARD, *NODS, *ONE, *TALK])),
    st.tuples(st.just("final"), st.just(0)),
)
"""What may be told, with steps of 10 ms: how long to wait, how long ago it began or ended."""


class Reply:
    """A reply, and somebody who talks over it; every law is looked at in every step."""

    def __init__(self, instant: bool = False) -> None:
        self.yielding = Yielding(TIMING, instant)
        self.yielding.begin()
        self.now = samples(5000)
        self.ducked = self.held = self.cancelled = self.talking = self.echo = False
        self.onset = self.told = self.now
        self.moves: list[Move] = []

    def made(self, moves: tuple[Move, ...], reason: str = "") -> tuple[Move, ...]:
        for move in moves:
            assert not self.cancelled, f"{move} after the reply was cancelled"
            match move:
                case Move.DUCK:
                    assert not self.ducked and reason == "speech"
                    self.ducked = True
                case Move.HOLD:
                    assert self.ducked and not self.held
                    self.held = True
                case Move.RESUME:
                    assert self.ducked, "resumed what went on"
                    assert not self.talking, "resumed while somebody speaks"
                    self.ducked = self.held = False
                case Move.CANCEL:
                    long = self.now - self.onset >= TIMING.cancel and self.talking
                    assert reason in ("hard", "talk") or long or reason == "instant"
                    self.cancelled, self.ducked, self.held = True, False, False
        self.moves += moves
        assert (self.yielding.ducked, self.yielding.held) == (self.ducked, self.held)
        return moves

    def wait(self, steps: int) -> None:
        for _ in range(steps):
            self.now += STEP
            self.made(self.yielding.tick(self.now))
            assert not self.ducked or self.now - self.told <= max(TIMING.cancel, TIMING.resume) + STEP, (
                "neither resumed nor cancelled"
            )

    def tell(self, what: str, value: int | str) -> None:
        if what == "wait":
            self.wait(int(value))
            return
        self.told = self.now
        match what:
            case "speech":
                if not self.talking:
                    self.talking, self.echo, self.onset = True, False, self.now - int(value) * STEP
                undisturbed = not self.ducked and not self.cancelled
                moves = self.made(self.yielding.speech(self.onset), "speech")
                assert (Move.DUCK in moves) == undisturbed, (
                    "not ducked in the step in which the speech is told"
                )
            case "silence" | "echo":
                self.talking, self.echo = False, self.echo or (what == "echo" and self.ducked)
                self.made(self.yielding.silence(self.now - int(value) * STEP, echo=what == "echo"))
            case "words":
                kind, before = KINDS[str(value)], self.cancelled
                moves = self.made(self.yielding.words(JUDGE(str(value)), self.now), kind)
                if kind in ("hard", "talk") and not self.echo:
                    assert (Move.CANCEL in moves) == (not before), "words did not cancel in their own step"
            case "final":
                self.made(self.yielding.nothing())


@settings(max_examples=400, deadline=None)
@given(st.lists(SAID, max_size=40))
def test_whatever_is_said_a_reply_gives_way_at_once_and_is_resumed_or_cancelled_in_time(said):
    reply = Reply()
    for what, value in said:
        reply.tell(what, value)
    reply.tell("silence", 20)
    reply.wait(60)
    assert not reply.ducked


NODDING = st.one_of(
    PAUSES,
    st.tuples(st.just("words"), st.sampled_from([*NODS, *ONE])),
    st.tuples(st.just("final"), st.just(0)),
    st.tuples(st.just("burst"), st.integers(5, 95)),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(NODDING, max_size=30))
def test_nods_and_short_sounds_never_cancel(said):
    reply = Reply()
    for what, value in said:
        if what == "burst":
            reply.tell("speech", 0)
            reply.wait(int(value))
            reply.tell("silence", 0)
        else:
            reply.tell(what, value)
    reply.wait(60)
    assert not reply.cancelled and not reply.ducked


@settings(max_examples=100, deadline=None)
@given(st.lists(SAID, max_size=20))
def test_instant_never_ducks_and_cuts_once(said):
    yielding, now, cuts = Yielding(TIMING, instant=True), samples(5000), 0
    yielding.begin()
    for what, value in said:
        moves = (
            yielding.speech(now) if what == "speech" else yielding.silence(now) if what == "silence" else ()
        )
        assert set(moves) <= {Move.CANCEL}
        cuts += len(moves)
        now += int(value) * STEP if what == "wait" else 0
    assert cuts == any(what == "speech" for what, _ in said)


def test_where_it_may_be_its_own_echo_only_an_unmistakable_stop_cancels():
    yielding = Yielding(TIMING)
    yielding.begin()
    yielding.speech(0)
    yielding.silence(samples(100), echo=True)
    assert yielding.words(JUDGE("wait"), samples(200)) == ()
    assert yielding.words(JUDGE("cancel"), samples(200)) == ()
    assert yielding.words(JUDGE("stop"), samples(200)) == (Move.CANCEL,)


def test_each_reply_is_judged_anew():
    yielding = Yielding(TIMING)
    yielding.begin()
    yielding.speech(0)
    assert yielding.words(JUDGE("stop"), 0) == (Move.CANCEL,)
    assert yielding.speech(0) == ()
    yielding.begin()
    assert yielding.speech(0) == (Move.DUCK,)
