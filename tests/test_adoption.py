"""A whole device in lock-step takes another configuration while it runs: every key, and engines in the middle of their work."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from typing import Any

import pytest
from helpers_ear import say
from helpers_spelling import SpellingVoice

from device.adoption import Adoption, prepare
from device.audio.backends.room import RoomBackend, RoomSettings
from device.bench.turns.recogniser import ScriptedRecogniser
from device.config import Config, parse
from device.config.keys import KEYS, nested, value
from device.daemon import Device
from device.ear.barge_in import bar_of
from device.engines.process import ProcessDoor
from device.link.transport import OfflineTransport
from device.trace import TraceEvent
from device.values import FRAME, RATE_HZ, samples


class Wire(OfflineTransport):
    """Nobody out there; keeps the configuration that it was told to go by."""

    def __init__(self) -> None:
        super().__init__()
        self.config = Config()

    def reconfigure(self, config: Config) -> None:
        self.config = config


class Scene:
    """A device in a quiet room; ``voice`` and ``recogniser`` are scripted unless ``real``."""

    def __init__(self, config: Config | None = None, real: bool = False) -> None:
        self.config = config or Config()
        self.events: list[TraceEvent] = []
        self.room = RoomBackend(RoomSettings(rt60_s=0.2, seed=3))
        engines = {} if real else {"voice": SpellingVoice(), "recogniser": ScriptedRecogniser()}
        self.device = Device(
            self.config, self.room, Wire(), in_process=True, trace=self.events.append, **engines
        )
        self.adoption = Adoption(self.device)
        self.device.start()

    def adopt(self, config: Config, in_process: bool = True) -> None:
        self.adoption.adopt(prepare(self.device.config, config, in_process=in_process))

    def step(self) -> None:
        scripted = self.device.recogniser
        if isinstance(scripted, ScriptedRecogniser):
            scripted.position = self.device.position + FRAME
        self.device.step()
        self.adoption.step(self.device.position)

    def pass_ms(self, duration_ms: float) -> None:
        for _ in range(0, samples(duration_ms), FRAME):
            self.step()

    def until(self, over: Callable[[], Any], limit_s: float = 20.0, pause_s: float = 0.0) -> None:
        end = self.device.position + round(limit_s * RATE_HZ)
        while not over():
            assert self.device.position < end, [(e.event, e.text) for e in self.events[-10:]]
            self.step()
            time.sleep(pause_s)  # for engines in processes, which know nothing of the room's time

    def happened(self, event: str) -> list[TraceEvent]:
        return [one for one in self.events if one.event == event]


# ---------------------------------------------------------------------- every key

Seen = Callable[[Device], Any]
TIMING, ENDS = "device.conversation._timing", "device.ear._utterances._config.endpointing"


def at(path: str) -> Seen:
    """What ``path`` leads to, from a device on."""

    def look(device: Device) -> Any:
        found: Any = device
        for name in path.split(".")[1:]:
            found = getattr(found, name)
        return found

    return look


def wire(path: str) -> Seen:
    return lambda device: value(device.link.transport.config, path)


def configured(path: str) -> Seen:
    """Read from the device's configuration whenever it matters."""
    return lambda device: value(device.config, path)


HANDLED: dict[str, tuple[Any, Seen, Any]] = {
    # key: another value, where it shows, as what
    "device.group": ("hall", wire("device.group"), "hall"),
    "device.volume": (33, lambda d: (d.controls.volume, d.engine.mixer.volume), (33, 33)),
    "wake.words": (["okay_nabu"], lambda d: d.ear._spotting.spotters.wake.words, ["okay_nabu"]),
    "wake.threshold": (0.71, lambda d: d.ear._spotting.spotters.wake.thresholds, (0.71, 0.5)),
    "wake.threshold_playing": (0.44, lambda d: d.ear._spotting.spotters.wake.thresholds, (0.6, 0.44)),
    "wake.stop": ("", lambda d: d.ear._spotting.spotters.stop, None),
    "wake.stop_threshold": (0.8, lambda d: d.ear._spotting.spotters.stop.threshold, 0.8),
    "barge_in.mode": ("off", lambda d: (d.conversation._gives_way, d.conversation._wakes_over), (False, False)),
    "barge_in.sensitivity": (0.9, at("device.ear._barge_in._bar"), bar_of(0.9)),
    "barge_in.duck_db": (-30.0, at("device.mouth._duck_db"), -30.0),
    "barge_in.hold_ms": (300, at("device.conversation._yielding._coming.hold"), samples(300)),
    "barge_in.cancel_ms": (900, at("device.conversation._yielding._coming.cancel"), samples(900)),
    "endpointing.min_ms": (250, at(f"{ENDS}.min_ms"), 250),
    "endpointing.max_ms": (900, at(f"{ENDS}.max_ms"), 900),
    "endpointing.silence_ms": (700, at(f"{ENDS}.silence_ms"), 700),
    "endpointing.max_s": (9.0, lambda d: (at(f"{ENDS}.max_s")(d), d.conversation._hearing._timing.longest),
                          (9.0, samples(11_000))),
    "speculation.enabled": (False, at("device.conversation._answering._gate._settings.enabled"), False),
    "speculation.max_tries": (1, at("device.conversation._answering._gate._settings.max_tries"), 1),
    "speculation.max_speech_s": (4.0, at("device.conversation._answering._gate._settings.max_speech_s"), 4.0),
    "voice.speed": (1.4, at("device.mouth._feed.speed"), 1.4),
    "conversation.attention_s": (9.0, at("device.conversation._attention._timing.attention"), samples(9000)),
    "conversation.follow_up_s": (2.0, at(f"{TIMING}.follow_up"), samples(2000)),
    "conversation.answer_s": (7.0, lambda d: (d.conversation._answering._timing.answer, d.link.turns.settings.first_ms),
                              (samples(7000), 7000)),
    "conversation.answer_chars": (400, at("device.conversation._answering._timing.answer_chars"), 400),
    "conversation.history": (2, at("device.conversation._answering._record.history._messages.maxlen"), 2),
    "endpoint.pool": ("hall", wire("endpoint.pool"), "hall"),
    "endpoint.ack_ms": (333, at("device.link.turns.settings.ack_ms"), 333),
    "endpoint.attempts": (4, at("device.link.turns.settings.attempts"), 4),
    "privacy.transcripts": (True, configured("privacy.transcripts"), True),
    "log.level": ("debug", lambda d: logging.getLogger().level, logging.DEBUG),
    # the steward's, which goes by the configuration that is in force
    "keys.trusted": (["me:" + 43 * "A"], configured("keys.trusted"), ("me:" + 43 * "A",)),
    "rollout.probation_s": (30, configured("rollout.probation_s"), 30),
    "panel.brightness": (0.9, at("device.front.panel.brightness"), 0.9),
    "panel.hold_s": (1.2, at("device.front.button.hold"), samples(1200)),
    "panel.long_hold_s": (4.0, at("device.front.button.long_hold"), samples(4000)),
    # the announcer's, likewise
    "homeassistant.discovery": (True, configured("homeassistant.discovery"), True),
} | {
    f"budget.{name}": (111, lambda d, name=name: d.latency._budget_ms[name.removesuffix("_ms")], 111)
    for name in ("endpoint_ms", "commit_ms", "ack_ms", "first_token_ms", "first_clause_ms", "first_sample_ms")
}  # fmt: skip


@pytest.fixture(scope="module")
def running() -> Scene:
    return Scene()


def test_every_key_that_takes_effect_live_is_handled_by_somebody():
    assert {path for path, key in KEYS.items() if key.policy.apply == "live"} == set(HANDLED)


@pytest.mark.parametrize("path", HANDLED)
def test_a_live_key_is_in_force_after_the_next_step_and_the_default_again_after_another(running, path):
    other, seen, shown = HANDLED[path]
    was = seen(running.device)
    assert was != shown
    running.adopt(parse(nested({path: other})))
    running.until(lambda: not running.device.ear.changing_words, limit_s=0.1)
    running.step()
    assert seen(running.device) == shown and value(running.device.config, path) != KEYS[path].default
    running.adopt(Config())
    running.pass_ms(100)
    if path not in ("wake.stop", "log.level"):  # a spotter that is another object; a level that the tests set
        assert seen(running.device) == was
    assert running.adoption.failure == ""


def test_a_push_that_says_nothing_of_the_volume_leaves_it_where_somebody_has_put_it(running):
    running.device.controls.set_volume(12)
    running.adopt(parse({"wake": {"threshold": 0.7}}))
    assert running.device.controls.volume == 12
    running.adopt(Config())
    running.device.controls.set_volume(70)


# ---------------------------------------------------------------------- in the middle of something


def test_a_reply_goes_on_in_its_voice_and_at_its_speed_and_the_next_one_has_the_new_ones():
    scene = Scene()
    old: Any = scene.device.voice
    scene.device.say("one two three four five. six seven eight nine ten. one two three.")
    scene.until(lambda: scene.happened("reply_start"))
    scene.adopt(parse({"voice": {"engine": "espeak", "speed": 1.5}}))
    scene.pass_ms(300)
    assert scene.device.voice is old and scene.adoption.changing and scene.adoption.settled
    scene.until(lambda: scene.happened("reply_end"))
    scene.pass_ms(50)
    assert not scene.adoption.changing and scene.device.voice is not old
    assert " ".join(old.texts) == "one two three four five. six seven eight nine ten. one two three."
    scene.device.say("And this is the other voice.")
    scene.until(lambda: len(scene.happened("reply_end")) == 2)
    assert scene.device.mouth.voice_ready.engine == "espeak"
    assert [e.text for e in scene.happened("heard")][1] == "And this is the other voice."
    assert not any("other voice" in text for text in old.texts)


def test_an_open_utterance_ends_with_its_recogniser_and_the_next_one_has_the_new_one():
    scene = Scene(parse({"recogniser": {"engine": "pocketsphinx"}, "endpointing": {"strategy": "fixed"}}))
    old = scene.device.recogniser
    scene.device.attend()
    scene.step()
    assert not scene.device.ear.at_rest
    scene.adopt(parse({"wake": {"words": ["okay_nabu"]}, "recogniser": {"engine": "pocketsphinx"}}))
    scene.pass_ms(200)
    assert scene.device.recogniser is old and scene.adoption.changing and scene.adoption.settled
    scene.device.hush()  # which ends the utterance
    scene.pass_ms(50)
    assert scene.device.recogniser is not old and not scene.adoption.changing
    assert scene.device.ear.recogniser.engine == "pocketsphinx"


def test_no_frame_is_missed_and_none_comes_twice_whatever_is_changed(running):
    frames: list[int] = []
    running.device.engine.tap = lambda position, mic, played: frames.append(position)
    for path, (other, _, _) in HANDLED.items():
        running.adopt(parse(nested({path: other})))
        running.pass_ms(20)
    running.adopt(Config())
    running.pass_ms(20)
    running.device.engine.tap = None
    assert frames == list(range(frames[0], frames[0] + len(frames) * FRAME, FRAME))
    assert running.device.counters.get("audio.missing_frames", 0) == 0


def test_a_turn_end_model_comes_when_it_is_ready_and_goes_when_it_is_not_wanted():
    scene = Scene()
    assert scene.device.turn_model is None
    scene.adopt(parse({"endpointing": {"strategy": "model", "model": "turn-tiny"}}))
    scene.pass_ms(20)
    assert scene.adoption.settled and scene.device.turn_model.ready is not None
    scene.adopt(parse({"endpointing": {"strategy": "adaptive"}}))
    scene.pass_ms(20)
    assert scene.adoption.settled and scene.device.turn_model is None


def test_a_turn_end_model_that_is_none_is_a_failure_and_the_one_before_stays():
    scene = Scene(parse({"endpointing": {"strategy": "model", "model": "turn-tiny"}}))
    before = scene.device.turn_model
    scene.adopt(parse({"endpointing": {"strategy": "model", "model": "nowhere"}}))
    scene.pass_ms(20)
    assert scene.adoption.failure and not scene.adoption.settled and scene.device.turn_model is before
    scene.adopt(scene.config)
    scene.pass_ms(20)
    assert scene.adoption.failure == "" and scene.adoption.settled and scene.device.turn_model is before


COMMANDS = parse({"recogniser": {"engine": "pocketsphinx"}, "voice": {"engine": "espeak"}})
WORD_MORE = parse(
    {
        "recogniser": {"engine": "pocketsphinx"},
        "voice": {"engine": "espeak"},
        "wake": {"words": ["alexa", "okay_nabu"]},
    }
)


@pytest.mark.parametrize("into_ms", [500, 900, 1700])
def test_a_command_over_the_change_is_carried_out_and_so_is_one_with_the_new_wake_word_after_it(into_ms):
    scene = Scene(COMMANDS, real=True)
    scene.pass_ms(1500)
    clip = say("alexa, set the volume to forty")
    scene.room.say(clip, scene.device.position)
    scene.pass_ms(into_ms)
    scene.adopt(WORD_MORE)
    scene.until(lambda: scene.happened("reply_end"))
    assert scene.device.controls.volume == 40
    scene.pass_ms(1000)
    assert not scene.adoption.changing
    scene.room.say(say("okay nabu, set the volume to fifty"), scene.device.position)
    scene.until(lambda: len(scene.happened("reply_end")) == 2)
    assert scene.device.controls.volume == 50
    assert [wake.text for wake in scene.happened("wake")] == ["alexa", "okay_nabu"]


# ---------------------------------------------------------------------- engines in processes


def gone(*doors: Any) -> Callable[[], bool]:
    """Whether the processes behind ``doors``, as they are now, have ended."""
    pids = [door.pid for door in doors]
    assert None not in pids

    def over() -> bool:
        for pid in pids:
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                continue
            return False
        return True

    return over


def doors_of(prepared: Any) -> list[Any]:
    return [coming.engine for coming in prepared.engines.values()]


def test_the_old_engine_works_until_the_process_of_the_new_one_is_ready_and_ends_then():
    scene = Scene()
    scene.adopt(parse({"voice": {"name": "en-us+f2"}}), in_process=False)
    assert isinstance(scene.device.voice, SpellingVoice)
    assert not scene.adoption.settled
    scene.until(lambda: not scene.adoption.changing, limit_s=120, pause_s=0.002)
    first = scene.device.voice
    assert isinstance(first, ProcessDoor) and scene.device.mouth.voice_ready.voice == "en-us+f2"
    over = gone(first)
    scene.adopt(parse({"voice": {"name": "en-us"}}), in_process=False)
    scene.until(lambda: not scene.adoption.changing and over(), limit_s=120, pause_s=0.002)
    assert scene.device.mouth.voice_ready.voice == "en-us"
    scene.device.stop()


def test_a_voice_that_does_not_start_is_a_failure_with_its_reason_and_back_again_keeps_the_one_that_works():
    scene = Scene()
    before = scene.device.voice
    scene.adopt(parse({"voice": {"name": "en-narnia"}}), in_process=False)
    scene.until(lambda: scene.adoption.failure, limit_s=120, pause_s=0.002)
    assert "en-narnia" in scene.adoption.failure and scene.device.voice is before
    assert not scene.adoption.settled
    prepared = prepare(scene.device.config, scene.config)  # rolled back
    over = gone(*doors_of(prepared))
    scene.adoption.adopt(prepared)
    assert scene.adoption.settled and scene.adoption.failure == ""
    scene.until(over, limit_s=120, pause_s=0.002)
    assert scene.device.voice is before


def test_a_second_change_replaces_the_first_and_leaves_no_process_behind_but_keeps_what_both_want():
    scene = Scene()
    first = prepare(scene.config, parse({"voice": {"name": "en-us+f2"}, "wake": {"words": ["okay_nabu"]}}))
    voice, recogniser = first.engines["voice"].engine, first.engines["recogniser"].engine
    over = gone(voice)
    scene.adoption.adopt(first)
    second = prepare(first.config, parse({"voice": {"name": "en-us+f3"}, "wake": {"words": ["okay_nabu"]}}))
    assert list(second.engines) == ["voice"]
    scene.adoption.adopt(second)
    scene.until(lambda: not scene.adoption.changing and over(), limit_s=120, pause_s=0.002)
    assert scene.device.mouth.voice_ready.voice == "en-us+f3" and scene.device.recogniser is recogniser
    over = gone(scene.device.voice, scene.device.recogniser)
    scene.device.stop()
    scene.adoption.close()
    assert over()


def test_what_cannot_be_prepared_raises_and_leaves_no_process_behind(monkeypatch):
    opened: list[ProcessDoor] = []
    launch = ProcessDoor._launch
    monkeypatch.setattr(ProcessDoor, "_launch", lambda door: (opened.append(door), launch(door))[1])
    wanted = parse({"wake": {"words": ["okay_nabu"]}, "voice": {"engine": "kokoro", "model": "nowhere"}})
    with pytest.raises(Exception, match="nowhere"):
        prepare(Config(), wanted)
    [recogniser] = opened
    deadline = time.monotonic() + 60
    while recogniser.pid is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert recogniser.pid is None
