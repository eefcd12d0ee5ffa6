"""After an interruption: "go on", "repeat that", "no, I meant ...", a nod, and nothing at all."""

from __future__ import annotations

from helpers_conversation import Talk, kinds, only

from device import values as v
from device.conversation.sentences import sentence

STORY = "Once upon a time there was a long story. It had a second part."
HEARD = "Once upon a time"
REST = STORY[len(HEARD) :]


def interrupted(complete: bool = True, heard: str = HEARD) -> Talk:
    """Somebody has cut in on the story, of which ``heard`` was audible, and is listened to."""
    talk = Talk()
    talk.speaking(STORY)
    if complete:
        talk.turn_ended()
    talk.barge_in()
    talk.partial("wait")
    talk.cut(heard)
    talk.wait(800)
    talk.endpoint()
    return talk


def next_question(talk: Talk, text: str = "and then") -> v.OpenTurn:
    """Whatever goes on now, the wake word and another question: what it tells the endpoint."""
    talk.wake()
    if talk.laws.reply is not None:
        talk.cut("")
    talk.wait(900)
    talk.endpoint()
    return only(talk.final(text), v.OpenTurn)


# --------------------------------------------------------------------------- go on


def test_go_on_continues_after_the_last_heard_word_without_asking_anybody():
    talk = interrupted()
    commands = talk.final("go on", "go_on")
    assert kinds(commands) == ["ReplyBegin", "ReplyText", "ReplyFinish"]
    assert only(commands, v.ReplyText).text == REST


def test_an_answer_gone_on_with_is_one_message_of_the_history():
    talk = interrupted()
    talk.final("go on", "go_on")
    talk.started()
    talk.ended(REST)
    (user, answer) = next_question(talk).conversation
    assert (answer.text, answer.interrupted) == (STORY, False)
    assert user.role == "user"


def test_an_answer_interrupted_twice_is_heard_up_to_the_second_time():
    talk = interrupted()
    talk.final("go on", "go_on")
    talk.started()
    talk.wait(1000)
    talk.barge_in()
    talk.partial("wait")
    report = only(talk.cut(" there was"), v.SendHeard).report
    assert (report.text, report.chars) == (HEARD + " there was", len(HEARD + " there was"))
    talk.endpoint()
    assert only(talk.final("go on", "go_on"), v.ReplyText).text == STORY[report.chars :]
    talk.started()
    talk.ended(STORY[report.chars :])
    assert [m.text for m in next_question(talk).conversation] == ["tell me a story", STORY]


def test_a_local_command_in_between_does_not_forget_the_rest():
    talk = interrupted()
    talk.final("volume down", "volume_down")
    talk.skill_done("volume_down", "Volume 60 percent.")
    talk.started()
    talk.ended("Volume 60 percent.")
    talk.speech()
    talk.wait(700)
    talk.endpoint()
    assert only(talk.final("go on", "go_on"), v.ReplyText).text == REST


def test_the_rest_of_an_answer_that_was_cut_off_in_the_making_is_asked_for():
    talk = interrupted(complete=False)
    opened = only(talk.final("go on", "go_on"), v.OpenTurn)
    assert opened.text == "go on"
    assert opened.heard_prev is not None and opened.heard_prev.text == HEARD
    assert opened.conversation[-1] == v.Message("assistant", HEARD, interrupted=True)


def test_without_free_speech_what_there_is_of_it_is_said_and_that_it_was_cut():
    talk = interrupted(complete=False)
    assert only(talk.final("go on", "go_on", free=False), v.ReplyText).text == REST
    talk.started()
    assert only(talk.ended(REST), v.Say).text == sentence("cut_off")


def test_with_nothing_to_go_on_with_it_says_so():
    talk = Talk()
    talk.wait(1000)
    talk.wake()
    talk.wait(900)
    talk.endpoint()
    assert only(talk.final("go on", "go_on", free=False), v.Say).text == sentence("nothing_left")


def test_another_question_ends_what_could_be_gone_on_with():
    talk = interrupted()
    talk.final("what about paris")
    talk.delta("2.1 Nice. ")
    talk.started()
    talk.turn_ended()
    talk.ended("2.1 Nice.")
    talk.speech()
    talk.wait(700)
    talk.endpoint()
    assert only(talk.final("go on", "go_on", free=False), v.Say).text == sentence("nothing_left")


def test_go_on_over_an_answer_is_a_nod():
    talk = Talk()
    talk.speaking(STORY)
    talk.barge_in()
    talk.partial("go on")
    talk.wait(200)
    talk.barge_in_ended()
    talk.wait(300)
    assert "Cancel" not in kinds(talk.final("go on", "go_on"))
    assert talk.laws.shown.speaking


# --------------------------------------------------------------------------- an interruption by nothing


def test_an_interruption_that_was_nothing_goes_on_by_itself():
    talk = Talk()
    talk.speaking(STORY)
    talk.turn_ended()
    talk.barge_in()
    talk.wait(1100)
    talk.cut(HEARD)
    talk.wait(500)
    talk.endpoint()
    commands = talk.final("")
    assert only(commands, v.ReplyText).text == REST
    assert not [c for c in commands if isinstance(c, v.Say | v.Earcon)]


def test_an_interruption_at_the_very_end_that_was_nothing_is_passed_over():
    talk = Talk()
    talk.speaking(STORY)
    talk.turn_ended()
    talk.barge_in()
    talk.wait(1100)
    talk.cut(STORY)
    talk.endpoint()
    assert kinds(talk.final("")) == []


def interrupted_by_nothing(talk: Talk, heard: str) -> list[v.Command]:
    """Noise takes the floor from what is being said."""
    talk.barge_in()
    talk.wait(1500)
    talk.cut(heard)
    talk.barge_in_ended()
    talk.endpoint()
    return talk.final("", accepted=False)


def test_a_local_answer_that_was_interrupted_by_nothing_goes_on_itself_and_no_older_story_does():
    talk = Talk()
    talk.speaking(STORY)
    talk.turn_ended()
    talk.barge_in()
    talk.partial("stop")
    talk.cut(HEARD)
    talk.wait(500)
    talk.endpoint()
    talk.final("stop", "stop")
    talk.wait(60_000)
    talk.local_reply("It is nine o'clock.")
    assert only(interrupted_by_nothing(talk, "It is"), v.ReplyText).text == " nine o'clock."


def test_where_all_of_a_local_answer_was_heard_nothing_brings_an_older_story_back():
    talk = Talk()
    talk.speaking(STORY)
    talk.turn_ended()
    talk.event(v.StopHeard(talk.position, "stop", 1.0))
    talk.cut(HEARD)
    talk.wait(60_000)
    talk.local_reply("It is nine o'clock.")
    assert kinds(interrupted_by_nothing(talk, "It is nine o'clock.")) == []


# --------------------------------------------------------------------------- repeat that


def test_repeat_says_what_was_heard_and_no_more():
    talk = interrupted()
    assert only(talk.final("repeat that", "repeat"), v.Say).text == HEARD


def test_repeat_over_the_answer_waits_for_what_was_heard_of_it():
    talk = Talk()
    talk.speaking(STORY)
    talk.turn_ended()
    talk.barge_in()
    talk.partial("[unk] [unk]")
    talk.endpoint()
    assert "Say" not in kinds(talk.final("repeat that", "repeat"))
    assert only(talk.cut(HEARD), v.Say).text == HEARD


def test_after_the_repetition_the_rest_can_still_be_gone_on_with():
    talk = interrupted()
    talk.final("repeat that", "repeat")
    talk.started()
    talk.ended(HEARD)
    talk.speech()
    talk.wait(700)
    talk.endpoint()
    assert only(talk.final("go on", "go_on"), v.ReplyText).text == REST


def test_a_repetition_is_not_in_the_history():
    talk = interrupted()
    talk.final("repeat that", "repeat")
    talk.started()
    talk.ended(HEARD)
    assert [m.text for m in next_question(talk).conversation] == ["tell me a story", HEARD]


def test_before_anything_was_said_there_is_nothing_to_repeat():
    talk = Talk()
    talk.wait(1000)
    talk.wake()
    talk.wait(900)
    talk.endpoint()
    assert only(talk.final("repeat that", "repeat"), v.Say).text == sentence("nothing_said")


# --------------------------------------------------------------------------- no, I meant ...


def heard_after_a_command(name: str, **slots: int) -> Talk:
    talk = Talk()
    talk.wait(1000)
    talk.wake()
    talk.wait(900)
    talk.endpoint()
    number = talk.laws.utterances
    talk.event(v.Final(talk.position, number, "a command", (), True, v.Intent(name, dict(slots)), True))
    talk.event(v.SkillDone(talk.position, v.Intent(name, dict(slots)), "Done."))
    talk.started()
    talk.ended("Done.")
    talk.speech()
    talk.wait(900)
    talk.endpoint()
    return talk


def meant(talk: Talk, volume: int, free: bool = True) -> list[v.Command]:
    intent = v.Intent("correct", {"volume": volume})
    number = talk.laws.utterances
    return talk.event(v.Final(talk.position, number, f"no i meant {volume}", (), True, intent, free))


def test_a_correction_does_the_last_command_again_with_another_number():
    talk = heard_after_a_command("volume_set", volume=40)
    assert only(meant(talk, 50), v.Act).intent == v.Intent("volume_set", {"volume": 50})


def test_a_correction_of_something_without_a_number_is_for_the_endpoint():
    talk = heard_after_a_command("time")
    assert only(meant(talk, 50), v.OpenTurn).text == "no i meant 50"


def test_a_correction_of_an_answer_travels_with_what_was_heard_of_it():
    talk = interrupted()
    opened = only(talk.final("no I meant the kitchen light"), v.OpenTurn)
    assert opened.heard_prev is not None and opened.heard_prev.text == HEARD
    assert opened.conversation[-1] == v.Message("assistant", HEARD, interrupted=True)


# --------------------------------------------------------------------------- nods


def nodded(talk: Talk, text: str = "yeah") -> None:
    talk.barge_in()
    talk.partial(text)
    talk.wait(150)
    talk.barge_in_ended()
    talk.wait(300)
    talk.final(text)


def test_a_nod_becomes_a_note_on_the_answer_it_was_said_over():
    talk = Talk()
    talk.speaking(STORY)
    talk.turn_ended()
    nodded(talk)
    nodded(talk, "i see")
    talk.ended(STORY)
    assert next_question(talk).conversation[-1] == v.Message("assistant", STORY, notes=("yeah", "i see"))


def test_a_nod_that_is_understood_after_the_end_of_the_answer_is_noted_too():
    talk = Talk()
    talk.speaking(STORY)
    talk.turn_ended()
    talk.barge_in()
    talk.partial("yeah")
    talk.wait(150)
    talk.barge_in_ended()
    talk.wait(300)
    talk.ended(STORY)
    talk.final("yeah")
    assert next_question(talk).conversation[-1].notes == ("yeah",)


def test_the_notes_of_one_answer_are_bounded():
    talk = Talk()
    talk.speaking(STORY)
    talk.turn_ended()
    for _ in range(20):
        nodded(talk)
    talk.ended(STORY)
    assert len(next_question(talk).conversation[-1].notes) == 8


# --------------------------------------------------------------------------- nothing audible


def test_a_turn_interrupted_before_anything_was_audible_leaves_only_its_question():
    talk = Talk()
    talk.ask("tell me a story")
    talk.wait(300)
    talk.delta("1.1 Once upon ")
    talk.barge_in()
    talk.partial("stop")
    assert not [c for c in talk.cut("") if isinstance(c, v.SendHeard)]
    talk.endpoint()
    talk.final("stop", "stop")
    opened = next_question(talk)
    assert opened.conversation == (v.Message("user", "tell me a story"),)
    assert opened.heard_prev is None


# --------------------------------------------------------------------------- "stop", and then more


def stopped_by_the_spotter(speaking_on: bool = True) -> Talk:
    """ "Stop" over the story, heard by the spotter before the recogniser."""
    talk = Talk()
    talk.speaking(STORY)
    talk.turn_ended()
    talk.barge_in()
    if not speaking_on:
        talk.barge_in_ended()
    assert "Cancel" in kinds(talk.event(v.StopHeard(talk.position, "stop", 0.9)))
    talk.cut(HEARD)
    return talk


def test_who_goes_on_after_stop_is_heard_to_the_end_every_word_from_the_first():
    talk = stopped_by_the_spotter()
    listen = only(talk.partial("stop [unk]"), v.Listen)
    assert listen.mode == "free"
    talk.partial("stop what about tomorrow")
    talk.endpoint()
    assert only(talk.final("stop what about tomorrow"), v.OpenTurn).text == "stop what about tomorrow"


def test_stop_alone_ends_everything_once_it_is_over():
    talk = stopped_by_the_spotter()
    talk.endpoint()
    assert kinds(talk.final("stop", "stop")) == []
    assert talk.laws.shown == v.Show()


def test_stop_that_the_recogniser_makes_nothing_of_brings_no_answer_back():
    for text in ("", "top", "[unk]"):
        talk = stopped_by_the_spotter()
        talk.endpoint()
        talk.final(text, accepted=bool(text))
        if talk.laws.utterance is not None:  # heard once more
            talk.endpoint()
            talk.final(text, accepted=bool(text))
        assert talk.laws.shown == v.Show()
        assert talk.laws.reply is None


def test_stop_that_was_over_when_it_was_spotted_ends_everything_at_once():
    assert stopped_by_the_spotter(speaking_on=False).laws.shown == v.Show()
