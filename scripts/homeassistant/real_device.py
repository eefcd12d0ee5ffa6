"""``earshot run`` in the simulated room beside a real Home Assistant: what somebody does there is done, and shown there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import expected
from house_check import NOTHING, House, same

LONG = "Dinner is ready. Will everybody please come to the table now, and bring a chair."

DEEDS: tuple[tuple[str, str, dict[str, Any], dict[str, str]], ...] = (
    ("volume", "number.set_value", {"value": 33}, {"volume": "33"}),
    ("mute", "switch.turn_on", {}, {"mute": "on"}),
    ("mute", "switch.turn_off", {}, {"mute": "off"}),
    ("wake_threshold", "number.set_value", {"value": 0.72}, {"wake_threshold": "0.72"}),
    ("wake_threshold_playing", "number.set_value", {"value": 0.6}, {"wake_threshold_playing": "0.6"}),
    ("barge_in_sensitivity", "number.set_value", {"value": 1}, {"barge_in_sensitivity": "1.0"}),
    ("voice_speed", "number.set_value", {"value": 1.5}, {"voice_speed": "1.5"}),
    ("device_volume", "number.set_value", {"value": 44}, {"device_volume": "44", "volume": "44"}),
    ("wake_word", "select.select_option", {"option": "okay_nabu"}, {"wake_word": "okay_nabu"}),
    ("voice", "select.select_option", {"option": "en-gb-scotland"}, {"voice": "en-gb-scotland"}),
    ("listen", "button.press", {}, {"activity": "attending"}),
    ("stop", "button.press", {}, {"activity": "idle"}),
    ("announce", "notify.send_message", {"message": LONG}, {"activity": "speaking"}),
    ("stop", "button.press", {}, {"activity": "idle"}),
    ("say", "text.set_value", {"value": LONG}, {"activity": "speaking"}),
    ("stop", "button.press", {}, {"activity": "idle"}),
    ("identify", "button.press", {}, {"activity": "speaking"}),
    ("stop", "button.press", {}, {"activity": "idle"}),
)
"""Component, service, its data, and what stands there afterwards."""
KEPT = {"wake_word": "okay_nabu", "wake_threshold": "0.72", "voice": "en-gb-scotland", "device_volume": "44"}


def check_device(house: House, port: int, folder: Path) -> Iterator[tuple[str, int, list[str]]]:
    """Rows as of the rest of the check. The device keeps its state in ``folder``."""
    begun = {
        "activity": "idle",
        "wake_word": "alexa",
        "wake_threshold": "0.6",
        "volume": "70",
        "config_state": "applied",
    }
    with device(port, folder):
        yield "earshot run: it appears by itself, with its state", len(begun), _become(house, begun)
        faults = []
        for component, service, data, after in DEEDS:
            entity = house.states()[component]["entity_id"]
            answer = house.ask(do="call", service=service, data={"entity_id": entity, **data})
            faults += [f"{component}: {fault}" for fault in [*answer.values(), *_become(house, after)]]
        yield "what is done there is done, and shown there", len(DEEDS), faults
    yield "it stops: unavailable", 1, _become(house, {"activity": "unavailable"})
    with device(port, folder):
        yield "what was set is kept over a restart", len(KEPT), _become(house, KEPT)
    with device(port, folder, "homeassistant.discovery=false"):
        yield "started with discovery switched off it disappears", 1, same(house.states, {})


def _become(house: House, wanted: dict[str, str]) -> list[str]:
    def found() -> dict[str, Any]:
        seen = house.states()
        return {name: seen.get(name, NOTHING)["state"] for name in wanted}

    return same(found, wanted)


@contextmanager
def device(port: int, folder: Path, *overrides: str) -> Iterator[None]:
    """``earshot run`` as a user starts it."""
    settings = [
        f"mqtt.port={port}",
        f"device.id={expected.CONFIG.device.id}",
        "audio.backend=room",
        "homeassistant.discovery=true",
        *overrides,
    ]
    command = [
        sys.executable,
        "-m",
        "device",
        "run",
        *[part for each in settings for part in ("--set", each)],
    ]
    root = Path(__file__).resolve().parents[2]
    with (folder / "earshot.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=root, env={**os.environ, "STATE_DIRECTORY": str(folder)}, stdout=log, stderr=log
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)
