"""Answers begun before the user has finished: guessed, kept behind the gate, given only when that was what was said."""

from __future__ import annotations

import pytest
from helpers_conversation import Talk, kinds, only

from device import values as v

QUESTION = "what about paris"
INTENT = "time"
TIME = "It is nine o'clock."


def listening(**sections) -> Talk:
    """The wake word, and somebody goes on."""
    talk = Talk(**sections)
    talk.wait(1000)
    talk.wake()
    talk.wait(1500)
    return talk


def guessing(text: str = QUESTION, **sections) -> Talk:
    talk = listening(**sections)
    talk.partial(text)
    talk.plausible()
    return talk


def answered(**sections) -> Talk:
    """... and the answer to the guess is behind the gate."""
    talk = guessing(**sections)
    talk.delta("1.1 Paris is nice. ")
    return talk


# --------------------------------------------------------------------------- questions


def test_a_plausible_end_asks_the_endpoint_while_the_user_may_go_on():
    talk = listening()
    talk.partial(QUESTION)
    opened = only(talk.plausible(), v.OpenTurn)
    assert (opened.text, opened.speculative) == (QUESTION, True)
    assert talk.laws.shown.thinking is False


def test_what_comes_for_a_guess_goes_behind_the_gate():
    talk = guessing()
    commands = talk.delta("1.1 ")
    assert kinds(commands) == ["ReplyBegin", "ReplyText"]
    begun = only(commands, v.ReplyBegin)
    assert begun.gated and begun.turn == talk.laws.guess
    assert kinds(talk.delta("1.2 ")) == ["ReplyText"]
    assert kinds(talk.turn_ended()) == ["ReplyFinish"]


def test_the_same_words_commit_the_guess_and_open_the_gate():
    talk = answered()
    assert kinds(talk.endpoint()) == ["Finalise"]
    assert kinds(talk.final("What about Paris?")) == ["CommitTurn", "Release"]
    assert talk.laws.shown.thinking
    talk.started()
    assert talk.laws.shown.speaking
    assert kinds(talk.delta("1.2 ")) == ["ReplyText"]


def test_a_guess_that_comes_true_before_its_answer_waits_for_it_like_any_turn():
    talk = guessing()
    talk.endpoint()
    assert kinds(talk.final(QUESTION)) == ["CommitTurn"]
    assert talk.laws.shown.thinking
    commands = talk.delta("1.1 ")
    assert not only(commands, v.ReplyBegin).gated


def test_an_answer_that_was_complete_behind_the_gate_is_finished_once():
    talk = answered()
    talk.turn_ended()
    talk.endpoint()
    assert kinds(talk.final(QUESTION)) == ["CommitTurn", "Release"]
    talk.started()
    talk.ended("1.1 Paris is nice.")
    assert talk.laws.shown == v.Show(attending=True)


def test_other_words_cancel_the_guess_and_are_asked_instead():
    talk = answered()
    talk.endpoint()
    commands = talk.final("what about paris tomorrow")
    assert kinds(commands) == ["Cancel", "CancelTurn", "OpenTurn"]
    opened = only(commands, v.OpenTurn)
    assert (opened.text, opened.speculative) == ("what about paris tomorrow", False)


def test_a_question_that_goes_on_revises_the_guess():
    talk = answered()
    talk.partial("what about paris tomorrow")
    commands = talk.plausible()
    assert kinds(commands) == ["Cancel", "ReviseTurn"]
    assert only(commands, v.ReviseTurn).text == "what about paris tomorrow"
    assert kinds(talk.event(v.TurnDelta(talk.position, 1, "1.2 "))) == []
    assert kinds(talk.delta("2.1 ")) == ["ReplyBegin", "ReplyText"]


def test_the_same_guess_is_made_once():
    talk = answered()
    talk.partial("What about Paris?")
    assert kinds(talk.plausible()) == []


def test_there_are_three_guesses_an_utterance_and_the_last_one_may_come_true():
    talk = listening()
    for count, text in enumerate(["one day", "one day in", "one day in may", "one day in may or"], 1):
        talk.partial(text)
        assert bool(kinds(talk.plausible())) == (count <= 3)
    talk.endpoint()
    assert kinds(talk.final("one day in may")) == ["CommitTurn"]


def test_nothing_is_guessed_past_ten_seconds_of_speech():
    talk = listening()
    talk.wait(10_500)
    talk.partial(QUESTION)
    assert kinds(talk.plausible()) == []


def test_guessing_can_be_switched_off():
    talk = listening(speculation={"enabled": False})
    talk.partial(QUESTION)
    assert kinds(talk.plausible()) == []


def test_words_that_the_recogniser_doubts_are_no_guess():
    talk = listening()
    talk.partial(QUESTION, accepted=False)
    assert kinds(talk.plausible()) == []


def test_a_guess_carries_the_history_and_leaves_it_as_it_was():
    talk = Talk()
    talk.speaking()
    talk.turn_ended()
    talk.ended("Once upon a time.")
    talk.wait(500)
    talk.speech()
    talk.partial(QUESTION)
    first = only(talk.plausible(), v.OpenTurn)
    assert [m.role for m in first.conversation] == ["user", "assistant"]
    talk.endpoint()
    second = only(talk.final("what about rome"), v.OpenTurn)
    assert second.conversation == first.conversation


def test_a_guess_that_comes_true_is_in_the_history_of_the_next_question():
    talk = answered()
    talk.turn_ended()
    talk.endpoint()
    talk.final(QUESTION)
    talk.started()
    talk.ended("1.1 Paris is nice.")
    talk.speech()
    talk.wait(500)
    talk.endpoint()
    opened = only(talk.final("and rome"), v.OpenTurn)
    assert [m.text for m in opened.conversation] == [QUESTION, "1.1 Paris is nice."]


def test_a_guess_that_fails_costs_nothing():
    talk = guessing()
    assert kinds(talk.turn_failed("no_worker")) == ["CancelTurn"]
    talk.endpoint()
    assert kinds(talk.final(QUESTION)) == ["OpenTurn"]


def test_a_guess_with_an_empty_answer_is_asked_again_when_it_was_said():
    talk = guessing()
    talk.turn_ended()
    talk.endpoint()
    assert kinds(talk.final(QUESTION)) == ["OpenTurn"]


@pytest.mark.parametrize("end", ["stop", "wake", "nothing"])
def test_a_guess_that_nothing_comes_of_is_forgotten(end):
    talk = answered()
    if end == "stop":
        talk.endpoint()
        commands = talk.final("stop")
    elif end == "wake":
        commands = talk.wake()
    else:
        talk.endpoint()
        commands = talk.final("")
    assert {"Cancel", "CancelTurn"} <= set(kinds(commands))
    assert not [command for command in talk.wait(3000) if isinstance(command, v.Release)]


def test_what_follows_is_not_guessed_while_the_last_word_on_a_guess_is_on_its_way():
    talk = answered()
    talk.endpoint()
    talk.speech()
    talk.partial("and rome")
    assert kinds(talk.plausible()) == []
    assert kinds(talk.final(QUESTION, utterance=1)) == ["CommitTurn"]


def test_a_voice_that_dies_behind_the_gate_is_told_by_the_answer_that_was_asked_for():
    talk = answered()
    dead = v.EngineFailed(talk.position, "voice", "it died")
    assert kinds(talk.event(dead)) == ["Cancel", "CancelTurn"]
    talk.endpoint()
    assert kinds(talk.final(QUESTION)) == ["OpenTurn"]
    talk.delta("2.1 Paris is nice. ")
    assert only(talk.event(dead), v.Earcon).name == "error"


def test_a_voice_that_dies_while_an_answer_waits_for_the_floor_is_told_at_once():
    talk = answered()
    talk.endpoint()
    talk.speech()
    talk.final(QUESTION, utterance=1)
    assert only(talk.event(v.EngineFailed(talk.position, "voice", "it died")), v.Earcon).name == "error"
    assert not [command for command in talk.wait(3000) if isinstance(command, v.Release)]


def test_a_guess_gives_up_the_turn_that_nobody_had_taken_in_time():
    talk = Talk()
    talk.ask(QUESTION)
    talk.turn_failed("no_worker")
    late = talk.laws.turns
    talk.started()
    talk.ended()
    talk.speech()
    talk.partial("what about rome")
    assert kinds(talk.plausible()) == ["CancelTurn", "OpenTurn"]
    assert kinds(talk.event(v.TurnAcked(talk.position, late))) == []
    talk.endpoint()
    assert kinds(talk.final("what about rome")) == ["CommitTurn"]


def test_the_gate_stays_shut_while_the_user_goes_on_after_the_last_word():
    talk = answered()
    talk.endpoint()
    number = talk.laws.utterances
    talk.speech()  # attention is still open: another utterance
    commands = talk.final(QUESTION, utterance=number)
    assert "CommitTurn" in kinds(commands)
    assert "Release" not in kinds(commands)
    assert talk.laws.utterance is not None


def test_what_is_added_before_the_gate_opens_joins_the_question():
    talk = answered()
    talk.turn_ended()
    talk.endpoint()
    number = talk.laws.utterances
    talk.speech()
    talk.final(QUESTION, utterance=number)
    talk.wait(500)
    talk.endpoint()
    commands = talk.final("and rome")
    assert kinds(commands) == ["Cancel", "OpenTurn"]
    assert only(commands, v.OpenTurn).text == "what about paris and rome"


def test_who_interrupts_an_answer_before_its_first_sound_is_answered_on_both():
    talk = Talk()
    talk.ask("tell me a story")
    talk.wait(300)
    talk.delta("1.1 Once upon ")
    talk.barge_in()
    talk.partial("no wait")
    talk.cut("")
    talk.partial("no wait about paris")
    opened = only(talk.plausible(), v.OpenTurn)
    assert opened.text == "tell me a story no wait about paris"
    assert opened.conversation == ()
    talk.endpoint()
    assert kinds(talk.final("no wait about paris")) == ["CommitTurn"]


def test_nothing_is_guessed_over_an_answer():
    talk = Talk()
    talk.speaking()
    talk.barge_in()
    talk.partial("what")
    assert kinds(talk.plausible()) == []


def test_nothing_is_guessed_while_a_question_waits_for_its_answer():
    talk = Talk()
    talk.ask()
    talk.speech()
    talk.partial("and make it short")
    assert kinds(talk.plausible()) == []


def test_an_endless_answer_behind_the_gate_takes_bounded_room():
    talk = guessing(conversation={"answer_chars": 6000})
    passed = sum(
        len(c.text) for _ in range(200) for c in talk.delta("word " * 200) if isinstance(c, v.ReplyText)
    )
    assert passed < 6000
    talk.endpoint()
    commands = talk.final(QUESTION)
    assert kinds(commands)[:2] == ["CommitTurn", "ReplyText"]
    passed += sum(len(c.text) for c in commands if isinstance(c, v.ReplyText))
    assert 5900 < passed <= 6000
    assert "CancelTurn" in kinds(commands)


# --------------------------------------------------------------------------- local intents


def previewing() -> Talk:
    talk = listening()
    talk.partial("what time is it", intent=INTENT)
    assert kinds(talk.plausible()) == ["Preview"]
    return talk


def test_a_local_intent_is_evaluated_and_not_carried_out():
    talk = previewing()
    commands = talk.preview(INTENT, TIME)
    assert kinds(commands) == ["ReplyBegin", "ReplyText", "ReplyFinish"]
    assert only(commands, v.ReplyBegin).gated


def test_it_is_carried_out_once_when_it_was_said_and_its_answer_is_ready():
    talk = previewing()
    talk.preview(INTENT, TIME)
    talk.endpoint()
    assert kinds(talk.final("what time is it", INTENT)) == ["Act"]
    assert kinds(talk.skill_done(INTENT, TIME)) == ["Release"]
    assert kinds(talk.skill_done(INTENT, TIME)) == []


def test_an_answer_that_came_out_otherwise_is_said_as_it_is():
    talk = previewing()
    talk.preview(INTENT, TIME)
    talk.endpoint()
    talk.final("what time is it", INTENT)
    commands = talk.skill_done(INTENT, "It is one past nine.")
    assert kinds(commands) == ["Cancel", "Say"]


def test_another_command_than_the_guessed_one_is_carried_out_alone():
    talk = previewing()
    talk.preview(INTENT, TIME)
    talk.endpoint()
    commands = talk.final("what day is it", "date")
    assert kinds(commands) == ["Cancel", "Act"]
    assert only(commands, v.Act).intent == v.Intent("date")


def test_a_command_that_goes_on_as_a_question_is_asked():
    talk = previewing()
    talk.preview(INTENT, TIME)
    talk.partial("what time is it in paris")
    assert kinds(talk.plausible()) == ["Cancel", "OpenTurn"]
    talk.endpoint()
    assert kinds(talk.final("what time is it in paris")) == ["CommitTurn"]


def test_stop_and_its_like_are_never_guessed():
    talk = listening()
    talk.partial("stop", intent="stop")
    assert kinds(talk.plausible()) == []


def test_a_previewed_answer_is_one_text_and_not_cut_as_one_that_still_comes():
    talk = listening()
    talk.partial("what time is it", intent=INTENT)
    talk.plausible()
    begun = only(talk.preview(INTENT, TIME), v.ReplyBegin)
    assert begun.gated and begun.whole


def test_a_preview_that_comes_too_late_changes_nothing():
    talk = previewing()
    talk.endpoint()
    talk.final("what time is it", INTENT)
    assert kinds(talk.preview(INTENT, TIME)) == []
    assert kinds(talk.skill_done(INTENT, TIME)) == ["Say"]
