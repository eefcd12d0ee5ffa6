"""What the device does by itself, and what it says about it."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.config import Config
from device.ear.grammar import load_sentences
from device.skills import Skills
from device.skills.spoken import ordinal, say_date, say_time
from device.skills.timer_intents import timer_phrases
from device.values import Intent


class Room:
    """Controls that remember."""

    def __init__(self, volume: int = 70) -> None:
        self.volume, self.muted = volume, False
        self.time = datetime.datetime(2026, 11, 22, 19, 30)

    def set_volume(self, percent: int) -> None:
        self.volume = percent

    def set_mute(self, muted: bool) -> None:
        self.muted = muted

    def now(self) -> datetime.datetime:
        return self.time


def run(room: Room, name: str, **slots: str | float):
    return Skills(Config(), room).run(Intent(name, slots), 4_711)


def test_every_intent_of_the_sentences_file_has_a_skill_and_the_reverse() -> None:
    assert Skills(Config(), Room()).known == set(load_sentences("en").intents.intents)


def test_an_answer_carries_the_position_and_the_intent_it_belongs_to() -> None:
    done = run(Room(), "time")
    assert (done.position, done.intent, done.ok) == (4_711, Intent("time"), True)


def test_the_phrases_that_a_voice_may_prepare_are_what_is_said_word_for_word() -> None:
    said = {run(Room(5), "volume_set", volume=percent).text for percent in range(0, 101, 10)}
    said |= {run(Room(0), "volume_down").text, run(Room(100), "volume_up").text}
    muted = Room()
    muted.muted = True
    said.add(run(muted, "unmute").text)
    assert said == set(Skills(Config(), Room()).phrases) - set(timer_phrases())


@pytest.mark.parametrize("name", ["stop", "cancel", "wait", "repeat", "go_on", "correct"])
def test_what_is_about_the_conversation_is_done_there(name: str) -> None:
    assert run(Room(), name).text == ""


def test_volume_goes_in_steps_and_stops_at_the_ends() -> None:
    room = Room(volume=85)
    assert [run(room, "volume_up").text for _ in range(3)] == [
        "Volume 95 percent.",
        "Volume 100 percent.",
        "That is as loud as I can be.",
    ]
    room = Room(volume=5)
    assert [run(room, "volume_down").text for _ in range(2)] == [
        "Volume 0 percent.",
        "The volume is already at zero.",
    ]


def test_volume_is_set_to_a_number() -> None:
    room = Room()
    assert run(room, "volume_set", volume=40).text == "Volume 40 percent."
    assert room.volume == 40
    assert run(room, "volume_set", volume=40).text == "The volume is already at 40 percent."


@given(st.integers(0, 100), st.one_of(st.integers(-1000, 1000), st.floats(-1e6, 1e6)))
def test_the_volume_never_leaves_its_range(before: int, wanted: float) -> None:
    room = Room(volume=before)
    assert run(room, "volume_set", volume=wanted).ok
    assert 0 <= room.volume <= 100


def test_a_volume_without_a_number_is_asked_back() -> None:
    room = Room()
    done = run(room, "volume_set")
    assert not done.ok
    assert "zero to one hundred" in done.text
    assert room.volume == 70


def test_mute_is_silent_and_unmute_says_so() -> None:
    room = Room()
    assert (run(room, "mute").text, room.muted) == ("", True)
    assert (run(room, "unmute").text, room.muted) == ("I'm back.", False)
    assert run(room, "unmute").text == "I am not muted."
    assert room.volume == 70


@pytest.mark.parametrize(("name", "slots"), [("volume_up", {}), ("volume_set", {"volume": 30})])
def test_a_volume_that_is_set_ends_the_mute(name: str, slots: dict[str, int]) -> None:
    room = Room()
    run(room, "mute")
    run(room, name, **slots)
    assert not room.muted


@pytest.mark.parametrize(
    ("clock", "text"),
    [
        ("00:00", "It's midnight."),
        ("12:00", "It's noon."),
        ("00:30", "It's half past twelve at night."),
        ("07:00", "It's seven o'clock in the morning."),
        ("07:05", "It's seven oh five in the morning."),
        ("07:15", "It's a quarter past seven in the morning."),
        ("11:45", "It's a quarter to twelve in the morning."),
        ("12:45", "It's a quarter to one in the afternoon."),
        ("19:30", "It's half past seven in the evening."),
        ("19:42", "It's seven forty two in the evening."),
        ("23:45", "It's a quarter to twelve at night."),
    ],
)
def test_the_time_is_told_as_people_tell_it(clock: str, text: str) -> None:
    room = Room()
    room.time = datetime.datetime.fromisoformat(f"2026-11-22T{clock}:30")
    assert run(room, "time").text == text


def test_every_minute_of_the_day_is_told_differently() -> None:
    told = {say_time(datetime.time(hour, minute)) for hour in range(24) for minute in range(60)}
    assert len(told) == 24 * 60


def test_the_date_is_told_with_weekday_and_ordinal() -> None:
    assert run(Room(), "date").text == "It's Sunday, November twenty second."
    assert say_date(datetime.date(2028, 2, 29)) == "It's Tuesday, February twenty ninth."
    assert len({ordinal(day) for day in range(1, 32)}) == 31


@given(
    st.integers(0, 100),
    st.booleans(),
    st.sampled_from(
        [Intent(name) for name in sorted(Skills(Config(), Room()).known)]
        + [Intent("volume_set", {"volume": 40})]
    ),
)
def test_a_preview_tells_what_would_be_said_and_does_nothing(
    volume: int, muted: bool, intent: Intent
) -> None:
    room = Room(volume)
    room.muted = muted
    skills = Skills(Config(), room)
    preview = skills.preview(intent, 7)
    assert (room.volume, room.muted) == (volume, muted)
    assert preview.text == skills.run(intent, 8).text
    assert (preview.intent, preview.position) == (intent, 7)


def test_an_intent_that_nobody_knows_is_owned_up() -> None:
    done = run(Room(), "make_coffee")
    assert (done.ok, done.text) == (False, "I can't do that yet.")
