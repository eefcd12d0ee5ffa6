"""What must stand in Home Assistant after which messages, and which orders must come of what somebody does there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from device.config import parse
from device.config.keys import masked, values
from device.link.messages import Echo, Event, State, Status, Voice
from device.link.reports import ConfigReport
from device.link.telemetry import Latency, Percentiles

TABLES = {"homeassistant": {"discovery": True}, "device": {"id": "kitchen-2"}}
CONFIG = parse(TABLES)
WAKE_WORDS, VOICES = ("alexa", "hey_jarvis", "okay_nabu"), ("en-us", "en-gb-scotland")


def report(config: Any = CONFIG, **fields: Any) -> ConfigReport:
    return ConfigReport(
        **{
            "state": "applied",
            "effective": {key: masked(key, value) for key, value in values(config).items()},
        }
        | fields
    )


@dataclass(frozen=True)
class Shown:
    """After ``messages`` (topic leaf, message) the components have these states."""

    name: str
    messages: tuple[tuple[str, Any], ...]
    states: dict[str, str]
    attributes: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Done:
    """``service`` of Home Assistant on a component sends one order: ``cmd`` with ``args``, or a text to ``say``."""

    component: str
    service: str
    data: dict[str, Any]
    cmd: str = ""
    args: dict[str, Any] = field(default_factory=dict)
    text: str = ""


_PLAYED = Echo(mode="software", erle_db=31.6, converged=True)
_TIMED = Latency(percentiles={"voice_to_voice": Percentiles(n=4, p50_ms=611.4, p95_ms=800.0)})
PAIR = parse(TABLES | {"wake": {"words": ["alexa", "okay_nabu"]}})
SET = parse(
    TABLES
    | {
        "wake": {"threshold": 0.71, "threshold_playing": 0.33},
        "barge_in": {"sensitivity": 1.0},
        "voice": {"name": "en-gb-scotland", "speed": 1.25},
        "device": {"id": "kitchen-2", "volume": 5},
    }
)

SHOWN = (
    Shown(
        "a device that has just started",
        (("status", Status(state="online", boot="b")), ("state", State(volume=70)), ("config", report())),
        {
            "activity": "idle", "timers": "0", "mute": "off", "volume": "70", "problem": "off", "problems": "none",
            "echo": "unknown", "voice_in_use": "unknown", "response_time": "unknown", "config_version": "0",
            "config_state": "applied", "wake_word": "alexa", "voice": "default", "device_volume": "70",
            "wake_threshold": "0.6", "wake_threshold_playing": "0.5", "barge_in_sensitivity": "0.5", "voice_speed": "1.0",
            "say": "unknown", "stop": "unknown", "wake": "unknown", "hard_mute": "off", "button": "unknown",
        },
    ),
    Shown(
        "a device in the middle of a conversation",
        (
            (
                "state",
                State(
                    now=("attending", "speaking"), mute=True, volume=0, timers=3, echo=_PLAYED, latency=_TIMED,
                    voice=Voice(engine="espeak", voice="en-us", rtf=0.01),
                ),
            ),
        ),
        {
            "activity": "speaking", "mute": "on", "volume": "0", "timers": "3", "echo": "32", "response_time": "611",
            "voice_in_use": "espeak en-us",
        },
    ),
    Shown("its microphone is closed by hand", (("state", State(hard_mute=True)),), {"hard_mute": "on", "mute": "off"}),
    Shown("it attends", (("state", State(now=("attending",))),), {"activity": "attending", "mute": "off"}),
    Shown("it thinks", (("state", State(now=("attending", "thinking"), echo=Echo(mode="none"))),), {"activity": "thinking", "echo": "unknown"}),
    Shown(
        "something is wrong",
        (("status", Status(state="degraded", boot="b", problems=("mic_clipping", "model_missing"))),),
        {"problem": "on", "problems": "mic_clipping, model_missing", "activity": "thinking"},
        {"problem": {"problems": ["mic_clipping", "model_missing"]}},
    ),
    Shown(
        "everything is wrong, in more letters than a state may have",
        (("status", Status(state="degraded", boot="b", problems=tuple(f"some_long_code_{n}" for n in range(40)))),),
        {"problem": "on", "problems": ", ".join(f"some_long_code_{n}" for n in range(40))[:255]},
    ),
    Shown(
        "a pushed configuration",
        (("config", report(SET, state="pending", confirmed=False, applied={"d/kitchen-2": 12, "g/all": 3})),),
        {
            "config_state": "pending", "config_version": "12", "voice": "en-gb-scotland", "wake_threshold": "0.71",
            "wake_threshold_playing": "0.33", "barge_in_sensitivity": "1.0", "voice_speed": "1.25", "device_volume": "5",
        },
    ),
    Shown("a report that tells little", (("config", ConfigReport(state="rejected")),), {"config_state": "rejected"}),
    Shown("and the configuration back", (("config", report(state="rolled_back")),), {"config_state": "rolled_back", "voice_speed": "1.0"}),
)  # fmt: skip


def event(kind: str, **data: Any) -> tuple[str, Event]:
    return "event", Event(kind=kind, seq=1, boot="b", data=data)


HAPPENED = (
    Shown("the wake word", (event("wake", word="alexa", score=0.93),), {}, {"wake": {"event_type": "wake", "word": "alexa", "score": 0.93}}),
    Shown("somebody cuts in", (event("barge_in", score=7.1),), {}, {"interruption": {"event_type": "barge_in", "score": 7.1}}),
    Shown("it was nothing", (event("resumed"),), {}, {"interruption": {"event_type": "resumed"}}),
    Shown("stop", (event("stop_word", word="stop", score=0.9),), {}, {"interruption": {"event_type": "stop_word", "word": "stop"}}),
    Shown("a timer", (event("timer", what="set", seconds=300),), {}, {"timer": {"event_type": "set", "seconds": 300}}),
    Shown("its end", (event("timer", what="ended", seconds=300),), {}, {"timer": {"event_type": "ended", "seconds": 300}}),
    Shown("a finger on the button", (event("button", gesture="long_hold"),), {}, {"button": {"event_type": "long_hold"}}),
    Shown("an event that Home Assistant has nothing for", (event("error", room="audio", reason="x"),), {}, {"timer": {"event_type": "ended"}}),
)  # fmt: skip

DONE = (
    Done("volume", "number.set_value", {"value": 40}, "volume", {"percent": 40}),
    Done("mute", "switch.turn_on", {}, "mute", {"on": True}),
    Done("mute", "switch.turn_off", {}, "mute", {"on": False}),
    Done("stop", "button.press", {}, "stop"),
    Done("listen", "button.press", {}, "listen"),
    Done("identify", "button.press", {}, "identify"),
    Done("restart", "button.press", {}, "restart"),
    Done("wake_word", "select.select_option", {"option": "okay_nabu"}, "set", {"key": "wake.words", "value": ["okay_nabu"]}),
    Done("voice", "select.select_option", {"option": "en-us"}, "set", {"key": "voice.name", "value": "en-us"}),
    Done("voice", "select.select_option", {"option": "default"}, "set", {"key": "voice.name", "value": ""}),
    Done("device_volume", "number.set_value", {"value": 7}, "set", {"key": "device.volume", "value": 7}),
    Done("wake_threshold", "number.set_value", {"value": 0.65}, "set", {"key": "wake.threshold", "value": 0.65}),
    Done("wake_threshold_playing", "number.set_value", {"value": 0.99}, "set", {"key": "wake.threshold_playing", "value": 0.99}),
    Done("barge_in_sensitivity", "number.set_value", {"value": 1}, "set", {"key": "barge_in.sensitivity", "value": 1}),
    Done("voice_speed", "number.set_value", {"value": 1.5}, "set", {"key": "voice.speed", "value": 1.5}),
    Done("say", "text.set_value", {"value": "It's \"ready\", {{ 7 * 6 }} \\ b'x' ünï"}, text="It's \"ready\", {{ 7 * 6 }} \\ b'x' ünï"),
    Done("announce", "notify.send_message", {"message": "Dinner\nis ready 🍲"}, text="Dinner\nis ready 🍲"),
    Done("announce", "notify.send_message", {"message": "42"}, text="42"),
)  # fmt: skip
