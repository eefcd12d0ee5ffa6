"""The echo canceller: a partitioned-block frequency-domain Kalman filter.

    reference --> [ X: 25 partitions of 10 ms ] --x W--> echo estimate
                                                            |-
    microphone ------------------------------------------->(+)--> error = clean
                                 W += K x error (Kalman gain) <----'

Sources: G. Enzner and P. Vary, "Frequency-domain adaptive Kalman filter for acoustic echo control in hands-free
telephones", Signal Processing 86 (2006) 1140-1156 (the state-space model of the echo path, the gain from state
uncertainty and near-end power); F. Kuech, E. Mabande and G. Enzner, "State-space architecture of the
partitioned-block-based acoustic echo controller", ICASSP 2014 (the partitioned form with a diagonal state
covariance). Overlap-save with FFT length 320 and the gradient constraint on every partition.

Per bin f and partition p, with the state uncertainty P, the near-end power Psi and the transition factor A:

    Y = sum_p X_p W_p            e = mic - y (last half)       E = FFT [0; e]
    mu_p = P_p / (1/2 sum_p P_p |X_p|^2 + Psi)
    W_p += constrain(mu_p X_p* E)
    P_p  = A^2 (1 - 1/2 mu_p |X_p|^2) P_p + (1 - A^2) |W_p|^2

The 1/2 is the overlap-save window's share (half of E's window is zeros). A talker raises E beyond what P explains,
that goes to Psi and lowers the gain: double talk needs no detector.

It adds no delay and leaves the talker's level as it was; it removes only what is linear in the reference.
"""

from __future__ import annotations

import numpy as np

from device.values import FRAME

from .backends import Samples

PARTITIONS = 25
TRANSITION = 0.9995
"""A: 0.9995 is best without drift; 0.99 gains 3-6 dB at 50-200 ppm and costs 7 dB at 0 ppm."""
BINS = FRAME + 1
PRIOR = 0.2
PRIOR_DECAY = 0.9
"""The prior uncertainty of the path, falling along the partitions as a room response does. With 0.2 an echo as loud as
the reference is 10 dB lower after 0.8-1.3 s, one of -12 or +12 dB after 1.8-3.5 s. 1.0 needs 2.7-3.4 s
for the first, 0.03 has reached only 5 dB after 3-6 s for +12 dB at 150 ms delay."""
ACTIVE_POWER = 1e-7
"""Mean |X|^2 below which the reference says nothing about the echo path (about -95 dBFS)."""
WATCH_FRAMES = 20
LEARNED_FRAMES = 50
"""Time constants of the powers that tell a jump of the path (0.2 s) and that the path is known (0.5 s)."""
LEARNED = 0.1
LOUDER = 1.1
"""Output to input power: once below 0.1 the path is known, above 1.1 it has jumped. A talker adds to both alike and
cannot do that (no false jump in 6 min of double talk at SER -10..20 dB, nor with the bad loudspeaker of an AEC-challenge
recording, where 1.05 over 0.1 s took two); after a jump 20 dB are back in 1.5 s instead of 2-5 s."""


class Canceller:
    """Cancels the echo of 250 ms of reference in 10 ms steps (float32 (160,) in and out, 16 kHz).

    Counters: ``adapted`` (frames that moved the filter), ``resets`` (times it was restarted because its output stayed
    louder than its input, as after a jump of the alignment).
    """

    def __init__(self, partitions: int = PARTITIONS, transition: float = TRANSITION) -> None:
        self._partitions = partitions
        self._forget = np.float32(transition**2)
        self._renew = np.float32(1 - transition**2)
        self.counters = {"adapted": 0, "resets": 0}
        # History is kept twice in a row, so that the newest `partitions` blocks are always one contiguous view.
        shape = (2 * partitions, BINS)
        self._x = np.zeros(shape, np.complex64)
        self._x_power = np.zeros(shape, np.float32)
        self._newest = 0
        self._input = np.zeros(2 * FRAME, np.float32)
        self._error = np.zeros(2 * FRAME, np.float32)
        self._scratch = np.zeros((partitions, BINS), np.float32)
        self._products = np.zeros((partitions, BINS), np.complex64)
        self.reset()

    def reset(self) -> None:
        """Forget the echo path (not the recent reference)."""
        p = self._partitions
        self._w = np.zeros((p, BINS), np.complex64)
        self._p = np.repeat(PRIOR * PRIOR_DECAY ** np.arange(p)[:, None], BINS, axis=1).astype(np.float32)
        self._near = np.full(BINS, 1e-4, np.float32)
        self._recent = np.zeros(2)  # smoothed input and output power
        self._lately = np.zeros(2)
        self._knows_the_path = False

    def step(self, mic: Samples, reference: Samples, adapt: bool = True) -> Samples:
        """The microphone without the echo. ``adapt=False`` (no microphone) keeps the filter as it is."""
        p = self._partitions
        self._newest = k = (self._newest - 1) % p
        self._input[:FRAME] = self._input[FRAME:]
        self._input[FRAME:] = reference
        newest = np.fft.rfft(self._input).astype(np.complex64, copy=False)
        self._x[k] = self._x[k + p] = newest
        power = newest.real**2 + newest.imag**2
        self._x_power[k] = self._x_power[k + p] = power
        x, x_power = self._x[k : k + p], self._x_power[k : k + p]

        np.multiply(x, self._w, out=self._products)
        y = np.fft.irfft(self._products.sum(axis=0), n=2 * FRAME)[FRAME:]
        clean = (mic - y).astype(np.float32, copy=False)
        if adapt and float(power.mean()) > ACTIVE_POWER:
            self._adapt(clean, x, x_power)
            self._watch(mic, clean)
        return clean

    def _adapt(self, clean: Samples, x: np.ndarray, x_power: np.ndarray) -> None:
        self.counters["adapted"] += 1
        self._error[FRAME:] = clean
        error = np.fft.rfft(self._error).astype(np.complex64, copy=False)
        error_power = error.real**2 + error.imag**2
        np.multiply(self._p, x_power, out=self._scratch)
        residual = np.float32(0.5) * self._scratch.sum(axis=0)
        # What the state uncertainty does not explain is somebody else: talker and noise.
        self._near += np.float32(0.1) * (np.maximum(error_power - residual, np.float32(1e-6)) - self._near)
        mu = self._p / (residual + self._near + np.float32(1e-6))
        np.conjugate(x, out=self._products)
        self._products *= error
        self._products *= mu
        update = np.fft.irfft(self._products, n=2 * FRAME, axis=1)[:, :FRAME]
        self._w += np.fft.rfft(update, n=2 * FRAME, axis=1)
        mu *= x_power
        mu *= np.float32(-0.5)
        mu += np.float32(1.0)
        self._p *= mu
        self._p *= self._forget
        np.multiply(self._w.real, self._w.real, out=self._scratch)
        self._scratch += self._w.imag**2
        self._scratch *= self._renew
        self._p += self._scratch

    def _watch(self, mic: Samples, clean: Samples) -> None:
        """Start again where the echo path has jumped: an estimate of the wrong path doubles the echo's power."""
        powers = (float(mic @ mic), float(clean @ clean))
        self._recent += (powers - self._recent) / WATCH_FRAMES
        self._lately += (powers - self._lately) / LEARNED_FRAMES
        if self._lately[1] < LEARNED * self._lately[0]:
            self._knows_the_path = True
        if self._knows_the_path and self._recent[1] > LOUDER * self._recent[0]:
            self.counters["resets"] += 1
            self.reset()
