"""Opens a side on the device that is meant, in the first format that it takes."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

from device.audio.echo_devices import EchoDevice
from device.errors import AudioError

from .pa_devices import Device, choose, playback_rate, recognise
from .pa_side import Side, reason
from .pa_taps import InputTap, OutputTap, Relay

log = logging.getLogger("earshot.audio")


def open_side(pyaudio: Any, manager: Any, devices: Sequence[Device], side: Side, playback_hz: int) -> None:
    """``side.stream`` is open afterwards, or ``side.told`` says why not. ``playback_hz``: the rate that playback is made at."""
    try:
        side.device = choose(devices, side.wanted, side.direction)
    except AudioError as exc:
        side.device, side.told = None, _held(side) or str(exc)
        return
    entry = recognise(side.device)
    if side.direction == "output":
        rates = (playback_rate(side.device) if entry else None, playback_hz)
    else:
        rates = (entry and entry.rate_hz, None)
    failed: Exception | None = None
    # after the first failure the driver's words about the next ones would fill the log, second by second
    with _quiet_stderr() if side.told else contextlib.nullcontext():
        for rate_hz in side.device.rate_choices(*rates):
            for channels in side.device.channel_choices(side.direction):
                try:
                    _open_as(pyaudio, manager, side, rate_hz, channels, entry)
                except (OSError, ValueError) as exc:
                    failed = failed or exc
                else:
                    return
    side.told = _held(side) or f"{side.name} cannot be opened: {reason(failed)}"


def _held(side: Side) -> str | None:
    return f"{side.name} is in use by {side.holder}" if side.holder else None


def _open_as(
    pyaudio: Any, manager: Any, side: Side, rate_hz: int, channels: int, entry: EchoDevice | None
) -> None:
    assert side.device is not None
    tap: InputTap | OutputTap
    callback: InputTap | Relay
    if side.direction == "input":
        tap = callback = InputTap(rate_hz, channels, entry.use(channels) if entry else 0)
    else:
        tap = OutputTap(rate_hz, channels)
        callback = side.relay = Relay(tap)
    side.stream = manager.open(
        rate=rate_hz,
        channels=channels,
        format=pyaudio.paInt16,
        frames_per_buffer=tap.frames,
        stream_callback=callback,
        **{side.direction: True, f"{side.direction}_device_index": side.device.index},
    )
    side.tap, side.opened_at = tap, time.monotonic()
    side.opened += 1
    side.attach(tap)
    if not side.told:  # else it has to prove itself first: one that opens and stands still would fill the log
        log.info("%s", side.format)


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """PortAudio prints each failed call to file descriptor 2, with no way to ask it not to."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
