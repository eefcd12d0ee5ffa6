"""The watchdog: petted while everything does what its state expects; named, mended once and given up where it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from device.service import Signs, Watchdog
from device.service.watchdog import HELPS_S, LOAD_S, TRY_S

WELL = Signs(steps=0, delivered=0, scored=0, microphone="open", try_age_s=0.1)


class Life:
    """A device whose time passes in halves of a second; ``moves`` are the counters that do."""

    def __init__(self, timeout_s: float | None = 15.0, signs: Signs = WELL) -> None:
        self.watchdog, self.signs, self.now_s = Watchdog(timeout_s), signs, 100.0
        self.pets: list[float] = []
        self.mended: list[tuple[str, str]] = []
        self.stuck: tuple[str, ...] = ()

    def pass_s(self, seconds: float, moves: str = "steps delivered scored", **fixed: object) -> Life:
        for _ in range(round(seconds * 2)):
            self.now_s += 0.5
            if "steps" in moves:
                counted = {name: getattr(self.signs, name) + 50 for name in moves.split()}
                self.signs = replace(self.signs, **counted, **fixed)
            verdict = self.watchdog.judge(self.now_s, self.signs)
            if verdict.pet:
                self.pets.append(self.now_s)
            self.mended += verdict.mend
            self.stuck = verdict.stuck
        return self

    def petted_since(self, now_s: float) -> bool:
        return any(pet_s > now_s for pet_s in self.pets)


def test_it_is_petted_at_a_third_of_the_time_that_systemd_gives():
    life = Life(15.0).pass_s(60)
    gaps = {round(after - before, 1) for before, after in zip(life.pets, life.pets[1:], strict=False)}
    assert gaps == {5.0} and life.stuck == () and life.mended == []


def test_without_a_watchdog_nobody_is_petted_and_what_is_stuck_is_mended_all_the_same():
    life = Life(None).pass_s(5).pass_s(5, "steps")
    assert life.pets == [] and life.mended == [("microphone", "reopen")]


def test_a_step_that_hangs_is_named_and_nobody_is_petted_from_then_on():
    life = Life().pass_s(10)
    life.pass_s(2.5, "")
    assert life.stuck == ("step",)
    hung_s = life.now_s
    life.pass_s(60, "")
    assert not life.petted_since(hung_s) and life.stuck == ("step",)


def test_an_open_microphone_that_delivers_nothing_is_opened_again_and_then_left_to_systemd():
    life = Life().pass_s(10).pass_s(4, "steps")
    assert life.stuck == ("microphone",) and life.mended == [("microphone", "reopen")]
    given_s = life.now_s
    life.pass_s(60, "steps")
    assert life.mended == [("microphone", "reopen")]
    assert max(life.pets) < given_s + HELPS_S


def test_a_mend_that_helps_is_all_that_happens_and_the_next_time_it_is_tried_anew():
    life = Life().pass_s(10)
    for times in (1, 2):
        life.pass_s(4, "steps")
        before_s = life.now_s
        life.pass_s(20)
        assert life.mended == [("microphone", "reopen")] * times and life.stuck == ()
        assert life.petted_since(before_s)


def test_a_microphone_that_is_missing_is_no_fault_as_long_as_somebody_looks_for_it():
    life = Life().pass_s(10).pass_s(120, "steps", microphone="missing")
    assert life.stuck == () and life.petted_since(life.now_s - 6)
    life.pass_s(1, "steps", try_age_s=TRY_S + 1)
    assert life.stuck == ("sound devices",) and life.mended == [("sound devices", "reopen")]
    given_s = life.now_s + HELPS_S
    life.pass_s(60, "steps")
    assert not life.petted_since(given_s)


def test_wake_words_that_score_nothing_of_what_is_delivered_are_loaded_again():
    life = Life().pass_s(10).pass_s(4, "steps delivered")
    assert life.stuck == ("wake words",) and life.mended == [("wake words", "reload")]
    assert Life(signs=replace(WELL, scored=None)).pass_s(20, "steps delivered").stuck == ()


@pytest.mark.parametrize("thread", ["mqtt", "steward"])
def test_a_thread_that_stays_dead_ends_the_petting_and_one_that_is_replaced_does_not(thread):
    life = Life().pass_s(10).pass_s(2.5, dead=(thread,)).pass_s(20, dead=())
    assert life.stuck == () and life.petted_since(life.now_s - 6)
    life.pass_s(4, dead=(thread,))
    assert life.stuck == (thread,)
    given_s = life.now_s
    assert not life.pass_s(30).petted_since(given_s)


@pytest.mark.parametrize("asleep_s", [3, 30, 40 * 365 * 86_400])
def test_who_slept_is_not_taken_for_stuck(asleep_s):
    life = Life().pass_s(10)
    life.now_s += asleep_s
    life.pass_s(1, "")
    assert life.stuck == () and life.mended == []
    before_s = life.now_s
    assert life.pass_s(6).petted_since(before_s)


def test_a_start_is_petted_for_a_minute_and_no_longer():
    watchdog, pets = Watchdog(15.0), []
    for now_s in range(200):
        if watchdog.judge(float(now_s), None).pet:
            pets.append(now_s)
    assert pets[-1] > LOAD_S - 6 and pets[-1] <= LOAD_S
    assert watchdog.judge(200.0, None).stuck == ("start",)
