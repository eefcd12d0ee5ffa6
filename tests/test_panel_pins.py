"""Pins, LEDs and the strip, with gpiozero's mock pins; and machines that have none of them."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from helpers_panel import BUTTON, LED, SWITCH, Clock, Pins, opened

from device.config import parse
from device.panel import Change, Look, Mark, Panel, lights
from device.panel.patterns import BLACK, shine
from device.values import samples

ROOT = Path(__file__).parent.parent
ALL = {"profile": "gpio", "button_pin": BUTTON, "mute_pin": SWITCH, "led_pins": [LED]}


def ticks(panel: Panel, clock: Clock, seconds: float) -> None:
    for _ in range(round(seconds * 50)):
        clock.now_s += 0.02
        panel.show(panel._look)
        panel.tick(clock.now_s)


def test_what_button_and_switch_do_is_told_once_each_and_bounces_are_not():
    pins, clock = Pins(), Clock()
    with opened(pins, clock=clock, **ALL) as panel:
        ticks(panel, clock, 0.1)
        assert [*panel.changes] == [Change("button", False), Change("switch", False)]
        panel.changes.clear()
        for _ in range(50):  # a loose wire: never twice the same in a row
            pins.press(BUTTON)
            ticks(panel, clock, 0.02)
            pins.release(BUTTON)
            ticks(panel, clock, 0.02)
        assert not panel.changes
        pins.press(BUTTON)
        ticks(panel, clock, 0.5)
        pins.press(SWITCH)
        ticks(panel, clock, 0.5)
        assert [*panel.changes] == [Change("button", True), Change("switch", True)]


def test_a_flood_of_changes_that_nobody_takes_is_bounded():
    pins, clock = Pins(), Clock()
    with opened(pins, clock=clock, **ALL) as panel:
        for _ in range(100):
            pins.press(BUTTON)
            ticks(panel, clock, 0.04)
            pins.release(BUTTON)
            ticks(panel, clock, 0.04)
        assert len(panel.changes) == 16


def test_a_switch_may_close_the_microphone_while_it_is_open_so_that_a_broken_wire_does():
    pins, clock = Pins(), Clock()
    with opened(pins, clock=clock, profile="gpio", mute_pin=SWITCH, mute_when_open=True) as panel:
        ticks(panel, clock, 0.1)
        pins.press(SWITCH)
        ticks(panel, clock, 0.1)
        assert [*panel.changes] == [Change("switch", True), Change("switch", False)]


def test_an_led_is_dimmed_to_the_brightness_of_now_and_dark_at_the_end():
    pins, clock = Pins(), Clock()
    with opened(pins, clock=clock, brightness=1.0, **ALL) as panel:
        panel.show(Look.ATTENDING)
        ticks(panel, clock, 0.1)
        assert pins.light(LED) == 1.0
        panel.brightness = 0.5
        ticks(panel, clock, 0.1)
        assert pins.light(LED) == pytest.approx(0.5**2.2)
        panel.show(Look.THINKING)
        pins.pin(LED).clear_states()
        ticks(panel, clock, 3.2)
        assert len({state.state for state in pins.pin(LED).states}) > 20, "it breathes"
    assert pins.light(LED) == 0


def test_nothing_is_written_while_nothing_changes():
    pins, clock = Pins(), Clock()
    with opened(pins, clock=clock, **ALL) as panel:
        panel.show(Look.DARK)
        ticks(panel, clock, 0.1)
        writes = []
        panel._opened.lights[0]._led = type(
            "Led", (), {"__setattr__": lambda *set_: writes.append(set_), "close": lambda s: None}
        )()
        ticks(panel, clock, 1.0)
        assert not writes
        panel.show(Look.ATTENDING)
        ticks(panel, clock, 1.0)
        assert len(writes) == 1


def test_an_led_that_lights_when_its_pin_is_low_is_high_while_dark():
    pins, clock = Pins(dims=False), Clock()
    with opened(pins, clock=clock, profile="gpio", led_pins=[LED], led_active_high=False) as panel:
        panel.show(Look.DARK)
        ticks(panel, clock, 0.1)
        assert pins.light(LED) == 1
        panel.show(Look.ATTENDING)
        ticks(panel, clock, 0.1)
        assert pins.light(LED) == 0


def test_pins_that_cannot_dim_show_the_same_rhythm_on_and_off():
    pins, clock = Pins(dims=False), Clock()
    with opened(pins, clock=clock, profile="gpio", led_pins=[LED]) as panel:
        panel.show(Look.FAULT)
        pins.pin(LED).clear_states()
        ticks(panel, clock, 2.9)
        assert [state.state for state in pins.pin(LED).states][-6:] == [True, False, True, False, True, False]
        assert panel.problem is None


def test_three_pins_are_one_led_in_colour():
    pins, clock = Pins(), Clock()
    with opened(pins, clock=clock, profile="gpio", led_pins=[5, 6, 13], brightness=1.0) as panel:
        panel.show(Look.ATTENDING)
        ticks(panel, clock, 0.1)
        assert [pins.light(pin) for pin in (5, 6, 13)] == pytest.approx([0.0, 0.4, 1.0])
    pins = Pins(dims=False)
    with opened(pins, clock=clock, profile="gpio", led_pins=[5, 6, 13]) as panel:
        panel.show(Look.HARD_MUTE)
        ticks(panel, clock, 0.1)
        assert [pins.light(pin) for pin in (5, 6, 13)] == [1, 0, 0]


@pytest.fixture
def bus(tmp_path, monkeypatch):
    """A file in place of the SPI bus, which takes its settings as a bus does."""
    path, settings = tmp_path / "spidev", []
    path.write_bytes(b"")
    monkeypatch.setattr(
        lights.fcntl, "ioctl", lambda handle, request, value: settings.append((request, value))
    )
    return path, settings


def test_a_strip_is_set_up_and_sent_what_it_shows_and_darkness_at_the_end(bus):
    path, settings = bus
    strip = lights.Strip(str(path), 3)
    assert settings == [(lights.SPI_MODE, b"\0"), (lights.SPI_SPEED, (1_000_000).to_bytes(4, sys.byteorder))]
    strip.show(Look.ATTENDING, 0, 0.4)
    strip.show(Look.ATTENDING, samples(500), 0.4)
    strip.close()
    shown, dark = lights.message(shine(Look.ATTENDING, 0, 3, 0.4)), lights.message((BLACK,) * 3)
    assert path.read_bytes() == shown + dark


def test_the_numbers_of_the_calls_are_those_of_the_kernel():
    """_IOW('k', number, size), linux/spi/spidev.h."""
    assert (1 << 30) | (1 << 16) | (ord("k") << 8) | 1 == lights.SPI_MODE
    assert (1 << 30) | (4 << 16) | (ord("k") << 8) | 4 == lights.SPI_SPEED


# ---------------------------------------------------------------------- what is not there


def test_a_pin_that_another_program_has_is_said_once_and_the_others_work(caplog):
    pins, clock = Pins(busy=(BUTTON,)), Clock()
    with caplog.at_level(logging.WARNING), opened(pins, clock=clock, **ALL) as panel:
        panel.show(Look.ATTENDING)
        ticks(panel, clock, 1.0)
        assert panel.problem == "button on GPIO 17: 'GPIO busy'"
        assert [*panel.changes] == [Change("switch", False)] and pins.light(LED) > 0
    assert [record.getMessage() for record in caplog.records] == [f"panel: {panel.problem}"]


def test_a_hat_without_its_bus_still_has_its_button():
    pins, clock = Pins(), Clock()
    with opened(pins, clock=clock, profile="respeaker-2mic", strip_device="/dev/spidev9.9") as panel:
        ticks(panel, clock, 0.1)
        assert "strip" in panel.problem and "/dev/spidev9.9" in panel.problem
        assert [*panel.changes] == [Change("button", False)]


def test_lights_and_contacts_that_fail_later_are_left_out_and_what_they_said_stays():
    pins, clock = Pins(), Clock()
    with opened(pins, clock=clock, **ALL) as panel:
        pins.press(SWITCH)
        ticks(panel, clock, 0.1)
        panel.changes.clear()
        panel._opened.inputs["switch"].close()
        panel._opened.lights[0]._led.close()
        ticks(panel, clock, 0.1)
        panel.show(Look.SPEAKING)
        ticks(panel, clock, 1.0)
        assert not panel.changes and panel.problem.count("switch: ") == panel.problem.count("lights: ") == 1
        pins.press(BUTTON)
        ticks(panel, clock, 0.1)
        assert [*panel.changes] == [Change("button", True)]


def test_a_machine_without_pins_says_so_once_and_goes_on(caplog, monkeypatch):
    monkeypatch.delenv("GPIOZERO_PIN_FACTORY", raising=False)
    before = os.getcwd()
    with caplog.at_level(logging.WARNING), opened(**ALL) as panel:
        for _ in range(10):
            panel.tick(0.0)
        assert panel.problem.startswith("GPIO: ") and not panel.changes
    assert len(caplog.records) == 1 and os.getcwd() == before and "LG_WD" not in os.environ


def test_no_panel_is_no_problem_and_loads_nothing():
    code = (
        "import sys; from device.config import Config; from device.panel import Panel\n"
        "panel = Panel(Config().panel); panel.start(); panel.wait(); panel.close()\n"
        "print(panel.problem, 'gpiozero' in sys.modules, panel._thread.ident)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == ["None", "False", "None"]


def prepared(folder: Path, lgpio: str, **environ: str) -> list[str]:
    """Where we are, what is left and what is in the environment once a library like ``lgpio`` was imported."""
    (folder / "lgpio.py").write_text(lgpio)
    code = (
        "import os; from device.panel import pins; made = pins.prepare()\n"
        "print(os.getcwd(), made and os.listdir(made), os.environ.get('LG_WD'))"
    )
    env = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}:{folder}",
        "RUNTIME_DIRECTORY": str(folder / "run"),
        **environ,
    }
    env.pop("GPIOZERO_PIN_FACTORY", None)
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, cwd="/", env=env
    ).stdout.split()


def test_the_library_that_moves_into_its_own_folder_when_it_is_imported_leaves_us_where_we_were(tmp_path):
    """As lgpio 0.2.2.0 does: it makes a pipe in $LG_WD, and stays there."""
    (tmp_path / "run").mkdir()
    moves = "import os\nos.chdir(os.environ['LG_WD'])\nos.mkfifo('.lgd-nfy0')\n"
    assert prepared(tmp_path, moves) == ["/", "['.lgd-nfy0']", "None"]
    shutil.rmtree(tmp_path / "run")
    (tmp_path / "run").mkdir()
    assert prepared(tmp_path, moves + "raise ImportError('no chip')\n") == ["/", "None", "None"]
    assert not [*(tmp_path / "run").iterdir()]
    assert prepared(tmp_path, moves, RUNTIME_DIRECTORY=str(tmp_path / "not there")) == ["/", "None", "None"]


# ---------------------------------------------------------------------- the thread


def test_the_lights_say_that_it_starts_and_that_the_ear_hangs():
    pins, clock = Pins(), Clock()
    with opened(pins, clock=clock, brightness=1.0, **ALL) as panel:
        clock.now_s = 1.6
        panel.tick(clock.now_s)
        assert pins.light(LED) == 1.0, "starting: at its brightest after 1.6 s"
        panel.show(Look.DARK)
        panel.tick(clock.now_s)
        assert pins.light(LED) == 0.0
        clock.now_s += 2.1  # and nothing more is heard of it
        panel.tick(clock.now_s)
        assert pins.light(LED) > 0.9, "a wink of the fault that it is"


def test_the_thread_reads_the_switch_before_anybody_listens_and_ends_when_it_is_told(tmp_path):
    pins = Pins(grounded=(SWITCH,))
    panel = Panel(parse({"panel": ALL}).panel, Mark(tmp_path), factory=pins)
    panel.start()
    panel.start()
    panel.wait(30)
    assert Change("switch", True) in panel.changes
    panel.remember(True)
    deadline = time.monotonic() + 30
    while not Mark(tmp_path).read() and time.monotonic() < deadline:
        time.sleep(0.01)
    panel.remember(False)
    panel.close()
    assert not Mark(tmp_path).read() and not panel._thread.is_alive()


def test_a_bus_that_hangs_keeps_nobody_waiting_and_is_known():
    class Stuck:
        def __init__(self) -> None:
            self.entered, self.free = threading.Event(), threading.Event()

        def show(self, look: Look, since: int, brightness: float) -> None:
            self.entered.set()
            self.free.wait(30)

        def close(self) -> None: ...

    clock, stuck = Clock(), Stuck()
    panel = Panel(parse({"panel": ALL}).panel, factory=Pins(), clock=clock)
    panel.start()
    panel.wait(30)
    panel._opened.lights.append(stuck)
    assert stuck.entered.wait(30) and not panel.hangs
    clock.now_s += 2.1
    panel.show(Look.ATTENDING)
    assert panel.hangs
    stuck.free.set()
    panel.close()
    assert not panel.hangs and not panel._thread.is_alive()


def test_what_cannot_be_remembered_is_said_once_and_what_is_so_stays_so(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    clock = Clock()
    with caplog.at_level(logging.WARNING), opened(Pins(), Mark(tmp_path / "file"), clock, **ALL) as panel:
        panel.remember(True)
        ticks(panel, clock, 0.2)
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "that the microphone is closed cannot be kept over a restart"
    ]
