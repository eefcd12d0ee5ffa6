"""``earshot bench config``: how long a pushed configuration takes, and what it costs the ear.

A device as it is installed (``earshot run`` in a process of its own, without sound) on a private mosquitto gets one signed
configuration after the other; from the publish to its report that it is in force is what counts. Then a device in this process,
in real time, is changed while it listens: how late its steps are.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from device import subprocesses
from device.bench.backend import LoopBackend
from device.errors import LinkError
from device.link import topics
from device.link.client import BrokerClient, Received
from device.link.messages import decode
from device.link.outbox import Outgoing
from device.link.reports import ConfigReport
from device.values import FRAME, RATE_HZ

DEVICE = "bench"
SCOPE = f"d/{DEVICE}"
PATIENCE_S = 30.0
ENVELOPE_BYTES = 4096
CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "volume": ({"device": {"volume": 40}}, {"device": {"volume": 50}}),
    "thresholds": ({"wake": {"threshold": 0.7}}, {"wake": {"threshold": 0.6}}),
    "wake word": ({"wake": {"words": ["okay_nabu"]}}, {"wake": {"words": ["alexa"]}}),
    "voice speed": ({"voice": {"speed": 1.2}}, {"voice": {"speed": 1.0}}),
    "voice": ({"voice": {"name": "en-gb"}}, {"voice": {"name": ""}}),
    "endpoint": (
        {"endpoint": {"pool": "other", "ack_ms": 300}},
        {"endpoint": {"pool": "home", "ack_ms": 400}},
    ),
}
"""What is changed, and back."""


def measure(pushes: int) -> dict[str, Any]:
    """Milliseconds from push to report, microseconds of CPU for opening and checking, milliseconds that a step was late."""
    return {**_pushes(pushes), "verify_us": round(verify_us(), 1), "changes_ms": gaps_ms()}


# ---------------------------------------------------------------------- push to report


def _pushes(count: int) -> dict[str, Any]:
    from device.scenario.broker import private_broker
    from device.settings.signing import generate

    key = generate("bench")
    with private_broker() as (host, port), _device(host, port, key.public), _Owner(host, port) as owner:
        owner.wait_for(lambda report: True)
        took = [owner.push({"device": {"volume": 20 + n % 60}}, n + 1, key) for n in range(count)]
    return {
        "pushes": count,
        "push_p50_ms": _percentile(took, 50),
        "push_p95_ms": _percentile(took, 95),
        "push_max_ms": _percentile(took, 100),
    }


@contextlib.contextmanager
def _device(host: str, port: int, trusted: str) -> Iterator[None]:
    settings = (
        f"device.id={DEVICE}", "audio.backend=none", f"mqtt.host={host}", f"mqtt.port={port}", f'keys.trusted=["{trusted}"]',
        "log.level=error",
    )  # fmt: skip
    command = [sys.executable, "-m", "device", "run", *(x for pair in settings for x in ("--set", pair))]
    with tempfile.TemporaryDirectory(prefix="earshot-bench-") as folder:
        with subprocesses.uninterrupted():
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                env={**subprocesses.environment(), "STATE_DIRECTORY": folder},
            )
        try:
            yield
        finally:
            subprocesses.end(process)


class _Owner:
    """Pushes, and reads the reports."""

    def __init__(self, host: str, port: int) -> None:
        from device.config.schema import MqttSection

        self._reports: queue.Queue[ConfigReport] = queue.Queue()
        self._client = BrokerClient(
            MqttSection(host=host, port=port),
            f"earshot-bench-{os.getpid()}",
            subscriptions=(topics.up(DEVICE, "config"),),
            receive=self._receive,
            will=None,
            session_expiry_s=0,
            retained=True,
        )

    def __enter__(self) -> Self:
        deadline = time.monotonic() + PATIENCE_S
        while not self._client.connected:
            if time.monotonic() > deadline:
                raise LinkError(f"the private broker cannot be reached: {self._client.problem}")
            time.sleep(0.01)
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.close()

    def push(self, config: dict[str, Any], version: int, key: Any) -> float:
        """Push ``config``; milliseconds until the device reports that it is in force."""
        from device.settings.envelope import seal

        data = seal(config, version=version, scope=SCOPE, key=key.key, kid=key.name)
        began = time.perf_counter()
        self._client.publish(Outgoing(topics.down(DEVICE, "config"), data, retain=True))
        report = self.wait_for(lambda report: (seen := report.seen.get(SCOPE)) and seen.version == version)
        if report.state != "applied":
            raise LinkError(f"version {version} is {report.state}: {report.errors}")
        return (time.perf_counter() - began) * 1000

    def wait_for(self, wanted: Any) -> ConfigReport:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                report = self._reports.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise LinkError(f"the device does not report within {PATIENCE_S:.0f} s") from None
            if wanted(report):
                return report

    def _receive(self, received: Received) -> None:
        with contextlib.suppress(LinkError):
            self._reports.put(decode("report", received.payload))


# ---------------------------------------------------------------------- opening and checking


def verify_us(rounds: int = 300, repeats: int = 5) -> float:
    """CPU microseconds of opening an envelope of 4 kB (signature, JSON) and checking its tables: the median of ``repeats`` runs."""
    from device.config.checking import split
    from device.settings.envelope import open_envelope, seal
    from device.settings.signing import generate

    key = generate("bench")
    config: dict[str, Any] = {
        "wake": {"threshold": 0.7, "words": ["alexa"]}, "conversation": {"history": 4}, "voice": {"speed": 1.1, "name": ""},
        "endpointing": {"min_ms": 300, "max_ms": 1000}, "mqtt": {"host": "", "port": 8883}, "budget": {"ack_ms": 300},
    }  # fmt: skip
    data = b""
    while len(data) < ENVELOPE_BYTES:
        config["mqtt"]["host"] += "broker.example."
        data = seal(config, version=1, scope=SCOPE, key=key.key, kid=key.name)
    runs = []
    for _ in range(repeats):
        before = time.process_time()
        for _ in range(rounds):
            split(open_envelope(data, SCOPE, (key.public,)).config)
        runs.append((time.process_time() - before) / rounds * 1e6)
    return statistics.median(runs)


# ---------------------------------------------------------------------- what the ear notices


def gaps_ms() -> dict[str, dict[str, float]]:
    """By kind of change: how late the ear's steps are from the change until it has settled, and for as long without any."""
    import gc

    from device.adoption import Adoption
    from device.config import parse
    from device.daemon import Device
    from device.daemon_command import SWITCH_INTERVAL_S

    sys.setswitchinterval(SWITCH_INTERVAL_S)
    logging.getLogger("earshot").setLevel("ERROR")
    base = {"mqtt": {"enabled": False}, "log": {"level": "error"}}
    tone = np.random.default_rng(1).normal(0, 1e-3, 10 * RATE_HZ).astype(np.float32)
    backend = LoopBackend(tone, paced=True)
    device = Device(parse(base), backend, None)
    device.start()
    found: dict[str, dict[str, float]] = {}
    try:
        _listen(device, backend, 4.0)
        gc.collect()
        gc.freeze()
        found["no change"] = _figures(_listen(device, backend, 4.0))
        adoption = Adoption(device)
        for name, both in CHANGES.items():
            late = [
                each for tables in both for each in _change(device, backend, adoption, {**base, **tables})
            ]
            found[name] = _figures(late)
        adoption.close()
    finally:
        device.stop()
    lost = sum(device.engine.counters[name] for name in ("missing_frames", "bad_frames", "position_faults"))
    found["lost frames"] = {"count": lost}
    return found


def _change(device: Any, backend: LoopBackend, adoption: Any, tables: dict[str, Any]) -> list[float]:
    """Adopt ``tables`` as the daemon does, made ready in another thread; lateness of each step in ms until a second after."""
    import threading

    from device.adoption import prepare
    from device.config import parse

    ready: queue.Queue[Any] = queue.Queue()
    old, new = device.config, parse(tables)
    threading.Thread(target=lambda: ready.put(prepare(old, new)), daemon=True).start()
    late: list[float] = []
    settled_at: int | None = None
    deadline = device.position + int(PATIENCE_S * RATE_HZ)
    adopted = False
    while device.position < deadline and (settled_at is None or device.position < settled_at + RATE_HZ):
        late += _listen(device, backend, FRAME / RATE_HZ)
        if not adopted and not ready.empty():
            adoption.adopt(ready.get())
            adopted = True
        adoption.step(device.position)
        if adopted and settled_at is None and adoption.settled:
            settled_at = device.position
    return late


def _listen(device: Any, backend: LoopBackend, seconds: float) -> list[float]:
    late = []
    end = device.position + round(seconds * RATE_HZ)
    while device.position < end:
        backend.wait(0.05)
        lateness = time.monotonic() - backend.due_s
        if lateness >= 0:
            device.step()
            late.append((time.monotonic() - backend.due_s + FRAME / RATE_HZ) * 1000)
    return late


def _figures(late: list[float]) -> dict[str, float]:
    return {"p50": _percentile(late, 50), "max": _percentile(late, 100), "steps": len(late)}


def _percentile(values: list[float], q: float) -> float:
    return round(float(np.percentile(values, q)), 2)
