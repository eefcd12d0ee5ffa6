"""``earshot bench idle``: what listening costs when nobody speaks."""

from __future__ import annotations

import random
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from device.bench.backend import LoopBackend
from device.values import FRAME, RATE_HZ


def rss_mib() -> float:
    """Resident memory of this process in MiB, as the kernel counts it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("/proc/self/status has no VmRSS line")


def room_tone(seconds: float, seed: int = 1) -> np.ndarray:
    """A quiet room: white noise at -60 dBFS RMS, float32, 16 kHz."""
    # not numpy's generator: importing it costs 2.4 MiB, which would be counted as the device's
    rng, rms = random.Random(seed), 10 ** (-60 / 20)
    return np.fromiter((rng.gauss(0, rms) for _ in range(int(seconds * RATE_HZ))), np.float32)


def measure(seconds: float) -> dict[str, Any]:
    """Run the whole device (ring, pre-roll, canceller, VAD, one wake word; engines in their own processes).

    ``cpu_s_per_s`` is user + system time of this process per second of audio, taken as fast as it comes: the work.
    ``cpu_s_per_s_paced`` is the same in real time with the broker connected: the work and 100 wake-ups a second, each
    on caches that others have used meanwhile. On a virtual machine that can be several times the work.
    """
    from device.config import parse
    from device.daemon import Device
    from device.link import open_transport
    from device.scenario.broker import private_broker

    with private_broker() as (host, port):
        config = parse({"mqtt": {"host": host, "port": port}, "log": {"level": "error"}})
        backend = LoopBackend(room_tone(10), paced=True)
        device = Device(config, backend, open_transport(config))
        device.start()
        try:
            # the first seconds hold start-up: engines being spawned, the broker being reached
            _steps(device, backend, 3.0)
            before = time.process_time()
            _steps(device, backend, seconds)
            paced = (time.process_time() - before) / seconds
            rss = rss_mib()
            backend.paced = False
            before = time.process_time()
            _steps(device, backend, seconds)
            unpaced = (time.process_time() - before) / seconds
        finally:
            device.stop()
    return {
        "cpu_s_per_s": round(unpaced, 5),
        "cpu_s_per_s_paced": round(paced, 5),
        "rss_mib": round(rss, 1),
        "ring_us": round(ring_us(), 2),
        "seconds": seconds,
    }


def _steps(device: Any, backend: LoopBackend, seconds: float) -> None:
    end = device.position + int(seconds * RATE_HZ)
    while device.position < end:
        if not device.step():
            backend.wait(0.05)


def ring_us(rounds: int = 2000, repeats: int = 7) -> float:
    """CPU microseconds of writing 10 ms and reading it by three readers: the median of ``repeats`` runs."""
    from device.audio.ring import Ring

    block = room_tone(FRAME / RATE_HZ)
    runs = []
    for _ in range(repeats):
        ring = Ring(10 * RATE_HZ)
        readers = [ring.reader() for _ in range(3)]
        before = time.process_time()
        for _ in range(rounds):
            ring.write(block)
            for reader in readers:
                reader.read(FRAME)
        runs.append((time.process_time() - before) / rounds * 1e6)
    return statistics.median(runs)
