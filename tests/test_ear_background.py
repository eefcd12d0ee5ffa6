"""Who was talking before the reply began is passed over, until somebody louder speaks."""

from __future__ import annotations

from device.ear.background import REMEMBERED, Background
from device.values import FRAME, BargeIn, samples

TELEVISION, TALKER, QUIET = -38.0, -26.0, -70.0


class Room:
    def __init__(self) -> None:
        self.background, self.position = Background(), 0

    def hear(self, seconds: float, level_db: float, speech: bool = True, playing: bool = False) -> None:
        for _ in range(round(seconds * 100)):
            self.background.step(self.position, level_db, speech, playing)
            self.position += FRAME

    def barge_in(self) -> BargeIn:
        return self.background.judge(BargeIn(self.position, self.position - samples(80), 9.0))


def television_before_the_reply() -> Room:
    room = Room()
    room.hear(2.0, TALKER)
    room.background.answered(room.position)
    room.hear(1.5, TELEVISION)
    room.hear(0.5, TELEVISION, playing=True)
    return room


def test_a_voice_that_was_there_before_the_reply_is_doubtful_over_it():
    room = television_before_the_reply()
    assert room.background.level_db == TELEVISION
    assert room.barge_in().score == 0.0


def test_a_talker_12_db_louder_than_the_television_is_not():
    room = television_before_the_reply()
    room.hear(0.1, TALKER, playing=True)
    assert room.barge_in().score == 9.0


def test_who_joins_a_voice_that_is_passed_over_gets_a_barge_in_of_his_own_once():
    room = television_before_the_reply()
    room.barge_in()
    told = []
    for level_db in [TELEVISION] * 50 + [TALKER] * 50:
        room.hear(0.01, level_db, playing=True)
        told.append(room.background.rises(room.position - FRAME, active=True, score=6.0))
    (event,) = [event for event in told if event is not None]
    assert told.index(event) < 60
    assert event.score == 6.0
    assert 0 <= event.position - event.onset <= samples(80)


def test_a_voice_that_was_passed_over_and_has_ended_rises_no_more():
    room = television_before_the_reply()
    room.barge_in()
    assert room.background.rises(room.position, active=False, score=6.0) is None
    room.hear(0.1, TALKER, playing=True)
    assert room.background.rises(room.position, active=True, score=6.0) is None


def test_the_talker_who_is_answered_is_no_background():
    room = Room()
    room.hear(2.0, TALKER)
    room.background.answered(room.position)
    room.hear(1.0, QUIET, speech=False)
    room.hear(0.5, QUIET, playing=True)
    assert room.background.level_db is None
    room.hear(0.1, TELEVISION, playing=True)
    assert room.barge_in().score == 9.0


def test_a_cough_before_the_reply_does_not_make_the_talker_one_who_is_passed_over():
    room = Room()
    room.hear(2.0, TALKER)
    room.background.answered(room.position)
    room.hear(0.3, QUIET, speech=False)
    room.hear(0.25, TALKER + 3.0)
    room.hear(0.5, QUIET, playing=True)
    room.hear(0.1, TALKER, playing=True)
    assert room.barge_in().score == 9.0
    room.hear(1.0, QUIET, speech=False)
    room.hear(0.2, TALKER)
    assert room.background.onset(room.position, room.position - samples(200)) is not None


def test_who_begins_in_a_pause_of_the_reply_is_no_background_of_its_rest():
    room = Room()
    room.hear(1.0, QUIET, speech=False)
    room.hear(3.0, QUIET, playing=True)
    room.hear(0.9, TALKER)
    room.hear(0.1, TALKER, playing=True)
    assert room.barge_in().score == 9.0


def test_after_the_reply_the_television_does_not_open_a_turn_and_the_talker_beside_it_does():
    room = television_before_the_reply()
    room.hear(1.0, TELEVISION)
    began = room.position - samples(1000)
    assert room.background.onset(room.position, began) is None
    room.hear(0.1, TALKER)
    onset = room.background.onset(room.position, began)
    assert onset is not None and room.position - onset <= samples(100)


def test_it_is_forgotten_some_time_after_the_reply():
    room = television_before_the_reply()
    room.hear(REMEMBERED / samples(1000) + 0.1, QUIET, speech=False)
    assert room.background.onset(room.position, 5) == 5
