"""People and ears around the card-less sound server of ``scripts/sound-rig``: a talker, a listener, a server that hangs."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import numpy as np
import pytest

from device.audio import AudioEngine, Frame

RIG = os.environ.get("EARSHOT_SOUND_RIG")
RATE_HZ = 16_000

needs_rig = [
    pytest.mark.sound,
    pytest.mark.skipif(
        not RIG, reason="needs a private sound server: scripts/sound-rig .venv/bin/python -m pytest -m sound"
    ),
]


def noise(seconds: float, seed: int = 1, level: float = 0.15, rate_hz: int = RATE_HZ) -> np.ndarray:
    """Noise below 3 kHz: the same at every rate, and every piece of it is found in a recording at one place only."""
    import soxr

    low = np.random.default_rng(seed).standard_normal(round(seconds * 6000)) * level
    return np.clip(soxr.resample(low, 6000, rate_hz), -0.9, 0.9).astype(np.float32)


def locate(piece: np.ndarray, recording: np.ndarray) -> tuple[int, float]:
    """Where ``piece`` lies in ``recording``, and its normalised correlation there (1 = the same)."""
    size = 1 << (len(piece) + len(recording)).bit_length()
    spectrum = np.fft.rfft(recording, size) * np.conj(np.fft.rfft(piece, size))
    product = np.fft.irfft(spectrum, size)[: max(1, len(recording) - len(piece) + 1)]
    energy = np.cumsum(np.concatenate(([0.0], recording.astype(np.float64) ** 2)))
    local = np.sqrt(np.maximum(energy[len(piece) :] - energy[: -len(piece)], 1e-9))
    score = product / (local * np.sqrt(float(piece @ piece)))
    at = int(np.argmax(score))
    return at, float(score[at])


def drive(engine: AudioEngine, seconds: float, until: Callable[[], bool] | None = None) -> list[Frame]:
    """Capture and render in real time for ``seconds``, or until ``until()``, which must happen by then; the frames."""
    frames: list[Frame] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if until is not None and until():
            return frames
        frame = engine.capture()
        if frame is None:
            engine.wait(0.05)
            continue
        engine.render()
        frames.append(frame)
    assert until is None, f"did not happen within {seconds} s; problem: {engine.problem}; {engine.counters}"
    return frames


def delivered(engine: AudioEngine) -> int:
    """Frames that a microphone delivered."""
    return engine.counters["frames"] - engine.counters["missing_frames"]


@contextlib.contextmanager
def talking(samples: np.ndarray, folder: Path, sink: str = "micbus") -> Iterator[subprocess.Popen[bytes]]:
    """Somebody plays 16 kHz ``samples`` into ``sink``, in a process of their own."""
    path = folder / "talk.raw"
    path.write_bytes(np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    command = ["pacat", "--playback", f"--device={sink}", *FORMAT, str(path)]
    talker = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        yield talker
    finally:
        talker.terminate()
        talker.wait(10)


FORMAT = ["--raw", f"--rate={RATE_HZ}", "--format=s16le", "--channels=1", "--latency-msec=50"]


class Listener:
    """Records what leaves the loudspeaker, in a process of its own."""

    def __init__(self, folder: Path, source: str = "spk.monitor") -> None:
        self._path = folder / "heard.raw"
        with self._path.open("wb") as out:
            self._process = subprocess.Popen(["parec", f"--device={source}", *FORMAT], stdout=out)

    def __enter__(self) -> Self:
        deadline = time.monotonic() + 10
        while not self._path.stat().st_size:
            assert time.monotonic() < deadline and self._process.poll() is None, "parec records nothing"
            time.sleep(0.02)
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.terminate()
        self._process.wait(10)

    def heard(self) -> np.ndarray:
        """Everything so far, float32 at 16 kHz."""
        raw = self._path.read_bytes()
        return np.frombuffer(raw[: len(raw) // 2 * 2], "<i2").astype(np.float32) / 32768


@contextlib.contextmanager
def hanging_server() -> Iterator[None]:
    """The sound server stands still, as one does that waits for a card."""
    assert RIG
    server = int((Path(RIG) / "pipewire-pulse.pid").read_text())
    os.kill(server, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server, signal.SIGCONT)
