"""Timers: by voice and by order, several at once, over restarts and whatever clocks do."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from helpers_broker import until
from hypothesis import given
from hypothesis import strategies as st

from device.config import Config
from device.ear.intents import IntentMatcher
from device.scenario.format import parse
from device.scenario.runner import run_scenario
from device.skills import Skills, TimerFile, TimerRefused, Timers, timer_file
from device.skills.spoken import say_duration
from device.skills.timer_file import Moment
from device.skills.timer_intents import over_text
from device.skills.timers import MISSED_S, MOST_TIMERS, Timer
from device.values import RATE_HZ, Intent, ms

HOUR = 3600


def at(seconds: float) -> int:
    return round(seconds * RATE_HZ)


# --------------------------------------------------------------------------- the timers themselves


def test_timers_end_in_their_order_each_once() -> None:
    timers = Timers()
    for seconds, name in ((60, "a"), (20, "b"), (40, "c")):
        timers.set(seconds, 0, name)
    assert [timer.name for timer in timers.running] == ["b", "c", "a"]
    assert timers.due(at(19.9)) == []
    assert [timer.name for timer in timers.due(at(45))] == ["b", "c"]
    assert [timer.name for timer in timers.due(at(99))] == ["a"]
    assert timers.due(at(999)) == []


def test_a_name_is_given_once_and_the_newer_timer_has_it() -> None:
    timers = Timers()
    timers.set(60, 0, "Pasta")
    timers.set(90, 0, "pasta ")
    assert [timer.seconds for timer in timers.running] == [90]
    assert [(news.kind, news.timer.seconds) for news in timers.news()] == [
        ("set", 60),
        ("cancelled", 60),
        ("set", 90),
    ]
    assert timers.news() == []


def test_there_are_twenty_at_most() -> None:
    timers = Timers()
    for number in range(MOST_TIMERS):
        timers.set(60, 0, f"n{number}")
    with pytest.raises(TimerRefused, match="20 timers"):
        timers.set(60, 0)
    timers.set(60, 0, "n3")
    assert len(timers) == MOST_TIMERS


def test_one_that_ended_long_ago_while_the_device_was_off_does_not_ring() -> None:
    timers = Timers([Timer(at(-MISSED_S - 60), 60, "old"), Timer(at(-60), 60, "new")])
    assert [timer.name for timer in timers.due(0)] == ["new"]
    assert [(news.kind, news.timer.name) for news in timers.news()] == [("missed", "old"), ("ended", "new")]


# --------------------------------------------------------------------------- by voice


class Room:
    volume, muted = 70, False


def run(timers: Timers, sentence: str, position: int = 0) -> str:
    intent = IntentMatcher.for_language("en").match(sentence)
    assert intent is not None
    skills = Skills(Config(), Room(), timers)
    text = skills.preview(intent, position).text
    before = timers.running
    assert timers.running == before, "a preview does nothing"
    assert skills.run(intent, position).text == text
    return text


@pytest.mark.parametrize(
    ("sentence", "seconds", "said"),
    [
        ("set a timer for five minutes", 300, "five minutes"),
        ("set a timer for one minute please", 60, "one minute"),
        ("set a 20 minute timer", 1200, "twenty minutes"),
        ("timer ninety seconds", 90, "one minute and thirty seconds"),
        ("set the timer to one hour and ten minutes", 4200, "one hour and ten minutes"),
        ("set a timer for half an hour", 1800, "thirty minutes"),
        ("set a timer for an hour and a half", 5400, "one hour and thirty minutes"),
        ("set a timer for two hours", 7200, "two hours"),
        ("set a timer for forty seven minutes", 2820, "forty seven minutes"),
    ],
)
def test_a_timer_is_set_by_voice_and_its_length_is_said_back(sentence, seconds, said) -> None:
    timers = Timers()
    assert run(timers, sentence, at(5)) == f"Timer set for {said}."
    [timer] = timers.running
    assert (timer.seconds, timer.ends) == (seconds, at(5 + seconds))


def test_by_voice_the_only_timer_is_cancelled_and_several_only_all_together() -> None:
    timers = Timers()
    assert run(timers, "cancel the timer") == "There is no timer."
    timers.set(60, 0)
    assert run(timers, "cancel the timer") == "Timer cancelled." and len(timers) == 0
    timers.set(60, 0)
    timers.set(90, 0)
    assert "two timers" in run(timers, "stop the timer") and len(timers) == 2
    assert run(timers, "cancel all the timers") == "All timers are cancelled." and len(timers) == 0


def test_how_long_is_left_is_told_next_first() -> None:
    timers = Timers()
    assert run(timers, "how long is left") == "There is no timer."
    timers.set(300, 0)
    assert run(timers, "how much time is left on the timer", at(50)) == "Four minutes and ten seconds left."
    timers.set(HOUR, 0, "roast")
    assert (
        run(timers, "how much longer", at(50))
        == "Four minutes and ten seconds on the timer for five minutes. Fifty nine minutes on the roast timer."
    )
    for seconds in (400, 500):
        timers.set(seconds, 0)
    assert run(timers, "how long is left", at(50)).endswith("And one more.")


def test_by_voice_a_timer_has_its_limits() -> None:
    timers = Timers()
    skills = Skills(Config(), Room(), timers)
    assert not skills.run(Intent("timer_set", {"hours": 24, "minutes": 1}), 0).ok
    assert not skills.run(Intent("timer_set", {}), 0).ok
    for _ in range(MOST_TIMERS):
        skills.run(Intent("timer_set", {"minutes": 1}), 0)
    assert "twenty" not in skills.run(Intent("timer_set", {"minutes": 1}), 0).text
    assert len(timers) == MOST_TIMERS


@given(st.integers(1, 86_400))
def test_every_length_can_be_said(seconds) -> None:
    assert all(word.isalpha() for word in say_duration(seconds).replace(",", "").split())


def test_what_is_over_is_called_by_its_name_or_its_length() -> None:
    assert over_text(Timer(0, 300), 0) == "Your timer for five minutes is over."
    assert over_text(Timer(0, 300, "pasta"), at(60)) == "Your pasta timer ended while I was off."


# --------------------------------------------------------------------------- over a restart


class Clocks:
    """A machine's two clocks, and its start."""

    def __init__(self) -> None:
        self.now = Moment(1_800_000_000.0, 5000.0, "boot-1")

    def __call__(self) -> Moment:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now = replace(
            self.now, wall_s=self.now.wall_s + seconds, since_boot_s=self.now.since_boot_s + seconds
        )

    def set_wall(self, by_s: float) -> None:
        self.now = replace(self.now, wall_s=self.now.wall_s + by_s)

    def reboot(self, off_s: float) -> None:
        self.now = Moment(self.now.wall_s + off_s, 20.0, self.now.boot + "+")


class Life:
    """The timers of one run of the daemon."""

    def __init__(self, path: Path, clocks: Clocks) -> None:
        self.file = TimerFile(path, threaded=False, now=clocks)
        self.timers = self.file.load()
        self.file.keep(self.timers, 0)


def left(life: Life, position: int = 0) -> list[float]:
    return [round(timer.left_s(position), 1) for timer in life.timers.running]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "timers.json"


def test_a_timer_survives_a_restart_with_its_name_and_what_is_left(path) -> None:
    clocks = Clocks()
    first = Life(path, clocks)
    first.timers.set(300, at(10), "pasta", "order-1")
    first.file.keep(first.timers, at(10))
    clocks.passes(100)
    second = Life(path, clocks)
    [timer] = second.timers.running
    assert (timer.name, timer.seconds, left(second)) == ("pasta", 300, [200])
    assert second.file.orders == ("order-1",)


def test_a_machine_that_was_off_counts_by_the_wall_clock(path) -> None:
    clocks = Clocks()
    first = Life(path, clocks)
    first.timers.set(300, 0)
    first.file.keep(first.timers, 0)
    clocks.reboot(off_s=120)
    assert left(Life(path, clocks)) == [180]


def test_within_one_start_of_the_machine_the_wall_clock_does_not_matter(path) -> None:
    clocks = Clocks()
    first = Life(path, clocks)
    first.timers.set(300, 0)
    first.file.keep(first.timers, 0)
    clocks.set_wall(10 * 365 * 86_400)
    clocks.passes(60)
    assert left(Life(path, clocks)) == [240]


def test_a_wall_clock_that_has_gone_backwards_tells_nothing_and_no_time_is_lost(path) -> None:
    clocks = Clocks()
    first = Life(path, clocks)
    first.timers.set(300, 0)
    first.file.keep(first.timers, 0)
    clocks.reboot(off_s=-5 * 365 * 86_400)
    assert left(Life(path, clocks)) == [300]


def test_a_wall_clock_that_is_set_later_makes_the_file_be_written_anew(path) -> None:
    clocks = Clocks()
    clocks.set_wall(-5 * 365 * 86_400)  # no network yet
    first = Life(path, clocks)
    first.timers.set(300, 0)
    first.file.keep(first.timers, 0)
    clocks.passes(5)
    clocks.set_wall(5 * 365 * 86_400)
    first.file.keep(first.timers, at(5))
    clocks.reboot(off_s=60)
    assert left(Life(path, clocks)) == [235]


def test_the_file_is_written_only_when_something_has_changed(path) -> None:
    clocks = Clocks()
    life = Life(path, clocks)
    assert not path.exists()
    life.timers.set(300, 0)
    life.file.keep(life.timers, 0)
    written = path.stat()
    for second in range(1, 60):
        clocks.passes(1)
        life.file.keep(life.timers, at(second))
    assert path.stat().st_mtime_ns == written.st_mtime_ns and path.stat().st_ino == written.st_ino
    life.timers.cancel_all()
    life.file.keep(life.timers, at(60))
    assert json.loads(path.read_text())["timers"] == []


@pytest.mark.parametrize(
    "garbage",
    [b"", b"{", b"\xff\xfe", b"[]", b"7", b"{}", b'{"format": 2}', b"[" * 60_000,
     b'{"format": 1, "boot": "", "wall_s": "x", "since_boot_s": 0, "orders": [], "timers": []}',
     b'{"format": 1, "boot": "", "wall_s": 0, "since_boot_s": 0, "orders": [], "timers": [{"left_s": 1e999, "seconds": 1}]}',
     b'{"format": 1, "boot": "", "wall_s": 0, "since_boot_s": 0, "orders": [], "timers": [{"left_s": NaN, "seconds": 1, "name": "", "order": ""}]}'],
)  # fmt: skip
def test_a_broken_file_costs_its_timers_and_nothing_else(path, garbage) -> None:
    path.parent.mkdir()
    path.write_bytes(garbage)
    life = Life(path, Clocks())
    assert len(life.timers) == 0
    life.timers.set(60, 0)
    life.file.keep(life.timers, 0)
    assert left(Life(path, Clocks())) == [60]


def test_a_folder_that_cannot_be_written_is_said_and_the_timer_runs_all_the_same(tmp_path) -> None:
    (tmp_path / "state").write_text("no folder")
    life = Life(tmp_path / "state" / "timers.json", Clocks())
    life.timers.set(60, 0)
    life.file.keep(life.timers, 0)
    assert life.file.problem and len(life.timers.due(at(60))) == 1


def test_a_thread_writes_what_is_newest(path) -> None:
    file = TimerFile(path)
    timers = file.load()
    for seconds in range(1, 15):
        timers.set(seconds, 0, "tea")
        file.keep(timers, 0)
    file.close()
    [timer] = TimerFile(path).load().running
    assert timer.seconds == 14
    assert [found.name for found in path.parent.iterdir()] == ["timers.json"], "nothing is left lying about"


def test_orders_without_end_are_written_now_and_then_and_the_last_at_the_end(path, monkeypatch) -> None:
    monkeypatch.setattr(timer_file, "REST_S", 3600.0)
    file = TimerFile(path)
    timers = file.load()
    for seconds in range(1, 15):
        timers.set(seconds, 0, "tea")
        file.keep(timers, 0)
        until(path.exists, "the first writing")
    assert TimerFile(path).load().running[0].seconds == 1
    file.close()
    assert TimerFile(path).load().running[0].seconds == 14


# --------------------------------------------------------------------------- all of it


def test_a_timer_is_set_by_voice_rings_in_the_room_and_ends_at_stop() -> None:
    scenario = parse(
        """
        title = "A timer"
        seed = 7
        attention = true
        max_s = 22
        [room]
        rt60_s = 0.25
        [device]
        recogniser = { engine = "pocketsphinx" }
        mqtt = { enabled = false }
        wake = { words = ["alexa"], stop = "" }
        [[say]]
        id = "set"
        text = "Set a timer for ten seconds."
        voice = "flite:slt"
        at_s = 0.5
        [[say]]
        id = "stop"
        text = "Stop."
        voice = "flite:rms"
        at_s = 17.3
        [[expect]]
        event = "wake"
        absent = true
        """
    )
    result = run_scenario(scenario)
    told = [(event.event, event.text) for event in result.events]
    bells = [
        ms(event.position) for event in result.events if (event.event, event.text) == ("earcon", "alarm")
    ]
    assert ("intent", "timer_set") in told
    assert ("say", "Your timer for ten seconds is over.") in told
    assert ("announced", "said") in told
    assert len(bells) == 2 and result.seconds > 19, "no bells after the stop"
