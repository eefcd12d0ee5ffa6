"""A microphone that is gone or dead: opened again once, told aloud once, named in the state, and never in a loop."""

import numpy as np
import pytest
from helpers_audio import ScriptedCard, steps

from device.audio import AudioEngine, Captured
from device.audio.revival import DEAD_S, GONE_S, WELL_S, Revival
from device.audio.told_aloud import LASTS_S, QUIET_S, ToldAloud
from device.conversation.sentences import sentence
from device.values import FRAME, RATE_HZ

GONE, WELL = ("mic_missing",), ()


def said(told, *spans):
    """What is said, with its second; ``spans`` are (codes, seconds)."""
    heard, second = [], 0
    for codes, seconds in spans:
        for _ in range(round(seconds)):
            second += 1
            if key := told.step(codes):
                heard.append((second, key))
    return heard


def test_a_missing_microphone_is_told_once_and_that_it_is_back():
    assert said(ToldAloud(), (WELL, 60), (GONE, 3600), (WELL, 3600)) == [
        (60 + LASTS_S, "microphone_missing"),
        (60 + 3600 + 2, "microphone_back"),
    ]


def test_a_plug_that_is_moved_is_not_told_and_a_bad_one_once_in_ten_minutes():
    assert said(ToldAloud(), (GONE, LASTS_S - 1), (WELL, 60)) == []
    times = [
        at for at, key in said(ToldAloud(), *[(GONE, 10), (WELL, 10)] * 90) if key == "microphone_missing"
    ]
    assert len(times) == 3 and min(np.diff(times)) >= QUIET_S


def test_it_waits_for_a_loudspeaker():
    both = ("mic_missing", "speaker_missing")
    assert said(ToldAloud(), (both, 100), (GONE, 1)) == [(101, "microphone_missing")]
    assert said(ToldAloud(), (both, 100), (WELL, 100)) == []


def test_devices_are_taken_away_on_the_rig_only(monkeypatch, capsys):
    from device.cli import main

    monkeypatch.delenv("EARSHOT_SOUND_RIG", raising=False)
    assert main(["bench", "replug"]) == 2
    assert "scripts/sound-rig" in capsys.readouterr().err


# ------------------------------------------------------------------ opened again, once


def revivals(*spans):
    """Seconds in which it was opened again; ``spans`` are (what the microphone does, seconds)."""
    revival, second, dead, found = Revival(every_s=0.5), 0.0, 0.0, []
    for what, seconds in spans:
        for _ in range(round(seconds * 2)):
            second += 0.5
            dead = dead + 0.5 if what == "zeros" else 0.0 if what == "sound" else dead
            if revival.step(dead, what == "missing"):
                found.append(second)
    return found


@pytest.mark.parametrize(
    ("spans", "when"),
    [
        ([("sound", 5), ("zeros", 3600)], [5 + DEAD_S]),
        ([("zeros", 1), ("missing", 0.5), ("zeros", 60)], [DEAD_S]),
        ([("sound", 0.5), ("zeros", 2)] * 1000, [0.5 + DEAD_S]),  # a noise gate
        ([("zeros", 2), ("sound", WELL_S), ("zeros", 2)], [DEAD_S, 2 + WELL_S + DEAD_S]),
        ([("zeros", 2), ("missing", GONE_S), ("zeros", 2)], [DEAD_S, 2 + GONE_S + DEAD_S]),
    ],
    ids=["zeros that stay", "zeros after opening", "a noise gate", "well for long", "plugged in anew"],
)
def test_a_dead_microphone_is_opened_again_once(spans, when):
    assert revivals(*spans) == when


def test_the_engine_opens_a_microphone_of_zeros_again_and_then_says_that_it_is_silent():
    class Card(ScriptedCard):
        opened = 0

        def reopen(self):
            self.opened += 1

    zeros = np.zeros(FRAME, np.float32)
    card = Card([Captured(k * FRAME, zeros) for k in range(600)])
    engine = AudioEngine(card, echo="none")
    steps(engine, 150)
    assert card.opened == engine.counters["revivals"] == 1 and engine.health.problems == []
    steps(engine, 450)
    assert card.opened == 1 and [problem.code for problem in engine.health.problems] == ["mic_silent"]


def test_the_whole_device_says_that_its_microphone_is_missing_once_and_that_it_is_back():
    from device.audio.backends.room import RoomBackend
    from device.config.load import parse
    from device.daemon import Device
    from device.link.transport import OfflineTransport

    happened = []
    room = RoomBackend()
    engines = {"recogniser": {"engine": "pocketsphinx"}, "voice": {"engine": "espeak"}}
    config = parse({"mqtt": {"enabled": False}, **engines})
    device = Device(config, room, OfflineTransport(), in_process=True, trace=happened.append)

    def run(seconds):
        end = device.position + round(seconds * RATE_HZ)
        while device.position < end:
            device.step()

    try:
        device.start()
        run(1)
        room.problem = "microphone 'usb' not found"
        run(30)
        assert device.link._state.sound == "microphone 'usb' not found"
        room.problem = None
        run(8)
        assert device.link._state.sound == ""
    finally:
        device.stop()
    said = [event.text for event in happened if event.event == "heard"]
    assert said == [sentence("microphone_missing"), sentence("microphone_back")]
