"""Stop, said or ordered, ends what sounds, in the simulated room: nobody is in a conversation, and there is no broker."""

from __future__ import annotations

import numpy as np
import pytest
from helpers_ear import say

from device.audio.backends.room import RoomBackend, RoomSettings
from device.config import parse
from device.daemon import Device
from device.link.orders import Cmd, Say
from device.values import RATE_HZ


def alarm(seconds: float) -> np.ndarray:
    """Bursts of two tones, twice a second."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    tones = np.sin(2 * np.pi * 700 * t) + 0.5 * np.sin(2 * np.pi * 1900 * t)
    return (0.1 * tones * (t % 0.5 < 0.3)).astype(np.float32)


@pytest.mark.parametrize(
    ("word", "settings"),
    [
        ("Stop!", {"recogniser": {"engine": "vosk", "model": "vosk-tiny-en"}}),
        ("okay nabu", {"recogniser": {"engine": "pocketsphinx"}, "wake": {"stop": "okay_nabu"}}),
    ],
)
def test_stop_said_over_an_alarm_ends_it(word, settings):
    config = parse({"audio": {"backend": "room"}, "mqtt": {"enabled": False}, **settings})
    room = RoomBackend(RoomSettings(seed=3, rt60_s=0.2, ser_db=0))
    device = Device(config, room, in_process=True)
    device.start()
    device.engine.mixer.play(alarm(12))

    def run(until: int) -> None:
        while room.position < until:
            device.step()

    run(5 * RATE_HZ)
    _, last = room.say(say(word, "espeak:en-gb"), room.position)
    run(last - RATE_HZ // 2)
    assert device.engine.mixer.sounding
    run(last + RATE_HZ)
    assert not device.engine.mixer.sounding
    device.stop()


def test_an_order_to_stop_ends_the_text_that_was_ordered_just_before_it():
    config = parse(
        {
            "audio": {"backend": "room"},
            "mqtt": {"enabled": False},
            "recogniser": {"engine": "pocketsphinx"},
            "voice": {"engine": "espeak"},
        }
    )
    device = Device(config, RoomBackend(RoomSettings(seed=3)), in_process=True)
    device.start()
    told = []
    send = device.link.transport.send
    device.link.transport.send = lambda kind, message: (
        told.append(message) if kind == "ack" else send(kind, message)
    )
    device.step()
    device.link.orders += [
        Say(id="say", text="It is late."),
        Cmd(id="stop", cmd="stop"),
    ]  # both within one step
    for _ in range(20):
        device.step()
    device.stop()
    assert {ack.id: ack.code for ack in told} == {"stop": "", "say": "interrupted"}
