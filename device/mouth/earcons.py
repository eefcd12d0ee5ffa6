"""Earcons: short sounds that say what words would take too long for. Computed, not recorded.

Each is a few bell-like notes (a sine, its octave and its twelfth, the upper ones dying sooner) that rise in 6 ms and
fade to silence at their end, so that none clicks. A rising pair is "I am listening", a falling one "that did not work"; the pairs are
consonant intervals, the error's a minor second lower in the octave where small loudspeakers still sound.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from device.errors import AudioError

Note = tuple[float, float, float]
"""(start in s, frequency in Hz, amplitude)"""

EARCONS: dict[str, tuple[float, tuple[Note, ...]]] = {
    "attend": (0.20, ((0.0, 587.33, 0.7), (0.07, 880.0, 1.0))),  # D5 A5, a fifth up
    "done": (0.22, ((0.0, 783.99, 0.8), (0.06, 987.77, 0.8), (0.12, 1174.66, 0.8))),  # G5 B5 D6
    "error": (0.24, ((0.0, 466.16, 1.0), (0.10, 349.23, 1.0))),  # B flat 4, F4: a fourth down
    "thinking": (0.16, ((0.0, 659.26, 0.5),)),  # E5, soft
    "chime": (0.45, ((0.0, 783.99, 1.0), (0.18, 659.26, 0.9))),  # G5 E5: an announcement follows
    "alarm": (
        2.02,
        tuple(
            (start + 0.16 * beat, 987.77 if beat % 2 else 783.99, 1.0)
            for start in (0.0, 0.8)
            for beat in range(4)
        ),
    ),
}
"""Duration in s and notes of each. The alarm's is a hair more than the 2 s after which the conversation lets it ring again:
while it rings there is no gap in which nobody would listen for "stop"."""
PEAK = 0.2
"""Amplitude of the loudest sample, -14 dBFS: below speech, which peaks near full scale."""
LOUD = {"alarm": 0.5}
"""... but not of what has to be heard in the next room."""
_RISE_S = 0.006
_DECAY_S = 0.045


def render(name: str, rate_hz: int) -> NDArray[np.float32]:
    """The earcon ``name`` as float32 in [-1, 1] at ``rate_hz``. Raises ``AudioError`` for an unknown name."""
    if name not in EARCONS:
        raise AudioError(f"earcon {name!r} does not exist; there are: {', '.join(EARCONS)}")
    duration, notes = EARCONS[name]
    t = np.arange(round(duration * rate_hz)) / rate_hz
    sound = np.zeros(len(t))
    for start, frequency, amplitude in notes:
        since = np.maximum(t - start, 0.0)
        rise = 0.5 - 0.5 * np.cos(np.pi * np.minimum(since / _RISE_S, 1.0))
        for harmonic, share in ((1, 1.0), (2, 0.25), (3, 0.08)):
            if harmonic * frequency < 0.45 * rate_hz:
                decay = np.exp(-since * harmonic**0.5 / _DECAY_S)
                sound += amplitude * share * rise * decay * np.sin(2 * np.pi * harmonic * frequency * since)
    # the last 30 ms fade to exactly zero
    sound *= 0.5 - 0.5 * np.cos(np.pi * np.clip((duration - t) / 0.03, 0.0, 1.0))
    scaled: NDArray[np.float32] = (sound * (LOUD.get(name, PEAK) / np.abs(sound).max())).astype(np.float32)
    return scaled
