"""The supervisor without PortAudio: streams that stand still, that are suspended, that others hold; each told, counted, mended."""

import pytest

from device.audio.backends import pa_side, pa_supervisor
from device.audio.backends.card_use import Holder
from device.audio.backends.cards import Card
from device.audio.backends.pa_capture import CaptureSide
from device.audio.backends.pa_devices import Device
from device.audio.backends.pa_playback import PlaybackSide
from device.audio.backends.pa_side import DEAD_S
from device.audio.backends.placement import View
from device.audio.backends.pulse_wire import Node

CARD = Device(0, "USB: Audio (hw:2,0)", "ALSA", 1, 2, 48_000)
ROUND_S = pa_supervisor.ROUND_S


class Stream:
    active = True

    def is_active(self):
        return self.active

    def close(self): ...


class PortAudio:
    """One card, or none that can be looked at; ``refuses`` to open it."""

    paInt16 = 8
    devices = (CARD,)
    refuses = False

    def __init__(self):
        self.lists = 0

    def PyAudio(self):
        self.lists += 1
        return self

    def open(self, **how):
        if self.refuses:
            raise OSError(-9985, "Device unavailable")
        return Stream()

    def terminate(self): ...


class House:
    """A supervisor on a clock of its own; ``moving`` streams have had a callback just now."""

    def __init__(self, monkeypatch, wanted="usb"):
        self.portaudio, self.now, self.view = PortAudio(), 100.0, None
        self.moving = True
        self.holder = None
        monkeypatch.setattr(pa_supervisor, "import_pyaudio", lambda: self.portaudio)
        monkeypatch.setattr(pa_supervisor, "list_devices", lambda manager: list(self.portaudio.devices))
        monkeypatch.setattr(pa_supervisor, "fingerprint", lambda: ("card 2",))
        monkeypatch.setattr(pa_supervisor, "holder", lambda number, direction: self.holder)
        monkeypatch.setattr(pa_side, "every_card", lambda: [Card(2, "1:2", "usb audio", "USB")])
        for module in ("pa_supervisor", "pa_open"):
            monkeypatch.setattr(f"device.audio.backends.{module}.time.monotonic", lambda: self.now)
        capture = CaptureSide()
        self.it = pa_supervisor.Supervisor(wanted, wanted, capture, PlaybackSide(48_000, capture))
        monkeypatch.setattr(self.it._server, "look", lambda: self.view)

    def rounds(self, seconds):
        for _ in range(round(seconds / ROUND_S)):
            for side in self.it.sides:
                if side.tap is not None and self.moving:
                    side.tap.last = self.now
            self.it.attend(self.now)
            self.it._round_at = self.now
            self.now += ROUND_S


@pytest.fixture
def house(monkeypatch):
    return House(monkeypatch)


def test_a_callback_that_is_stuck_is_closed_opened_again_and_counted(house):
    house.rounds(2)
    assert house.it.problem is None and house.it.counters["stuck"] == 0
    house.moving = False
    house.rounds(DEAD_S + 2 * ROUND_S)
    assert house.it.counters["stuck"] == 2 and house.it.reopened == 2
    assert house.it.problem_codes == ("mic_missing", "speaker_missing")
    assert "has not moved for 1." in house.it.problem
    house.moving = True
    house.rounds(1)
    assert house.it.problem is None and house.it.problem_codes == ()


def test_a_suspended_device_opens_and_stays_named_until_it_moves(house):
    house.rounds(2)
    house.moving = False
    seen = set()
    for _ in range(40):
        house.rounds(ROUND_S)
        seen.add(house.it.problem_codes)
    assert seen == {(), ("mic_missing", "speaker_missing")}  # named once, and not denied by each opening
    assert house.it.problem_codes and house.it.reopened >= 8
    house.moving = True
    house.rounds(2)
    assert house.it.problem_codes == ()


def test_a_process_that_was_stopped_itself_does_not_blame_the_devices(house):
    house.rounds(2)
    house.now += 30
    house.moving = False
    house.rounds(ROUND_S)
    house.moving = True
    house.rounds(2)
    assert house.it.counters["stuck"] == 0 and house.it.reopened == 0


def test_a_card_that_another_program_has_is_named_with_it_and_taken_when_it_is_free(house):
    house.portaudio.devices = ()  # PortAudio leaves out what it cannot look at
    house.holder = Holder(812, "aplay")
    house.rounds(3)
    assert house.it.problem_codes == ("mic_missing", "speaker_missing", "sound_busy")
    assert "microphone 'usb' is in use by 'aplay' (process 812)" in house.it.problem
    house.portaudio.devices, house.holder = (CARD,), None
    house.rounds(1)
    assert house.it.problem_codes == ()


def test_a_card_that_refuses_to_open_says_who_has_it(house):
    house.portaudio.refuses, house.holder = True, Holder(99, "")
    house.rounds(3)
    assert "loudspeaker 'usb' is in use by process 99" in house.it.problem
    house.holder = None
    house.rounds(2)
    assert "microphone 'usb' cannot be opened: Device unavailable" in house.it.problem
    assert "sound_busy" not in house.it.problem_codes


def test_the_ear_may_have_the_microphone_opened_again_and_only_that(house):
    house.rounds(20)
    microphone, loudspeaker = (side.stream for side in house.it.sides)
    house.it.reopen("input")
    house.rounds(ROUND_S)
    assert house.it.input.stream is not microphone and house.it.output.stream is loudspeaker
    assert house.it.reopened == 1 and house.it.problem is None and house.portaudio.lists == 1


def test_a_stream_that_the_server_has_moved_is_not_listened_to_and_taken_back_with_its_node(monkeypatch):
    house = House(monkeypatch, wanted="")
    mic, monitor = Node(5, "mic", "", False, False, False), Node(4, "spk.monitor", "", True, False, False)
    spk = Node(4, "spk", "", False, False, False)
    there = View(sources=(monitor, mic), sinks=(spk,), recording=(5,), playing=(4,))
    house.view = there
    house.rounds(2)
    assert house.it.problem is None
    house.view = View(sources=(monitor,), sinks=(spk,), recording=(4,), playing=(4,))
    house.rounds(2)
    assert house.it.problem_codes == ("mic_missing",) and house.it.input.stream is None
    assert house.it.problem == "the sound server has no microphone"
    assert house.it.counters["moved"] == 1
    house.view = there
    house.rounds(1)
    assert house.it.problem is None and house.it.input.stream is not None


def test_what_fails_unexpectedly_is_named_and_tried_again_every_round(house, monkeypatch):
    def breaks():
        raise RuntimeError("a driver's joke")

    monkeypatch.setattr(house.it._server, "look", breaks)
    house.it.start(5.0)
    try:
        assert house.it.problem == "the sound devices failed: a driver's joke"
        assert house.it.problem_codes == ("mic_missing",)
    finally:
        house.it.stop()


def test_a_device_that_opens_and_stands_still_says_so_once_in_the_log(house, caplog):
    caplog.set_level("INFO", "earshot.audio")
    house.rounds(2)
    house.moving = False
    house.rounds(30)
    told = [record.getMessage() for record in caplog.records if "microphone" in record.getMessage()]
    assert len(told) == 2 and "has not moved" in told[1]  # opened, stuck
    house.moving = True
    house.rounds(2)
    assert "microphone: USB: Audio (hw:2,0), 48000 Hz" in caplog.records[-2].getMessage()
