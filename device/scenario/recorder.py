"""Keeps what sounded during a run, and at which gain the reply left the loudspeaker."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from device.audio import AudioEngine, Backend, Captured, Mixer, Samples
from device.scenario.measures import Sound
from device.values import FRAME, RATE_HZ

CHUNK = RATE_HZ
"""Samples that are fetched from the engine's rings at a time: 1 s, a tenth of what they keep."""


@dataclass(frozen=True, slots=True)
class Left:
    """Track samples ``first .. first + count`` of ``reply`` left the loudspeaker from ``position`` on, at ``gain``."""

    position: int
    reply: int | None
    first: int
    count: int
    gain: float


class WatchedBackend:
    """A backend that notes what is handed to the loudspeaker and where it leaves it; all else is passed on."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._gain = 0.0
        self.mixer: Mixer | None = None
        self.left: list[Left] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._backend, name)

    def capture(self) -> Captured | None:
        return self._backend.capture()

    def play(self, block: Samples) -> int:
        position = self._backend.play(block)
        if self.mixer is None:
            return position
        speech = self.mixer.speech
        first, count = speech.span
        now = speech.gain
        if count:  # a block that ramps counts at the louder of its two gains: it is not yet quiet
            self.left.append(Left(position, speech.reply, first, count, max(self._gain, now)))
        self._gain = now
        return position

    def flush(self, abort: bool = True) -> int | None:
        silent_from = self._backend.flush(abort)
        if (
            silent_from is not None
        ):  # the rate of the track is not known here, but shares of a block are enough
            self.left = [_until(silent_from, one) for one in self.left if one.position < silent_from]
            self._gain = 0.0
        return silent_from


def _until(position: int, one: Left) -> Left:
    """What of ``one``, a block of 10 ms at most, left before ``position``."""
    share = min(1.0, (position - one.position) / FRAME)
    return one if share == 1.0 else replace(one, count=int(one.count * share))


class Recorder:
    """Collects microphone, canceller output and playback from the engine's rings while the run goes on."""

    def __init__(self, engine: AudioEngine, backend: WatchedBackend) -> None:
        self._engine, self._backend = engine, backend
        backend.mixer = engine.mixer
        self._pieces: list[tuple[Samples, Samples, Samples]] = []
        self._until = 0

    def step(self) -> None:
        """Call at least every 5 s of scenario time."""
        if self._engine.position - self._until >= CHUNK:
            self._fetch()

    def _fetch(self) -> None:
        count = self._engine.position - self._until
        rings = (self._engine.mic, self._engine.clean, self._engine.reference)
        self._pieces.append(tuple(np.array(ring.read(self._until, count).samples) for ring in rings))  # type: ignore[arg-type]
        self._until += count

    def sound(self) -> Sound:
        """Everything up to now."""
        self._fetch()
        mic, clean, played = (np.concatenate(parts) for parts in zip(*self._pieces, strict=True))
        gain = np.zeros(len(mic) // FRAME, np.float32)
        for piece in self._backend.left:
            if piece.position // FRAME < len(gain):
                gain[piece.position // FRAME] = piece.gain
        return Sound(mic, clean, played, gain)

    def reached(self, reply: int) -> int:
        """How many track samples of ``reply`` have left, or are bound to leave, the loudspeaker."""
        return max((one.first + one.count for one in self._backend.left if one.reply == reply), default=0)
