"""Room responses by the image-source method.

J. B. Allen and D. A. Berkley, "Image method for efficiently simulating small-room acoustics", JASA 65 (1979):
every reflection is a source behind the wall, weaker by the walls it went through and by its distance. As there,
delays are whole samples and a 100 Hz high-pass removes the slow swell of the all-positive pulses. Wall absorption
follows from the wanted reverberation time by Sabine's formula; floor, ceiling and walls are alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from device.audio.backends import Samples
from device.values import RATE_HZ

SPEED_OF_SOUND = 343.0
HIGH_PASS_HZ = 100.0
KEPT_DECAY = 0.85
"""The response is kept until it has fallen by 51 dB (0.85 of the 60 dB that the reverberation time counts)."""
DISTANCE_LOUDSPEAKER_M = 0.25
DISTANCE_TALKER_M = 2.0


@dataclass(frozen=True, slots=True)
class Geometry:
    """A furnished living room's size, and where the microphone and the loudspeaker stand in it (metres)."""

    size: np.ndarray
    mic: np.ndarray
    loudspeaker: np.ndarray


def random_geometry(seed: int) -> Geometry:
    """A room of about 4.5 x 3.8 x 2.6 m; the loudspeaker 0.25 m from the microphone."""
    rng = np.random.default_rng([seed, 1])
    size = np.array([4.5, 3.8, 2.6]) + rng.uniform(-0.5, 0.8, 3) * [1, 1, 0.3]
    mic = size * [0.45, 0.4, 0.35] + rng.uniform(-0.2, 0.2, 3)
    angle = rng.uniform(0, 2 * np.pi)
    loudspeaker = mic + np.array([np.cos(angle), np.sin(angle), -0.2]) * DISTANCE_LOUDSPEAKER_M
    return Geometry(size, mic, loudspeaker)


def talker_position(geometry: Geometry, seed: int, talker: int) -> np.ndarray:
    """Where ``talker`` stands: 2 m away (less in a corner), half a metre above the microphone."""
    rng = np.random.default_rng([seed, 2, talker])
    angle, distance = rng.uniform(0, 2 * np.pi), DISTANCE_TALKER_M
    while True:
        at = geometry.mic + np.array([np.cos(angle) * distance, np.sin(angle) * distance, 0.5])
        if np.all(at > 0.3) and np.all(at < geometry.size - 0.3):
            return at
        angle, distance = rng.uniform(0, 2 * np.pi), distance * 0.97


def response(geometry: Geometry, source: np.ndarray, rt60_s: float) -> Samples:
    """From ``source`` to the microphone, float32 at 16 kHz, beginning with the direct sound.

    Normalised so that speech passes with its level unchanged (``speech_gain`` is 1).
    """
    size = geometry.size
    volume = float(np.prod(size))
    surface = 2 * float(size[0] * size[1] + size[1] * size[2] + size[0] * size[2])
    absorption = min(0.99, 24 * np.log(10) * volume / (SPEED_OF_SOUND * surface * rt60_s))
    reflection = np.sqrt(1 - absorption)
    direct = float(np.linalg.norm(source - geometry.mic))
    reach = direct + SPEED_OF_SOUND * rt60_s * KEPT_DECAY

    axes = [_images(size[i], source[i], geometry.mic[i], reach) for i in range(3)]
    (dx, nx), (dy, ny), (dz, nz) = axes
    plane = (dy[:, None] ** 2 + dz[None, :] ** 2).ravel()
    walls = (ny[:, None] + nz[None, :]).ravel()
    near = plane < reach**2
    plane, walls = plane[near], walls[near]
    order = np.argsort(plane)
    plane, walls = plane[order], walls[order]

    lead = round(direct / SPEED_OF_SOUND * RATE_HZ)
    length = int(reach / SPEED_OF_SOUND * RATE_HZ) + 2 - lead
    h = np.zeros(length)
    for offset, passed in zip(dx, nx, strict=True):
        count = np.searchsorted(plane, reach**2 - offset**2)
        if count == 0:
            continue
        distance = np.sqrt(plane[:count] + offset**2)
        arrival = np.rint(distance / SPEED_OF_SOUND * RATE_HZ).astype(np.int64) - lead
        strength = reflection ** (walls[:count] + passed) / distance
        h += np.bincount(arrival, strength, length)[:length]
    h = _high_pass(h)
    return (h / speech_gain(h)).astype(np.float32)


def _images(length: float, source: float, mic: float, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Along one axis: distances of the images from the microphone, and the walls that each passed."""
    n = np.arange(-int(reach / (2 * length)) - 1, int(reach / (2 * length)) + 2)
    distance = np.concatenate((2 * n * length + source - mic, 2 * n * length - source - mic))
    walls = np.concatenate((np.abs(2 * n), np.abs(2 * n - 1)))
    near = np.abs(distance) < reach
    return distance[near], walls[near]


def _high_pass(h: np.ndarray) -> np.ndarray:
    """Second-order Butterworth at 100 Hz, by its frequency response."""
    size = 1 << int(np.ceil(np.log2(2 * len(h) + RATE_HZ // 10)))
    s = 1j * np.fft.rfftfreq(size, 1 / RATE_HZ) / HIGH_PASS_HZ
    return np.fft.irfft(np.fft.rfft(h, size) * s**2 / (s**2 + np.sqrt(2) * s + 1), size)[: len(h)]


def speech_gain(h: np.ndarray) -> float:
    """By how much ``h`` changes the RMS of speech: flat to 500 Hz, then falling by 9 dB per octave."""
    f = np.fft.rfftfreq(2 * len(h), 1 / RATE_HZ)
    weight = np.where(f < 100, 0.0, np.minimum(1.0, (500 / np.maximum(f, 1)) ** 3))
    power = np.abs(np.fft.rfft(h, 2 * len(h))) ** 2
    return float(np.sqrt((power * weight).sum() / weight.sum()))
