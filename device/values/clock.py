"""The one clock: positions are counts of samples at 16 kHz since the start."""

from __future__ import annotations

RATE_HZ = 16_000
"""Rate of the ear, and so of every position."""
FRAME = 160
"""Samples in one step of the device: 10 ms."""


def ms(samples: float) -> float:
    """Samples of the capture clock as milliseconds."""
    return samples * 1000 / RATE_HZ


def samples(milliseconds: float) -> int:
    """Milliseconds as whole samples of the capture clock."""
    return round(milliseconds * RATE_HZ / 1000)
