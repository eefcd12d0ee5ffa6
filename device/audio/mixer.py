"""What leaves the loudspeaker: the reply, earcons and alarms, under one volume.

SpeechTrack --x duck/hold ramps--+
earcon, alarm ---x own gain------+--(+)--x volume ramp--clip--> 10 ms block
"""

from __future__ import annotations

import math

import numpy as np

from .backends import Samples
from .levels import db_to_gain
from .ramp import raised_cosine
from .speech_track import SpeechTrack


def volume_gain(percent: float) -> float:
    """Amplitude factor of a volume: its square, so that each step sounds about alike (70 -> -6.2 dB, 0 -> off)."""
    return (percent / 100.0) ** 2


class _Sound:
    __slots__ = ("at", "samples")

    def __init__(self, samples: Samples) -> None:
        self.samples = samples
        self.at = 0


class Mixer:
    """Mixes at ``rate_hz`` (a multiple of 100); not thread-safe, driven by the ear thread."""

    def __init__(self, rate_hz: int, volume: int = 70) -> None:
        if rate_hz <= 0 or rate_hz % 100:
            raise ValueError(f"mixer rate is {rate_hz} Hz: it must be a multiple of 100, for instance 16000")
        self.rate_hz = rate_hz
        self.speech = SpeechTrack(rate_hz)
        self.clipped = 0
        """Samples that did not fit into full scale."""
        self.silent = True
        """Whether the last block was all zeros."""
        self._n = rate_hz // 100
        self._rise = raised_cosine(self._n)
        self._nothing = np.zeros(self._n, np.float32)
        self._nothing.flags.writeable = False
        self._sounds: list[_Sound] = []
        self.volume = volume
        self._gain = volume_gain(volume)

    @property
    def volume(self) -> int:
        """0..100 percent; a change is reached within the next 10 ms block."""
        return self._volume

    @volume.setter
    def volume(self, percent: int) -> None:
        if not 0 <= percent <= 100:
            raise ValueError(f"volume is {percent}: it must lie within 0..100 percent")
        self._volume = percent

    @property
    def sounding(self) -> bool:
        """Whether an earcon or an alarm is not yet rendered to its end."""
        return bool(self._sounds)

    def play(self, samples: Samples, gain_db: float = 0.0) -> None:
        """Play a short sound (float32 at ``rate_hz``) from the next block on, beside whatever else plays."""
        if not math.isfinite(gain_db):
            raise ValueError(f"gain is {gain_db} dB: it must be a finite number")
        self._sounds.append(_Sound(samples.astype(np.float32) * np.float32(db_to_gain(gain_db))))

    def stop_sounds(self) -> None:
        """End earcons and alarms with a 10 ms ramp."""
        for sound in self._sounds:
            rest = sound.samples[sound.at : sound.at + self._n]
            sound.samples = rest * self._rise[::-1][: len(rest)]
            sound.at = 0

    def render(self) -> Samples:
        """The next 10 ms: float32, ``rate_hz // 100`` samples in [-1, 1]. Read-only when ``silent``."""
        target = volume_gain(self._volume)
        self.silent = self.speech.silent and not self._sounds
        if self.silent:
            self.speech.span = (self.speech.rendered, 0)
            self._gain = target
            return self._nothing
        out = np.zeros(self._n, np.float32)
        self.speech.render(out)
        for sound in self._sounds:
            piece = sound.samples[sound.at : sound.at + self._n]
            out[: len(piece)] += piece
            sound.at += self._n
        self._sounds = [s for s in self._sounds if s.at < len(s.samples)]
        if target == self._gain:
            out *= np.float32(target)
        else:
            out *= self._gain + np.float32(target - self._gain) * self._rise
            self._gain = target
        peak = float(np.abs(out).max())
        if peak > 1.0:
            self.clipped += int(np.count_nonzero(np.abs(out) > 1.0))
            np.clip(out, -1.0, 1.0, out=out)
        return out
