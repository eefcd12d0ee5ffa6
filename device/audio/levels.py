"""Levels and edges of sound: decibels, active speech level, where a clip begins and ends, 16-bit samples."""

from __future__ import annotations

import math

import numpy as np

from device.values import FRAME

from .backends import Samples


def db_to_gain(db: float) -> float:
    """Amplitude factor of ``db`` decibels."""
    return float(10.0 ** (db / 20.0))


def power_db(power: float) -> float:
    """Mean square (full scale = 1) in dBFS, never below -120."""
    return float(10.0 * np.log10(max(power, 1e-12)))


def rms_db(block: Samples) -> float:
    """RMS level of a block (float32, any length but 0), dBFS; -120 for silence."""
    return 10 * math.log10(float(np.dot(block, block)) / len(block) + 1e-12)


def active_rms(samples: Samples) -> float:
    """RMS over the speech of a 16 kHz clip: its 10 ms frames within 30 dB of the 95th percentile.

    Pauses do not count, so a slow talker is not taken for a quiet one. 0.0 for silence or less than one frame.
    """
    frames = len(samples) // FRAME
    if not frames:
        return 0.0
    power = np.square(samples[: frames * FRAME].reshape(frames, FRAME), dtype=np.float32).mean(axis=1)
    active = power[power > np.percentile(power, 95) * 1e-3]
    return float(np.sqrt(active.mean())) if len(active) else 0.0


def clip_edges(samples: Samples, rate_hz: int = 16_000) -> tuple[int, int]:
    """First and last sample (inclusive) of a clip's sound.

    The edges are those of the first and the last 5 ms block within 30 dB of the loudest one; a silent clip is
    all edge: ``(0, len - 1)``.
    """
    block = max(1, rate_hz // 200)
    frames = len(samples) // block
    if not frames:
        return 0, max(0, len(samples) - 1)
    power = np.square(samples[: frames * block].reshape(frames, block), dtype=np.float32).mean(axis=1)
    if power.max() <= 0:
        return 0, len(samples) - 1
    loud = np.flatnonzero(power >= power.max() * 1e-3)
    return int(loud[0]) * block, (int(loud[-1]) + 1) * block - 1


def to_int16(samples: Samples) -> np.ndarray:
    """Float32 in [-1, 1] (clipped) as int16."""
    scaled = np.rint(np.asarray(samples) * np.float32(32767.0))
    return np.clip(scaled, -32768, 32767).astype("<i2")
