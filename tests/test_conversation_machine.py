"""Whatever the ear, the mouth, the link and the user do, in any order: the laws hold and the device comes to rest."""

from __future__ import annotations

from helpers_conversation import Talk
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from device import values as v

TEXTS = st.sampled_from(
    ["", "stop", "wait", "[unk]", "[unk] [unk]", "stop [unk]", "no", "yeah", "mm-hm", "the", "what", "yeah right", "what about paris", "stop it please",
     "no i meant tomorrow", "turn it up"]
)  # fmt: skip
INTENTS = st.sampled_from(
    ["", "", "", "stop", "cancel", "wait", "volume_up", "time", "repeat", "go_on", "correct"]
)
CODES = st.sampled_from(["no_broker", "no_worker", "timeout", "the_worker_says_so"])
SCENES = st.sampled_from(
    [
        *[
            "nothing",
            "woken",
            "guessing",
            "guessing",
            "released",
            "gate waits",
            "previewing",
            "thinking",
            "going on",
        ],
        *["speaking", "barge-in", "barge-in", "warm-up", "answered", "interrupted"],
    ]
)
PAUSES = st.sampled_from([10, 50, 100, 250, 300, 400, 600, 1000, 1600, 6000])


class World(RuleBasedStateMachine):
    """Rooms that answer as their contracts say, at any time, and sometimes too late or for something long over."""

    mode = "considerate"

    def __init__(self) -> None:
        super().__init__()
        self.talk = Talk(conversation={"history": 4, "answer_s": 5.0}, barge_in={"mode": self.mode})
        self.laws = self.talk.laws
        self.pieces = self.announced = 0

    def pass_time(self, milliseconds: int) -> None:
        """As the mouth promises, a cancelled reply is reported in the next step."""
        for _ in range(milliseconds // 10):
            if self.laws.reply is not None and self.laws.cancelled:
                self.talk.cut("")
            self.talk.wait(10)

    # ------------------------------------------------------------------ scenes, or most runs would stay at the door

    @initialize(scene=SCENES, answers=st.booleans())
    def begin_somewhere(self, scene, answers):
        self.recogniser_answers = answers
        self.play(scene)

    @precondition(lambda self: self.laws.shown == v.Show())
    @rule(scene=SCENES)
    def begin_again(self, scene):
        self.play(scene)

    def play(self, scene: str) -> None:
        talk = self.talk
        if scene == "nothing":
            return
        self.pass_time(1000)
        talk.wake()
        if scene == "woken":
            return
        if scene in ("guessing", "released", "gate waits"):
            talk.partial("what about paris")
            talk.plausible()
            self.delta(0, False)
            if scene != "guessing":
                number = self.laws.utterance
                talk.endpoint()
                talk.speech() if scene == "gate waits" else None
                talk.final("What about Paris?", utterance=number)
            return
        if scene == "previewing":
            talk.partial("what time is it", intent="time")
            talk.plausible()
            talk.preview("time", "It is nine o'clock.")
            return
        talk.endpoint()
        talk.final("tell me a story")
        if scene == "going on":
            talk.speech()
        if scene in ("thinking", "going on"):
            return
        talk.event(v.TurnDelta(talk.position, self.laws.turns, f"{self.laws.turns}.0 "))
        talk.started()
        if scene == "answered":
            talk.turn_ended()
            talk.ended()
        elif scene == "interrupted":
            talk.event(v.TurnDelta(talk.position, self.laws.turns, f"{self.laws.turns}.1 "))
            talk.turn_ended()
            talk.barge_in()
            self.pass_time(1200)
            talk.endpoint()
        elif scene != "speaking":
            talk.barge_in(score=0.0 if scene == "warm-up" else 9.5)

    @rule(milliseconds=PAUSES)
    def time_passes(self, milliseconds):
        self.pass_time(milliseconds)

    @rule(ago=st.integers(0, 300))
    def wake(self, ago):
        self.talk.wake(ago)

    @rule()
    def stop_word(self):
        self.talk.event(v.StopHeard(self.talk.position, "stop", 0.9))
        assert not (self.laws.shown.speaking or self.laws.shown.thinking)
        assert not self.laws.shown.attending or self.laws.utterance is not None, (
            "attends to nobody after stop"
        )

    @rule(on=st.booleans())
    def alarm(self, on):
        self.talk.event(v.Sounding(self.talk.position, on))

    @rule()
    def button(self):
        commands = self.talk.conversation.attend(self.talk.position)
        self.laws.commands(None, commands)

    @rule(deaf=st.booleans())
    def the_microphone_is_closed_or_opened_by_hand(self, deaf):
        commands = self.talk.conversation.deafen(self.talk.position, deaf)
        self.laws.commands(None, commands)
        if deaf:
            assert self.laws.utterance is None and not self.laws.shown.attending

    @rule()
    def stop_button(self):
        commands = self.talk.conversation.stop(self.talk.position)
        self.laws.commands(None, commands)
        assert not (self.laws.shown.speaking or self.laws.shown.thinking or self.laws.shown.attending)

    # ------------------------------------------------------------------ ear

    @rule()
    def speech(self):
        self.talk.speech()

    @rule()
    def silence(self):
        self.talk.silence()

    @rule(score=st.sampled_from([0.0, 9.5]))
    def barge_in(self, score):
        self.talk.barge_in(score=score)

    @rule()
    def barge_in_ends(self):
        self.talk.barge_in_ended()

    @rule(text=TEXTS, accepted=st.booleans(), back=st.integers(0, 2), intent=INTENTS)
    def partial(self, text, accepted, back, intent):
        self.talk.partial(text, accepted, max(0, self.laws.utterances - back), intent)

    @rule(back=st.integers(0, 1))
    def plausible_end(self, back):
        self.talk.plausible(utterance=max(0, self.laws.utterances - back))

    @precondition(lambda self: self.laws.previews)
    @rule(text=st.sampled_from(["", "It is nine o'clock."]))
    def skill_tells_beforehand(self, text):
        self.talk.event(v.SkillPreview(self.talk.position, self.laws.previews[-1], text))

    @precondition(lambda self: self.laws.gated is not None)
    @rule()
    def gated_reply_is_reported_cut(self):
        self.talk.event(v.ReplyCut(self.talk.position, self.laws.gated, "", 0, 0, 0))

    @precondition(lambda self: self.laws.utterance is not None and self.laws.guess is not None)
    @rule(same=st.sampled_from([True, True, False]))
    def what_was_guessed_was_said(self, same):
        number = self.laws.utterance
        self.talk.endpoint()
        self.talk.final(self.laws.guess_text.title() if same else "what about rome", utterance=number)

    @precondition(lambda self: self.laws.utterance is not None and self.laws.gated is not None)
    @rule()
    def the_command_that_was_guessed_was_said(self):
        number = self.laws.utterance
        self.talk.endpoint()
        self.talk.final("what time is it", "time", utterance=number)

    @rule(back=st.integers(0, 1))
    def endpoint(self, back):
        number = max(0, self.laws.utterances - back)
        self.talk.event(v.Endpoint(self.talk.position, number, self.talk.position - v.samples(600)))

    @precondition(lambda self: self.laws.awaited)
    @rule(text=TEXTS, intent=INTENTS, accepted=st.booleans(), free=st.booleans())
    def final(self, text, intent, accepted, free):
        self.talk.final(text, intent, accepted, free, min(self.laws.awaited))

    @rule(text=TEXTS, intent=INTENTS, back=st.integers(0, 2))
    def final_unasked_or_too_late(self, text, intent, back):
        self.talk.final(text, intent, utterance=max(0, self.laws.utterances - back))

    # ------------------------------------------------------------------ mouth

    @precondition(lambda self: self.laws.reply is not None)
    @rule()
    def reply_starts(self):
        self.talk.started()

    @precondition(lambda self: self.laws.reply is not None and self.laws.finished)
    @rule(heard=st.sampled_from(["All of it.", "Shall I go on?"]))
    def reply_ends(self, heard):
        self.talk.ended(heard)

    @precondition(lambda self: self.laws.reply is not None)
    @rule(heard=st.sampled_from(["", "Once upon"]))
    def reply_is_cut(self, heard):
        self.talk.cut(heard)

    @precondition(lambda self: self.laws.reply is None)
    @rule()
    def reply_ends_twice(self):
        assert not any(isinstance(command, v.SendHeard) for command in self.talk.cut("Once upon"))

    # ------------------------------------------------------------------ link, skills, engines

    @precondition(lambda self: self.laws.turns > 0)
    @rule(back=st.integers(0, 1), blank=st.booleans())
    def delta(self, back, blank):
        turn = max(1, self.laws.turns - back)
        self.pieces += 1
        text = " " if blank else f"{turn}.{self.pieces} "
        self.talk.event(v.TurnDelta(self.talk.position, turn, text))

    @precondition(lambda self: self.laws.turns > 0)
    @rule(back=st.integers(0, 1), expect=st.booleans())
    def turn_ends(self, back, expect):
        self.talk.event(v.TurnEnded(self.talk.position, max(1, self.laws.turns - back), expect))

    @precondition(lambda self: self.laws.turns > 0)
    @rule(back=st.integers(0, 1), code=CODES)
    def turn_fails(self, back, code):
        self.talk.event(v.TurnFailed(self.talk.position, max(1, self.laws.turns - back), code))

    @precondition(lambda self: self.laws.turn is not None or self.laws.given_up is not None)
    @rule()
    def turn_is_acked(self):
        turn = self.laws.turn if self.laws.turn is not None else self.laws.given_up
        self.talk.event(v.TurnAcked(self.talk.position, turn))

    @precondition(lambda self: self.laws.acts)
    @rule(text=st.sampled_from(["", "It is nine o'clock."]), ok=st.booleans())
    def skill_is_done(self, text, ok):
        self.talk.event(v.SkillDone(self.talk.position, self.laws.acts[0], text, ok))

    @rule(engine=st.sampled_from(["recogniser", "voice", "microphone"]))
    def engine_fails(self, engine):
        self.laws.awaited.clear() if engine == "recogniser" else None
        self.talk.event(v.EngineFailed(self.talk.position, engine, "it died"))

    # ------------------------------------------------------------------ orders, timers, buttons

    @rule(
        priority=st.sampled_from(["low", "normal", "alarm"]),
        interrupt=st.booleans(),
        volume=st.sampled_from([None, 10]),
        chime=st.booleans(),
        ring=st.booleans(),
    )
    def announcement(self, priority, interrupt, volume, chime, ring):
        self.announced += 1
        ring = ring and priority == "alarm"
        self.talk.event(
            v.Announce(
                self.talk.position, self.announced, "Supper.", priority, interrupt, volume, chime, ring
            )
        )

    @rule(on=st.booleans())
    def bells_are_heard(self, on):
        self.talk.event(v.Sounding(self.talk.position, on))

    @rule()
    def stop_from_outside(self):
        self.talk._note(None, self.talk.conversation.stop(self.talk.position))

    # ------------------------------------------------------------------ and then nobody speaks any more

    def teardown(self) -> None:
        """With rooms that do their work and a user who is silent, everything comes to rest: nothing hangs."""
        talk, laws = self.talk, self.laws
        talk.silence()
        talk.barge_in_ended()
        talk.event(v.Sounding(talk.position, False))
        for step in range(4000):
            # what is open: attention of 30 s, twice, what a recogniser may take, announcements one after the other
            if self.at_rest() and (step >= 900 or not laws.awaited):
                break
            for utterance in sorted(laws.awaited) if self.recogniser_answers else ():
                talk.final("", accepted=False, utterance=utterance)
            for intent in list(laws.acts):
                talk.event(v.SkillDone(talk.position, intent, "Done."))
            for turn in {laws.turn, laws.guess} - {None}:
                talk.event(v.TurnEnded(talk.position, turn))
            if laws.reply is not None:
                talk.started()
                if laws.finished and not laws.cancelled:
                    talk.ended("All of it.")
            self.pass_time(100)
        assert laws.shown == v.Show(), f"still {laws.shown}"
        assert laws.utterance is None, "still listening"
        assert laws.reply is None, "still speaking"
        assert laws.turn is None, "still waiting for an answer"
        assert laws.guess is None and laws.gated is None, "still guessing"
        assert not laws.announcements, "an announcement without an outcome"
        assert talk.wait(5000) == []

    def at_rest(self) -> bool:
        laws = self.laws
        waiting = (laws.utterance, laws.reply, laws.turn, laws.guess, laws.gated)
        busy = laws.acts or laws.announcements or any(each is not None for each in waiting)
        return laws.shown == v.Show() and not busy


class InstantWorld(World):
    mode = "instant"


class WakeWordOnlyWorld(World):
    mode = "wake_word_only"


class OffWorld(World):
    mode = "off"


World.TestCase.settings = settings(max_examples=400, stateful_step_count=40, deadline=None)
for world in (InstantWorld, WakeWordOnlyWorld, OffWorld):
    world.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)


class TestWhateverHappensTheLawsHoldAndTheDeviceComesToRest(World.TestCase):
    pass


class TestTheSameWhereAnySpeechCutsAReply(InstantWorld.TestCase):
    pass


class TestTheSameWhereOnlyTheWakeWordMay(WakeWordOnlyWorld.TestCase):
    pass


class TestTheSameWhereOnlyStopMay(OffWorld.TestCase):
    pass
