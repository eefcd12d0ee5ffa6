"""Two seconds on the real sound devices, as they are: records all channels of the microphone, plays a soft tone meanwhile.

PortAudio directly, and not the audio engine: that takes one channel, resamples, and mends what is to be found here.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from device.audio.backends.card_use import Holder, holder
from device.audio.backends.cards import card_of, every_card
from device.audio.backends.pa_devices import (
    ROLE,
    Device,
    Direction,
    choose,
    import_pyaudio,
    list_devices,
    playback_rate,
    recognise,
)
from device.audio.backends.stable_ids import parse
from device.doctor.recording import Recording, tone
from device.errors import AudioError

QUIET_S, TONE_S, ECHO_S = 1.3, 0.5, 0.4
"""Heard before anything is played; played; heard after it."""
TONE_DBFS = -32.0
"""6 dB below a reply at volume 70."""
FIRST_S = 3.0
"""A microphone that has not delivered by then does not."""
CONTINUE = 0
"""``paContinue``."""
VARIABLE = {"input": "PULSE_SOURCE", "output": "PULSE_SINK"}
DIRECTIONS: tuple[Direction, Direction] = ("input", "output")


@dataclass
class Trial:
    """``problems``: why a side could not be opened, in words, by direction; ``busy``: who has its card."""

    recording: Recording | None = None
    loudspeaker: str = ""
    problems: dict[str, str] = field(default_factory=dict)
    busy: dict[str, list[Holder]] = field(default_factory=dict)


def try_devices(wanted: dict[str, str], root: Path = Path("/")) -> Trial:
    """``wanted``: ``audio.input`` and ``audio.output``. Takes some 3 s. Raises AudioError where PyAudio cannot be loaded."""
    pyaudio = import_pyaudio()
    with quiet_stderr():
        manager = pyaudio.PyAudio()
    trial = Trial()
    try:
        devices = list_devices(manager)
        chosen: dict[str, Device] = {}
        for direction in DIRECTIONS:
            try:
                chosen[direction] = choose(devices, wanted[direction], direction, root / "proc/asound")
            except AudioError as exc:
                trial.problems[direction] = str(exc)
        with _nodes(wanted):
            _record(pyaudio, manager, chosen, trial)
    finally:
        manager.terminate()
    for direction in DIRECTIONS:
        if direction in trial.problems:
            device = chosen.get(direction)
            name = device.name if device else wanted[direction]
            trial.busy[direction] = holders(name, direction, root)
    return trial


def holders(name: str, direction: Direction, root: Path = Path("/")) -> list[Holder]:
    """Who has the card that ``name`` means; where it means none ("default"), who has any."""
    proc, asound = root / "proc", root / "proc/asound"
    cards = every_card(asound)
    meant = card_of(name, asound)
    numbers = (
        [meant.number]
        if meant
        else [card.number for card in cards if name.casefold() in card.name.casefold()]
    )
    found = [holder(number, direction, asound, proc) for number in numbers or [card.number for card in cards]]
    return [one for one in found if one is not None]


def _record(pyaudio: Any, manager: Any, chosen: dict[str, Device], trial: Trial) -> None:
    """Open what was chosen, listen, play, listen."""
    microphone = _Microphone()
    opened = _open(pyaudio, manager, chosen.get("input"), "input", microphone, trial)
    if opened is not None:
        stream, rate_hz, channels = opened
        until = time.monotonic() + FIRST_S
        while not microphone.blocks and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(QUIET_S if microphone.blocks else 0)
    first = microphone.frames
    player = _Player()
    playing = _open(pyaudio, manager, chosen.get("output"), "output", player, trial)
    if playing is not None:
        trial.loudspeaker = chosen["output"].name
        time.sleep(TONE_S + ECHO_S)
        _close(playing[0])
    if opened is None:
        return
    last = microphone.frames
    _close(stream)
    entry = recognise(chosen["input"])
    trial.recording = Recording(
        name=chosen["input"].name,
        rate_hz=rate_hz,
        samples=microphone.samples(),
        channel=entry.use(channels) if entry else 0,
        measured_hz=microphone.rate_hz(),
        tone=(first, last) if playing is not None else None,
    )


def _open(
    pyaudio: Any, manager: Any, device: Device | None, direction: Direction, callback: Any, trial: Trial
) -> tuple[Any, int, int] | None:
    """A stream, its rate and its channels: the first way that the device takes, as the daemon would open it."""
    if device is None:
        return None
    entry = recognise(device)
    listed = entry.rate_hz if entry else None
    own = playback_rate(device) if direction == "output" else listed
    failed: Exception | None = None
    with quiet_stderr():
        for rate_hz in device.rate_choices(own):
            for channels in device.channel_choices(direction):
                callback.prepare(rate_hz, channels)
                kind = {direction: True, f"{direction}_device_index": device.index}
                try:
                    stream = manager.open(
                        rate=rate_hz,
                        channels=channels,
                        format=pyaudio.paInt16,
                        frames_per_buffer=rate_hz // 100,
                        stream_callback=callback,
                        **kind,
                    )
                except (OSError, ValueError) as exc:
                    failed = failed or exc
                else:
                    return stream, rate_hz, channels
    why = failed.args[-1] if failed and failed.args else failed
    trial.problems[direction] = f"{ROLE[direction]} {device.name!r} cannot be opened: {why}"
    return None


def _close(stream: Any) -> None:
    with contextlib.suppress(OSError):  # it was unplugged meanwhile
        stream.close()


class _Microphone:
    """PortAudio's callback: keeps everything, with the time of each block."""

    def __init__(self) -> None:
        self.channels = 1
        self.blocks: list[bytes] = []
        self.times: list[tuple[float, int]] = []
        self.frames = 0

    def prepare(self, rate_hz: int, channels: int) -> None:
        self.channels = channels

    def __call__(self, data: bytes, frames: int, info: Any, flags: int) -> tuple[None, int]:
        self.times.append((time.monotonic(), self.frames))
        self.frames += frames
        self.blocks.append(data)
        return None, CONTINUE

    def samples(self) -> np.ndarray:
        pcm = np.frombuffer(b"".join(self.blocks), "<i2")
        return pcm[: len(pcm) // self.channels * self.channels].reshape(-1, self.channels)

    def rate_hz(self) -> float | None:
        """The slope of frames over time, after the first half second, in which buffers fill; None with less than a second."""
        settled = [(at, frames) for at, frames in self.times if at > self.times[0][0] + 0.5]
        if len(settled) < 10 or settled[-1][0] - settled[0][0] < 1.0:
            return None
        at, frames = np.array(settled).T
        return round(float(np.polyfit(at - at[0], frames - frames[0], 1)[0]), 1)


class _Player:
    """PortAudio's callback: the tone once, then silence."""

    def prepare(self, rate_hz: int, channels: int) -> None:
        sound = tone(rate_hz, TONE_S, TONE_DBFS)
        self._pcm = np.repeat(sound[:, None], channels, axis=1).astype("<i2").tobytes()
        self._frame_bytes = 2 * channels

    def __call__(self, data: Any, frames: int, info: Any, flags: int) -> tuple[bytes, int]:
        size = frames * self._frame_bytes
        piece, self._pcm = self._pcm[:size], self._pcm[size:]
        return piece + bytes(size - len(piece)), CONTINUE


@contextlib.contextmanager
def _nodes(wanted: dict[str, str]) -> Iterator[None]:
    """ALSA's plugin for sound servers learns from the environment which node is meant; PortAudio has no way to say it."""
    meant = {VARIABLE[direction]: parse(wanted[direction]) for direction in DIRECTIONS}
    before = dict(os.environ)
    os.environ.update({name: one.node for name, one in meant.items() if one is not None and one.node})
    try:
        yield
    finally:
        for name in meant:
            os.environ.pop(name, None)
            if name in before:
                os.environ[name] = before[name]


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """PortAudio and ALSA print each failed call to file descriptor 2, with no way to ask them not to."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def busy_words(holders: Sequence[Holder]) -> str:
    return " and ".join(map(str, holders))
