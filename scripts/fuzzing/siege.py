"""Hostile messages against a real device on a real broker, and its configuration against the same without one.

``besiege`` sends batches over a mosquitto to a device that steps as fast as it can; after each batch a good order must be
answered. ``settle`` puts every configuration, one by one, before a steward that works at once: over the broker only the newest of a
flood is looked at. Both return what they have seen; nothing may have been raised, and nothing may grow.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import paho.mqtt.client as paho
import wire

from device.bench.backend import LoopBackend
from device.bench.idle import rss_mib
from device.config import Config, parse
from device.config.faults import Fault
from device.daemon import Device
from device.link import topics
from device.link.mqtt import MqttTransport
from device.settings import Evidence, Publish, Restart, Steward
from device.settings.boot import boot
from device.settings.envelope import Refused, seal
from device.settings.signing import generate
from device.values import RATE_HZ

BATCH = 100
"""Fewer than may wait in the inbox: every one is to be looked at."""
PATIENCE_S = 60.0
MOST_MIB = 48.0
"""Resident memory may grow by this much: buffers that fill once."""


@dataclass
class Siege:
    """``broken``: what should not have happened, as sentences."""

    sent: int = 0
    broken: list[str] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    grown_mib: float = 0.0
    states: dict[str, int] = field(default_factory=dict)


class _Faults(logging.Handler):
    """Keeps every record that carries an exception."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or "_failed" in record.getMessage():
            self.seen.append(f"{record.name}: {record.getMessage()} {record.exc_info or ''}")


@contextlib.contextmanager
def _watched(siege: Siege) -> Iterator[None]:
    faults, before = _Faults(), threading.excepthook
    threading.excepthook = lambda args: faults.seen.append(f"{args.thread} died: {args.exc_value!r}")
    logging.getLogger().addHandler(faults)
    try:
        yield
    except Exception as exc:  # noqa: BLE001  the very thing that must not happen
        faults.seen.append(f"raised: {exc!r}")
    finally:
        logging.getLogger().removeHandler(faults)
        threading.excepthook = before
    siege.broken += list(dict.fromkeys(faults.seen))[:20]


def sealer() -> tuple[str, wire.Seal]:
    """A key of the owner, as devices trust it, and how messages are sealed with it."""
    key = generate("fuzz")

    def made(config: dict[str, Any], version: int, scope: str, signed: bool) -> bytes:
        try:
            how: dict[str, Any] = {"key": key.key, "kid": key.name} if signed else {}
            return seal(config, version=version, scope=scope, **how)
        except Refused as exc:
            raise ValueError(str(exc)) from None

    return key.public, made


def besiege(
    count: int, seed: int, host: str, port: int, told: Callable[[int], None] = lambda n: None
) -> Siege:
    """``count`` messages of ``seed`` over the broker at ``host``:``port``."""
    siege = Siege()
    trusted, made = sealer()
    config = parse(
        {
            "device": {"id": wire.DEVICE, "group": wire.GROUP},
            "mqtt": {"host": host, "port": port},
            "keys": {"trusted": [trusted]},
            "log": {"level": "error"},
            "homeassistant": {"discovery": True},
            "voice": {"engine": "espeak"},
        }
    )
    with tempfile.TemporaryDirectory(prefix="earshot-fuzz-") as folder, _watched(siege):
        _run(siege, config, Path(folder), wire.messages(seed, count, made), told)
    return siege


def _run(siege: Siege, config: Config, folder: Path, messages: Any, told: Callable[[int], None]) -> None:
    from device.adoption import meaning, prepare

    steward = _steward(config, folder, meaning=meaning, prepare=prepare)
    tone = np.random.default_rng(1).normal(0, 1e-3, RATE_HZ).astype(np.float32)
    device = Device(config, LoopBackend(tone, paced=False), MqttTransport(config), steward=steward)
    acks: set[str] = set()
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="siege", protocol=paho.MQTTv5)
    client.on_message = lambda c, u, message: acks.add(msgspec.json.decode(message.payload)["id"])
    client.connect(config.mqtt.host, config.mqtt.port)
    client.subscribe(topics.up(wire.DEVICE, "ack"), 1)
    client.loop_start()
    device.start()
    try:
        _until(device, lambda: device.link.connected, "the device reaching the broker")
        start: float | None = None
        for batch in _batches(messages):
            for topic, payload in batch:
                client.publish(topic, payload, qos=0)
            siege.sent += len(batch)
            ping = f"ping-{siege.sent}"
            # "stop" too, so that what was to be said does not pile up over the minutes
            client.publish(
                topics.down(wire.DEVICE, "cmd"), msgspec.json.encode({"id": ping, "cmd": "stop"}), 1
            )
            _until(device, lambda ping=ping: ping in acks, f"an answer after {siege.sent} messages")
            device.restart = None
            told(siege.sent)
            if siege.sent >= 10 * BATCH and start is None:
                gc.collect()
                start = rss_mib()
        if start is not None:
            gc.collect()
            siege.grown_mib = rss_mib() - start
            if siege.grown_mib > MOST_MIB:
                siege.broken.append(f"resident memory grew by {siege.grown_mib:.0f} MiB")
        siege.counters = device.counters
        siege.broken += [
            f"counted {name}: {n}" for name, n in device.counters.items() if name.endswith("_failed")
        ]
    finally:
        device.stop()
        client.disconnect()
        client.loop_stop()


def settle(count: int, seed: int) -> Siege:
    """Every configuration among ``count`` messages of ``seed``, one by one, before a steward that works at once; its state is
    read again from the disk now and then, as after a power cut."""
    siege = Siege()
    trusted, made = sealer()
    config = parse(
        {
            "device": {"id": wire.DEVICE, "group": wire.GROUP},
            "keys": {"trusted": [trusted]},
            "log": {"level": "error"},
        }
    )
    well = Evidence(sound=True, broker=True, reported=True, settled=True)
    with tempfile.TemporaryDirectory(prefix="earshot-fuzz-") as name, _watched(siege):
        folder = Path(name)
        steward = _steward(config, folder, threaded=False)
        now_s = 0.0
        for topic, payload in wire.messages(seed, count, made):
            if not topic.endswith("/dn/config") or not payload:
                continue
            siege.sent += 1
            steward.desired(topic.removeprefix(topics.PREFIX).removesuffix("/dn/config"), payload)
            again = siege.sent % 50 == 0
            for _ in range(3):
                now_s += 20.0
                for action in steward.poll(now_s, well):
                    if isinstance(action, Publish):
                        state = action.report.state
                        siege.states[state] = siege.states.get(state, 0) + 1
                    again = again or isinstance(action, Restart)
            if again:
                in_force = steward.config
                steward.close()
                steward, now_s = _steward(config, folder, threaded=False), 0.0
                if steward.config != in_force and not any("rolled" in p for p in steward.problems):
                    siege.broken.append(f"after {siege.sent}: another configuration after a restart")
        siege.counters = steward.counters
        steward.close()
    return siege


class _Nothing:
    """What is prepared where nobody adopts it."""

    def close(self) -> None:
        pass


def _nothing_wrong(config: Config) -> list[Fault]:
    return []


def _steward(config: Config, folder: Path, **how: Any) -> Steward:
    tables = msgspec.to_builtins(config)
    booted = boot(None, tables, folder)
    return Steward(booted, **{"meaning": _nothing_wrong, "prepare": lambda old, new: _Nothing(), **how})


def _batches(messages: Any) -> Iterator[list[tuple[str, bytes]]]:
    batch: list[tuple[str, bytes]] = []
    for message in messages:
        batch.append(message)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _until(device: Device, condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come within {PATIENCE_S:.0f} s")
        device.step()
        time.sleep(0.0005)
