"""Sounds and a scripted sound device for the tests of the audio room."""

from __future__ import annotations

import numpy as np

from device.audio import AudioEngine, Captured
from device.audio.levels import active_rms
from device.values import FRAME, RATE_HZ


def speech_like(seconds: float, seed: int = 0, level_dbfs: float = -20.0) -> np.ndarray:
    """Voiced pulses and breath through three formants, four syllables a second: as busy and as coloured as speech."""
    rng = np.random.default_rng(seed)
    n = int(seconds * RATE_HZ)
    t = np.arange(n) / RATE_HZ
    pitch = 110 + 60 * rng.random() + 25 * np.sin(2 * np.pi * 0.7 * t + rng.uniform(0, 6))
    pulses = np.diff(np.floor(np.cumsum(pitch) / RATE_HZ), prepend=0.0) + 0.15 * rng.standard_normal(n)
    spectrum = np.fft.rfft(pulses)
    f = np.fft.rfftfreq(n, 1 / RATE_HZ)
    formants = sum(1 / (1 + ((f - c) / w) ** 2) for c, w in ((500, 90), (1500, 150), (2600, 250)))
    voice = np.fft.irfft(spectrum * formants * (f > 80), n)
    syllables = np.clip(np.sin(2 * np.pi * 4 * t + rng.uniform(0, 6)) + 0.6 * rng.random(n // 2000 + 1)[
        np.arange(n) // 2000], 0.02, None)  # fmt: skip
    x = (voice * syllables).astype(np.float32)
    return (x * np.float32(10 ** (level_dbfs / 20) / active_rms(x))).astype(np.float32)


class ScriptedCard:
    """A sound device that does what the test says: gives these frames, plays at these positions."""

    playback_rate_hz = RATE_HZ
    output_latency_ms = 20.0
    capture_rate_hz = None
    problem = None

    def __init__(self, frames: list[Captured], leaves: list[int] | None = None) -> None:
        self.counters: dict[str, int] = {}
        self.frames = list(frames)
        self.leaves = leaves
        self.position = 0
        self.blocks: list[np.ndarray] = []

    def start(self) -> None: ...

    def wait(self, timeout_s: float) -> bool:
        return bool(self.frames)

    def capture(self) -> Captured | None:
        if not self.frames:
            return None
        frame = self.frames.pop(0)
        self.position = frame.position + FRAME
        return frame

    def play(self, block: np.ndarray) -> int:
        self.blocks.append(block.copy())
        return self.leaves.pop(0) if self.leaves else self.position + 2 * FRAME

    def flush(self, abort: bool = True) -> int | None:
        return None

    def stop(self) -> None: ...


def steps(engine: AudioEngine, n: int, each=None) -> list:
    """Run ``n`` steps; ``each(k)`` is called before step k. Returns the frames."""
    frames = []
    for k in range(n):
        if each:
            each(k)
        frames.append(engine.capture())
        engine.render()
    return frames


def joined(frames: list, name: str) -> np.ndarray:
    return np.concatenate([getattr(f, name) for f in frames])


def db(power_ratio: float) -> float:
    return float(10 * np.log10(power_ratio + 1e-20))


def power(x: np.ndarray) -> float:
    return float(np.mean(np.square(x, dtype=np.float64)))
