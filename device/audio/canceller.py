"""The adaptive filter of the echo canceller: a partitioned-block frequency-domain Kalman filter.

    reference --> [ X: 25 partitions of 10 ms ] --x W--> echo estimate
                                                            |-
    microphone ------------------------------------------->(+)--> error = clean
                                 W += K x error (Kalman gain) <----'

Sources: G. Enzner and P. Vary, "Frequency-domain adaptive Kalman filter for acoustic echo control in hands-free
telephones", Signal Processing 86 (2006) 1140-1156 (the state-space model of the echo path, the gain from state
uncertainty and near-end power); F. Kuech, E. Mabande and G. Enzner, "State-space architecture of the
partitioned-block-based acoustic echo controller", ICASSP 2014 (the partitioned form with a diagonal state
covariance); J.-S. Soo and K. K. Pang, "Multidelay block frequency domain adaptive filter", IEEE Trans. ASSP 38 (1990)
(the alternated gradient constraint). Overlap-save with FFT length 320.

Per bin f and partition p, with the state uncertainty P, the near-end power Psi and the transition factor A:

    Y = sum_p X_p W_p            e = mic - y (last half)       E = FFT [0; e]
    mu_p = P_p / (1/2 sum_p P_p |X_p|^2 + Psi)
    W_p += mu_p X_p* E,   and every fifth partition in turn is cut back to its 10 ms
    P_p  = A^2 (1 - 1/2 mu_p |X_p|^2) P_p + (1 - A^2) |W_p|^2

The 1/2 is the overlap-save window's share (half of E's window is zeros). A talker raises E beyond what P explains,
that goes to Psi and lowers the gain: double talk needs no detector.

It adds no delay and leaves the talker's level as it was; it removes only what is linear in the reference. What lies
before it (clocks, loudspeaker) and what watches it is in ``echo``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from device.values import FRAME

from .backends import Samples

PARTITIONS = 25
TRANSITION = 0.9998
"""A. Steady ERLE in the base room 24.2 dB at 0.999, 25.5 at 0.9995, 26.5 here, 26.9 at 0.9999; beyond, 20 dB come later
(drift of 200 ppm: 6.8-8.9 s at 0.9999, 6.2-6.4 s here)."""
BINS = FRAME + 1
PRIOR = 0.2
PRIOR_DECAY = 0.9
"""The prior uncertainty of the path, falling along the partitions as a room response does. With 0.2 an echo as loud as
the reference is 10 dB lower after 0.8-1.3 s, one of -12 or +12 dB after 1.8-3.5 s. 1.0 needs 2.7-3.4 s
for the first, 0.03 has reached only 5 dB after 3-6 s for +12 dB at 150 ms delay."""
NEAR_ATTACK, NEAR_RELEASE = np.float32(0.5), np.float32(0.05)
"""Smoothing of the near-end power per frame, upwards and downwards. With 0.1 both ways a talker of 0 dB took 4 dB of the
ERLE with him before he was noticed and between his words, and the steady state was 2 dB worse."""
ACTIVE_ENERGY = 1e-7
"""Energy of 20 ms of reference below which it says nothing about the echo path (about -95 dBFS)."""
CONSTRAINED_EVERY = 5
"""One partition in five is constrained per step: as good as all of them (26.5 dB both) for a fifth of the FFTs."""
RENEWED_EVERY = 4
"""Steps between two additions of the process noise, which is tiny: a power of all of W saved three times."""


class Canceller:
    """Cancels the echo of 250 ms of reference in 10 ms steps (float32 (160,) in and out, 16 kHz).

    ``counters``: ``adapted`` (frames that moved the filter).
    """

    def __init__(self, partitions: int = PARTITIONS, transition: float = TRANSITION) -> None:
        self._partitions = partitions
        self._forget = np.float32(transition**2)
        self._renew = np.float32(RENEWED_EVERY * (1 - transition**2))
        self._count = 0
        self.counters = {"adapted": 0}
        # History is kept twice in a row, so that the newest `partitions` blocks are always one contiguous view.
        shape = (2 * partitions, BINS)
        self._x = np.zeros(shape, np.complex64)
        self._x_power = np.zeros(shape, np.float32)
        self._newest = 0
        self._active = False
        self._input = np.zeros(2 * FRAME, np.float32)
        self._error = np.zeros(2 * FRAME, np.float32)
        self._scratch = np.zeros((partitions, BINS), np.float32)
        self._mu = np.zeros((partitions, BINS), np.float32)
        self._products = np.zeros((partitions, BINS), np.complex64)
        self.reset()

    def reset(self) -> None:
        """Forget the echo path (not the recent reference)."""
        self._w = np.zeros((self._partitions, BINS), np.complex64)
        self._p = self._prior()
        self._near = np.full(BINS, 1e-4, np.float32)

    # ------------------------------------------------------------------ every 10 ms

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
        self._active = float(self._input @ self._input) > ACTIVE_ENERGY
        return self._filter(mic, self, adapt)

    def follow(self, mic: Samples, leader: Canceller) -> Samples:
        """The same for a filter that shares the reference of ``leader``, which has just made its step."""
        return self._filter(mic, leader, True)

    def _filter(self, mic: Samples, of: Canceller, adapt: bool) -> Samples:
        history = slice(of._newest, of._newest + self._partitions)
        x = of._x[history]
        np.multiply(x, self._w, out=self._products)
        y = np.fft.irfft(np.add.reduce(self._products, 0), n=2 * FRAME)[FRAME:]
        clean = (mic - y).astype(np.float32, copy=False)
        if adapt and of._active:
            self._adapt(clean, x, of._x_power[history])
        return clean

    def _adapt(self, clean: Samples, x: NDArray[np.complex64], x_power: NDArray[np.float32]) -> None:
        count = self.counters["adapted"] = self.counters["adapted"] + 1
        self._error[FRAME:] = clean
        error = np.fft.rfft(self._error).astype(np.complex64, copy=False)
        error_power = error.real**2 + error.imag**2
        np.multiply(self._p, x_power, out=self._scratch)
        residual = np.add.reduce(self._scratch, 0)
        residual *= np.float32(0.5)
        # What the state uncertainty does not explain is somebody else: talker and noise.
        error_power -= residual
        np.maximum(error_power, np.float32(1e-6), out=error_power)
        error_power -= self._near
        error_power *= np.where(error_power > 0, NEAR_ATTACK, NEAR_RELEASE)
        self._near += error_power
        mu = np.divide(self._p, residual + self._near + np.float32(1e-6), out=self._mu)
        np.conjugate(x, out=self._products)
        self._products *= error
        self._products *= mu
        self._w += self._products
        turn = slice(count % CONSTRAINED_EVERY, None, CONSTRAINED_EVERY)
        kept = np.fft.irfft(self._w[turn], n=2 * FRAME, axis=1)
        kept[:, FRAME:] = 0
        self._w[turn] = np.fft.rfft(kept, axis=1)
        mu *= x_power
        mu *= np.float32(-0.5) * self._forget
        mu += self._forget
        self._p *= mu
        if count % RENEWED_EVERY == 0:
            np.multiply(self._w.real, self._w.real, out=self._scratch)
            np.multiply(self._w.imag, self._w.imag, out=self._mu)
            self._scratch += self._mu
            self._scratch *= self._renew
            self._p += self._scratch

    # ------------------------------------------------------------------ what is known of the path

    def _prior(self) -> NDArray[np.float32]:
        decay = PRIOR * PRIOR_DECAY ** np.arange(self._partitions)[:, None]
        return np.repeat(decay, BINS, axis=1).astype(np.float32)

    @property
    def response(self) -> Samples:
        """The echo path as learned so far: float32, ``partitions`` x 160 samples."""
        return np.fft.irfft(self._w, n=2 * FRAME, axis=1)[:, :FRAME].astype(np.float32).ravel()

    def seed(self, response: Samples, certainty: float = 0.0) -> None:
        """Begin with ``response`` (float32, cut or filled to ``partitions`` x 160 samples) as the echo path.

        ``certainty`` 0..1: how much of the prior uncertainty is gone with it; 0 leaves the uncertainty as it is.
        """
        flat = np.zeros(self._partitions * FRAME, np.float32)
        n = min(len(response), len(flat))
        flat[:n] = response[:n]
        taps = np.zeros((self._partitions, 2 * FRAME), np.float32)
        taps[:, :FRAME] = flat.reshape(self._partitions, FRAME)
        self._w = np.fft.rfft(taps, axis=1).astype(np.complex64)
        if certainty:
            self._p = self._prior() * np.float32(1 - certainty)

    def realign(self, earlier: int, history: Samples) -> None:
        """The reference is now read ``earlier`` samples later in time (negative: before), so that the echo comes that much
        sooner after it: move the path, and take ``history`` for the past.

        ``history``: the latest (``partitions`` + 1) x 160 samples of the reference as it is read now.
        """
        if earlier:
            old, flat = self.response, np.zeros(self._partitions * FRAME, np.float32)
            if 0 < earlier < len(old):
                flat[:-earlier] = old[earlier:]
            elif -len(old) < earlier < 0:
                flat[-earlier:] = old[:earlier]
            self.seed(flat)
        blocks = history.reshape(-1, FRAME)
        pairs = np.concatenate((blocks[:-1], blocks[1:]), axis=1)[::-1]  # newest first
        x = np.fft.rfft(pairs, axis=1).astype(np.complex64)
        power = x.real**2 + x.imag**2
        self._newest = 0
        self._x[:] = np.concatenate((x, x))
        self._x_power[:] = np.concatenate((power, power))
        self._input[:] = np.concatenate((blocks[-2], blocks[-1]))

    def loosen(self, share: float) -> None:
        """The path is as uncertain again as ``share`` (0..1) of the prior says, also where much was learned."""
        np.maximum(self._p, np.float32(share) * self._prior(), out=self._p)
        self._near *= np.float32(1 - share)

    def fork(self) -> Canceller:
        """A filter that begins with this one's path and all of the prior's uncertainty; for ``follow``."""
        other = Canceller(self._partitions)
        other._forget, other._renew = self._forget, self._renew
        other._w, other._near = self._w.copy(), self._near.copy()
        return other

    def adopt(self, other: Canceller) -> None:
        """Go on with the path that ``other`` has learned."""
        self._w, self._p, self._near = other._w, other._p, other._near
