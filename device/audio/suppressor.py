"""The residual-echo suppressor: a Wiener-like gain per frequency on what the canceller leaves, for words.

    clean ----> sqrt-Hann 20 ms --FFT--> |E|^2 --------------------------> G = 1 - R / |E|^2 --x--IFFT--overlap-add--> out
    echo = mic - clean --------> |Y|^2 + its distortion --x leak--> R --------^     (0.5..1)       (10 ms later)

Sources: E. Haensler and G. Schmidt, "Acoustic Echo and Noise Control", Wiley 2004 (suppression of residual echo behind the
canceller, in the power domain); J.-M. Valin, "On adjusting the learning rate in frequency domain echo cancellation with
double-talk", IEEE Trans. ASLP 15 (2007), and Speex (residual echo as a leak of the echo estimate); R. Martin, "Noise power
spectral density estimation based on optimal smoothing and minimum statistics", IEEE Trans. SAP 9 (2001) (following minima, and
the factor that makes up for it: here a talker, who raises |E|^2, cannot teach the leak). A loudspeaker that distorts puts
echo where the estimate has none: the spectrum of its cube, as loud as a share of it, and a share of its mean are added.

The canceller cannot remove what a bad loudspeaker adds and no curve describes; this can, and it changes a talker where both
overlap. Wake words and recogniser hear it (``docs/sound.md`` has what they gain); the barge-in detector, whose features are
learned on what the canceller leaves, does not.
"""

from __future__ import annotations

import numpy as np

from device.values import FRAME

from .backends import Samples

BINS = FRAME + 1
OVER = np.float32(10.0)
"""Residual echo over its followed minimum."""
FLOOR = np.float32(0.5)
"""Least gain. Lower ones take more echo away, and STOI rises with them, but a recogniser minds the holes more than the echo:
behind 17 dB of ERLE, talker as loud as the echo, of 108 commands 43 are understood without suppressor, 36 with 0.1 (and OVER
6), 42 with 0.3, 48 with 0.5; 51 with 0.5 and OVER 10. Talker 10 dB below: 32, 28, 40, 42 and 47."""
CUBE, MEAN = np.float32(0.5), np.float32(0.3)
"""Shares of the echo estimate's power that its distortion is taken to have, by the cube's spectrum and flat. Without both, where
the loudspeaker model is switched off, the same gains cost 1.5 points of STOI."""
RISE, FALL = np.float32(1.004), np.float32(0.15)
"""The leak's growth in 10 ms (4 dB in 2.3 s), and the share by which it falls. A growth of 1.01 takes 1.5 dB more and eats the
talker: STOI 0.010 lower, level -1.1 dB."""
SMOOTH = np.float32(0.5)
GAIN_SMOOTH = np.float32(0.7)
FIRST_LEAK = np.float32(0.03)
HEARD = np.float32(1e-5)
"""Power of a bin of the echo estimate below which it teaches nothing about the leak (-70 dBFS)."""
TINY = np.float32(1e-9)

WINDOW: Samples = np.sqrt(0.5 - 0.5 * np.cos(np.pi * np.arange(2 * FRAME) / FRAME)).astype(np.float32)
"""Periodic sqrt-Hann: window x window, 10 ms apart, adds up to one."""


class ResidualSuppressor:
    """``begin``, then ``step`` every 10 ms, then ``finish``: 160 samples in each, float32 at 16 kHz, full scale 1.

    What was learned of the leak stays from one ``begin`` to the next. Never raises; silence in is silence out.
    """

    def __init__(self) -> None:
        self._leak = np.full(BINS, FIRST_LEAK, np.float32)
        self._sounds = np.zeros((3, 2 * FRAME), np.float32)  # clean, echo, the echo's cube
        self._begun(np.zeros(FRAME, np.float32))

    def _begun(self, before: Samples) -> None:
        self._sounds[:] = 0
        self._sounds[0, FRAME:] = before
        self._tail = np.zeros(FRAME, np.float32)
        self._output = np.full(BINS, TINY, np.float32)
        self._echo = np.full(BINS, TINY, np.float32)
        self._gain = np.ones(BINS, np.float32)

    def begin(self, before: Samples) -> None:
        """The next ``step`` is the first; ``before`` are the 160 samples before it, which are out already as they were."""
        self._begun(before)

    def step(self, clean: Samples, echo: Samples) -> Samples:
        """The 160 samples *before* ``clean``, suppressed (the first ``step`` returns half of what is out already: of no
        use). ``echo``: what the canceller took away at the positions of ``clean``."""
        sounds = self._sounds
        sounds[:, :FRAME] = sounds[:, FRAME:]
        sounds[0, FRAME:] = clean
        sounds[1, FRAME:] = echo
        sounds[2, FRAME:] = echo * echo * echo
        spectra = np.fft.rfft(sounds * WINDOW)
        out = np.fft.irfft(spectra[0] * self._gains(spectra)).astype(np.float32, copy=False)
        out *= WINDOW
        before = self._tail + out[:FRAME]
        self._tail = out[FRAME:]
        return before

    def finish(self) -> Samples:
        """The 160 samples of the last ``step`` itself, going over into the signal as it is."""
        return self._tail + self._sounds[0, FRAME:] * WINDOW[:FRAME] ** 2

    def _gains(self, spectra: np.ndarray) -> Samples:
        output, echo, cube = (spectra.real**2 + spectra.imag**2).astype(np.float32, copy=False)
        total = float(echo.sum())
        cube *= CUBE * np.float32(total / (float(cube.sum()) + 1e-30))
        echo += cube
        echo += MEAN * np.float32((1 + CUBE) * total / BINS)
        self._output += SMOOTH * (output - self._output)
        self._echo += SMOOTH * (echo - self._echo)
        ratio = self._output / (self._echo + TINY)
        leak = self._leak
        followed = np.where(ratio > leak, leak * RISE, leak + FALL * (ratio - leak))
        np.copyto(leak, np.clip(followed, np.float32(1e-5), np.float32(1)), where=self._echo > HEARD)
        wanted = np.clip(1 - OVER * leak * self._echo / (self._output + TINY), FLOOR, 1)
        self._gain += GAIN_SMOOTH * (wanted - self._gain)
        return self._gain
