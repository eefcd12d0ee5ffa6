"""The one message that makes the device appear in Home Assistant (MQTT device discovery, Home Assistant 2024.12 or newer). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from device.config import Config
from device.errors import LinkError
from device.homeassistant.components import components
from device.link import topics

AVAILABLE = "{{ 'offline' if value_json.state == 'offline' else 'online' }}"
"""A degraded device is there; what is wrong with it is told by its problems."""


def announcement(
    config: Config, *, version: str, wake_words: Sequence[str] = (), voices: Sequence[str] = ()
) -> dict[str, Any]:
    """The device message as JSON values. ``wake_words`` and ``voices`` are what there is to choose from on this machine."""
    device = config.device.id
    return {
        "dev": {
            "ids": [f"earshot_{device}"],
            "name": device.replace("-", " ").capitalize(),
            "mf": "earshot",
            "mdl": "Smart speaker one can talk over",
            "sw": version,
        },
        "o": {"name": "earshot", "sw": version},
        "avty": [{"t": topics.up(device, "status"), "val_tpl": AVAILABLE}],
        "cmps": components(config, wake_words, voices),
    }


def message(
    config: Config, *, version: str, wake_words: Sequence[str] = (), voices: Sequence[str] = ()
) -> bytes:
    """What to publish on ``topics.discovery``: empty where ``homeassistant.discovery`` is off.

    Raises LinkError where hundreds of wake words or voices make it larger than a message may be.
    """
    if not config.homeassistant.discovery:
        return b""
    told = announcement(config, version=version, wake_words=wake_words, voices=voices)
    payload = msgspec.json.encode(told)
    limit = topics.TRAVEL["discovery"].limit
    if len(payload) > limit:
        raise LinkError(
            f"the message for Home Assistant has {len(payload)} bytes, allowed are {limit}: "
            f"{len(wake_words)} wake words and {len(voices)} voices are too many; remove models that are not needed"
        )
    return payload
