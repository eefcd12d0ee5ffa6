"""A real Home Assistant with nothing in it but its MQTT integration, driven by lines of JSON on standard input.

Started with the broker's port and an empty folder, in an environment that has the package ``homeassistant``; the only file that
imports it. Each line is answered by one; the end of the input ends it.

    {"do": "states"}                                            every entity by its unique id: state, attributes, category
    {"do": "call", "service": "number.set_value", "data": {}}   {} when it is published, or {"error"}
    {"do": "complaints"}                                        what was logged as warning or worse since the last time
    {"do": "facts", "platforms": []}                            what the schemas of the integration allow and require
"""

from __future__ import annotations

import asyncio
import enum
import importlib
import inspect
import json
import logging
import sys
from pathlib import Path
from typing import Any

import voluptuous as vol
from homeassistant import config_entries, loader
from homeassistant.components.mqtt import abbreviations, schemas
from homeassistant.const import __version__ as version
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import (
    area_registry,
    category_registry,
    device_registry,
    entity,
    entity_registry,
    floor_registry,
    frame,
    issue_registry,
    label_registry,
    restore_state,
    template,
    translation,
)

REGISTRIES = (
    category_registry, area_registry, device_registry, entity_registry, floor_registry, issue_registry, label_registry,
    restore_state,
)  # fmt: skip
WEB_PAGES = {"http", "file_upload", "repairs"}
"""Parts that serve its pages, which nobody opens here: counted as set up."""


class Complaints(logging.Handler):
    """What was logged as warning or worse."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        # which compression its web server would have; that its own integration sets up platforms late
        if not record.name.startswith(("aiohttp", "homeassistant.helpers.frame")):
            why = f" ({record.exc_info[1]!r})" if record.exc_info else ""
            self.lines.append(f"{record.levelname} {record.name}: {record.getMessage()}{why}")

    def take(self) -> list[str]:
        lines, self.lines = self.lines, []
        return lines


async def start(port: int, folder: Path) -> HomeAssistant:
    (folder / "configuration.yaml").write_text("")
    hass = HomeAssistant(str(folder))
    hass.config.skip_pip = True
    hass.config_entries = config_entries.ConfigEntries(hass, {})
    loader.async_setup(hass)
    for part in (entity, frame, template, translation):
        if hasattr(part, "async_setup"):  # not in every version
            part.async_setup(hass)
    for registry in REGISTRIES:
        loading = registry.async_load(hass)
        if asyncio.iscoroutine(loading):
            await loading
    await hass.config_entries.async_initialize()
    hass.config.components.update(WEB_PAGES)
    await hass.config_entries.async_add(config_entries.ConfigEntry(**entry(port)))
    await hass.async_start()
    await hass.async_block_till_done()
    return hass


def entry(port: int) -> dict[str, Any]:
    """What adding the broker in the dialog of the integration would keep; newer versions keep more."""
    kept = {
        "version": 1, "minor_version": 2, "domain": "mqtt", "title": "broker", "source": "user", "unique_id": None,
        "data": {"broker": "127.0.0.1", "port": port, "discovery": True}, "options": {}, "discovery_keys": {},
        "subentries_data": None,
    }  # fmt: skip
    known = inspect.signature(config_entries.ConfigEntry.__init__).parameters
    return {key: value for key, value in kept.items() if key in known}


def states(hass: HomeAssistant) -> dict[str, Any]:
    found = {}
    for item in entity_registry.async_get(hass).entities.values():
        state = hass.states.get(item.entity_id)
        found[item.unique_id] = {
            "entity_id": item.entity_id,
            "category": item.entity_category,
            "state": state.state if state else None,
            "attributes": dict(state.attributes) if state else {},
        }
    return found


def facts(platforms: list[str]) -> dict[str, Any]:
    device = _keys(schemas.MQTT_ENTITY_DEVICE_INFO_SCHEMA)
    return {
        "homeassistant": version,
        "device": device,
        "origin": _keys(schemas.MQTT_ORIGIN_INFO_SCHEMA),
        "message": _keys(schemas.DEVICE_DISCOVERY_SCHEMA),
        "platforms": {name: _platform(name) for name in platforms},
        "abbreviations": abbreviations.ABBREVIATIONS,
        "device_abbreviations": abbreviations.DEVICE_ABBREVIATIONS,
        "origin_abbreviations": abbreviations.ORIGIN_ABBREVIATIONS,
    }


def _platform(name: str) -> dict[str, Any]:
    schema = importlib.import_module(f"homeassistant.components.mqtt.{name}").DISCOVERY_SCHEMA
    own = importlib.import_module(f"homeassistant.components.{name}")
    classes = [
        [member.value for member in kind]
        for label, kind in vars(own).items()
        if label.endswith("DeviceClass") and isinstance(kind, enum.EnumMeta)
    ]
    return {**_keys(schema), "device_classes": sorted(classes[0]) if classes else []}


def _keys(schema: Any) -> dict[str, list[str]]:
    """Keys that a schema allows, and those of them that it requires. A key that is not among them is ignored in silence."""
    if isinstance(schema, vol.All):
        schema = next(part for part in schema.validators if isinstance(part, vol.Schema))
    keys = [key for key in schema.schema if isinstance(key, vol.Marker)]
    return {
        "required": sorted(str(key) for key in keys if isinstance(key, vol.Required)),
        "allowed": sorted(str(key) for key in keys),
    }


async def carry_out(hass: HomeAssistant, order: dict[str, Any], complaints: Complaints) -> Any:
    match order["do"]:
        case "states":
            await hass.async_block_till_done()
            return states(hass)
        case "call":
            domain, service = order["service"].split(".")
            try:
                await hass.services.async_call(domain, service, order["data"], blocking=True)
            except HomeAssistantError as exc:
                return {"error": f"{type(exc).__name__}: {exc}"}
            return {}
        case "complaints":
            return complaints.take()
        case "facts":
            return facts(order["platforms"])
    return {"error": f"unknown: {order}"}


async def main() -> None:
    complaints = Complaints()
    logging.getLogger().addHandler(complaints)
    hass = await start(int(sys.argv[1]), Path(sys.argv[2]))
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print(json.dumps({"version": version}), flush=True)
    while line := await reader.readline():
        print(json.dumps(await carry_out(hass, json.loads(line), complaints), default=str), flush=True)
    await hass.async_stop(force=True)


asyncio.run(main())
