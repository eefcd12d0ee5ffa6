"""What stands in Home Assistant for one device: each component with its topics, templates and looks. Pure.

Every key of the configuration that needs no signature and can be turned like a knob has one, with the range from the schema.
Left out is what the device does not publish: an update entity (nothing here knows of newer software). The microphone has no
switch here: only somebody at the device may open one that is closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from device.config import Config
from device.config.keys import KEYS
from device.homeassistant import templates
from device.link import topics

Component = dict[str, Any]

DEFAULT_VOICE = "default"
"""How the empty ``voice.name`` is shown: a select has no empty option."""
AND = " + "
"""Between wake words that work side by side, as one option."""

KNOBS: dict[str, tuple[str, str, float]] = {
    "device.volume": ("Volume at start", "mdi:volume-source", 1),
    "wake.threshold": ("Wake word threshold", "mdi:ear-hearing", 0.01),
    "wake.threshold_playing": ("Wake word threshold while speaking", "mdi:ear-hearing", 0.01),
    "barge_in.sensitivity": ("Barge-in sensitivity", "mdi:account-voice", 0.05),
    "voice.speed": ("Speaking rate", "mdi:speedometer", 0.05),
}
"""Keys with a range, by path: name, icon, step."""
UNITS = {"percent": "%", "ms": "ms", "s": "s", "dB": "dB"}

ACTIVITY = (
    "{% set now = value_json.now %}"
    "{{ 'speaking' if 'speaking' in now else 'thinking' if 'thinking' in now "
    "else 'attending' if 'attending' in now else 'idle' }}"
)
"""Several may hold at once (somebody speaks while it speaks): the one that is heard or waited for is shown."""
ERLE = (
    "{% set echo = value_json.echo %}"
    "{{ echo.erle_db | round | int if echo and echo.erle_db is not none else none }}"
)
RESPONSE = (
    "{% set measured = (value_json.latency or {}).get('percentiles', {}).get('voice_to_voice') %}"
    "{{ measured.p50_ms | round | int if measured else none }}"
)
SPEAKER = (
    "{% set voice = value_json.voice %}{{ (voice.engine ~ ' ' ~ voice.voice) | trim if voice else none }}"
)


def components(config: Config, wake_words: Sequence[str], voices: Sequence[str]) -> dict[str, Component]:
    """Every component by its id, which never changes. One that is not there (a select without a choice) is named with its
    platform alone: Home Assistant then removes what it may know from before."""
    device = config.device.id
    status, state, report, happened = (
        {"state_topic": topics.up(device, leaf)} for leaf in ("status", "state", "config", "event")
    )
    cmd, say = ({"command_topic": topics.down(device, leaf)} for leaf in ("cmd", "say"))
    spoken = {**say, "command_template": templates.say(config.device.language)}
    found: dict[str, Component] = {
        # what it does
        "activity": _sensor(
            "Activity", "mdi:account-voice", state, ACTIVITY,
            device_class="enum", options=["idle", "attending", "thinking", "speaking"],
        ),
        "timers": _sensor("Timers", "mdi:timer-outline", state, "{{ value_json.timers }}", state_class="measurement"),
        # what one can do
        "mute": {
            "p": "switch", "name": "Mute loudspeaker", "icon": "mdi:volume-off", **state, **cmd,
            "value_template": "{{ 'on' if value_json.mute else 'off' }}",
            "payload_on": "on", "payload_off": "off", "command_template": templates.cmd("mute", {"on": "value == 'on'"}),
        },
        "volume": {
            "p": "number", "name": "Volume", "icon": "mdi:volume-high", "min": 0, "max": 100, "step": 1, "mode": "slider",
            "unit_of_measurement": "%", **state, "value_template": "{{ value_json.volume }}",
            **cmd, "command_template": templates.cmd("volume", {"percent": "value | int"}),
        },
        "stop": _button("Stop", "mdi:stop", "stop", cmd),
        "listen": _button("Listen", "mdi:microphone-message", "listen", cmd),
        "identify": _button("Identify", None, "identify", cmd, device_class="identify", entity_category="diagnostic"),
        "restart": _button("Restart", None, "restart", cmd, device_class="restart", entity_category="config"),
        "announce": {"p": "notify", "name": "Announce", "icon": "mdi:bullhorn", **spoken},
        "say": {"p": "text", "name": "Say", "icon": "mdi:text-to-speech", "min": 1, "max": 255, **spoken},
        # what happened
        "wake": _event(
            "Wake word", "mdi:microphone", happened,
            {"wake": "word=value_json.data.word, score=value_json.data.score"},
        ),
        "interruption": _event(
            "Interruption", "mdi:hand-back-right", happened,
            {"barge_in": "score=value_json.data.score", "stop_word": "word=value_json.data.word", "resumed": ""},
        ),
        "timer": {
            "p": "event", "name": "Timer", "icon": "mdi:timer-alert-outline", **happened,
            "event_types": ["set", "cancelled", "ended", "missed"],
            "value_template": templates.event({"timer": "seconds=value_json.data.seconds"}, kind="value_json.data.what"),
        },
        "button": _button_event(happened),
        # how it stands
        "hard_mute": {
            "p": "binary_sensor", "name": "Microphone closed", "icon": "mdi:microphone-off", **state,
            "value_template": "{{ 'ON' if value_json.hard_mute else 'OFF' }}",
        },
        "problem": {
            "p": "binary_sensor", "name": "Problem", "device_class": "problem", "entity_category": "diagnostic", **status,
            "value_template": "{{ 'ON' if value_json.problems else 'OFF' }}",
            "json_attributes_topic": topics.up(device, "status"),
            "json_attributes_template": "{{ {'problems': value_json.problems} | to_json }}",
        },
        "problems": _diagnostic(
            "Problems", "mdi:alert-circle-outline", status, "{{ (value_json.problems | join(', ') or 'none')[:255] }}"
        ),
        "echo": _diagnostic(
            "Echo cancelled", "mdi:waveform", state, ERLE, unit_of_measurement="dB", state_class="measurement"
        ),
        "voice_in_use": _diagnostic("Voice in use", "mdi:account-voice", state, SPEAKER),
        "response_time": _diagnostic(
            "Response time", "mdi:timer-sand", state, RESPONSE,
            device_class="duration", unit_of_measurement="ms", state_class="measurement",
        ),
        "config_version": _diagnostic(
            "Configuration version", "mdi:file-cog-outline", report,
            "{{ value_json.applied.values() | max if value_json.applied else 0 }}",
        ),
        "config_state": _diagnostic(
            "Configuration", "mdi:file-check-outline", report, "{{ value_json.state }}",
            device_class="enum", options=["applied", "pending", "rejected", "rolled_back"],
        ),
        # what can be set
        "wake_word": _select("Wake word", "mdi:microphone", report, cmd, "wake.words", _wake_words(config, wake_words)),
        "voice": _select("Voice", "mdi:account-voice", report, cmd, "voice.name", _voices(config, voices)),
    }  # fmt: skip
    found |= {path.replace(".", "_"): _knob(path, report, cmd) for path in KNOBS}
    return {name: _finished(device, name, component) for name, component in found.items()}


def _finished(device: str, name: str, component: Component) -> Component:
    return (
        {**component, "unique_id": f"earshot_{device}_{name}", "qos": 1} if len(component) > 1 else component
    )


def _sensor(name: str, icon: str, source: Component, template: str, **more: Any) -> Component:
    return {"p": "sensor", "name": name, "icon": icon, **source, "value_template": template, **more}


def _diagnostic(name: str, icon: str, source: Component, template: str, **more: Any) -> Component:
    return _sensor(name, icon, source, template, entity_category="diagnostic", **more)


def _button(name: str, icon: str | None, order: str, cmd: Component, **more: Any) -> Component:
    looks = {"icon": icon} if icon else {}
    return {"p": "button", "name": name, **looks, **cmd, "command_template": templates.cmd(order), **more}


def _event(name: str, icon: str, source: Component, kinds: dict[str, str]) -> Component:
    return {
        "p": "event", "name": name, "icon": icon, **source,
        "event_types": list(kinds), "value_template": templates.event(kinds),
    }  # fmt: skip


def _button_event(source: Component) -> Component:
    return {
        "p": "event", "name": "Button", "icon": "mdi:gesture-tap-button", "device_class": "button", **source,
        "event_types": ["press", "hold", "long_hold"],
        "value_template": templates.event({"button": ""}, kind="value_json.data.gesture"),
    }  # fmt: skip


def _knob(path: str, report: Component, cmd: Component) -> Component:
    key, (name, icon, step) = KEYS[path], KNOBS[path]
    unit = {"unit_of_measurement": UNITS[key.unit]} if key.unit else {}
    return {
        "p": "number", "name": name, "icon": icon, "entity_category": "config", "mode": "slider",
        "min": key.ge, "max": key.le, "step": step, **unit,
        **report, "value_template": templates.key(path), **cmd, "command_template": templates.set_key(path),
    }  # fmt: skip


def _select(
    name: str, icon: str, report: Component, cmd: Component, path: str, options: list[str]
) -> Component:
    if len(options) < 2:
        return {"p": "select"}
    shown, chosen = _SHOWN[path]
    return {
        "p": "select", "name": name, "icon": icon, "entity_category": "config", "options": options,
        **report, "value_template": shown, **cmd, "command_template": templates.set_key(path, chosen),
    }  # fmt: skip


_SHOWN = {
    "wake.words": (
        f"{{{{ value_json.effective.get('wake.words', []) | join('{AND}') }}}}",
        f"value.split('{AND}')",
    ),
    "voice.name": (
        f"{{{{ value_json.effective.get('voice.name') or '{DEFAULT_VOICE}' }}}}",
        f"'' if value == '{DEFAULT_VOICE}' else value",
    ),
}
"""Keys that are chosen: how the value is shown as an option, and the option as a value."""


def _wake_words(config: Config, there: Sequence[str]) -> list[str]:
    """One wake word an option; several that are configured side by side are one option more."""
    return list(dict.fromkeys([*there, AND.join(config.wake.words)]))


def _voices(config: Config, there: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([DEFAULT_VOICE, *there, *filter(None, [config.voice.name])]))
