"""A whole device in lock-step with mock pins: what a finger does to it, what it shows, and a microphone that stays closed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers_ear import say
from helpers_panel import BUTTON, LED, SWITCH, Pins
from helpers_spelling import SpellingVoice

from device.adoption import Adoption, prepare
from device.audio.backends.room import RoomBackend, RoomSettings
from device.bench.turns.recogniser import ScriptedRecogniser
from device.config import Config, parse
from device.daemon import Device
from device.link.messages import Ack, Delta, End
from device.link.orders import Cmd
from device.link.transport import OfflineTransport
from device.panel import Look, Mark, Panel
from device.service import Watchdog
from device.service.reading import signs_of, status_of
from device.values import FRAME, RATE_HZ, Announce, Word, samples

GPIO = {"profile": "gpio", "button_pin": BUTTON, "led_pins": [LED], "brightness": 1.0}
SWITCHED = {**GPIO, "mute_pin": SWITCH}


class Wire(OfflineTransport):
    """A broker that takes everything; what was sent, by kind."""

    connected = True

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, Any]] = []
        self.orders: list[Any] = []

    def send(self, kind: str, message: Any) -> bool:
        self.sent.append((kind, message))
        return True

    def poll(self) -> list[Any]:
        orders, self.orders = self.orders, []
        return orders

    def last(self, kind: str) -> Any:
        return [message for sent, message in self.sent if sent == kind][-1]

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [message.data for sent, message in self.sent if sent == "event" and message.kind == kind]


class Room(RoomBackend):
    """Remembers whether the microphone was to stay closed when the sound device was opened."""

    opened_closed = False

    def start(self) -> None:
        self.opened_closed = self.capture_closed
        super().start()


class Scene:
    """A device in a quiet room, with ``panel`` by ``pins``; ``folder`` keeps what it remembers."""

    def __init__(self, folder: Path | None = None, pins: Pins | None = None, **panel: Any) -> None:
        self.pins, self.wire = pins or Pins(), Wire()
        self.config = parse({"panel": panel, "barge_in": {"mode": "off"}})
        self.room = Room(RoomSettings(rt60_s=0.2, seed=3))
        self.panel = Panel(
            self.config.panel,
            Mark(folder),
            factory=self.pins,
            threaded=False,
            clock=lambda: self.room.position / RATE_HZ,
        )
        engines = {"voice": SpellingVoice(), "recogniser": ScriptedRecogniser()}
        self.device = Device(self.config, self.room, self.wire, in_process=True, panel=self.panel, **engines)
        self.heard = 0
        self.device.engine.tap = self._count
        self.device.start()

    def _count(self, position: int, mic: Any, played: Any) -> None:
        self.heard += bool(mic.any())

    def step(self) -> None:
        self.device.recogniser.position = self.device.position + FRAME
        self.device.step()

    def pass_s(self, duration_s: float) -> None:
        for _ in range(0, round(duration_s * RATE_HZ), FRAME):
            self.step()

    def until(self, over: Callable[[], Any], limit_s: float = 20.0) -> None:
        end = self.device.position + round(limit_s * RATE_HZ)
        while not over():
            assert self.device.position < end, self.device.state
            self.step()

    def press(self, held_s: float = 0.2) -> None:
        self.pins.press(BUTTON)
        self.pass_s(held_s)
        self.pins.release(BUTTON)
        self.pass_s(0.1)

    def order(self, cmd: str, **args: Any) -> Any:
        self.wire.orders.append(Cmd(id=f"{cmd}-{self.device.position}", cmd=cmd, args=args))
        self.pass_s(0.02)
        return self.wire.last("ack")

    @property
    def shown(self) -> Look:
        return self.panel._look

    @property
    def closed(self) -> bool:
        """Whether nothing is heard, by the sound and by what everybody is told."""
        before = self.heard
        self.pass_s(0.1)
        silent = self.heard == before
        state = self.wire.last("state").hard_mute
        assert silent is state is self.device.front.closed is self.device.engine.mic_closed
        return silent


def scene(**panel: Any) -> Scene:
    found = Scene(**{**GPIO, **panel})
    found.pass_s(1.0)
    return found


# ---------------------------------------------------------------------- button


def test_a_press_listens_and_another_one_ends_that():
    one = scene()
    one.press()
    assert one.device.state.attending and one.shown is Look.ATTENDING and one.pins.light(LED) == 1.0
    one.press()
    assert not one.device.state.attending and one.shown is Look.DARK and one.pins.light(LED) == 0.0
    assert one.wire.events("button") == [{"gesture": "press"}] * 2


def test_a_press_while_it_speaks_silences_it_before_the_button_is_let_go_and_means_nothing_more():
    one = scene()
    one.device.say("one two three four five six seven eight nine ten.")
    one.until(lambda: one.device.state.speaking)
    one.step()
    assert one.shown is Look.SPEAKING
    one.pins.press(BUTTON)
    one.pass_s(0.1)
    assert not one.device.state.speaking
    one.pins.release(BUTTON)
    one.pass_s(0.5)
    assert not one.device.state.attending and one.shown is Look.DARK


def test_a_press_ends_an_alarm():
    one = scene()
    one.device._inbox.append(Announce(one.device.position, 1, "", priority="alarm", ring=True))
    one.until(lambda: one.device.engine.mixer.sounding)
    one.press()
    one.pass_s(3.0)
    assert not one.device.engine.mixer.sounding and not one.device.state.attending


def test_a_hold_mutes_the_loudspeaker_and_another_one_lets_it_sound_and_the_lights_say_when_to_let_go():
    one = scene()
    one.pins.press(BUTTON)
    one.pass_s(0.6)
    assert one.shown is Look.DARK
    one.pass_s(0.4)
    assert one.shown is Look.HELD and not one.device.controls.muted
    one.pins.release(BUTTON)
    one.pass_s(0.1)
    assert one.device.controls.muted and one.wire.last("state").mute and one.shown is Look.SOFT_MUTE
    one.press(1.0)
    assert not one.device.controls.muted and one.shown is Look.DARK and not one.closed
    assert one.wire.events("mute") == [{"level": "soft", "on": on, "by": "button"} for on in (True, False)]


def test_a_button_that_is_stuck_does_nothing_at_all_and_works_once_it_is_free():
    one = scene()
    one.pins.press(BUTTON)
    one.pass_s(31)
    assert not one.wire.events("button") and one.shown is Look.DARK and not one.closed
    one.pins.release(BUTTON)
    one.pass_s(0.1)
    assert not one.wire.events("button") and not one.closed
    one.press()
    assert one.device.state.attending


# ---------------------------------------------------------------------- a microphone that is closed by hand


def test_a_long_hold_closes_the_microphone_and_another_one_opens_it_and_between_them_nobody_is_heard():
    one = scene()
    one.pins.press(BUTTON)
    one.pass_s(5.2)
    assert one.shown is Look.HELD_LONG
    one.pins.release(BUTTON)
    one.pass_s(0.1)
    assert one.closed and one.shown is Look.HARD_MUTE
    one.room.say(say("alexa, stop the music"), one.device.position)
    one.pass_s(4)
    assert one.closed and not one.wire.events("wake") and one.shown is Look.HARD_MUTE
    assert not one.device.controls.muted, "the loudspeaker is another matter"
    one.press(5.2)
    assert not one.closed and one.shown is Look.DARK
    one.room.say(say("alexa"), one.device.position)
    one.until(lambda: one.wire.events("wake"))
    assert one.wire.events("mute") == [{"level": "hard", "on": on, "by": "button"} for on in (True, False)]


def test_a_switch_is_the_state_and_the_button_beside_it_closes_nothing():
    one = scene(**SWITCHED)
    one.pins.press(SWITCH)
    one.pass_s(0.1)
    assert one.closed and one.wire.events("mute") == [{"level": "hard", "on": True, "by": "switch"}]
    one.press(6)
    assert one.closed
    one.pins.release(SWITCH)
    one.pass_s(0.1)
    assert not one.closed
    one.press(6)
    assert not one.closed


def test_while_it_is_closed_nothing_is_at_fault_and_the_watchdog_knows_it():
    one, watchdog, now_s, verdicts = scene(), Watchdog(15.0), 0.0, []
    one.press(5.2)
    for _ in range(14):
        one.pass_s(0.5)
        now_s += 0.5
        verdicts.append(watchdog.judge(now_s, signs_of(one.device)))
    assert signs_of(one.device).microphone == "closed" and not any(verdict.stuck for verdict in verdicts)
    assert any(verdict.pet for verdict in verdicts)
    assert one.wire.last("status").problems == () and one.wire.last("status").state == "online"
    assert one.device.engine.problem is None and not one.device.engine.health.problems
    assert status_of(one.device).startswith("hears nothing: the microphone is closed by hand")
    counted = one.device.engine.counters
    assert counted["closed_frames"] == counted["missing_frames"] > 600


def test_what_is_being_said_goes_on_and_nobody_is_waited_for_afterwards():
    one = scene(**SWITCHED)
    one.device.say("one two three four five six seven eight nine ten.")
    one.until(lambda: one.device.state.speaking)
    one.pins.press(SWITCH)
    one.pass_s(0.1)
    assert one.closed and one.device.state.speaking and one.shown is Look.HARD_MUTE
    one.until(lambda: not one.device.state.speaking)
    one.pass_s(0.5)
    assert not one.device.state.attending
    one.press()
    assert not one.device.state.attending and one.closed


def test_neither_an_order_nor_a_configuration_nor_a_voice_opens_it():
    one = scene(**SWITCHED)
    one.pins.press(SWITCH)
    one.pass_s(0.1)
    assert one.order("listen").code == "mic_closed"
    assert one.order("mute", on=False).ok and one.order("volume", percent=60).ok
    adoption = Adoption(one.device)
    adoption.adopt(prepare(one.device.config, Config(), in_process=True))
    one.pass_s(0.2)
    one.room.say(say("alexa, turn the microphone on"), one.device.position)
    one.pass_s(3)
    assert one.closed and one.panel.brightness == Config().panel.brightness


def test_it_stays_closed_over_a_restart_from_the_first_frame_on(tmp_path):
    one = Scene(tmp_path, **GPIO)
    one.pass_s(1.0)
    one.press(5.2)
    assert one.closed
    one.device.stop()
    again = Scene(tmp_path, **GPIO)
    assert again.room.opened_closed and again.closed and again.heard == 0 and again.wire.events("mute") == []
    again.press(5.2)
    assert not again.closed
    again.device.stop()
    assert not Scene(tmp_path, **GPIO).closed


@pytest.mark.parametrize("panel", [{}, {"profile": "gpio", "button_pin": BUTTON}])
def test_it_stays_closed_also_where_the_panel_is_gone_and_the_log_says_how_to_open_it(
    tmp_path, caplog, panel
):
    Mark(tmp_path).write(True)
    gone = Scene(tmp_path, Pins(busy=(BUTTON,)), **panel)
    assert gone.closed
    assert ("nothing here can open it" in caplog.text) is (not panel)
    gone.pass_s(1.0)
    assert ("panel_unavailable" in gone.wire.last("status").problems) is bool(panel)


def test_a_switch_that_was_turned_while_the_device_was_off_counts_and_not_what_is_remembered(tmp_path):
    Mark(tmp_path).write(True)
    one = Scene(tmp_path, **SWITCHED)
    one.pass_s(0.2)
    assert not one.closed
    one.device.stop()
    assert not Mark(tmp_path).read()
    other = Scene(tmp_path, Pins(grounded=(SWITCH,)), **SWITCHED)
    other.pass_s(0.2)
    assert other.closed


# ---------------------------------------------------------------------- lights


def test_the_lights_follow_a_question_from_listening_to_the_answer():
    one, seen = scene(), []

    def look_until(over: Callable[[], Any]) -> None:
        def watched() -> Any:
            seen.extend([one.shown] if [one.shown] != seen[-1:] else [])
            return over()

        one.until(watched)

    one.press()
    begin, clip = one.device.position, say("what is the weather tomorrow")
    one.room.say(clip, begin)
    one.device.recogniser.say([Word("weather", begin + RATE_HZ // 2, begin + len(clip) - RATE_HZ // 4)])
    look_until(lambda: [kind for kind, _ in one.wire.sent if kind == "turn"])
    turn = one.wire.last("turn").turn
    one.wire.orders += [Ack(turn=turn, worker="w")]
    look_until(lambda: one.shown is Look.THINKING)
    one.wire.orders += [
        Delta(turn=turn, worker="w", seq=0, off=0, text="Rain."),
        End(turn=turn, worker="w", n=1, len=5),
    ]
    look_until(lambda: one.shown is Look.SPEAKING)
    look_until(lambda: one.shown is Look.DARK)
    assert [look for look in seen if look is not Look.DARK][:3] == [
        Look.ATTENDING,
        Look.THINKING,
        Look.SPEAKING,
    ]


def test_a_microphone_that_is_gone_is_a_fault_and_a_broker_that_is_away_for_long_another_thing():
    one = scene()
    one.room.unplug()
    one.pass_s(1.5)
    assert one.shown is Look.FAULT
    one.room.plug()
    one.pass_s(1.5)
    assert one.shown is Look.DARK
    one.wire.connected = False
    one.pass_s(9)
    assert one.shown is Look.DARK
    one.pass_s(3)
    assert one.shown is Look.NO_NETWORK
    one.wire.connected = True
    one.pass_s(1.1)
    assert one.shown is Look.DARK


def test_other_brightness_and_times_are_in_force_at_once():
    one = scene()
    adoption = Adoption(one.device)
    wanted = parse({"panel": {**GPIO, "brightness": 0.5, "hold_s": 2.0}})
    adoption.adopt(prepare(one.device.config, wanted, in_process=True))
    one.press(1.5)
    assert one.device.state.attending and one.pins.light(LED) == pytest.approx(0.5**2.2)
    assert one.device.front.button.hold == samples(2000)
