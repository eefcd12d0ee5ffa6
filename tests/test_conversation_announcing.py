"""What is said unasked: it waits for people, an alarm does not wait for an answer, and each gets one outcome."""

from __future__ import annotations

import pytest
from helpers_conversation import Talk, kinds, only

from device import values as v


def announce(talk: Talk, text: str = "The washing is done.", number: int = 1, **how) -> list[v.Command]:
    return talk.event(v.Announce(talk.position, number, text, **how))


def outcomes(talk: Talk) -> list[tuple[int, str]]:
    return [
        (command.announcement, command.outcome) for _, command in talk.log if isinstance(command, v.Announced)
    ]


def bells(talk: Talk) -> int:
    return [command.name for _, command in talk.log if isinstance(command, v.Earcon)].count("alarm")


def test_in_the_quiet_a_text_is_said_at_once_and_its_end_is_told() -> None:
    talk = Talk()
    talk.wait(1000)
    assert only(announce(talk), v.Say).text == "The washing is done."
    talk.started()
    talk.wait(1500)
    done = only(talk.ended("The washing is done."), v.Announced)
    assert (done.outcome, done.words, done.ms) == ("said", 4, 1500)


def test_an_announcement_opens_no_attention_and_is_no_part_of_the_history() -> None:
    talk = Talk()
    talk.wait(1000)
    announce(talk, "Shall I close the garage?")
    talk.started()
    assert not any(
        show.attending for show in talk.ended("Shall I close the garage?") if isinstance(show, v.Show)
    )
    talk.ask("what about paris")
    assert only([command for _, command in talk.log], v.OpenTurn).conversation == ()


def test_repeat_that_says_the_last_announcement_again() -> None:
    talk = Talk()
    talk.wait(1000)
    announce(talk)
    talk.started()
    talk.ended("The washing is done.")
    talk.wake()
    talk.wait(1000)
    talk.endpoint()
    assert only(talk.final("repeat that", "repeat"), v.Say).text == "The washing is done."


@pytest.mark.parametrize("priority", ["low", "normal"])
def test_it_waits_until_the_question_is_answered_and_nobody_is_attended_to(priority: str) -> None:
    talk = Talk()
    talk.speaking()
    talk.turn_ended()
    assert kinds(announce(talk, priority=priority)) == []
    talk.ended()
    assert kinds(talk.wait(4900)) == []
    assert kinds(talk.wait(200)) == ["Say"]


def test_even_an_alarm_waits_while_somebody_speaks_to_the_device_and_then_comes_before_the_answer() -> None:
    talk = Talk()
    talk.wait(1000)
    talk.wake()
    assert kinds(announce(talk, priority="alarm")) == []
    talk.wait(1500)
    talk.partial("what about paris")
    assert kinds(talk.wait(600)) == []
    talk.endpoint()
    assert kinds(talk.final("what about paris")) == ["Loudness", "Say", "OpenTurn"]


def test_a_room_that_talks_on_is_waited_for_eight_seconds_and_by_low_priority_a_minute() -> None:
    talk = Talk()
    talk.wait(1000)
    talk.speech(ago=0)
    announce(talk, number=1)
    announce(talk, number=2, priority="low")
    assert kinds(talk.wait(7900)) == []
    assert kinds(talk.wait(200)) == ["Say"]
    talk.started()
    talk.ended()
    assert kinds(talk.wait(52_000)) == ["Announced"]
    assert outcomes(talk) == [(1, "said"), (2, "expired")]


def test_what_waits_for_five_minutes_is_dropped() -> None:
    talk = Talk()
    talk.speaking()
    announce(talk)
    talk.wait(300_000)
    assert outcomes(talk) == [(1, "expired")]


def test_the_more_urgent_comes_first_and_equals_in_their_order() -> None:
    talk = Talk()
    talk.local_reply()
    for number, priority in enumerate(("low", "normal", "normal"), 1):
        announce(talk, f"Text {number}.", number, priority=priority)
    talk.ended()
    said = []
    for _ in range(3):
        said += [command.text for command in talk.wait(6000) if isinstance(command, v.Say)]
        talk.started()
        said += [command.text for command in talk.ended() if isinstance(command, v.Say)]
    assert said == ["Text 2.", "Text 3.", "Text 1."]
    assert outcomes(talk) == [(2, "said"), (3, "said"), (1, "said")]


def test_an_alarm_cuts_the_answer_and_is_loud_over_the_mute() -> None:
    talk = Talk()
    talk.speaking()
    assert kinds(announce(talk, "Smoke in the kitchen.", priority="alarm")) == ["Cancel", "CancelTurn"]
    commands = talk.cut("Once upon a time")
    assert kinds(commands) == ["SendHeard", "Loudness", "Say"]
    assert only(commands, v.Loudness) == v.Loudness(None, 40, over_mute=True)
    talk.started()
    assert only(talk.ended(), v.Loudness) == v.Loudness()


def test_an_alarm_comes_before_the_answer_that_is_thought_about_and_the_answer_after_it() -> None:
    talk = Talk()
    talk.ask()
    assert "Say" in kinds(announce(talk, priority="alarm"))
    talk.started()
    assert kinds(talk.delta("Once upon a time.")) == []
    assert kinds(talk.ended())[:3] == ["Loudness", "Announced", "ReplyBegin"]


def test_interrupt_ends_what_is_said_and_drops_what_waits_and_is_no_more_urgent() -> None:
    talk = Talk()
    talk.wait(1000)
    announce(talk, number=1)
    talk.started()
    announce(talk, number=2)
    announce(talk, number=3, priority="low")
    assert kinds(announce(talk, number=4, interrupt=True)) == ["Announced", "Announced", "Cancel"]
    assert kinds(talk.cut("The")) == ["Announced", "Say"]
    talk.started()
    talk.ended()
    assert outcomes(talk) == [(2, "superseded"), (3, "superseded"), (1, "superseded"), (4, "said")]


def test_a_volume_is_for_this_text_alone_and_a_chime_comes_before_it() -> None:
    talk = Talk()
    talk.wait(1000)
    commands = announce(talk, volume=15, chime=True)
    assert kinds(commands) == ["Loudness", "Earcon"]
    assert commands[:2] == [v.Loudness(15), v.Earcon("chime")]
    assert kinds(talk.wait(480)) == []
    assert kinds(talk.wait(30)) == ["Say"]
    talk.started()
    assert kinds(talk.ended()) == ["Loudness", "Announced"]


def test_who_speaks_to_the_device_over_the_chime_is_served_first_and_at_the_usual_volume() -> None:
    talk = Talk()
    talk.wait(1000)
    announce(talk, volume=15, chime=True)
    talk.wait(200)
    assert kinds(talk.wake()) == ["Listen", "StopSounds", "Loudness"]
    talk.wait(1500)
    talk.endpoint()
    talk.final("mute", "mute")
    talk.skill_done("mute")
    assert kinds(talk.wait(6000)) == ["Loudness", "Say"], "without a second chime"


def test_a_barge_in_works_as_over_an_answer() -> None:
    talk = Talk()
    talk.wait(1000)
    announce(talk)
    talk.started()
    talk.wait(500)
    assert kinds(talk.barge_in()) == ["Duck", "Listen"]
    talk.wait(400)
    assert "Cancel" in kinds(talk.partial("what about the dryer"))
    done = only(talk.cut("The washing"), v.Announced)
    assert (done.outcome, done.words, done.ms) == ("interrupted", 2, 600)


def test_stop_ends_what_is_said_and_what_waits() -> None:
    talk = Talk()
    talk.wait(1000)
    announce(talk, number=1)
    talk.started()
    announce(talk, number=2)
    talk.event(v.StopHeard(talk.position, "stop", 0.9))
    talk.cut("The")
    assert kinds(talk.wait(10_000)) == []
    assert sorted(outcomes(talk)) == [(1, "interrupted"), (2, "interrupted")]


def test_a_voice_that_fails_is_told() -> None:
    talk = Talk()
    talk.wait(1000)
    announce(talk)
    talk.event(v.EngineFailed(talk.position, "voice", "it died"))
    talk.cut("")
    assert outcomes(talk) == [(1, "failed")]


def test_a_mouth_that_never_tells_leaves_nothing_open() -> None:
    talk = Talk()
    talk.wait(1000)
    announce(talk)
    talk.started()
    talk._note(None, talk.conversation.stop(talk.position))
    talk.laws.reply = None  # as the conversation sees it a second later
    talk.wait(1100)
    assert outcomes(talk) == [(1, "interrupted")]


# --------------------------------------------------------------------------- timers that ring


def ring(talk: Talk) -> None:
    """A timer is over: bells, its text, and bells again."""
    talk.wait(1000)
    announce(talk, "Your pasta timer is over.", priority="alarm", ring=True)
    talk.event(v.Sounding(talk.position, True))
    assert only(talk.wait(2000), v.Say).text == "Your pasta timer is over."
    talk.started()
    talk.wait(1000)
    talk.ended("Your pasta timer is over.")
    assert bells(talk) == 2


def test_a_timer_rings_says_what_it_was_for_and_rings_on_for_a_minute() -> None:
    talk = Talk()
    ring(talk)
    talk.wait(60_000)
    assert 27 <= bells(talk) <= 30
    assert outcomes(talk) == [(1, "said")]
    assert talk.log[-1][0] == pytest.approx(61_000, abs=2100)


def test_a_television_over_the_bells_does_not_keep_the_text_back_for_long() -> None:
    talk = Talk()
    talk.wait(1000)
    announce(talk, "Your pasta timer is over.", priority="alarm", ring=True)
    talk.event(v.Sounding(talk.position, True))
    talk.wait(100)
    talk.barge_in()
    assert "Say" not in kinds(talk.wait(5500))
    assert "Say" in kinds(talk.wait(1000))


def test_stop_said_over_the_bells_ends_them() -> None:
    talk = Talk()
    ring(talk)
    talk.wait(500)
    assert kinds(talk.barge_in()) == ["Listen"]
    assert {"StopSounds", "Announced"} <= set(kinds(talk.partial("stop")))
    talk.wait(20_000)
    assert bells(talk) == 2


@pytest.mark.parametrize("press", ["attend", "stop"])
def test_a_button_ends_the_bells(press: str) -> None:
    talk = Talk()
    ring(talk)
    commands = talk._note(None, getattr(talk.conversation, press)(talk.position))
    assert "StopSounds" in kinds(commands) and "Listen" not in kinds(commands)
    talk.wait(20_000)
    assert bells(talk) == 2


def test_stop_after_the_wake_word_ends_them_for_good() -> None:
    talk = Talk()
    ring(talk)
    assert "StopSounds" in kinds(talk.wake()), "the bells make room for who calls the device"
    talk.event(v.Sounding(talk.position, False))
    talk.wait(1000)
    talk.endpoint()
    assert only(talk.final("stop", "stop"), v.Announced).outcome == "said"
    talk.wait(30_000)
    assert bells(talk) == 2


def test_bells_wait_for_a_question_and_its_answer_and_go_on() -> None:
    talk = Talk()
    ring(talk)
    talk.ask("how long does pasta take")
    talk.event(v.Sounding(talk.position, False))
    talk.delta("Ten minutes.")
    talk.turn_ended()
    talk.wait(300)
    talk.started()
    talk.wait(2000)
    talk.ended("Ten minutes.")
    assert bells(talk) == 2
    talk.wait(6000)
    assert bells(talk) > 2, "after the follow-up window"


def test_stop_over_the_spoken_name_ends_all_of_it() -> None:
    talk = Talk()
    talk.wait(1000)
    announce(talk, "Your pasta timer is over.", priority="alarm", ring=True)
    talk.wait(2000)
    talk.started()
    talk.wait(300)
    talk.barge_in()
    talk.wait(300)
    talk.partial("stop")
    talk.cut("Your")
    talk.wait(30_000)
    assert bells(talk) == 1
    assert outcomes(talk) == [(1, "interrupted")]


def test_an_alarm_that_says_something_takes_the_place_of_bells() -> None:
    talk = Talk()
    ring(talk)
    commands = announce(talk, "Smoke in the kitchen.", 2, priority="alarm")
    commands += talk.wait(20)
    assert "Smoke in the kitchen." in [command.text for command in commands if isinstance(command, v.Say)]


def test_two_timers_ring_one_after_the_other_and_one_stop_ends_both() -> None:
    talk = Talk()
    ring(talk)
    announce(talk, "Your tea timer is over.", 2, priority="alarm", ring=True)
    talk.event(v.StopHeard(talk.position, "stop", 0.9))
    talk.wait(10_000)
    assert sorted(outcomes(talk)) == [(1, "said"), (2, "interrupted")]
    assert bells(talk) == 2
