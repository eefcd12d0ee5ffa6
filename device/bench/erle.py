"""How much of the echo a canceller takes away, from what was recorded before and after it. Pure.

All figures are of the band 100..7200 Hz, where small loudspeakers and microphones agree on something, and of the
10 ms frames in which echo sounds. Arrays are float32 at 16 kHz, whole frames.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from device.audio.backends import Samples
from device.values import FRAME, RATE_HZ

BAND_HZ = (100.0, 7200.0)
SOUNDING_DB = 26.0
"""Echo sounds in frames within this of its 95th percentile."""
SMOOTH_FRAMES = 25
HELD_FRAMES, HELD_SHARE = 100, 0.9
"""A level is reached when nine tenths of the following second keep it (the pauses of speech touch single frames)."""

Powers = NDArray[np.float64]


def band_limited(samples: Samples) -> Samples:
    """``samples`` without what lies outside of ``BAND_HZ``, by their spectrum."""
    spectrum = np.fft.rfft(samples)
    hz = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    spectrum[(hz < BAND_HZ[0]) | (hz > BAND_HZ[1])] = 0
    return np.fft.irfft(spectrum, len(samples)).astype(np.float32)


def frame_powers(samples: Samples) -> Powers:
    """Mean square of each whole 10 ms frame."""
    frames = len(samples) // FRAME
    return np.asarray(
        np.square(samples[: frames * FRAME].reshape(frames, FRAME), dtype=np.float64).mean(axis=1)
    )


def sounding(echo: Samples) -> NDArray[np.bool_]:
    """In which frames ``echo`` sounds; no frame of silence does."""
    power = frame_powers(echo)
    return power > max(float(np.percentile(power, 95)) * 10 ** (-SOUNDING_DB / 10), 1e-12)


def steady_db(mic: Samples, clean: Samples, where: NDArray[np.bool_] | None = None) -> float | None:
    """Energy of ``mic`` over energy of ``clean`` in dB, over the frames ``where`` echo sounds; None without one."""
    where = sounding(mic) if where is None else where
    if not where.any():
        return None
    before, after = frame_powers(band_limited(mic))[where], frame_powers(band_limited(clean))[where]
    return float(10 * np.log10(before.sum() / max(after.sum(), 1e-12)))


def time_to(level_db: float, mic: Samples, clean: Samples) -> float | None:
    """Seconds from the first echo until ``level_db`` is reached and kept for 1 s; None when it never is.

    The ERLE of each moment is that of the 250 ms before it.
    """
    where = sounding(mic)
    if not where.any():
        return None
    first = int(np.argmax(where))
    window = np.ones(SMOOTH_FRAMES)
    before = np.convolve(frame_powers(band_limited(mic)) * where, window)[: len(where)]
    after = np.convolve(frame_powers(band_limited(clean)) * where, window)[: len(where)]
    reached = before >= after * 10 ** (level_db / 10)
    reached &= before > 0
    for frame in np.flatnonzero(reached[first:]) + first:
        following = reached[frame : frame + HELD_FRAMES]
        if len(following) == HELD_FRAMES and following.mean() >= HELD_SHARE:
            return float((frame - first) * FRAME / RATE_HZ)
    return None
