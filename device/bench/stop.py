"""``earshot bench stop``: from "stop" to silence at a real loudspeaker, and whether the device knows when that was.

    noise --> loudspeaker ~~~~ microphone (on the card-less rig: the loudspeaker's monitor) --> last loud sample

Three ways in turn, so that a machine that is busy for a while is unfair to none:

* ``ramp``: a 10 ms ramp in the next block, then zeros; what is queued is played out
* ``flush``: the same from the head of the queue on, the stream stays open
* ``abort``: the device is told to drop what it holds, and started again
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device.audio import AudioEngine, open_backend
from device.audio.backends.portaudio import PortAudioBackend
from device.config import Config
from device.errors import AudioError
from device.values import RATE_HZ, ms

METHODS = ("ramp", "flush", "abort")
ABORT_ABOVE_MS = {"ramp": float("inf"), "flush": float("inf"), "abort": -1.0}
SILENCE = 0.1
"""Below a tenth of the noise's RMS over 1 ms counts as silence."""
SETTLE_S, SPEAK_S, LISTEN_S = 2.0, 1.0, 0.6
DEVICE_S = 20.0
"""So long a device may take to open."""


class Loop:
    """An engine on real devices, driven in real time by the calling thread. Raises AudioError where there is none."""

    def __init__(self, config: Config) -> None:
        if "EARSHOT_SOUND_RIG" in os.environ:
            os.environ["PULSE_SOURCE"] = (
                "spk.monitor"  # the microphone hears the loudspeaker, and nothing else
            )
        backend = open_backend(config)
        if not isinstance(backend, PortAudioBackend):
            raise AudioError(
                f"audio.backend is {config.audio.backend!r}: only 'portaudio' has a loudspeaker to stop"
            )
        self.backend = backend
        self.engine = AudioEngine(backend, echo="none", keep_s=60.0, volume=100)
        self.steps: list[float] = []
        self.engine.start()
        try:
            self.drive(DEVICE_S, until=lambda: self.engine.problem is None and self.engine.position > RATE_HZ)
            if self.engine.problem:
                raise AudioError(self.engine.problem)
            self.drive(SETTLE_S)
        except BaseException:
            self.engine.stop()
            raise

    def drive(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Step until the time is up or ``until()`` holds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not until():
            if self.engine.capture() is None:
                self.engine.wait(0.05)
                continue
            self.engine.render()
            self.steps.append(time.monotonic())

    def noise(self, seconds: float, seed: int) -> NDArray[np.float32]:
        """Noise below 3 kHz at the playback's rate: every piece of it is found in a recording at one place only."""
        import soxr

        low = np.random.default_rng(seed).standard_normal(round(seconds * 6000)) * 0.1
        return np.asarray(soxr.resample(low, 6000, self.engine.mixer.rate_hz), np.float32)

    def stop(self, how: str, reply: int) -> dict[str, float]:
        """Speak, stop by ``how``, listen.

        ``silence_ms``: from the call to the last loud sample at the microphone. ``claimed_ms``: how much later that is
        than the engine said. ``call_us``: what the call took.
        """
        engine, speech = self.engine, self.engine.mixer.speech
        self.backend.abort_above_ms = ABORT_ABOVE_MS[how]
        speech.begin(reply)
        speech.write(self.noise(SPEAK_S + 4.0, reply))
        self.drive(SPEAK_S)
        called, position = time.monotonic(), engine.position
        if how != "ramp":
            engine.flush()
        claimed = engine.settled_at
        speech.stop()
        took = time.monotonic() - called
        engine.render()
        self.drive(LISTEN_S)
        silent = self._falls_silent(position)
        return {
            "silence_ms": (self.backend.time_of(silent) - called) * 1000,
            "claimed_ms": ms(silent - claimed),
            "call_us": took * 1e6,
        }

    def _falls_silent(self, position: int) -> int:
        """Capture position after the last loud sample of the second around ``position``."""
        begin = position - RATE_HZ // 2
        heard = self.engine.mic.read(begin, RATE_HZ).samples
        power = np.sqrt((heard.reshape(-1, RATE_HZ // 1000) ** 2).mean(axis=1))
        loud = np.flatnonzero(power > SILENCE * power[: len(power) // 4].mean())
        if not power.any() or not len(loud):
            raise AudioError(
                "the microphone does not hear the loudspeaker: turn both up, or put them together"
            )
        return begin + (int(loud[-1]) + 1) * (RATE_HZ // 1000)


def measure(config: Config, trials: int) -> dict[str, Any]:
    """``trials`` stops by each method. Raises AudioError where there is no microphone or no loudspeaker."""
    loop = Loop(config)
    try:
        rows: dict[str, list[dict[str, float]]] = {how: [] for how in METHODS}
        cpu, began = time.process_time(), time.monotonic()
        for trial in range(trials):
            for k, how in enumerate(METHODS):
                rows[how].append(loop.stop(how, 1 + trial * len(METHODS) + k))
                loop.drive(0.5)
        cpu = (time.process_time() - cpu) / (time.monotonic() - began)
        counters = loop.engine.counters
        report: dict[str, Any] = {how: _figures(rows[how]) for how in METHODS}
        return {
            **report,
            "trials": trials,
            "device_latency_ms": round(loop.backend.device_latency_ms, 1),
            "output_latency_ms": round(loop.backend.output_latency_ms, 1),
            "lead_ms": counters["lead_ms"],
            "underruns": counters["underruns"],
            "playback_jumps": counters["playback_jumps"],
            "aborts": counters["aborts"],
            "reopened": counters["reopened"],
            "cpu_s_per_s": round(cpu, 4),
            "load": round(os.getloadavg()[0], 1),
        }
    finally:
        loop.engine.stop()


def _figures(rows: list[dict[str, float]]) -> dict[str, float]:
    silence = [row["silence_ms"] for row in rows]
    claimed = [row["claimed_ms"] for row in rows]
    call = [row["call_us"] for row in rows]
    worst: float = max(claimed, key=abs)
    return {
        "p50_ms": round(float(np.median(silence)), 1),
        "max_ms": round(max(silence), 1),
        "later_than_claimed_p50_ms": round(float(np.median(claimed)), 1),
        "later_than_claimed_max_ms": round(worst, 1),
        "call_p50_us": round(float(np.median(call)), 0),
    }
