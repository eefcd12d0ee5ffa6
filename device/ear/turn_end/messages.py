"""What the ear and a turn-end model say to each other through an ``EngineDoor``: picklable values, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Pause(NamedTuple):
    """A pause in ``utterance``, after speech that ends at capture position ``last``. Who goes on makes another one."""

    utterance: int
    last: int


@dataclass(frozen=True, slots=True)
class TurnEndSettings:
    """``model``: absolute path of the ONNX file. ``threads`` of ONNX Runtime; 0 = cores - 1."""

    model: str
    threads: int = 0


@dataclass(frozen=True, slots=True)
class Ask:
    """Has the talker finished at ``pause``?

    ``pcm``: int16 little-endian mono at 16 kHz up to now, the pause included; the last 8 s of it count.
    """

    pause: Pause
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer: how likely (0..1) the turn is complete at ``pause``."""

    pause: Pause
    probability: float
    compute_ms: float


@dataclass(frozen=True, slots=True)
class NoVerdict:
    """The model could make nothing of ``pause``, for ``reason``; it can be asked about others."""

    pause: Pause
    reason: str


@dataclass(frozen=True, slots=True)
class Ready:
    """The model is loaded and was tried."""

    load_s: float


FromEngine = Ready | Verdict | NoVerdict
