"""What the device plays: speech of its own voice, and a "voice" that plays music or tones instead.

Music and tones go the way of every reply (mouth, track, mixer), so ducking, holding and resuming act on them truly.
All of it is computed; nothing is anybody's recording.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device.audio.levels import active_rms, db_to_gain, to_int16
from device.mouth.voices.messages import Chunk, Ready, Speak
from device.values import RATE_HZ

REPLY_S = 80.0
"""Length of a reply that is not speech; a story is about as long."""
LEVEL_DBFS = -20.0
"""Active level, as of the voice: the simulated room counts from it."""

Samples = NDArray[np.float32]

STORY = (
    "The ferry left the harbour at a quarter to six, with eleven passengers and a crate of oranges on board.",
    "Nobody noticed the boy behind the lifeboat until they had passed the second buoy.",
    "He had a paper bag, two apples and a map that his grandfather had drawn with a carpenter's pencil.",
    "The captain was a patient woman, and she asked him where he thought that the boat was going.",
    "To the island with the white tower, he said, because that is where the geese spend the winter.",
    "Now this was not entirely wrong, but the geese had moved further south many years ago.",
    "She gave him a blanket and a cup of cocoa, and told the engineer to keep an eye on him.",
    "Towards evening the wind turned, and long grey waves began to roll in from the north.",
    "The lamps along the deck swung to and fro, and somebody started to sing an old song about the herring fleet.",
    "When the fog came down they stopped the engine and listened for the bell on the rocks.",
    "It rang three times, then once, and the captain wrote the minute into her book.",
    "The boy asked what the numbers were for, and she showed him how a ship finds its way without any stars.",
    "By midnight he could read the compass, and by two in the morning he was asleep on a coil of rope.",
    "At dawn there was the tower, pale as a candle above the water, and not a single goose.",
    "But on the jetty stood a painter with a straw hat, who had been waiting for oranges since the summer.",
    "He bought the whole crate, and gave the boy one of them, and a picture of the harbour as it used to be.",
    "The boy kept the picture for the rest of his life, and the orange peel for almost a year.",
    "And whenever people asked him how he had become a pilot, he began with the ferry and the fog.",
)


def story(turn: int) -> str:
    """A reply of about 80 s of speech, beginning with another sentence each ``turn``."""
    first = 5 * turn % len(STORY)
    return " ".join((*STORY[first:], *STORY[:first]))


class SoundVoice:
    """An engine door (``device.engines.EngineDoor``) that answers each clause with the next of ``sounds``, in turn,
    beginning with number ``first``.

    No word times: a resume goes on where it was held.
    """

    name = "voice"

    def __init__(self, sounds: Sequence[Samples], first: int = 0) -> None:
        self.restarts = 0
        self.failure: str | None = None
        self._pcm = [to_int16(sound).tobytes() for sound in sounds]
        self._next = first
        self._replies: list[Any] = [Ready("sound", "bench", RATE_HZ, 0.0, timed=False)]

    def send(self, message: Any) -> bool:
        if isinstance(message, Speak):
            pcm = self._pcm[self._next % len(self._pcm)]
            self._next += 1
            self._replies.append(Chunk(message.clause, pcm, RATE_HZ, True))
        return True

    def poll(self) -> list[Any]:
        replies, self._replies = self._replies, []
        return replies

    def close(self) -> None:
        """Nothing to stop."""


def sounds(kind: str, rng: np.random.Generator, count: int = 4) -> list[Samples]:
    """``count`` replies of ``kind`` (``music`` or ``tones``), float32 at 16 kHz, ``LEVEL_DBFS`` active level."""
    make: Callable[[float, np.random.Generator], Samples] = {"music": music, "tones": tones}[kind]
    made = []
    for _ in range(count):
        sound = make(REPLY_S, rng)
        made.append((sound * db_to_gain(LEVEL_DBFS) / active_rms(sound)).astype(np.float32))
    return made


# ---------------------------------------------------------------------- music

CHORDS = ((0, 4, 7, 11), (9, 12, 16, 19), (5, 9, 12, 16), (7, 11, 14, 17), (2, 5, 9, 12), (4, 7, 11, 14))
"""Semitones above the key."""
HARMONICS = (1.0, 0.5, 0.33, 0.18, 0.12, 0.07)


def music(seconds: float, rng: np.random.Generator) -> Samples:
    """Chords, bass, a melody and a drum kit at 84 to 132 beats a minute, all from ``rng``."""
    out = np.zeros(int(seconds * RATE_HZ), np.float32)
    beat = 60 / rng.uniform(84, 132)
    key = 196.0 * 2 ** (rng.integers(-5, 6) / 12)
    bar = 0
    while bar * 4 * beat < seconds:
        chord = CHORDS[rng.integers(len(CHORDS))]
        start = bar * 4 * beat
        for semitones in chord:
            _add(out, start, 0.22 * _note(key * 2 ** (semitones / 12), 4 * beat, 0.03, 0.6))
        for k in range(4):
            at = start + k * beat
            _add(out, at, 0.5 * _note(key / 4 * 2 ** (chord[0] / 12), beat, 0.01, 0.35))
            _add(out, at, 0.7 * (_kick() if k % 2 == 0 else _snare(rng)))
            for half in (0.0, 0.5):
                _add(out, at + half * beat, 0.25 * _hat(rng))
                if rng.random() < 0.7:
                    pitch = key * 2 * 2 ** (chord[rng.integers(len(chord))] / 12)
                    _add(
                        out, at + half * beat, 0.4 * _note(pitch, beat * rng.choice((0.45, 0.9)), 0.008, 0.25)
                    )
        bar += 1
    return out


def _note(hz: float, seconds: float, attack_s: float, decay_s: float) -> Samples:
    """A plucked or bowed sound: harmonics that fall, attack, decay to half, release of 60 ms."""
    t = np.arange(int((seconds + 0.06) * RATE_HZ)) / RATE_HZ
    wave = sum(a * np.sin(2 * np.pi * hz * n * t) for n, a in enumerate(HARMONICS, 1) if hz * n < RATE_HZ / 2)
    envelope = np.minimum(t / attack_s, 1) * (0.5 + 0.5 * np.exp(-t / decay_s))
    envelope *= np.clip((seconds + 0.06 - t) / 0.06, 0, 1)
    return np.asarray(wave * envelope, np.float32)


def _kick() -> Samples:
    t = np.arange(int(0.18 * RATE_HZ)) / RATE_HZ
    return (np.sin(2 * np.pi * (50 * t + 3.0 * (1 - np.exp(-t / 0.03)))) * np.exp(-t / 0.07)).astype(
        np.float32
    )


def _snare(rng: np.random.Generator) -> Samples:
    t = np.arange(int(0.16 * RATE_HZ)) / RATE_HZ
    body = 0.5 * np.sin(2 * np.pi * 185 * t)
    return ((body + 0.6 * rng.standard_normal(len(t))) * np.exp(-t / 0.05)).astype(np.float32)


def _hat(rng: np.random.Generator) -> Samples:
    t = np.arange(int(0.06 * RATE_HZ)) / RATE_HZ
    return (np.diff(rng.standard_normal(len(t) + 1)) * np.exp(-t / 0.015)).astype(np.float32)


# ---------------------------------------------------------------------- tones


def tones(seconds: float, rng: np.random.Generator) -> Samples:
    """Beeps, arpeggios and sweeps, as timers and games make them, with pauses between."""
    out = np.zeros(int(seconds * RATE_HZ), np.float32)
    at = 0.0
    while at < seconds:
        hz, kind = rng.uniform(300, 2200), rng.integers(3)
        if kind == 0:  # the same beep several times
            length = rng.uniform(0.08, 0.4)
            for _ in range(rng.integers(2, 6)):
                _add(out, at, _beep(hz, hz, length))
                at += length + rng.uniform(0.05, 0.3)
        elif kind == 1:  # an arpeggio
            length = rng.uniform(0.07, 0.2)
            for semitones in rng.permutation(CHORDS[rng.integers(len(CHORDS))]):
                _add(out, at, _beep(hz * 2 ** (semitones / 12), hz * 2 ** (semitones / 12), length))
                at += length
        else:
            length = rng.uniform(0.3, 1.2)
            _add(out, at, _beep(hz, hz * rng.uniform(0.5, 2.0), length))
            at += length
        at += rng.uniform(0.05, 0.5)
    return out


def _beep(from_hz: float, to_hz: float, seconds: float) -> Samples:
    """From one pitch to another, with 5 ms ramps and a weak third harmonic."""
    n = int(seconds * RATE_HZ)
    phase = 2 * np.pi * np.cumsum(np.linspace(from_hz, to_hz, n)) / RATE_HZ
    ramp = np.clip(np.minimum(np.arange(n), np.arange(n)[::-1]) / (0.005 * RATE_HZ), 0, 1)
    third = 0.2 * np.sin(3 * phase) if 3 * max(from_hz, to_hz) < RATE_HZ / 2 else 0.0
    return ((np.sin(phase) + third) * ramp).astype(np.float32)


def _add(out: Samples, at_s: float, sound: Samples) -> None:
    first = int(at_s * RATE_HZ)
    count = min(len(sound), len(out) - first)
    if count > 0:
        out[first : first + count] += sound[:count]
