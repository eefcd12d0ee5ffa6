"""Sound files: RIFF WAV in, whatever its rate, channels and sample width; RIFF WAV out.

The standard library's ``wave`` reads neither floating-point files nor, before Python 3.12, the extensible header
that many recorders write, so the few lines of RIFF are here (Microsoft, "Multiple channel audio data and WAVE
files", 2001).
"""

from __future__ import annotations

import struct
import wave
from pathlib import Path
from typing import Self

import numpy as np

from device.errors import AudioError
from device.values import RATE_HZ

from .backends import Samples
from .levels import to_int16

PCM, FLOAT, EXTENSIBLE = 0x0001, 0x0003, 0xFFFE
UNKNOWN_SIZE = 0x7FFFF000
"""Programs that write to a pipe cannot know the length and declare one at or above this."""


def read_wav(path: str | Path, rate_hz: int = RATE_HZ) -> Samples:
    """A WAV file as mono float32 in [-1, 1] at ``rate_hz``; channels are averaged.

    Reads PCM of 8, 16, 24 and 32 bits and 32/64-bit floating point, 1..32 channels, 1..384 kHz. Raises AudioError,
    naming the file and what is wrong with it.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise AudioError(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        samples, from_hz = _decode(data)
    except _Broken as error:
        raise AudioError(f"{path}: {error}") from None
    if from_hz == rate_hz:
        return samples
    import soxr  # only where a file needs it

    return soxr.resample(samples, from_hz, rate_hz, quality="HQ").astype(np.float32, copy=False)


class _Broken(Exception):
    pass


def _decode(data: bytes) -> tuple[Samples, int]:
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise _Broken("is not a RIFF WAV file (convert it, for instance with: sox FILE out.wav)")
    at = 12
    form: tuple[int, int, int, int] | None = None
    while at + 8 <= len(data):
        name, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        at += 8
        if name == b"fmt ":
            form = _format(data[at : at + size])
        elif name == b"data":
            if form is None:
                raise _Broken("has sound before its format chunk")
            if size >= UNKNOWN_SIZE:
                size = len(data) - at
            if at + size > len(data):
                raise _Broken(f"is cut off: it declares {size} bytes of sound and holds {len(data) - at}")
            return _samples(data[at : at + size], *form), form[2]
        at += size + (size & 1)
    raise _Broken("has no sound in it (no data chunk)" if form else "has no format chunk")


def _format(chunk: bytes) -> tuple[int, int, int, int]:
    """(kind, channels, rate_hz, bits) of a fmt chunk, checked."""
    if len(chunk) < 16:
        raise _Broken(f"has a format chunk of {len(chunk)} bytes, at least 16 are needed")
    kind, channels, rate_hz, _, align, bits = struct.unpack_from("<HHIIHH", chunk)
    if kind == EXTENSIBLE and len(chunk) >= 26:
        kind = struct.unpack_from("<H", chunk, 24)[0]
    if (kind, bits) not in {(PCM, 8), (PCM, 16), (PCM, 24), (PCM, 32), (FLOAT, 32), (FLOAT, 64)}:
        raise _Broken(f"has encoding {kind:#06x} with {bits} bits: PCM of 8-32 bits or float is needed")
    if not 1 <= channels <= 32:
        raise _Broken(f"has {channels} channels, 1..32 are possible")
    if not 1000 <= rate_hz <= 384_000:
        raise _Broken(f"has a rate of {rate_hz} Hz, 1000..384000 are possible")
    if align != channels * bits // 8:
        raise _Broken(
            f"has {align} bytes per sample frame, {channels} x {bits} bits need {channels * bits // 8}"
        )
    return kind, channels, rate_hz, bits


def _samples(raw: bytes, kind: int, channels: int, _rate_hz: int, bits: int) -> Samples:
    frame = channels * bits // 8
    raw = raw[: len(raw) // frame * frame]
    if not raw:
        raise _Broken("holds no samples")
    if kind == FLOAT:
        samples = np.frombuffer(raw, f"<f{bits // 8}").astype(np.float32)
        if not np.isfinite(samples).all():
            raise _Broken("holds samples that are not numbers")
        samples = np.clip(samples, -1.0, 1.0)
    elif bits == 8:
        samples = (np.frombuffer(raw, np.uint8).astype(np.float32) - 128.0) / 128.0
    elif bits == 24:
        wide = np.zeros((len(raw) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(raw, np.uint8).reshape(-1, 3)
        samples = wide.view("<i4")[:, 0].astype(np.float32) / np.float32(2**31)
    else:
        samples = np.frombuffer(raw, f"<i{bits // 8}").astype(np.float32) / np.float32(2 ** (bits - 1))
    return samples.reshape(-1, channels).mean(axis=1, dtype=np.float32)


class WavWriter:
    """A 16-bit WAV file that grows: float32 of shape (n,) or (n, channels); a context manager."""

    def __init__(self, path: str | Path, rate_hz: int = RATE_HZ, channels: int = 1) -> None:
        self._channels = channels
        try:
            self._raw = open(path, "wb")  # noqa: SIM115
        except OSError as error:
            raise AudioError(f"{path}: cannot be written: {error.strerror or error}") from error
        self._file = wave.open(self._raw, "wb")  # noqa: SIM115
        self._file.setnchannels(channels)
        self._file.setsampwidth(2)
        self._file.setframerate(rate_hz)

    def write(self, samples: Samples) -> None:
        if samples.size % self._channels or (samples.ndim == 2 and samples.shape[1] != self._channels):
            raise ValueError(f"shape {samples.shape} does not hold {self._channels} channels")
        self._file.writeframesraw(to_int16(samples).tobytes())

    def close(self) -> None:
        self._file.close()
        self._raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def write_wav(path: str | Path, samples: Samples, rate_hz: int = RATE_HZ) -> None:
    """Float32 of shape (n,) or (n, channels) as a 16-bit WAV. Raises AudioError where it cannot be written."""
    samples = np.asarray(samples)
    with WavWriter(path, rate_hz, 1 if samples.ndim == 1 else samples.shape[1]) as file:
        file.write(samples)
