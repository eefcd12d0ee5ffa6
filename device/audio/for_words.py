"""What recogniser and wake words hear: the canceller's output, with the residual echo suppressed while that is wanted.

suppress      no    no    yes   yes   yes   no    no        every sample once, at its own position;
written      p     p+1    -    p+2   p+3  p+4,5  p+6        the ring's end is 10 ms late while suppressing
"""

from __future__ import annotations

import numpy as np

from device.values import FRAME

from .backends import Samples
from .ring import Ring
from .suppressor import ResidualSuppressor


class ForWords:
    """Writes ``ring`` (float32, 16 kHz, by capture position). Bit for bit the canceller's output where not suppressing."""

    def __init__(self, capacity: int) -> None:
        self.ring = Ring(capacity)
        self._suppressor = ResidualSuppressor()
        self._before: Samples = np.zeros(FRAME, np.float32)
        self._suppressing = False

    def step(self, mic: Samples, clean: Samples, suppress: bool) -> None:
        """The next 160 samples of the microphone, before and behind the canceller."""
        was, self._suppressing = self._suppressing, suppress
        if not was and not suppress:
            self.ring.write(clean)
        else:
            if not was:
                self._suppressor.begin(self._before)
            late = self._suppressor.step(clean, mic - clean)
            if was:
                self.ring.write(late)
            if not suppress:
                self.ring.write(self._suppressor.finish())
        self._before = clean
