"""A clause's sound on its way from the voice to the track: another rate, and no silence behind.

    int16 chunks, voice rate --> soxr stream --> float32, track rate, trailing silence held back

Voices begin and end a clause with silence of their own liking (espeak-ng ends with 7 ms or 370 ms, by punctuation; Kokoro begins
with 30 ms and more). It is dropped and the mouth makes the pauses itself, the same with every voice. soxr's streams compensate their own delay: sample n
of the output belongs to n * in / out of the input (checked by test to a sample), so word times only scale.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

QUIET = 1e-3
"""Amplitude (-60 dBFS) up to which a sample counts as silence."""
TAIL_MS = 10
"""Silence kept behind the last audible sample."""
LEAD_MS = 10
"""... and before the first one: the track fades in over so much."""


class ClauseSound:
    """One clause; ``rate_hz`` of the voice and ``track_rate_hz`` of the mixer, both in Hz.

    ``trim``: drop the silence before it too; ``dropped`` is then how much that was, in track samples.
    """

    def __init__(self, rate_hz: int, track_rate_hz: int, trim: bool = False) -> None:
        self._tail = np.zeros(0, np.float32)
        self._keep = track_rate_hz * TAIL_MS // 1000
        self._lead = track_rate_hz * LEAD_MS // 1000 if trim else None
        self.dropped = 0
        self._stream: Any = None
        if rate_hz != track_rate_hz:
            import soxr  # 4 MB that a device which never speaks does not need

            self._stream = soxr.ResampleStream(rate_hz, track_rate_hz, 1, dtype="float32", quality="HQ")

    def feed(self, pcm: bytes, last: bool) -> Samples:
        """The next int16 samples in; float32 in [-1, 1] out, as far as they are certain to be followed by sound."""
        samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
        if self._stream is not None:
            samples = self._stream.resample_chunk(samples, last=last)
        samples = np.concatenate([self._tail, samples])
        audible = np.flatnonzero(np.abs(samples) > QUIET)
        until = int(audible[-1]) + 1 if len(audible) else 0
        if self._lead is not None and until:
            self.dropped = max(0, int(audible[0]) - self._lead)
            samples, until = samples[self.dropped :], until - self.dropped
            self._lead = None
        if last:
            self._tail = np.zeros(0, np.float32)
            return samples[: until + self._keep if until else 0]
        self._tail = samples[until:]
        return samples[:until]
