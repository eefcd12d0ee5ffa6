"""``earshot bench replug``: how long until a microphone and a loudspeaker that were taken away and came back are used again.

    source "mic" removed ── noticed ──► mic_missing      source made again ── back ──► the talker is heard
    sink "spk" removed   ── noticed ──► speaker_missing  sink made again   ── back ──► it plays

On the card-less rig only: there the devices can be taken away by a command. A card adds the time that the kernel and udev
take to know it.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from device.audio import AudioEngine, Frame, open_backend
from device.config.load import parse
from device.errors import AudioError

MODULES = {
    "microphone": ("module-remap-source", "source_name=mic", "master=micbus.monitor", "channel_map=mono"),
    "loudspeaker": ("module-null-sink", "sink_name=spk", "rate=48000", "channels=1", "channel_map=mono"),
}
"""As ``scripts/sound-rig`` makes them."""
CODE = {"microphone": "mic_missing", "loudspeaker": "speaker_missing"}
NOTICED_S, BACK_S = 10.0, 20.0
"""Nothing may take so long."""
APART_S = 1.0


class Rig:
    """An engine on the rig's two devices, by the names of their nodes."""

    def __init__(self) -> None:
        if "EARSHOT_SOUND_RIG" not in os.environ:
            raise AudioError("needs a private sound server: scripts/sound-rig earshot bench replug")
        config = parse({"audio": {"input": "node:mic", "output": "node:spk"}})
        self.engine = AudioEngine(open_backend(config), echo="none", keep_s=8.0)
        self.last: Frame | None = None

    def start(self) -> None:
        """Raises AudioError where the microphone hears nobody."""
        self.engine.start()
        with somebody_speaks():
            if not self.drive(BACK_S, lambda: self.works("microphone")):
                raise AudioError(f"the microphone hears nothing: {self.engine.problem}")

    def drive(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Step until ``until()`` holds; whether that was within ``seconds``."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if until():
                return True
            frame = self.engine.capture()
            if frame is None:
                self.engine.wait(0.05)
                continue
            self.last = frame
            self.engine.render()
        return False

    def works(self, what: str) -> bool:
        """A microphone by what it hears, a loudspeaker by what the state says."""
        if what == "loudspeaker":
            return CODE[what] not in self.engine.problem_codes
        return self.last is not None and not self.last.missing and bool(np.any(self.last.mic))

    def replug(self, what: str) -> dict[str, float]:
        """Take ``what`` away and give it back; ``noticed_ms`` and ``back_ms``, each from the command's end. Raises AudioError."""
        unload(MODULES[what][1])
        gone = time.monotonic()
        if not self.drive(NOTICED_S, lambda: CODE[what] in self.engine.problem_codes):
            raise AudioError(f"it was not noticed within {NOTICED_S:.0f} s that the {what} was gone")
        noticed = time.monotonic()
        with somebody_speaks():
            self.drive(APART_S)
            load(*MODULES[what])
            there = time.monotonic()
            if not self.drive(BACK_S, lambda: self.works(what)):
                raise AudioError(
                    f"the {what} was not used again within {BACK_S:.0f} s: {self.engine.problem}"
                )
            back = time.monotonic()
        self.drive(APART_S)
        return {"noticed_ms": (noticed - gone) * 1000, "back_ms": (back - there) * 1000}


def load(*module: str) -> None:
    """Raises AudioError."""
    _pactl("load-module", *module)


def unload(argument: str) -> None:
    """The modules that were loaded with this argument. Raises AudioError."""
    for line in _pactl("list", "short", "modules").splitlines():
        words = line.split()  # number, module, arguments; those of some go on over several lines
        if argument in words:
            _pactl("unload-module", words[0])


def _pactl(*args: str) -> str:
    done = subprocess.run(["pactl", *args], capture_output=True, text=True, check=False, timeout=20)
    if done.returncode:
        raise AudioError(f"pactl {' '.join(args)}: {done.stderr.strip()}")
    return done.stdout


@contextmanager
def somebody_speaks() -> Iterator[None]:
    """Noise into what the microphone hears: no frame of it is zeros. Anew each time: the server moves this stream, too."""
    command = [
        "pacat",
        "--playback",
        "--device=micbus",
        "--raw",
        "--rate=16000",
        "--channels=1",
        "--volume=6000",
    ]
    talker = subprocess.Popen([*command, "/dev/urandom"], stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        talker.terminate()
        talker.wait(10)


def measure(trials: int) -> dict[str, Any]:
    """``trials`` of each. Raises AudioError outside of the rig, and where a device does not come back."""
    rig = Rig()
    rows: dict[str, list[dict[str, float]]] = {what: [] for what in MODULES}
    try:
        rig.start()
        for _ in range(trials):
            for what, found in rows.items():
                found.append(rig.replug(what))
        counters = rig.engine.counters
    finally:
        rig.engine.stop()
    figures = {
        f"{what}_{key}": {"p50": round(float(np.median(times)), 0), "max": round(max(times), 0)}
        for what, found in rows.items()
        for key in ("noticed_ms", "back_ms")
        for times in [[row[key] for row in found]]
    }
    kept = ("moved", "stuck", "reopened", "revivals")
    return {
        **figures,
        "trials": trials,
        **{name: counters[name] for name in kept},
        "load": round(os.getloadavg()[0], 1),
    }
