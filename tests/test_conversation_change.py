"""Another configuration in the middle of a conversation: what is under way ends whole, what begins goes by the new rules."""

from __future__ import annotations

from helpers_conversation import Talk, config
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule
from test_conversation_machine import World

from device import values as v


def kinds(commands: list[v.Command]) -> list[str]:
    return [type(command).__name__ for command in commands if not isinstance(command, v.Show)]


def speaking(**sections) -> Talk:
    """A reply is being spoken."""
    talk = Talk(**sections)
    talk.ask()
    talk.delta("Once upon a time there was a speaker.")
    talk.started()
    return talk


def test_a_question_that_is_asked_waits_as_long_as_it_would_have_and_the_next_one_as_is_said_now():
    talk = Talk(conversation={"answer_s": 10.0}, speculation={"enabled": False})
    talk.ask()
    talk.conversation.reconfigure(config(conversation={"answer_s": 2.0}))
    assert "CancelTurn" not in kinds(talk.wait(8000))
    assert "CancelTurn" in kinds(talk.wait(3000))
    talk.started(), talk.ended()
    talk.ask()
    assert "CancelTurn" in kinds(talk.wait(3000))


def test_speech_that_the_reply_gives_way_to_holds_and_cancels_by_the_rules_under_which_it_began():
    talk = speaking(barge_in={"hold_ms": 200, "cancel_ms": 800})
    assert "Duck" in kinds(talk.barge_in())
    talk.conversation.reconfigure(config(barge_in={"hold_ms": 900, "cancel_ms": 3000}))
    assert kinds(talk.wait(200)) == ["Hold"]
    assert "Cancel" in kinds(talk.wait(700))
    talk = speaking()
    talk.conversation.reconfigure(config(barge_in={"hold_ms": 900, "cancel_ms": 3000}))
    talk.barge_in()
    assert kinds(talk.wait(800)) == [] and kinds(talk.wait(300)) == ["Hold"]


def test_a_reply_that_has_given_way_comes_back_also_where_nobody_may_interrupt_any_more():
    talk = speaking()
    talk.barge_in()
    talk.conversation.reconfigure(config(barge_in={"mode": "off"}))
    assert "Resume" in kinds(talk.barge_in_ended() + talk.wait(1000))
    assert "Duck" not in kinds(talk.barge_in())
    talk.conversation.reconfigure(config(barge_in={"mode": "instant"}))
    talk.barge_in_ended()
    assert "Cancel" in kinds(talk.barge_in())


def test_an_utterance_that_is_open_is_given_as_long_as_it_was_promised():
    talk = Talk(endpointing={"max_s": 20.0})
    talk.wake()
    talk.speech()
    talk.conversation.reconfigure(config(endpointing={"max_s": 3.0}))
    assert "Finalise" not in kinds(talk.wait(15_000))
    assert "Finalise" in kinds(talk.wait(8000))


def test_an_utterance_whose_talker_has_stopped_is_not_ended_before_the_ear_would_end_it():
    talk = Talk(endpointing={"max_ms": 1200})
    talk.wait(1000), talk.wake(), talk.wait(1000)
    talk.speech()
    talk.conversation.reconfigure(config(endpointing={"max_ms": 300, "silence_ms": 200}))
    talk.silence()
    assert "Finalise" not in kinds(talk.wait(1500))
    assert "Finalise" in kinds(talk.wait(300))


def test_a_shorter_history_keeps_its_newest_messages():
    talk = Talk(speculation={"enabled": False})
    for _ in range(3):
        talk.ask()
        talk.delta("Once upon a time.")
        talk.turn_ended()
        talk.started(), talk.ended("Once upon a time.")
        talk.wait(8000)
    talk.conversation.reconfigure(config(conversation={"history": 2}, speculation={"enabled": False}))
    asked = [command for command in talk.ask("and then") if isinstance(command, v.OpenTurn)]
    assert [[m.role for m in turn.conversation] for turn in asked] == [["user", "assistant"]]


def test_a_guess_that_is_made_comes_true_and_no_other_one_is_made_once_guessing_is_off():
    talk = Talk()
    talk.wait(1000), talk.wake(), talk.speech()
    talk.partial("what about paris")
    assert "OpenTurn" in kinds(talk.plausible())
    talk.conversation.reconfigure(config(speculation={"enabled": False}))
    talk.endpoint()
    assert "CommitTurn" in kinds(talk.final("What about Paris?"))
    talk.delta("It is nice."), talk.turn_ended(), talk.started(), talk.ended()
    talk.wake(), talk.speech()
    talk.partial("what about rome")
    assert kinds(talk.plausible()) == []


class ChangingWorld(World):
    """Whatever happens, and whatever the configuration becomes meanwhile."""

    @rule(
        mode=st.sampled_from(["considerate", "instant", "wake_word_only", "off"]),
        hold_ms=st.sampled_from([100, 250, 1000]),
        cancel_ms=st.sampled_from([400, 1000, 3000]),
        attention_s=st.sampled_from([2.0, 30.0]),
        guesses=st.booleans(),
    )
    def another_configuration(self, mode, hold_ms, cancel_ms, attention_s, guesses):
        self.talk.conversation.reconfigure(
            config(
                barge_in={"mode": mode, "hold_ms": min(hold_ms, cancel_ms), "cancel_ms": cancel_ms},
                conversation={"history": 4, "answer_s": 5.0, "attention_s": attention_s},
                speculation={"enabled": guesses},
            )
        )


ChangingWorld.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


class TestTheLawsHoldWhateverTheConfigurationBecomes(ChangingWorld.TestCase):
    pass
