"""Sound in and out: backends, rings, mixer, echo canceller.

Enters: 10 ms of microphone from a backend; samples to play. Leaves: ``Frame`` values by capture position, playback,
and the account of what was played when (``PlayedLog``). Thread: the one that calls ``AudioEngine.capture`` and
``render`` (the ear's); a backend's own callbacks only copy. May import: numpy and its backends, nothing of the
rooms above.

The signal path is drawn in ``engine.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .backends import Backend, Captured, Samples
from .engine import AudioEngine, Frame
from .mixer import Mixer
from .played import PlayedLog
from .ring import Block, Reader, Ring
from .speech_track import SpeechTrack

if TYPE_CHECKING:
    from device.config.schema import Config

    from .backends.room import RoomSettings

__all__ = [
    "AudioEngine", "Backend", "Block", "Captured", "Frame", "Mixer", "PlayedLog", "Reader", "Ring", "Samples",
    "SpeechTrack", "open_backend",
]  # fmt: skip


def open_backend(config: Config, room: RoomSettings | None = None) -> Backend:
    """The backend that ``audio.backend`` names (not yet started).

    ``room`` chooses the simulated room with these settings whatever the configuration names; a room without
    settings is paced to real time. Raises AudioError where a backend's library is missing.
    """
    name = "room" if room is not None else config.audio.backend
    if name == "room":
        from .backends.room import RoomBackend, RoomSettings

        return RoomBackend(room or RoomSettings(realtime=True))
    if name == "none":
        from .backends.none import NoneBackend

        return NoneBackend()
    from device.audio.backends.portaudio import PortAudioBackend

    return PortAudioBackend(config.audio)
