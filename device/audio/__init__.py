"""Sound in and out: backends, rings, mixer, echo canceller.

Enters: 10 ms of microphone from a backend; samples to play. Leaves: ``Frame`` values by capture position, playback,
and the account of what was played when (``PlayedLog``). Thread: the one that calls ``AudioEngine.capture`` and
``render`` (the ear's); a backend's own callbacks only copy. May import: numpy and its backends, values, errors,
config and the catalogue of problems; nothing of the rooms above.

The signal path is drawn in ``engine.py``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from device.config.schema import Config

    from .backends import Backend as Backend
    from .backends import Captured as Captured
    from .backends import Samples as Samples
    from .backends.room import RoomSettings
    from .engine import AudioEngine as AudioEngine
    from .engine import Frame as Frame
    from .mixer import Mixer as Mixer
    from .played import PlayedLog as PlayedLog
    from .ring import Block as Block
    from .ring import Reader as Reader
    from .ring import Ring as Ring
    from .speech_track import SpeechTrack as SpeechTrack

_HOME = {
    "AudioEngine": "engine", "Backend": "backends", "Block": "ring", "Captured": "backends", "Frame": "engine",
    "Mixer": "mixer", "PlayedLog": "played", "Reader": "ring", "Ring": "ring", "Samples": "backends",
    "SpeechTrack": "speech_track",
}  # fmt: skip
"""The file of each name that this room hands out."""

__all__ = [
    "AudioEngine", "Backend", "Block", "Captured", "Frame", "Mixer", "PlayedLog", "Reader", "Ring", "Samples",
    "SpeechTrack", "open_backend",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """A name on first use: the command line asks this room for its command, and must not wait for numpy (0.2 s)."""
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


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
