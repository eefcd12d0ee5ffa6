"""What the service reads of a whole device, and what its mends do to it, in lock-step over the simulated room."""

from __future__ import annotations

import pytest

from device.audio.backends.room import RoomBackend, RoomSettings
from device.config.load import parse
from device.daemon import Device
from device.link.transport import OfflineTransport
from device.service import Watchdog
from device.service.reading import signs_of, status_of
from device.service.recovery import mend


@pytest.fixture(scope="module")
def device():
    config = parse({"audio": {"backend": "room"}, "wake": {"words": ["alexa"]}, "mqtt": {"enabled": False}})
    made = Device(config, RoomBackend(RoomSettings(seed=3)), OfflineTransport(), in_process=True)
    made.start()
    yield made
    made.stop()


def run(device: Device, steps: int) -> None:
    for _ in range(steps):
        device.step()


def test_every_sign_of_a_device_that_works_moves_and_the_watchdog_is_content(device):
    watchdog, stuck = Watchdog(15.0), []
    for half_s in range(10):
        run(device, 50)
        stuck += watchdog.judge(half_s / 2, signs_of(device)).stuck
    now = signs_of(device)
    assert stuck == [] and now.microphone == "open" and now.dead == ()
    assert now.steps == now.delivered == 500 and now.scored is not None and now.scored > 490
    assert status_of(device).startswith("listening for 'alexa', echo software")


def test_wake_words_that_are_loaded_again_listen_on_and_it_is_counted(device):
    mend(device, "wake words", "reload")
    before = signs_of(device).scored
    run(device, 30)
    assert signs_of(device).scored == before + 30 and not device.ear.changing_words
    assert device.counters["service.reload_wake_words"] == 1


def test_a_microphone_that_is_opened_again_is_counted_too_where_nothing_can_be_opened(device):
    mend(device, "microphone", "reopen")
    mend(device, "microphone", "reopen")
    run(device, 10)
    assert device.counters["service.reopen_microphone"] == 2
