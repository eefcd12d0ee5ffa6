"""How loud the device is: its volume, a mute over it, and what an announcement asks for while it is said."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import TYPE_CHECKING

from device.values import Loudness

if TYPE_CHECKING:
    from device.audio.mixer import Mixer


class Controls:
    """What skills and orders may turn: the device's volume, its mute and its clock."""

    def __init__(self, mixer: Mixer, now: Callable[[], datetime.datetime]) -> None:
        self._mixer = mixer
        self._volume, self._muted = mixer.volume, False
        self._loudness = Loudness()
        self.now = now

    @property
    def volume(self) -> int:
        """Playback volume in percent, also while muted."""
        return self._volume

    def set_volume(self, percent: int) -> None:
        self._volume = percent
        self._apply()

    @property
    def muted(self) -> bool:
        return self._muted

    def set_mute(self, muted: bool) -> None:
        self._muted = muted
        self._apply()

    def play_at(self, loudness: Loudness) -> None:
        """What is said now is louder, or not so loud, for as long as it takes; the volume stays what it is."""
        self._loudness = loudness
        self._apply()

    def _apply(self) -> None:
        wanted = self._loudness
        percent = self._volume if wanted.volume is None else wanted.volume
        silent = self._muted and not wanted.over_mute
        self._mixer.volume = 0 if silent else max(percent, wanted.least)
