"""The transition table in device/conversation/conversation.py, a sentence per row, then what lies between the rows."""

from __future__ import annotations

import pytest
from helpers_conversation import Talk, kinds, only

from device import values as v
from device.conversation.sentences import excuse, sentence

INTERRUPTED = ["Cancel", "CancelTurn", "Discard", "Listen"]
"""The reply is cut, and what cut it is heard once more from its onset, now every word of it."""


def earcons(commands):
    return [command.name for command in commands if isinstance(command, v.Earcon)]


# --------------------------------------------------------------------------- wake word and attention


def test_the_wake_word_opens_an_utterance_from_before_its_end():
    talk = Talk()
    talk.wait(5000)
    listen = only(talk.wake(ago=150), v.Listen)
    assert listen.after == v.samples(4850)
    assert listen.after - v.samples(1000) < listen.start <= listen.after - v.samples(800)
    assert listen.mode == "free"


def test_a_wake_word_right_after_the_start_asks_for_no_sample_before_the_first():
    talk = Talk()
    talk.wait(200)
    assert only(talk.wake(ago=100), v.Listen).start == 0


def test_the_wake_word_over_an_answer_cancels_reply_and_turn_and_listens():
    talk = Talk()
    talk.speaking()
    commands = talk.wake()
    assert kinds(commands) == ["Cancel", "CancelTurn", "Listen"]
    assert only(commands, v.CancelTurn).reason == "wake"


def test_the_wake_word_while_thinking_cancels_the_turn():
    talk = Talk()
    talk.ask()
    assert kinds(talk.wake()) == ["CancelTurn", "Listen"]


def test_the_wake_word_said_twice_starts_over():
    talk = Talk()
    talk.wait(1000)
    talk.wake()
    talk.wait(500)
    assert kinds(talk.wake()) == ["Discard", "Listen"]


def test_a_chime_answers_a_user_who_pauses_after_the_wake_word():
    talk = Talk()
    talk.wait(1000)
    talk.wake(ago=100)
    assert earcons(talk.wait(240)) == []
    assert earcons(talk.wait(20)) == ["attend"]
    assert earcons(talk.wait(1000)) == []


def test_no_chime_falls_into_a_command_said_in_one_breath():
    talk = Talk()
    talk.wait(1000)
    talk.speech(ago=500)  # the wake word itself, and the voice never stops
    talk.wake(ago=100)
    assert earcons(talk.wait(900)) == []
    talk.silence(ago=100)
    assert earcons(talk.wait(900)) == []


def test_the_chime_waits_for_a_vad_that_hangs_on_after_the_wake_word():
    talk = Talk()
    talk.wait(1000)
    talk.speech(ago=500)
    talk.wake(ago=100)
    assert earcons(talk.wait(400)) == []
    talk.silence(ago=450)
    assert earcons(talk.wait(20)) == ["attend"]


def test_a_button_opens_attention_without_a_chime():
    talk = Talk()
    talk.wait(1000)
    assert kinds(talk.conversation.attend(talk.position)) == ["Listen"]
    assert talk.conversation.tick(v.samples(2000)) == []


def test_a_microphone_that_is_closed_by_hand_ends_attention_without_a_word_and_nothing_said_before_is_asked():
    talk = Talk()
    talk.wait(1000)
    talk.wake()
    talk.wait(500)
    talk.speech()
    talk.partial("what about")
    talk.plausible()
    assert kinds(talk.deafen()) == ["Discard", "CancelTurn"]
    assert talk.final("what about tomorrow") == talk.wake() == talk.speech() == talk.wait(9000) == []


def test_while_the_microphone_is_closed_the_button_says_that_nobody_would_be_heard_and_then_works_again():
    talk = Talk()
    talk.wait(1000)
    talk.deafen()
    assert earcons(talk.conversation.attend(talk.position)) == ["error"]
    assert talk.wait(9000) == []
    talk.deafen(False)
    assert kinds(talk.conversation.attend(talk.position)) == ["Listen"]


def test_a_reply_goes_on_when_the_microphone_is_closed_also_one_that_somebody_spoke_over_and_no_follow_up_opens():
    talk = Talk()
    talk.speaking()
    talk.barge_in()
    talk.wait(400)
    assert kinds(talk.deafen()) == ["Discard", "Resume"]
    assert talk.wait(2000) == []
    talk.turn_ended()
    assert only(talk.ended(), v.Show) == v.Show()


def test_attention_ends_quietly_when_nobody_speaks():
    talk = Talk()
    talk.wait(1000)
    talk.wake()
    talk.wait(5900)
    commands = talk.wait(200)
    assert kinds(commands) == ["Discard"]
    assert only(commands, v.Show) == v.Show()


def test_attention_longer_than_the_longest_sentence_is_listened_on_from_where_nobody_had_spoken_yet():
    talk = Talk(conversation={"attention_s": 30})
    talk.wait(1000)
    talk.wake()
    assert kinds(talk.until(19_000)) == ["Earcon", "Finalise"]
    (listen,) = talk.final("", accepted=False)
    assert v.samples(16_000) < listen.start <= talk.position
    assert kinds(talk.until(30_000)) == [], "and not ended again at once"


def test_words_keep_attention_alive():
    talk = Talk()
    talk.wait(1000)
    talk.wake()
    talk.wait(5000)
    talk.partial("what is")
    assert "Discard" not in kinds(talk.wait(3000))


def test_words_that_the_recogniser_doubts_do_not_keep_attention_alive():
    talk = Talk()
    talk.wait(1000)
    talk.wake()
    talk.wait(5000)
    talk.partial("volume ten", accepted=False)
    assert "Discard" in kinds(talk.wait(1200))


def test_attention_does_not_end_over_somebody_who_began_in_time():
    talk = Talk()
    talk.wait(1000)
    talk.wake()
    talk.wait(5900)
    talk.speech()
    assert kinds(talk.wait(3000)) == []
    talk.silence()
    assert kinds(talk.wait(500)) == []
    assert kinds(talk.endpoint()) == ["Finalise"]


def test_noise_that_holds_the_vad_open_cannot_hang_the_device():
    talk = Talk()
    talk.wait(1000)
    talk.wake()
    talk.speech()
    assert kinds(talk.wait(17_500)) == ["Finalise"]


def test_the_tail_of_the_wake_word_is_not_taken_for_the_whole_request():
    talk = Talk()
    talk.wait(1000)
    talk.wake(ago=100)
    talk.wait(700)
    talk.endpoint(ago=600)  # 200 ms after the estimated end of the wake word: still its tail
    commands = talk.final("", accepted=False)
    assert kinds(commands) == ["Listen"]
    assert only(commands, v.Listen).start >= v.samples(900)


def test_a_sound_without_words_after_the_wake_word_ends_with_an_earcon():
    talk = Talk()
    talk.wait(1000)
    talk.wake()
    talk.wait(1500)
    talk.endpoint(ago=600)
    commands = talk.final("", accepted=False)
    assert earcons(commands) == ["error"]
    assert only(commands, v.Show) == v.Show()


def test_outside_a_conversation_only_the_wake_word_acts():
    talk = Talk()
    talk.wait(1000)
    assert talk.speech() + talk.silence() + talk.barge_in() + talk.barge_in_ended() == []
    assert talk.partial("stop", utterance=7) + talk.final("stop", "stop", utterance=7) == []
    assert talk.event(v.TurnDelta(talk.position, 3, "hello")) == []
    assert talk.wait(10_000) == []


# --------------------------------------------------------------------------- from words to deeds


def test_the_endpoint_asks_for_the_final_result_once():
    talk = Talk()
    talk.wait(1000)
    talk.wake()
    talk.wait(1500)
    assert kinds(talk.endpoint()) == ["Finalise"]
    assert kinds(talk.endpoint()) == []


def test_a_local_intent_is_carried_out_and_its_answer_spoken():
    talk = Talk()
    talk.wait(1000)
    talk.wake()
    talk.wait(1500)
    talk.endpoint()
    assert only(talk.final("what time is it", "time"), v.Act).intent == v.Intent("time")
    assert only(talk.skill_done("time", "It is nine."), v.Say).text == "It is nine."


@pytest.mark.parametrize(("ok", "earcon"), [(True, "done"), (False, "error")])
def test_a_skill_without_words_ends_with_an_earcon(ok, earcon):
    talk = Talk()
    talk.wait(1000)
    talk.wake()
    talk.wait(1500)
    talk.endpoint()
    talk.final("turn it up", "volume_up")
    commands = talk.skill_done("volume_up", "", ok)
    assert earcons(commands) == [earcon]
    assert only(commands, v.Show).attending  # "and again": the follow-up window is open


def test_a_skill_that_finishes_after_the_user_moved_on_stays_silent():
    talk = Talk()
    talk.wait(1000)
    talk.wake()
    talk.wait(1500)
    talk.endpoint()
    talk.final("what time is it", "time")
    talk.wake()
    assert kinds(talk.skill_done("time", "It is nine.")) == []


def test_free_text_opens_a_turn():
    talk = Talk()
    turn = only(talk.ask("how far is the moon"), v.OpenTurn)
    assert (turn.text, turn.conversation, turn.heard_prev) == ("how far is the moon", (), None)


def test_a_command_only_recogniser_never_opens_a_turn_and_says_why_once():
    talk = Talk()
    said = []
    for _ in range(2):
        talk.wait(1000)
        talk.wake()
        talk.wait(1500)
        talk.endpoint()
        commands = talk.final("stop volume ten", accepted=False, free=False)
        said.append(only(commands, v.Say).text)
        talk.started()
        talk.ended(said[-1])
    assert said == [sentence("commands_only"), sentence("unclear")]
    assert "models fetch" in said[0]
    assert not any(isinstance(command, v.OpenTurn) for _, command in talk.log)


def test_accepted_words_of_a_command_grammar_without_intent_are_no_turn_either():
    talk = Talk()
    talk.wait(1000)
    talk.wake()
    talk.wait(1500)
    talk.endpoint()
    assert kinds(talk.final("yes okay", accepted=True, free=False)) == ["Say"]


def test_stop_in_a_quiet_room_is_confirmed_by_an_earcon():
    talk = Talk()
    talk.wait(1000)
    talk.wake()
    talk.wait(900)
    talk.endpoint(ago=300)
    assert earcons(talk.final("stop", "stop")) == ["done"]


@pytest.mark.parametrize("intent", ["stop", "cancel"])
def test_stop_ends_the_pending_turn(intent):
    talk = Talk()
    talk.ask()
    talk.wait(1000)
    talk.speech()
    talk.wait(800)
    talk.endpoint()
    commands = talk.final("stop", intent)
    assert only(commands, v.CancelTurn).reason == "stop"
    assert only(commands, v.Show) == v.Show()


def test_the_stop_button_ends_everything():
    talk = Talk()
    talk.speaking()
    assert kinds(talk.conversation.stop(talk.position)) == ["Cancel", "CancelTurn"]


def test_a_stop_word_ends_reply_turn_and_alarm_at_once_and_needs_no_recogniser():
    talk = Talk()
    talk.speaking()
    talk.event(v.Sounding(talk.position, True))
    assert kinds(talk.event(v.StopHeard(talk.position, "stop", 0.9))) == [
        "Cancel",
        "CancelTurn",
        "StopSounds",
    ]


def test_a_stop_word_ends_what_is_asked_but_not_yet_answered():
    talk = Talk()
    talk.ask()
    assert kinds(talk.event(v.StopHeard(talk.position, "stop", 0.9))) == ["CancelTurn"]


def test_a_stop_word_after_the_wake_word_is_confirmed_and_in_an_idle_room_ignored():
    talk = Talk()
    talk.wait(1000)
    assert kinds(talk.event(v.StopHeard(talk.position, "stop", 0.9))) == []
    talk.wake()
    assert kinds(talk.event(v.StopHeard(talk.position, "stop", 0.9))) == ["Discard", "Earcon"]


def test_a_stop_that_recogniser_and_spotter_both_hear_cancels_once_and_says_nothing():
    talk = Talk()
    talk.speaking()
    talk.barge_in()
    assert kinds(talk.partial("stop")) == ["Cancel", "CancelTurn"]
    assert kinds(talk.event(v.StopHeard(talk.position, "stop", 0.9))) == []
    assert kinds(talk.wait(2000)) == []


def test_stop_said_over_an_alarm_ends_it_without_any_conversation():
    talk = Talk()
    talk.wait(1000)
    talk.event(v.Sounding(talk.position, True))
    assert only(talk.barge_in(), v.Listen).mode == "over"
    assert kinds(talk.partial("yeah")) == kinds(talk.partial("wait")) == []
    commands = talk.partial("stop")
    assert "StopSounds" in kinds(commands)
    talk.event(v.Sounding(talk.position, False))
    assert talk.wait(5000) == []


def test_stop_understood_at_its_end_only_ends_an_alarm_too():
    talk = Talk()
    talk.wait(1000)
    talk.event(v.Sounding(talk.position, True))
    talk.barge_in()
    talk.wait(300)
    assert kinds(talk.barge_in_ended()) == ["Finalise"]
    assert kinds(talk.final("stop", "stop", free=False)) == ["StopSounds"]


def test_the_stop_button_ends_an_alarm():
    talk = Talk()
    talk.wait(1000)
    talk.event(v.Sounding(talk.position, True))
    assert kinds(talk.conversation.stop(talk.position)) == ["StopSounds"]


# --------------------------------------------------------------------------- waiting for the answer


def test_a_long_wait_becomes_audible_once():
    talk = Talk()
    talk.ask()
    assert earcons(talk.wait(1490)) == []
    assert earcons(talk.wait(5000)) == ["thinking"]


def test_no_words_in_time_cancel_the_turn_and_say_so():
    talk = Talk(conversation={"answer_s": 5.0})
    talk.ask()
    commands = talk.wait(5100)
    assert only(commands, v.CancelTurn).reason == "timeout"
    assert only(commands, v.Say).text == excuse("timeout")


@pytest.mark.parametrize("code", ["no_broker", "no_worker", "timeout", "disabled", "made_up_by_a_worker"])
def test_every_failure_has_a_spoken_reason(code):
    talk = Talk()
    talk.ask()
    talk.wait(400)
    assert only(talk.turn_failed(code), v.Say).text == excuse(code)


def test_a_worker_that_takes_a_given_up_turn_late_may_still_answer():
    talk = Talk()
    talk.ask()
    talk.turn_failed("no_worker")
    talk.started()
    talk.event(v.TurnAcked(talk.position, 1))
    assert kinds(talk.delta("Here I am.")) == []
    assert kinds(talk.ended("Nobody is answering.")) == ["ReplyBegin", "ReplyText"]


def test_a_late_answer_is_refused_once_the_user_has_asked_anew():
    talk = Talk()
    talk.ask()
    talk.turn_failed("no_worker")
    talk.started()
    talk.ended("Nobody is answering.")
    talk.speech()
    talk.wait(800)
    talk.endpoint()
    commands = talk.final("something else")
    assert only(commands, v.CancelTurn) == v.CancelTurn(1, "superseded")
    assert only(commands, v.OpenTurn).text == "something else"
    talk.event(v.TurnAcked(talk.position, 1))
    assert kinds(talk.event(v.TurnDelta(talk.position, 1, "Late."))) == []


def test_the_first_words_begin_the_reply_and_the_rest_follows():
    talk = Talk()
    talk.ask()
    assert kinds(talk.delta("  ")) == []
    commands = talk.delta("Once ")
    assert kinds(commands) == ["ReplyBegin", "ReplyText"]
    assert only(commands, v.ReplyText).text == "  Once "  # offsets count from the turn's first character
    assert kinds(talk.delta("upon a time.")) == ["ReplyText"]
    assert kinds(talk.turn_ended()) == ["ReplyFinish"]


def test_an_empty_answer_is_said_to_be_empty():
    talk = Talk()
    talk.ask()
    assert only(talk.turn_ended(), v.Say).text == sentence("empty")


def test_an_answer_that_makes_no_sound_is_said_to_be_empty():
    talk = Talk()
    talk.ask()
    talk.delta("<br/>")
    talk.turn_ended()
    assert only(talk.ended("<br/>"), v.Say).text == sentence("empty")


def test_blanks_and_marks_are_no_words_and_do_not_put_off_the_end_of_the_wait():
    talk = Talk(conversation={"answer_s": 5.0})
    talk.ask()
    talk.wait(3000)
    assert kinds(talk.delta(" \n**")) == []
    assert "Say" in kinds(talk.wait(2000))


def test_an_answer_too_long_that_has_no_spaces_is_spoken_up_to_there():
    talk = Talk(conversation={"answer_chars": 200})
    talk.ask()
    commands = talk.delta("\u4f60" * 1000)
    assert only(commands, v.ReplyText).text == "\u4f60" * 200
    talk.started()
    assert only(talk.ended("\u4f60" * 200), v.Say).text == sentence("too_long")


def test_an_answer_too_long_ends_with_a_whole_word_however_its_pieces_lie():
    talk = Talk(conversation={"answer_chars": 200})
    talk.ask()
    talk.delta("word " * 39)
    commands = talk.delta("words and words " * 100)
    assert "ReplyText" not in kinds(commands)
    assert only(commands, v.CancelTurn).reason == "too_long"


def test_an_answer_too_long_that_has_no_words_is_given_up_with_a_reason():
    talk = Talk(conversation={"answer_chars": 200})
    talk.ask()
    assert kinds(talk.delta(" " * 150)) == []
    commands = talk.delta(" " * 100)
    assert only(commands, v.CancelTurn).reason == "too_long"
    assert only(commands, v.Say).text == sentence("too_long")


def test_a_failure_in_mid_answer_is_said_after_what_was_there():
    talk = Talk()
    talk.speaking()
    assert kinds(talk.turn_failed("timeout")) == ["ReplyFinish"]
    assert only(talk.ended("Once upon a time"), v.Say).text == sentence("cut_off")


def test_an_answer_that_stalls_is_given_up():
    talk = Talk(conversation={"answer_s": 5.0})
    talk.speaking()
    assert kinds(talk.wait(5000)) == ["CancelTurn", "ReplyFinish"]


def test_words_of_an_older_turn_are_not_spoken():
    talk = Talk()
    talk.ask()
    talk.wake()
    talk.wait(1500)
    talk.endpoint()
    talk.final("something else")
    assert talk.event(v.TurnDelta(talk.position, 1, "Old news.")) == []
    assert only(talk.delta("New."), v.ReplyText).text == "New."


# --------------------------------------------------------------------------- the user goes on before the answer


def test_an_answer_does_not_begin_over_a_user_who_goes_on():
    talk = Talk()
    talk.ask()
    talk.wait(500)
    listen = only(talk.speech(ago=60), v.Listen)
    assert listen.start == listen.after == talk.position - v.samples(360)
    assert kinds(talk.delta("The moon is far.")) == []
    talk.wait(500)
    talk.endpoint()
    assert kinds(talk.final("")) == ["ReplyBegin", "ReplyText"]


def test_what_the_user_adds_before_the_answer_joins_the_question():
    talk = Talk()
    talk.ask("what is the weather")
    talk.wait(500)
    talk.speech()
    talk.delta("It rains.")
    talk.wait(800)
    talk.endpoint()
    commands = talk.final("in paris tomorrow")
    assert kinds(commands) == ["CancelTurn", "OpenTurn"]
    assert only(commands, v.CancelTurn).reason == "superseded"
    turn = only(commands, v.OpenTurn)
    assert (turn.text, turn.conversation) == ("what is the weather in paris tomorrow", ())


def test_a_nod_while_thinking_changes_nothing():
    talk = Talk()
    talk.ask()
    talk.wait(500)
    talk.speech()
    talk.wait(800)
    talk.endpoint()
    assert kinds(talk.final("okay")) == []


def test_a_local_command_while_thinking_leaves_the_turn_alone():
    talk = Talk()
    talk.ask()
    talk.wait(500)
    talk.speech()
    talk.wait(800)
    talk.endpoint()
    assert kinds(talk.final("turn it up", "volume_up")) == ["Act"]
    assert earcons(talk.skill_done("volume_up")) == ["done"]
    assert kinds(talk.delta("The moon is far.")) == ["ReplyBegin", "ReplyText"]


def test_a_television_cannot_keep_the_answer_away():
    talk = Talk()
    talk.ask("how far is the moon")
    talk.wait(5500)
    assert only(talk.speech(), v.Listen).mode == "commands"  # too late to belong to the question
    assert kinds(talk.delta("It is far.")) == ["ReplyBegin", "ReplyText", "Discard"]


def test_a_command_while_waiting_long_still_acts():
    talk = Talk()
    talk.ask()
    talk.wait(6000)
    talk.speech()
    talk.wait(700)
    talk.endpoint()
    assert "CancelTurn" in kinds(talk.final("never mind", "cancel"))


# --------------------------------------------------------------------------- talking over a reply


def test_speech_over_a_reply_ducks_it_and_listens_from_before_the_onset():
    talk = Talk()
    talk.speaking()
    commands = talk.barge_in(ago=80)
    assert kinds(commands) == ["Duck", "Listen"]
    listen = only(commands, v.Listen)
    assert listen.start == listen.after == talk.position - v.samples(380)
    assert listen.mode == "over"


def test_speech_that_goes_on_holds_the_reply_hold_ms_after_its_onset():
    talk = Talk(barge_in={"hold_ms": 300})
    talk.speaking()
    talk.barge_in(ago=80)
    assert kinds(talk.wait(210)) == []
    assert kinds(talk.wait(10)) == ["Hold"]


@pytest.mark.parametrize("word", ["stop", "wait", "no", "Hold on", "shut up", "okay stop"])
def test_a_hard_word_cancels_as_soon_as_it_is_decoded(word):
    talk = Talk()
    talk.speaking()
    talk.barge_in()
    talk.wait(150)
    commands = talk.partial(word)
    assert kinds(commands)[:2] == ["Cancel", "CancelTurn"]
    assert only(commands, v.CancelTurn).reason == "barge_in"


def test_two_words_that_are_no_backchannels_cancel():
    talk = Talk()
    talk.speaking()
    talk.barge_in()
    talk.wait(100)
    assert kinds(talk.partial("[unk]")) == []
    assert kinds(talk.partial("[unk] [unk]")) == INTERRUPTED


def test_words_that_the_recogniser_doubts_do_not_cancel():
    talk = Talk()
    talk.speaking()
    talk.barge_in()
    assert kinds(talk.partial("stop now", accepted=False)) == []


def test_speech_of_cancel_ms_cancels_without_any_word():
    talk = Talk(barge_in={"cancel_ms": 800})
    talk.speaking()
    talk.barge_in(ago=80)
    talk.wait(710)
    assert kinds(talk.wait(10)) == INTERRUPTED


def test_a_backchannel_is_held_later_than_other_speech_and_not_cancelled_by_its_length():
    talk = Talk()
    talk.speaking()
    talk.barge_in(ago=80)
    talk.wait(100)
    talk.partial("mm-hm")
    assert kinds(talk.wait(250)) == []
    assert kinds(talk.wait(600)) == ["Hold"]


def test_a_backchannel_that_the_final_no_longer_stands_by_is_still_one():
    talk = Talk()
    talk.speaking()
    talk.barge_in(ago=80)
    talk.wait(200)
    talk.partial("okay")
    talk.barge_in_ended()
    talk.wait(260)
    told = talk.final("okay", accepted=False)
    assert "Listen" not in kinds(told) and "Cancel" not in kinds(told)


def test_speech_that_goes_on_long_after_a_backchannel_cancels():
    talk = Talk()
    talk.speaking()
    talk.barge_in(ago=80)
    talk.wait(100)
    talk.partial("yeah")
    assert "Cancel" in kinds(talk.wait(1200))


def test_what_interrupts_is_heard_again_from_its_onset_and_becomes_the_next_turn():
    talk = Talk()
    talk.speaking()
    over = only(talk.barge_in(), v.Listen)
    talk.wait(300)
    again = only(talk.partial("wait"), v.Listen)
    assert (again.start, again.after, again.mode) == (over.start, over.after, "free")
    talk.cut("Once upon a time")
    talk.wait(1200)
    assert kinds(talk.endpoint()) == ["Finalise"]
    turn = only(talk.final("what about mars then"), v.OpenTurn)
    assert turn.text == "what about mars then"
    assert turn.conversation[-1] == v.Message("assistant", "Once upon a time", interrupted=True)
    assert turn.heard_prev is not None
    assert (turn.heard_prev.text, turn.heard_prev.reason) == ("Once upon a time", "barge_in")


def test_stop_alone_over_a_reply_just_stops():
    talk = Talk()
    talk.speaking()
    talk.barge_in()
    talk.wait(300)
    talk.partial("stop")
    talk.cut("Once upon")
    talk.wait(700)
    talk.endpoint()
    commands = talk.final("stop", "stop")
    assert kinds(commands) == []
    assert only(commands, v.Show) == v.Show()


def test_a_final_spoilt_by_a_breath_does_not_undo_the_stop_that_was_heard():
    talk = Talk()
    talk.speaking()
    talk.barge_in()
    talk.wait(300)
    talk.partial("stop")
    talk.cut("Once upon")
    talk.wait(700)
    talk.endpoint()
    assert kinds(talk.final("", accepted=False)) == []


def test_wait_gives_the_user_the_floor_for_what_comes_next():
    talk = Talk()
    talk.speaking()
    talk.barge_in()
    talk.wait(300)
    talk.partial("wait")
    talk.cut("Once upon")
    talk.wait(700)
    talk.endpoint()
    assert kinds(talk.final("wait", "wait")) == []
    talk.wait(2000)
    assert kinds(talk.speech()) == ["Listen"]


def test_an_interruption_that_was_nothing_asks_nothing_and_the_answer_goes_on():
    talk = Talk()
    talk.speaking()
    talk.barge_in()
    talk.wait(1100)
    talk.cut("Once upon")
    talk.wait(700)
    talk.endpoint()
    commands = talk.final("")
    assert kinds(commands) == ["ReplyBegin", "ReplyText", "ReplyFinish"]
    assert only(commands, v.ReplyText).text == " a time there was a long story."
    talk.started()
    # the endpoint was cut off in the middle of it: that is said, rather than left open
    assert only(talk.ended(" a time there was a long story."), v.Say).text == sentence("cut_off")


def test_a_cough_resumes_within_600_ms_of_its_end_even_without_a_recogniser():
    talk = Talk()
    talk.speaking()
    talk.barge_in(ago=80)
    talk.wait(250)
    ended = talk.now - 100
    talk.barge_in_ended(ago=100)
    talk.wait(1000)
    resumed = [at for at, command in talk.log if isinstance(command, v.Resume)]
    assert len(resumed) == 1
    assert resumed[0] - ended <= 560


def test_the_recogniser_is_asked_240_ms_after_the_speech_and_its_empty_result_resumes_at_once():
    talk = Talk()
    talk.speaking()
    talk.barge_in(ago=80)
    talk.wait(100)
    talk.barge_in_ended(ago=100)
    assert kinds(talk.wait(130)) == []
    assert kinds(talk.wait(10)) == ["Finalise"]
    assert kinds(talk.final("")) == ["Resume"]


def test_a_backchannel_that_was_understood_does_not_wait_for_the_recogniser():
    talk = Talk()
    talk.speaking()
    talk.barge_in(ago=80)
    talk.wait(150)
    talk.partial("yeah")
    assert kinds(talk.barge_in_ended(ago=100)) == ["Finalise", "Resume"]
    assert kinds(talk.final("yeah")) == []


def test_a_backchannel_that_is_understood_after_it_was_over_resumes_at_once():
    talk = Talk()
    talk.speaking()
    talk.barge_in(ago=80)
    talk.wait(150)
    talk.barge_in_ended(ago=100)
    assert kinds(talk.partial("yeah")) == ["Finalise", "Resume"]


def test_a_backchannel_that_ended_long_before_the_speech_did_proves_nothing():
    talk = Talk()
    talk.speaking()
    talk.barge_in(ago=80)
    talk.wait(100)
    talk.partial("yeah")
    talk.wait(700)
    assert kinds(talk.barge_in_ended(ago=100)) == []


def test_words_that_arrive_after_the_reply_resumed_still_interrupt_it():
    talk = Talk()
    talk.speaking()
    talk.barge_in(ago=80)
    talk.wait(200)
    talk.barge_in_ended(ago=100)
    assert kinds(talk.wait(600)) == ["Finalise", "Resume"]
    commands = talk.final("[unk] [unk]", free=False)
    assert kinds(commands) == ["Cancel", "CancelTurn", "Listen"]
    assert only(commands, v.Listen).mode == "free"
    talk.cut("Once upon")
    talk.wait(10)
    talk.endpoint()
    assert only(talk.final("what about mars"), v.OpenTurn).text == "what about mars"


def test_one_word_that_was_not_listened_for_is_heard_again_while_the_reply_goes_on():
    talk = Talk()
    talk.speaking()
    over = only(talk.barge_in(ago=80), v.Listen)
    talk.wait(300)
    talk.barge_in_ended(ago=240)
    talk.wait(10)
    commands = talk.final("[unk]", free=False)
    assert kinds(commands) == ["Listen", "Resume"]
    assert only(commands, v.Listen).start == over.start
    talk.wait(400)
    talk.endpoint()
    assert kinds(talk.final("louder", "volume_up")) == ["Cancel", "CancelTurn", "Act"]


def test_who_goes_on_after_a_pause_is_heard_again_from_the_first_onset():
    talk = Talk()
    talk.speaking()
    first = only(talk.barge_in(ago=80), v.Listen)
    talk.wait(300)
    talk.barge_in_ended(ago=240)
    talk.wait(10)  # asked for its Final, which is late
    talk.wait(100)
    talk.barge_in(ago=80)
    talk.final("[unk]", free=False, utterance=first.utterance)
    talk.wait(100)
    again = only(talk.partial("wait"), v.Listen)
    assert (again.start, again.mode) == (first.start, "free")


def test_a_nod_that_the_second_hearing_makes_of_it_changes_nothing():
    talk = Talk()
    talk.speaking()
    talk.barge_in(ago=80)
    talk.wait(300)
    talk.barge_in_ended(ago=240)
    talk.wait(10)
    talk.final("[unk]", free=False)
    talk.wait(400)
    talk.endpoint()
    assert kinds(talk.final("yeah")) == []


def test_stop_is_not_heard_again_for_another_hearing_could_only_make_something_else_of_it():
    talk = Talk()
    talk.speaking()
    talk.barge_in()
    talk.wait(200)
    assert kinds(talk.partial("stop")) == ["Cancel", "CancelTurn"]
    talk.cut("Once")
    talk.wait(700)
    talk.endpoint()
    commands = talk.final("stop", "stop", free=False)
    assert kinds(commands) == []
    assert only(commands, v.Show) == v.Show()


def test_stop_with_more_behind_it_is_heard_again_at_its_end():
    talk = Talk()
    talk.speaking()
    over = only(talk.barge_in(), v.Listen)
    talk.wait(200)
    talk.partial("stop")
    talk.cut("Once")
    talk.wait(1500)
    talk.endpoint()
    again = only(talk.final("stop [unk]", free=False), v.Listen)
    assert (again.start, again.mode) == (over.start, "free")
    talk.wait(10)
    talk.endpoint()
    assert only(talk.final("stop the story and tell me a joke"), v.OpenTurn)


def test_what_a_command_recogniser_makes_of_foreign_speech_is_no_two_words():
    talk = Talk()
    talk.speaking()
    talk.barge_in(ago=80)
    talk.wait(250)
    talk.barge_in_ended(ago=240)
    talk.wait(10)
    talk.final("stop", accepted=False, free=False)  # nearest of its few, and it does not stand by it
    assert (
        kinds(talk.event(v.Partial(talk.position, talk.laws.utterances, "set the volume", free=False))) == []
    )


def test_words_without_intent_of_a_command_recogniser_do_not_interrupt():
    talk = Talk()
    talk.speaking()
    talk.barge_in(ago=80)
    talk.wait(100)
    talk.barge_in_ended(ago=100)
    talk.wait(310)
    assert kinds(talk.final("volume ten", accepted=False, free=False)) == ["Listen", "Resume"]
    talk.wait(300)
    talk.endpoint()
    assert kinds(talk.final("volume ten", accepted=False, free=False)) == []


def test_a_command_of_a_command_recogniser_interrupts_and_acts():
    talk = Talk()
    talk.speaking()
    talk.barge_in(ago=80)
    talk.wait(100)
    talk.barge_in_ended(ago=100)
    talk.wait(310)
    talk.final("no", accepted=False, free=False)
    talk.wait(300)
    talk.endpoint()
    assert kinds(talk.final("louder", "volume_up", free=False)) == ["Cancel", "CancelTurn", "Act"]


def test_a_second_burst_of_speech_belongs_to_the_same_utterance():
    talk = Talk()
    talk.speaking()
    talk.barge_in(ago=80)
    talk.wait(100)
    talk.barge_in_ended(ago=50)
    talk.wait(100)
    assert kinds(talk.barge_in(ago=50)) == []
    assert kinds(talk.wait(250)) == ["Hold"]


def test_the_warm_up_listens_for_stop_only_and_leaves_the_playback_alone():
    talk = Talk()
    talk.speaking()
    commands = talk.barge_in(score=0.0)
    assert kinds(commands) == ["Listen"]
    assert only(commands, v.Listen).mode == "over"
    assert kinds(talk.partial("wait a minute")) == []
    assert kinds(talk.wait(1500)) == []
    assert kinds(talk.partial("stop")) == ["Cancel", "CancelTurn"]


def test_a_command_over_a_warm_up_does_not_act():
    talk = Talk()
    talk.speaking()
    talk.barge_in(score=0.0)
    talk.wait(300)
    assert kinds(talk.barge_in_ended()) == ["Finalise"]
    assert kinds(talk.final("turn it up", "volume_up")) == []


def test_speech_during_the_warm_up_that_the_detector_confirms_is_heard_freely():
    talk = Talk()
    talk.speaking()
    talk.barge_in(score=0.0)
    assert kinds(talk.barge_in(score=12.0)) == ["Duck", "Discard", "Listen"]


def test_a_warm_up_utterance_ends_with_the_reply():
    talk = Talk()
    talk.speaking()
    talk.turn_ended()
    talk.barge_in(score=0.0)
    assert kinds(talk.ended()) == ["Discard"]


def test_speech_over_a_local_sentence_is_treated_the_same():
    talk = Talk()
    talk.local_reply()
    assert kinds(talk.barge_in()) == ["Duck", "Listen"]
    assert kinds(talk.partial("stop")) == ["Cancel"]
    assert kinds(talk.cut("It is")) == []  # no turn: nobody to report to


def test_speech_in_a_pause_of_the_reply_counts_as_speech_over_it():
    talk = Talk()
    talk.speaking()
    assert kinds(talk.speech()) == ["Duck", "Listen"]


def test_a_reply_does_not_begin_over_somebody_who_spoke_first():
    talk = Talk()
    talk.ask("what is the weather")
    talk.delta("It rains.")  # begun, not audible yet
    assert kinds(talk.speech()) == ["Duck", "Hold", "Listen"]
    talk.wait(200)
    talk.silence()
    assert kinds(talk.wait(1000)) == ["Finalise", "Resume"]  # a door: the answer begins


def test_a_reply_interrupted_before_its_first_sound_leaves_only_the_question():
    talk = Talk()
    talk.ask("what is the weather")
    talk.delta("It rains.")  # begun, not audible yet
    talk.barge_in()
    talk.wait(200)
    talk.partial("in paris please")
    assert kinds(talk.cut("")) == []
    talk.wait(800)
    talk.endpoint()
    turn = only(talk.final("in paris"), v.OpenTurn)
    assert (turn.text, turn.conversation, turn.heard_prev) == ("what is the weather in paris", (), None)


def test_a_reply_that_ends_while_ducked_gets_its_gain_back_and_the_words_open_a_turn():
    talk = Talk()
    talk.speaking()
    talk.turn_ended()
    talk.barge_in()
    assert kinds(talk.ended()) == ["Resume", "Discard", "Listen"]
    talk.wait(800)
    talk.endpoint()
    assert only(talk.final("and then what"), v.OpenTurn).text == "and then what"


def test_a_question_waits_until_it_is_known_what_was_heard():
    talk = Talk()
    talk.speaking()
    talk.barge_in()
    talk.wait(300)
    talk.partial("wait")
    talk.endpoint()
    assert kinds(talk.final("wait what about mars")) == []
    assert kinds(talk.cut("Once")) == ["SendHeard", "OpenTurn"]


def test_a_mouth_that_never_reports_the_cut_does_not_block_the_next_turn():
    talk = Talk()
    talk.speaking()
    talk.barge_in()
    talk.wait(300)
    talk.partial("wait")
    talk.endpoint()
    talk.final("wait what about mars")
    talk.laws.reply = None
    assert "OpenTurn" in kinds(talk.wait(1010))


# --------------------------------------------------------------------------- after the reply


def test_what_was_heard_of_a_cut_reply_goes_to_the_endpoint_and_the_history():
    talk = Talk()
    talk.speaking()
    talk.wake()
    report = only(talk.cut("Once upon a time"), v.SendHeard).report
    assert report == v.HeardReport(1, 16, "Once upon a time", 1200, "wake")


def test_a_reply_heard_to_its_end_is_in_the_history_of_the_next_turn():
    talk = Talk()
    talk.speaking()
    talk.turn_ended()
    talk.ended("Once upon a time.")
    turn = only(talk.ask("and then"), v.OpenTurn)
    assert turn.conversation == (
        v.Message("user", "tell me a story"),
        v.Message("assistant", "Once upon a time."),
    )
    assert turn.heard_prev is None


def test_local_commands_and_their_answers_never_enter_the_history():
    talk = Talk()
    talk.local_reply()
    talk.ended("It is nine o'clock.")
    assert only(talk.ask("how far is the moon"), v.OpenTurn).conversation == ()


@pytest.mark.parametrize("limit", [0, 3])
def test_the_history_is_as_long_as_configured(limit):
    talk = Talk(conversation={"history": limit})
    for number in range(4):
        turn = only(talk.ask(f"question {number}"), v.OpenTurn)
        talk.delta("Answer.")
        talk.started()
        talk.turn_ended()
        talk.ended("Answer.")
    assert len(turn.conversation) == limit


def test_a_follow_up_needs_no_wake_word():
    talk = Talk()
    talk.speaking()
    talk.turn_ended()
    assert only(talk.ended(), v.Show).attending
    talk.wait(3000)
    listen = only(talk.speech(ago=60), v.Listen)
    assert listen.start == talk.position - v.samples(360)
    talk.wait(900)
    talk.endpoint()
    assert kinds(talk.final("and then what")) == ["OpenTurn"]


def test_the_follow_up_window_closes_by_itself():
    talk = Talk(conversation={"follow_up_s": 4.0})
    talk.speaking()
    talk.turn_ended()
    talk.ended()
    assert only(talk.wait(4050), v.Show) == v.Show()
    assert talk.speech() == []


def test_without_a_follow_up_window_speech_after_a_reply_is_ignored():
    talk = Talk(conversation={"follow_up_s": 0})
    talk.speaking()
    talk.turn_ended()
    talk.ended()
    assert talk.speech() == []


@pytest.mark.parametrize("text", ["", "okay", "the", "thank you"])
def test_noise_and_nods_in_the_follow_up_are_passed_over_in_silence(text):
    talk = Talk()
    talk.speaking()
    talk.turn_ended()
    talk.ended()
    talk.wait(1000)
    talk.speech()
    talk.wait(700)
    talk.endpoint()
    assert kinds(talk.final(text)) == []


@pytest.mark.parametrize("asks", ["flag", "question mark"])
def test_a_reply_that_asks_something_takes_yes_for_an_answer(asks):
    talk = Talk(conversation={"follow_up_s": 0})
    talk.speaking()
    talk.turn_ended(expect_reply=asks == "flag")
    talk.ended("Shall I go on?" if asks == "question mark" else "Say yes to go on.")
    talk.wait(1000)
    talk.speech()
    talk.wait(700)
    talk.endpoint()
    assert only(talk.final("yes"), v.OpenTurn).text == "yes"


# --------------------------------------------------------------------------- engines that fail


def test_a_recogniser_that_dies_while_we_attend_is_said_once_and_not_in_a_loop():
    talk = Talk()
    heard = []
    for _ in range(3):
        talk.wait(1000)
        talk.wake()
        talk.wait(500)
        heard += kinds(talk.event(v.EngineFailed(talk.position, "recogniser", "it died")))
        talk.ended()
    assert heard == ["Discard", "Say", "Discard", "Earcon", "Discard", "Earcon"]


def test_a_recogniser_that_dies_unnoticed_is_not_spoken_of():
    talk = Talk()
    talk.wait(1000)
    assert talk.event(v.EngineFailed(talk.position, "recogniser", "it died")) == []


def test_a_recogniser_that_never_answers_is_given_up_aloud():
    talk = Talk()
    talk.wait(1000)
    talk.wake()
    talk.wait(1500)
    talk.endpoint()
    assert only(talk.wait(2100), v.Say).text == sentence("recogniser")


def test_a_recogniser_that_dies_over_a_reply_lets_it_go_on():
    talk = Talk()
    talk.speaking()
    talk.barge_in()
    talk.event(v.EngineFailed(talk.position, "recogniser", "it died"))
    talk.wait(100)
    talk.barge_in_ended()
    assert kinds(talk.wait(600)) == ["Resume"]


def test_words_of_the_reply_that_come_back_as_its_echo_do_not_cut_it():
    talk = Talk()
    talk.speaking()
    talk.barge_in()
    talk.wait(200)
    talk.event(v.BargeInEnded(talk.position, talk.position - v.samples(80), echo=True))
    assert kinds(talk.partial("once upon")) == []
    assert kinds(talk.wait(700)) == ["Finalise", "Resume"]
    assert kinds(talk.final("wait", "wait")) == []


def test_stop_is_obeyed_also_where_the_detector_took_it_for_echo():
    talk = Talk()
    talk.speaking()
    talk.barge_in()
    talk.wait(200)
    talk.event(v.BargeInEnded(talk.position, talk.position - v.samples(80), echo=True))
    assert kinds(talk.partial("stop")) == ["Cancel", "CancelTurn"]


def test_a_microphone_lost_in_mid_sentence_is_spoken_of_and_half_a_sentence_is_no_question():
    talk = Talk()
    talk.wait(1000)
    talk.wake()
    talk.wait(500)
    talk.partial("turn off")
    commands = talk.event(v.EngineFailed(talk.position, "microphone", "gone"))
    assert kinds(commands) == ["Discard", "Say"]
    assert only(commands, v.Say).text == sentence("microphone")
    talk.ended()
    assert kinds(talk.speech()) == ["Listen"]  # and is attended to, once it is back


def test_a_microphone_lost_over_a_reply_lets_it_go_on():
    talk = Talk()
    talk.speaking()
    talk.barge_in()
    assert kinds(talk.event(v.EngineFailed(talk.position, "microphone", "gone"))) == ["Discard"]
    talk.wait(100)
    talk.barge_in_ended()
    assert kinds(talk.wait(600)) == ["Resume"]


def test_a_voice_that_dies_in_mid_reply_ends_it_with_an_earcon():
    talk = Talk()
    talk.speaking()
    commands = talk.event(v.EngineFailed(talk.position, "voice", "it died"))
    assert kinds(commands) == ["Cancel", "CancelTurn", "Earcon"]


# --------------------------------------------------------------------------- what is shown


def test_the_shown_state_follows_a_whole_conversation():
    talk = Talk()
    talk.speaking()
    talk.barge_in()
    talk.wait(300)
    talk.partial("stop")
    talk.cut("Once")
    shown = [command for _, command in talk.log if isinstance(command, v.Show)]
    assert shown == [
        v.Show(attending=True),
        v.Show(thinking=True),
        v.Show(speaking=True),
        v.Show(speaking=True, ducked=True, attending=False),
        v.Show(speaking=True, ducked=True, held=True),
        v.Show(attending=True),
    ]


def test_an_unknown_event_is_refused_by_name():
    with pytest.raises(TypeError, match="Duck is no event"):
        Talk().conversation.handle(v.Duck())


def test_a_dead_recogniser_is_named_and_not_mistaken_for_one_that_knows_only_commands():
    talk = Talk()
    talk.wait(1000)
    talk.event(v.EngineFailed(talk.position, "recogniser", "it died"))
    talk.wake()
    talk.wait(1500)
    talk.endpoint()
    assert only(talk.final("", accepted=False, free=False), v.Say).text == sentence("recogniser")


# --------------------------------------------------------------------------- barge_in.mode


def test_instant_cuts_the_reply_with_the_first_confirmed_speech_and_listens_to_all_of_it():
    talk = Talk(barge_in={"mode": "instant"})
    talk.speaking()
    commands = talk.barge_in(ago=80)
    assert [kind for kind in kinds(commands) if kind in ("Duck", "Hold", "Cancel")] == ["Cancel"]
    listens = [command for command in commands if isinstance(command, v.Listen)]
    assert listens[-1].mode == "free"
    assert listens[-1].start == talk.position - v.samples(380)


def test_instant_does_not_act_on_what_the_detector_doubts():
    talk = Talk(barge_in={"mode": "instant"})
    talk.speaking()
    assert kinds(talk.barge_in(score=0.0)) == ["Listen"]


@pytest.mark.parametrize("mode", ["wake_word_only", "off"])
def test_speech_over_a_reply_may_be_left_without_any_effect(mode):
    talk = Talk(barge_in={"mode": mode})
    talk.speaking()
    talk.barge_in()
    assert kinds(talk.partial("wait a minute")) == []
    assert kinds(talk.wait(3000)) == []
    assert kinds(talk.barge_in_ended()) == ["Finalise"]
    assert kinds(talk.final("wait", "wait", free=False)) == []


@pytest.mark.parametrize("mode", ["considerate", "wake_word_only", "off"])
def test_stop_works_in_every_mode(mode):
    talk = Talk(barge_in={"mode": mode})
    talk.speaking()
    talk.barge_in()
    talk.wait(200)
    assert kinds(talk.partial("stop")) == ["Cancel", "CancelTurn"]


def test_the_wake_word_over_a_reply_acts_unless_barge_in_is_off():
    for mode, expected in (("wake_word_only", ["Cancel", "CancelTurn", "Listen"]), ("off", [])):
        talk = Talk(barge_in={"mode": mode})
        talk.speaking()
        assert kinds(talk.wake()) == expected


def test_with_barge_in_off_the_button_and_the_wake_word_after_the_reply_still_work():
    talk = Talk(barge_in={"mode": "off"})
    talk.speaking()
    assert "Cancel" in kinds(talk.conversation.attend(talk.position))
    talk = Talk(barge_in={"mode": "off"})
    talk.speaking()
    talk.turn_ended()
    talk.ended()
    assert "Listen" in kinds(talk.wake())


def test_off_with_a_stop_model_runs_no_recogniser_over_a_reply():
    talk = Talk(barge_in={"mode": "off"}, wake={"stop": "okay_nabu"})
    talk.speaking()
    assert kinds(talk.barge_in()) == []


def test_who_speaks_on_when_the_longest_sentence_is_ended_is_heard_on_and_answered_on_all_of_it():
    talk = Talk()
    talk.wait(1000)
    talk.wake()
    talk.speech()
    talk.wait(15_000)
    first = talk.laws.utterances
    commands = talk.endpoint(ago=0)
    assert kinds(commands) == ["Finalise", "Listen"]
    assert only(commands, v.Listen).start == talk.position
    assert kinds(talk.final("a long story", utterance=first)) == ["OpenTurn"]
    talk.delta("1.1 Yes. ")
    assert talk.laws.reply is None, "an answer over somebody who speaks"
    talk.wait(2000)
    talk.silence()
    talk.wait(600)
    talk.endpoint()
    assert only(talk.final("and its end"), v.OpenTurn).text == "a long story and its end"


def test_who_goes_on_at_once_does_not_say_the_last_word_twice():
    talk = Talk()
    talk.ask()
    talk.wait(100)
    last = talk.position - v.samples(700)
    assert only(talk.speech(ago=60), v.Listen).start > last
    talk = Talk()
    talk.wait(1000)
    talk.wake()
    talk.wait(1000)
    talk.endpoint(ago=250)
    end = talk.position - v.samples(250)
    talk.final("what about paris")
    talk.wait(50)
    assert only(talk.speech(ago=60), v.Listen).start == end
