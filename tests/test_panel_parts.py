"""The panel without a device: rhythms that tell looks apart, what a press means, what is wired where, bytes for a strip."""

from __future__ import annotations

import itertools
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.config import parse
from device.errors import ConfigError
from device.panel import Button, Facts, Gesture, HardMute, Look, Mark, look
from device.panel.apa102 import message
from device.panel.boards import Board, board
from device.panel.debounce import Debounce
from device.panel.patterns import BLACK, PATTERNS, glow, lit, shine
from device.values import RATE_HZ, Show, samples

SHOWN = [one for one in Look if one not in (Look.HELD, Look.HELD_LONG)]
STEP_MS = 10


# ---------------------------------------------------------------------- looks


def test_a_closed_microphone_is_hidden_by_nothing_but_the_finger_on_the_button():
    everything = {
        "show": Show(attending=True, thinking=True, speaking=True),
        "muted": True,
        "faulty": True,
        "offline": True,
    }
    assert look(Facts(closed=True, **everything)) is Look.HARD_MUTE
    assert look(Facts(closed=True, held=Gesture.LONG_HOLD, **everything)) is Look.HELD_LONG
    assert look(Facts(held=Gesture.HOLD, **everything)) is Look.HELD


def test_what_passes_is_shown_before_what_lasts_and_a_fault_before_the_rest():
    assert look(Facts()) is Look.DARK
    assert look(Facts(Show(attending=True), faulty=True)) is Look.ATTENDING
    assert look(Facts(Show(attending=True, thinking=True))) is Look.THINKING
    assert look(Facts(Show(attending=True, thinking=True, speaking=True))) is Look.SPEAKING
    assert look(Facts(faulty=True, muted=True, offline=True)) is Look.FAULT
    assert look(Facts(muted=True, offline=True)) is Look.SOFT_MUTE
    assert look(Facts(offline=True)) is Look.NO_NETWORK


# ---------------------------------------------------------------------- patterns


def runs(which: Look) -> list[tuple[bool, int]]:
    """How long an LED that can only be on or off is on and off, in ms, over one period from its first change on."""
    period_ms = PATTERNS[which].period_ms
    levels = [lit(which, samples(at)) for at in range(0, period_ms, STEP_MS)]
    if len(set(levels)) == 1:
        return [(levels[0], 10**9)]
    turn = next(i for i in range(len(levels)) if levels[i] and not levels[i - 1])
    turned = levels[turn:] + levels[:turn]
    return [(on, STEP_MS * len(list(same))) for on, same in itertools.groupby(turned)]


def differ(one: list[tuple[bool, int]], other: list[tuple[bool, int]]) -> bool:
    """Whether an eye tells them apart: another number of winks, or a length that differs by a third."""
    if len(one) != len(other):
        return True
    return any(a is not b or max(x, y) >= 1.33 * min(x, y) for (a, x), (b, y) in zip(one, other, strict=True))


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(SHOWN, 2)))
def test_any_two_looks_are_told_apart_by_their_rhythm_without_colours_or_dimming(one, other):
    assert differ(runs(one), runs(other)), f"{runs(one)} and {runs(other)} look alike"


@pytest.mark.parametrize("which", Look)
def test_nothing_flashes_more_than_three_times_a_second(which):
    period_ms = PATTERNS[which].period_ms
    levels = [lit(which, samples(at)) for at in range(0, 4 * period_ms + 2000, STEP_MS)]
    ons = [i for i in range(1, len(levels)) if levels[i] and not levels[i - 1]]
    assert all(sum(start <= on < start + 1000 // STEP_MS for on in ons) <= 3 for start in range(len(levels)))


@pytest.mark.parametrize("which", Look)
def test_no_edge_is_hard_and_no_level_leaves_its_range(which):
    pattern = PATTERNS[which]
    levels = [pattern.level(at) for at in range(0, 2 * pattern.period_ms, STEP_MS)]
    assert max(abs(b - a) for a, b in itertools.pairwise(levels)) <= STEP_MS / 60 + 1e-9
    assert all(0 <= level <= 1 for level in levels)
    assert [at for at, _ in pattern.points] == sorted({at for at, _ in pattern.points})
    assert pattern.points[0][0] == 0 and pattern.points[-1][0] < pattern.period_ms


@given(
    which=st.sampled_from(list(Look)),
    since=st.integers(0, 10**9),
    count=st.integers(1, 60),
    brightness=st.floats(0, 1),
)
def test_no_light_is_brighter_than_the_configuration_allows(which, since, count, brightness):
    lights = shine(which, since, count, brightness)
    assert len(lights) == count and max(map(max, lights)) <= brightness**2.2 + 1e-9 >= glow(
        which, since, brightness
    )


def test_on_a_strip_what_lasts_is_drawn_by_one_light_and_thinking_travels():
    assert shine(Look.SOFT_MUTE, samples(100), 3, 1.0)[::2] == (BLACK, BLACK)
    assert shine(Look.SOFT_MUTE, samples(100), 3, 1.0)[1] != BLACK
    first, second, third = shine(Look.THINKING, samples(700), 3, 1.0)
    assert len({first, second, third}) == 3
    assert shine(Look.THINKING, samples(700 + 320), 3, 1.0)[1] == pytest.approx(first)


# ---------------------------------------------------------------------- button, switch


def button() -> Button:
    return Button(hold=samples(800), long_hold=samples(5000))


@pytest.mark.parametrize(
    ("held_ms", "means"),
    [(60, Gesture.PRESS), (790, Gesture.PRESS), (800, Gesture.HOLD), (4990, Gesture.HOLD), (5000, Gesture.LONG_HOLD),
     (29_990, Gesture.LONG_HOLD), (30_000, None), (10**7, None)],
)  # fmt: skip
def test_what_a_press_means_is_decided_by_how_long_it_was_when_the_button_is_let_go(held_ms, means):
    pressed = button()
    assert pressed.move(False, 0) is None
    assert pressed.move(True, RATE_HZ) is Gesture.DOWN
    assert pressed.held(RATE_HZ + samples(held_ms)) is (None if means is Gesture.PRESS else means)
    assert pressed.stuck(RATE_HZ + samples(held_ms)) is (means is None)
    assert pressed.move(False, RATE_HZ + samples(held_ms)) is means
    assert pressed.held(RATE_HZ + samples(held_ms)) is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, RATE_HZ * 40)), max_size=40))
def test_a_button_that_is_down_from_the_start_or_stuck_or_loose_never_means_more_than_one_thing_a_press(
    moves,
):
    pressed, position, seen_up, begun = button(), 0, False, False
    for down, later in moves:
        position += later
        gesture = pressed.move(down, position)
        assert gesture is None or seen_up, "it was never seen up"
        seen_up |= not down
        assert gesture in (None, Gesture.DOWN) or begun, "it means something that nobody began"
        begun = gesture is Gesture.DOWN or (begun and gesture is None)


def test_a_level_counts_when_it_was_read_twice_in_a_row_whatever_bounces_before():
    contact = Debounce()
    assert [contact.read(level) for level in (True, False, True, False)] == [False] * 4
    assert contact.level is None
    assert [contact.read(level) for level in (False, False, True, False, True, True)] == [
        *(True, False, False, False, False, True)
    ]
    assert contact.level is True


def test_a_switch_is_what_it_is_whatever_was_remembered_and_a_button_beside_it_closes_nothing():
    mute = HardMute(remembered=True, has_switch=True)
    assert mute.on and not mute.held() and mute.on
    assert mute.switched(False) and not mute.on
    assert not mute.switched(False)


def test_without_a_switch_a_long_hold_turns_it_and_the_life_before_is_remembered():
    mute = HardMute(remembered=True, has_switch=False)
    assert mute.on and mute.held() and not mute.on and mute.held() and mute.on


def test_a_closed_microphone_is_remembered_by_a_file_that_is_there_or_not(tmp_path):
    mark = Mark(tmp_path / "state")
    assert not mark.read()
    mark.write(True)
    mark.write(True)
    assert mark.read() and Mark(tmp_path / "state").read()
    assert os.stat(mark.path).st_mode & 0o777 == 0o600
    mark.write(False)
    mark.write(False)
    assert not mark.read()


def test_what_nobody_can_keep_is_an_error_and_what_nobody_wants_kept_is_none(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        Mark(tmp_path / "file").write(True)
    Mark(None).write(True)
    assert not Mark(None).read()


# ---------------------------------------------------------------------- boards


def test_a_ready_board_has_its_own_pins_and_those_of_the_configuration_beside_them():
    assert board(parse({}).panel) == Board() and not Board().anything
    hat = {"profile": "respeaker-2mic"}
    assert board(parse({"panel": hat}).panel) == Board(button=17, strip=3)
    more = parse({"panel": {**hat, "mute_pin": 13, "led_pins": [12], "button_pin": 5}}).panel
    assert board(more) == Board(button=5, switch=13, leds=(12,), strip=3)
    assert board(parse({"panel": {"profile": "gpio", "led_pins": [5, 6, 13]}}).panel) == Board(
        leds=(5, 6, 13)
    )


@pytest.mark.parametrize(
    ("panel", "told"),
    [
        ({"profile": "gpio"}, "no pin is given"),
        ({"button_pin": 4}, 'panel.profile = "none" would not use it'),
        ({"profile": "gpio", "led_pins": [1, 2]}, "one pin, or three"),
        ({"profile": "gpio", "led_pins": [4], "button_pin": 4}, "GPIO 4 is given twice"),
        ({"profile": "gpio", "button_pin": 4, "mute_pin": 4}, "GPIO 4 is given twice"),
        ({"profile": "respeaker-2mic", "led_pins": [17]}, "GPIO 17 is the board's own"),
        ({"profile": "gpio", "strip_leds": 3, "strip_device": "/dev/sda"}, "SPI device"),
    ],
)
def test_pins_that_make_no_sense_together_are_refused_with_what_to_do(panel, told):
    with pytest.raises(ConfigError, match=told):
        parse({"panel": panel})


def test_what_is_wired_where_never_comes_over_the_broker():
    from device.config.keys import KEYS

    wired = {path for path, key in KEYS.items() if path.startswith("panel.") and key.policy.local}
    live = {"panel.brightness", "panel.hold_s", "panel.long_hold_s"}
    assert wired == {path for path in KEYS if path.startswith("panel.")} - live


# ---------------------------------------------------------------------- strip


def colours(sent: bytes, count: int) -> list[tuple[float, float, float]]:
    """What an APA102 makes of ``sent``: shared current times each colour, 0..1."""
    assert sent[:4] == bytes(4)
    found = []
    for number in range(count):
        head, blue, green, red = sent[4 + 4 * number : 8 + 4 * number]
        assert head >> 5 == 0b111
        found.append(tuple((head & 31) / 31 * part / 255 for part in (red, green, blue)))
    return found


@given(st.lists(st.tuples(*[st.floats(0, 1)] * 3), min_size=1, max_size=60))
def test_a_strip_is_sent_each_colour_to_within_what_its_steps_allow_and_clocks_for_every_light(lights):
    sent = message(lights)
    for wanted, got in zip(lights, colours(sent, len(lights)), strict=True):
        assert got == pytest.approx(wanted, abs=0.5 / 255 + 1e-9)
    after = sent[4 + 4 * len(lights) :]
    assert not any(after) and 8 * len(after) >= 32 + len(lights) / 2
