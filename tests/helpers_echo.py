"""Microphones that cancel their own echo, or only claim to: a simulated room with a canceller in the device."""

from __future__ import annotations

import numpy as np

from device.audio.backends import Captured
from device.audio.backends.room import RoomBackend, RoomSettings
from device.audio.canceller import Canceller
from device.audio.echo_devices import EchoDevice, the_table
from device.audio.echo_policy import SoundPath
from device.values import FRAME


def entry(name: str) -> EchoDevice:
    """An entry of the device table by its id."""
    return next(device for device in the_table() if device.id == name)


class CancellingRoom(RoomBackend):
    """A device with an adaptive canceller of its own behind its microphone; ``works=False``: it is switched off."""

    def __init__(
        self, settings: RoomSettings | None = None, *, works: bool = True, device: str | None = "xvf3800"
    ):
        super().__init__(settings)
        known = entry(device) if device else None
        self.path = SoundPath("array (hw:2,0)", "array (hw:2,0)", known, 2, 0, same_card=True)
        self._inside = Canceller() if works else None
        self._on_its_way: dict[int, np.ndarray] = {}

    def play(self, block: np.ndarray) -> int:
        leaves = super().play(block)
        self._on_its_way[leaves] = block
        return leaves

    def capture(self) -> Captured | None:
        got = super().capture()
        played = self._on_its_way.pop(got.position, np.zeros(FRAME, np.float32))
        if self._inside is None or got.missing:
            return got
        return Captured(got.position, self._inside.step(got.samples, played))
