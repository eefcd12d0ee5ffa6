"""The echo path, measured with a sweep: delay, clock drift, echo return loss, non-linearity, impulse response. Pure.

    reference   ____~~~~~~~~________________    the sweep as it left the loudspeaker (from the engine's ring)
    microphone  ______~~~~~~~~-.-._________    its echo
                        | divide the spectra
    response    ..3rd..2nd.....|direct-.-.-    harmonics come *before* the linear response, each at its own place

Exponential sine sweep after A. Farina, "Simultaneous measurement of impulse response and distortion with a swept-sine
technique", AES 108th Convention, 2000. The n-th harmonic's response lies ``L ln n`` before the linear one, with
``L = T / ln(f2 / f1)``: 90 ms for the second, 209 ms for the fifth. Two sweeps some seconds apart show by how much the
delay has moved, which is the drift of the two clocks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from device.values import RATE_HZ, ms, samples

from .backends import Samples
from .levels import db_to_gain, power_db

LOW_HZ, HIGH_HZ = 150.0, 7000.0
SWEEP_S = 0.5
OCTAVE_S = SWEEP_S / math.log(HIGH_HZ / LOW_HZ)
"""L: seconds in which the frequency grows by a factor of e."""
FADE_IN_S, FADE_OUT_S = 0.03, 0.005
BAND_HZ = (160.0, 200.0, 6200.0, 6800.0)
"""The analysed band and its slopes: inside the fades of the sweep."""
BEFORE = samples(300)
"""A take begins this long before its sweep: it shows the noise."""
TAKE = 1 << 15
"""Samples of a take (2 s): noise, sweep, a delay of up to 0.5 s, and the room's tail."""
EARLIEST, LATEST = -samples(20), samples(500)
"""Delays that are searched. Time stamps may be wrong either way."""
DIRECT, TAIL = samples(5), samples(250)
"""The linear response: from this long before the direct sound to the end of what the canceller can follow."""
HARMONICS = (samples(215), samples(45))
"""Where harmonics 2 to 5 lie, before the direct sound."""
SILENT = (samples(500), samples(250))
"""Before all harmonics: here the response shows nothing but the noise."""
HEARD_DB = 20.0
"""Highest value of the response over its noise (RMS). Steady noise alone has 12 dB (15 at most in 400 takes), speech 15
(18 in 60). A door that slams in the middle passes, but not twice in the same way: see ``SURE``."""
SURE = 0.8
"""Likeness of the two responses from which a measurement is believed. Over a talker as loud as the echo it is 0.3 (the
delay is right even so, the drift is not), over one 10 dB below 0.82, in noise 19 dB below 0.97."""
REFERENCE_LEAST = 1e-8
"""Mean square of the reference (-80 dBFS) below which nothing was played."""
UPSAMPLED = 16


@dataclass(frozen=True, slots=True, eq=False)
class Take:
    """One sweep: ``TAKE`` samples each (float32, 16 kHz, same positions), ``position`` of the first. The sweep leaves
    about ``BEFORE`` samples in."""

    position: int
    reference: Samples
    mic: Samples
    clean: Samples


@dataclass(frozen=True, slots=True, eq=False)
class EchoPath:
    """What the sweeps found. Where nothing was heard, only ``played``, ``heard`` and ``noise_dbfs`` mean anything."""

    played: bool
    """Whether the sweep left at all (it does not with the volume at 0)."""
    heard: bool = False
    noise_dbfs: float = -120.0
    """[dBFS] Microphone before the sweep, 160-6800 Hz."""
    delay_ms: float | None = None
    """[ms] From the position at which a sample leaves to the one at which the microphone hears it, last sweep."""
    drift_ppm: float | None = None
    """[ppm] By how much the loudspeaker's clock is faster than the microphone's; needs two takes without a slip."""
    loss_db: float | None = None
    """[dB] Echo return loss: playback over its echo at the microphone, last sweep. Negative: the echo is louder."""
    clean_loss_db: float | None = None
    """[dB] The same after the engine's canceller; at least this, where the noise hides the rest."""
    nonlinearity_db: float | None = None
    """[dB] Harmonics 2 to 5 over the linear echo, at the level of the sweep; not below what the noise lets see."""
    snr_db: float | None = None
    """[dB] Echo over noise at the microphone during the sweep."""
    confidence: float = 0.0
    """0..1: likeness of the responses of both sweeps, moved over each other; 1.0 for a single one."""
    response: Samples | None = None
    """Linear response at 16 kHz, 200-6200 Hz, float32 (``LATEST + TAIL``,), from delay 0."""
    position: int = 0
    """[samples] Playback for which delay and response hold: the end of the last sweep. After it drift goes on."""

    def __str__(self) -> str:
        if not self.heard:
            return f"nothing heard, noise at {self.noise_dbfs:.0f} dBFS"
        told = {
            "delay {:.1f} ms": self.delay_ms,
            "drift {:.1f} ppm": self.drift_ppm,
            "loss {:.0f} dB": self.loss_db,
            "harmonics {:.0f} dB": self.nonlinearity_db,
            "{:.0f} dB above the noise": self.snr_db,
            "likeness {:.2f}": self.confidence,
        }
        return ", ".join(text.format(value) for text, value in told.items() if value is not None)

    @property
    def erle_db(self) -> float | None:
        """[dB] What the engine's canceller takes away."""
        if self.loss_db is None or self.clean_loss_db is None:
            return None
        return self.clean_loss_db - self.loss_db

    @property
    def sure(self) -> bool:
        """Whether the figures may decide anything."""
        return self.heard and self.confidence >= SURE


def sweep(rate_hz: int, level_dbfs: float) -> Samples:
    """The sweep, float32 at ``rate_hz`` (16 kHz or more), with fades; ``level_dbfs`` is its RMS. Raises ValueError for
    a rate that cannot carry it."""
    if rate_hz < RATE_HZ:
        raise ValueError(f"sweep at {rate_hz} Hz: the rate must be {RATE_HZ} Hz or more")
    t = np.arange(round(SWEEP_S * rate_hz)) / rate_hz
    x = np.sin(2 * np.pi * LOW_HZ * OCTAVE_S * np.expm1(t / OCTAVE_S))
    fades = np.clip(t / FADE_IN_S, 0, 1) * np.clip((SWEEP_S - t) / FADE_OUT_S, 0, 1)
    x *= np.sin(np.pi / 2 * fades) ** 2
    return (x * (db_to_gain(level_dbfs) * math.sqrt(2))).astype(np.float32)


def analyse(takes: Sequence[Take], slipped: bool = False) -> EchoPath:
    """What one or more ``takes`` of the same echo path show; the last counts most. ``slipped``: playback and capture
    jumped against each other in between, so that their distance says nothing about drift. Raises ValueError for none,
    or for arrays that are not ``TAKE`` long."""
    if not takes or any(len(x) != TAKE for t in takes for x in (t.reference, t.mic, t.clean)):
        raise ValueError(f"a measurement needs takes of {TAKE} samples each")
    if any(float(np.square(t.reference).mean()) * TAKE / RATE_HZ < REFERENCE_LEAST * SWEEP_S for t in takes):
        return EchoPath(played=False)
    views = [_View(take) for take in takes]
    last = views[-1]
    noise_dbfs = power_db(last.noise)
    if not all(view.heard for view in views):
        return EchoPath(played=True, noise_dbfs=noise_dbfs)
    drift = drift_ppm(views[0], last) if len(views) > 1 and not slipped else None
    if drift:
        for view in views:
            view.straighten(drift)
    response, confidence = _merged(views)
    at, offset = last.direct()
    return EchoPath(
        played=True,
        heard=True,
        noise_dbfs=noise_dbfs,
        delay_ms=ms(offset),
        drift_ppm=drift,
        loss_db=last.loss_db(last.mic, last.response),
        clean_loss_db=last.loss_db(last.clean, last.deconvolved(last.clean)),
        nonlinearity_db=last.nonlinearity_db(at),
        snr_db=last.snr_db,
        confidence=confidence,
        response=response,
        position=last.onset + round(SWEEP_S * RATE_HZ),
    )


def drift_ppm(first: _View, last: _View) -> float:
    """How far the response has moved from ``first`` to ``last``, per sample between them."""
    moved = _shift(first.linear(), last.linear())
    # the echo of a loudspeaker whose clock is faster comes earlier and earlier
    return -moved / (last.onset - first.onset) * 1e6


class _View:
    """One take in the frequency domain. ``response[k]`` is delay k, negative delays at the end of the array."""

    def __init__(self, take: Take) -> None:
        self.position = take.position
        band = np.interp(np.fft.rfftfreq(TAKE, 1 / RATE_HZ), BAND_HZ, (0, 1, 1, 0))
        self._band = np.sin(np.pi / 2 * band) ** 2
        reference = take.reference.astype(np.float64)
        self._x = np.fft.rfft(reference)
        power = np.abs(self._x) ** 2
        self._inverse = np.conj(self._x) / (power + 1e-4 * power.max()) * self._band
        self.reference = np.fft.irfft(self._x * self._band, TAKE)
        self.mic = self._in_band(take.mic)
        self.clean = self._in_band(take.clean)
        loud = np.flatnonzero(np.abs(reference) > 0.1 * np.abs(reference).max())
        self._first = int(loud[0])
        self.onset = take.position + self._first
        self._quiet = slice(0, max(1, self._first - samples(50)))
        self.noise = float(np.square(self.mic[self._quiet]).mean())
        self.response = self.deconvolved(self.mic)
        self._highest = EARLIEST + int(np.argmax(np.abs(np.take(self.response, range(EARLIEST, LATEST)))))
        floor = np.take(self.response, np.arange(-SILENT[0], -SILENT[1]) + self._highest, mode="wrap")
        self._floor = float(np.square(floor).mean())  # per sample
        peak = float(self.response[self._highest]) ** 2
        self.heard = peak > 0 and power_db(peak) - 10 * math.log10(self._floor + 1e-30) > HEARD_DB

    def _in_band(self, x: Samples) -> np.ndarray:
        return np.fft.irfft(np.fft.rfft(x.astype(np.float64)) * self._band, TAKE)

    def deconvolved(self, x: np.ndarray) -> np.ndarray:
        return np.fft.irfft(np.fft.rfft(x) * self._inverse, TAKE)

    def straighten(self, ppm: float) -> None:
        """Undo what the drift does within a sweep: each frequency as if it had sounded at the sweep's end."""
        f = np.fft.rfftfreq(TAKE, 1 / RATE_HZ)
        played_at = np.clip(OCTAVE_S * np.log(np.maximum(f, LOW_HZ) / LOW_HZ), 0, SWEEP_S)
        self._inverse *= np.exp(2j * np.pi * f * ppm * 1e-6 * (SWEEP_S - played_at))
        self.response = self.deconvolved(self.mic)

    def span(self, first: int, n: int) -> np.ndarray:
        """``n`` samples of the response from delay ``first`` on."""
        return np.take(self.response, np.arange(first, first + n), mode="wrap")

    def linear(self) -> np.ndarray:
        """Direct sound and early reflections, in a window that is the same for every take."""
        return self.span(EARLIEST, LATEST + TAIL - EARLIEST)

    def direct(self) -> tuple[int, float]:
        """Delay of the direct sound: the first peak of at least half the highest, whole and exact."""
        first = self._highest - samples(8)
        piece = np.abs(_upsampled(self.span(first - 64, samples(8) + 192)))[64 * UPSAMPLED :]
        end = (self._highest - first + 2) * UPSAMPLED
        peaks = np.flatnonzero(
            (piece[1:end] >= piece[: end - 1])
            & (piece[1:end] > piece[2 : end + 1])
            & (piece[1:end] > 0.5 * piece[:end].max())
        )
        k = int(peaks[0]) + 1 if len(peaks) else (self._highest - first) * UPSAMPLED
        exact = first + (k + _vertex(piece[k - 1 : k + 2])) / UPSAMPLED
        return round(exact), exact

    def loss_db(self, heard: np.ndarray, response: np.ndarray) -> float:
        """Playback over echo: the echo is all that is louder than before the sweep, or what is linear in it."""
        at = self._first + self._highest
        span = slice(max(0, at - DIRECT), min(TAKE, at + round(SWEEP_S * RATE_HZ) + TAIL))
        noise = float(np.square(heard[self._quiet]).mean()) * (span.stop - span.start)
        total = float(np.square(heard[span]).sum())
        lags = np.zeros(TAKE)
        where = np.arange(self._highest - DIRECT, self._highest + TAIL)
        lags[where] = response[where]
        linear = float(np.square(np.fft.irfft(np.fft.rfft(lags) * self._x, TAKE)).sum())
        echo = max(total - noise, min(linear, total))
        return 10 * math.log10(float(np.square(self.reference).sum()) / max(echo, 1e-12))

    @property
    def snr_db(self) -> float:
        at = self._first + self._highest
        echo = float(np.square(self.mic[at : at + round(SWEEP_S * RATE_HZ)]).mean())
        return 10 * math.log10(max(echo - self.noise, 1e-12) / max(self.noise, 1e-12))

    def nonlinearity_db(self, at: int) -> float:
        long = HARMONICS[0] - HARMONICS[1]
        harmonics = float(np.square(self.span(at - HARMONICS[0], long)).sum()) - long * self._floor
        linear = float(np.square(self.span(at - DIRECT, DIRECT + TAIL)).sum())
        least = 0.1 * long * self._floor + 1e-12 * linear
        return 10 * math.log10(max(harmonics, least) / linear)


def _merged(views: Sequence[_View]) -> tuple[Samples, float]:
    """The mean of the responses, each moved to where the last one lies, and how alike they are."""
    last = views[-1]
    moved = [
        _moved(view.linear(), _shift(view.linear(), last.linear())) if view is not last else view.linear()
        for view in views
    ]
    size = math.prod(math.sqrt(float(x @ x)) for x in (moved[0], moved[-1]))
    confidence = float(moved[0] @ moved[-1]) / size if size else 0.0
    mean = np.mean(moved, axis=0)[-EARLIEST:].astype(np.float32)
    return mean, min(1.0, max(0.0, confidence))


def _shift(a: np.ndarray, b: np.ndarray) -> float:
    """By how many samples ``b`` is later than ``a``, exactly; at most 10 ms either way."""
    size = 1 << (2 * len(a) - 1).bit_length()
    product = np.conj(np.fft.rfft(a, size)) * np.fft.rfft(b, size)
    reach = samples(10)
    correlation = np.fft.irfft(product, size)
    near = np.take(correlation, np.arange(-reach, reach + 1), mode="wrap")
    whole = int(np.argmax(near)) - reach
    fine = _upsampled(np.take(correlation, np.arange(whole - 64, whole + 64), mode="wrap"))
    k = 62 * UPSAMPLED + int(np.argmax(fine[62 * UPSAMPLED : 66 * UPSAMPLED]))
    return whole - 64 + (k + _vertex(fine[k - 1 : k + 2])) / UPSAMPLED


def _moved(x: np.ndarray, by: float) -> np.ndarray:
    """``x``, ``by`` samples later."""
    size = 2 * len(x)
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(size) * by)
    return np.fft.irfft(np.fft.rfft(x, size) * turn, size)[: len(x)]


def _upsampled(x: np.ndarray) -> np.ndarray:
    """``x`` at ``UPSAMPLED`` times its rate, by its spectrum."""
    n = len(x)
    return np.fft.irfft(np.fft.rfft(x), n * UPSAMPLED) * UPSAMPLED


def _vertex(three: np.ndarray) -> float:
    """Where the parabola through three values has its vertex, from the middle one."""
    a, b, c = (float(v) for v in three)
    curve = a - 2 * b + c
    return 0.5 * (a - c) / curve if curve else 0.0
