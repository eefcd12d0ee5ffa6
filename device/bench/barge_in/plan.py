"""What a run of the benchmark consists of: conditions, rooms, and how much happens in each session. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from device.audio.backends.room import RoomSettings

SERS = (5.0, 0.0, -5.0, -10.0)
PLAYBACKS = ("speech", "music", "tones")
NOISES = ("quiet", "noise")
FIRST_ROOM = 500
"""Rooms below this number belong to training and tuning."""
RT60_S = (0.3, 0.4, 0.5)
DRIFT_PPM = (0.0, 30.0, -50.0)
DELAY_MS = (20.0, 80.0)
SNR_DB = 15.0
"""Noise lies this far below the talker."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the figures depend on but the device itself."""

    sers: tuple[float, ...] = SERS
    playbacks: tuple[str, ...] = PLAYBACKS
    noises: tuple[str, ...] = NOISES
    rooms: int = 3
    seed: int = 0
    converge_s: float = 15.0
    """Playback at the start of each session that no figure but ``t20_s`` counts."""
    alone_s: float = 60.0
    """Playback without a talker after that."""
    interruptions: int = 8
    backchannels: int = 6
    stops: int = 4
    wakes: int = 4
    recogniser: str = "pocketsphinx"
    """``pocketsphinx``, or the name of a Vosk model."""
    speech: Path | None = None
    wake: Path | None = None
    noise: Path | None = None

    def sessions(self) -> Iterator[Session]:
        """Every session, those of one condition one after the other."""
        for playback in self.playbacks:
            for noise in self.noises:
                for ser_db in self.sers:
                    condition = Condition(ser_db, playback, noise)
                    yield from (Session(condition, room) for room in range(self.rooms))

    def quick(self) -> Plan:
        """A first look: speech in the quiet at two levels, and less of everything."""
        return replace(
            self, sers=(0.0, -10.0), playbacks=("speech",), noises=("quiet",), alone_s=30.0, interruptions=5,
            backchannels=3, stops=2, wakes=2,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Condition:
    """One row of the result."""

    ser_db: float
    playback: str
    noise: str


@dataclass(frozen=True, slots=True)
class Session:
    """``condition`` in room number ``room``, from 0."""

    condition: Condition
    room: int

    def settings(self, seed: int) -> RoomSettings:
        """The room without its noise. It is the same for every condition."""
        number = FIRST_ROOM + seed + self.room
        delay_ms = float(np.random.default_rng([number, 40]).uniform(*DELAY_MS))
        return RoomSettings(
            seed=number,
            rt60_s=RT60_S[self.room % len(RT60_S)],
            drift_ppm=DRIFT_PPM[self.room % len(DRIFT_PPM)],
            echo_delay_ms=round(delay_ms),
            ser_db=self.condition.ser_db,
            snr_db=SNR_DB,
            distortion="soft",
        )

    def generator(self, seed: int, purpose: int) -> np.random.Generator:
        """Random numbers of this session for one ``purpose``; the order of the trials is the room's, not the SER's."""
        names = (*PLAYBACKS, *NOISES)
        of = (names.index(self.condition.playback), names.index(self.condition.noise))
        return np.random.default_rng([FIRST_ROOM + seed + self.room, purpose, *of])
