"""How well a talker is still understood after the canceller: STOI, and whether he became quieter.

C. H. Taal, R. C. Hendriks, R. Heusdens and J. Jensen, "An algorithm for intelligibility prediction of time-frequency
weighted noisy speech", IEEE Trans. ASLP 19 (2011), as the package ``pystoi`` computes it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from device.audio.backends import Samples
from device.bench.erle import band_limited
from device.values import RATE_HZ

ABSENT = "pystoi is not installed (`pip install 'earshot[bench]'`): no STOI"
MOST_LAG = 1200
"""Samples that a canceller may be late."""

Stoi = Callable[[Samples, Samples, int], float]


def find_stoi() -> Stoi | None:
    """``stoi(clean, processed, rate_hz)`` of pystoi, or None where that is not installed."""
    try:
        from pystoi import stoi
    except ImportError:
        return None
    return stoi  # type: ignore[no-any-return]


def lag(talker: Samples, heard: Samples, most: int = MOST_LAG) -> int:
    """By how many samples ``heard`` is late, 0..``most``: the peak of the cross-correlation."""
    size = 1 << (2 * len(talker) - 1).bit_length()
    correlation = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(talker, size)), size)
    return int(np.argmax(np.abs(correlation[: most + 1])))


def compare(talker: Samples, heard: Samples, stoi: Stoi | None) -> tuple[float | None, float]:
    """STOI of ``heard`` against ``talker`` alone, and the talker's change of level in dB; same length, 16 kHz."""
    talker, heard = band_limited(talker), band_limited(heard)
    late = lag(talker, heard)
    talker, heard = talker[: len(talker) - late], heard[late:]
    gain = float(talker @ heard) / max(float(talker @ talker), 1e-12)
    score = None if stoi is None else float(stoi(talker, heard, RATE_HZ))
    return score, float(20 * np.log10(max(abs(gain), 1e-6)))
