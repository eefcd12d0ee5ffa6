"""The simulated room: a loudspeaker, a microphone and people, on the sample clock.

    play() -> 16 kHz -> cone (distortion) -> line by position -> clock drift + delay -> room response --+
    say()  -> talker's room response (whole clip ahead of time) -> by position ------------------------(+)--> mic
    noise (loop) + floor (-68 dBFS) -------------------------------------------------------------------+

Levels at the microphone: a reply whose voice has -20 dBFS active level, at volume 70, arrives as an echo of
-26 dBFS; louder or softer playback arrives louder or softer. A talker arrives at ``-26 + ser_db + gain_db``
whatever the level of the clip, noise ``snr_db`` below a talker of gain 0.

The same settings, calls and positions give the same samples: nothing depends on time, also not when paced.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from device.audio.echo_policy import SoundPath
from device.audio.levels import active_rms, clip_edges, db_to_gain
from device.audio.ramp import raised_cosine
from device.audio.resample import BlockDecimator
from device.audio.room.acoustics import random_geometry, response, talker_position
from device.audio.room.convolver import Convolver, convolve
from device.audio.room.loudspeaker import NOMINAL_RMS, Cone, Distortion, FractionalReader
from device.errors import AudioError
from device.values import FRAME, RATE_HZ, samples

from . import Captured, Samples
from .pace import Pacer

ECHO_DBFS = -26.0
"""Echo of a nominal reply at the microphone; see ``loudspeaker.NOMINAL_RMS``."""
FLOOR_DBFS = -68.0
OUTPUT_LATENCY_BLOCKS = 2
"""What a good card's output buffer holds: 20 ms."""
LINE = 1 << 15
"""Samples of loudspeaker output that are remembered: 2 s."""
LATE_S = 0.010
FALL = raised_cosine(FRAME)[::-1].copy()
SWING = 60 * RATE_HZ
"""Period of ``drift_swing_ppm`` in samples."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RoomSettings:
    """What the room is like. Raises AudioError with every value that is out of range."""

    rt60_s: float = 0.4
    """[s] Reverberation time, 0.1..1.5."""
    ser_db: float = 0.0
    """[dB] Talker relative to the echo at the microphone, -40..40."""
    echo_delay_ms: float = 40.0
    """[ms] From when the device says that a sample leaves to its arrival at the microphone, 0..500."""
    drift_ppm: float = 0.0
    """[ppm] By how much the loudspeaker's clock is faster than the microphone's, -20000..20000. No crystals differ by more
    than 500."""
    rate_error: float = 0.0
    """By which share the microphone's true rate is above the one it was opened with, -0.1..0.1: a rate lie. Playback is
    heard resampled; talkers are not, whom nobody knows otherwise."""
    mic_gain_db: float = 0.0
    """[dB] Microphone's gain before full scale, -60..60: a gain that is too high clips."""
    mic_fault: Literal["none", "zeros", "constant"] = "none"
    """A dead microphone: exact zeros, or one value."""
    substitute: Samples | None = None
    """While something is played the loudspeaker plays this instead (16 kHz, looped, at a reply's nominal level)."""
    drift_swing_ppm: float = 0.0
    """[ppm] By how much that changes, up and down once a minute as when a clock warms and cools, 0..200."""
    distortion: Distortion = "soft"
    noise: str | Path | Samples | None = None
    """Background: a WAV file or 16 kHz samples, looped."""
    snr_db: float = 20.0
    """[dB] Talker relative to the noise, -20..80."""
    seed: int = 0
    """Chooses the room, the places in it and the noise floor."""
    playback_rate_hz: int = RATE_HZ
    realtime: bool = False
    """Paced by the monotonic clock instead of as fast as it is asked."""

    def __post_init__(self) -> None:
        ranges = {
            "rt60_s": (0.1, 1.5), "ser_db": (-40, 40), "echo_delay_ms": (0, 500), "drift_ppm": (-20_000, 20_000),
            "drift_swing_ppm": (0, 200), "rate_error": (-0.1, 0.1), "mic_gain_db": (-60, 60),
            "snr_db": (-20, 80), "seed": (0, 2**32 - 1),
        }  # fmt: skip
        problems = [
            f"{name} is {getattr(self, name)}, allowed is {low}..{high}"
            for name, (low, high) in ranges.items()
            if not low <= getattr(self, name) <= high
        ]
        if self.mic_fault not in ("none", "zeros", "constant"):
            problems.append(f"mic_fault is {self.mic_fault!r}, allowed are none, zeros, constant")
        if self.distortion not in get_args(Distortion):
            problems.append(
                f"distortion is {self.distortion!r}, allowed are {', '.join(get_args(Distortion))}"
            )
        if problems:
            raise AudioError("room: " + "; ".join(problems))


@dataclass(slots=True)
class _Clip:
    start: int
    samples: Samples


class RoomBackend:
    """A duplex sound device whose other end is a simulated room. Not thread-safe, like every backend."""

    output_latency_ms = OUTPUT_LATENCY_BLOCKS * 10.0
    path = SoundPath("the simulated room", "the simulated room", same_card=True)

    def __init__(self, settings: RoomSettings | None = None, pacer: Pacer | None = None) -> None:
        self.settings = s = settings or RoomSettings()
        self.playback_rate_hz = s.playback_rate_hz
        self.counters = {"missing_frames": 0, "underruns": 0, "overruns": 0, "late_callbacks": 0}
        self.problem: str | None = None
        self.capture_closed = False
        self._pacer = (pacer or Pacer()) if s.realtime else None
        self._geometry = random_geometry(s.seed)
        self._decimator = BlockDecimator(s.playback_rate_hz) if s.playback_rate_hz != RATE_HZ else None
        self._cone = Cone(s.distortion)
        self._echo = Convolver(response(self._geometry, self._geometry.loudspeaker, s.rt60_s))
        self._talkers: dict[int, Samples] = {}
        self._clips: list[_Clip] = []
        self._noise = self._load_noise()
        self._floor = np.random.default_rng([s.seed, 3])
        self._line = np.zeros(LINE, np.float32)
        self._line_end = 0
        self._last_sound = self._flushed = -LINE
        self._drift = (1 + s.drift_ppm * 1e-6) / (1 + s.rate_error) - 1
        self.capture_rate_hz: float | None = RATE_HZ * (1 + s.rate_error)
        self._substitute = self._load_substitute()
        self._reader = FractionalReader() if self._drift or s.drift_swing_ppm else None
        self._slip = 0.0  # samples that the loudspeaker's clock has run ahead
        self._delay = samples(s.echo_delay_ms)
        self._position = 0
        self._zeros = np.zeros(FRAME, np.float32)
        self._zeros.flags.writeable = False

    # ------------------------------------------------------------------ the door of every backend

    def start(self) -> None:
        if self._pacer:
            self._pacer.start()

    def wait(self, timeout_s: float) -> bool:
        return self._pacer is None or self._pacer.wait(self._position + FRAME, timeout_s)

    def capture(self) -> Captured | None:
        position = self._position
        if self._pacer:
            late_s = self._pacer.late_s(position + FRAME)
            if not self._pacer.started or late_s < 0:
                return None
            self.counters["late_callbacks"] += late_s > LATE_S
        mic = self._echo.step(self._loudspeaker_at(position))
        floor = self._floor.standard_normal(FRAME, np.float32)
        mic = mic + floor * np.float32(db_to_gain(FLOOR_DBFS))
        if self._noise is not None:
            mic += np.take(self._noise, np.arange(position, position + FRAME), mode="wrap")
        if self._clips:
            self._add_clips(mic, position)
        self._position = position + FRAME
        if self.problem or self.capture_closed:
            self.counters["missing_frames"] += 1
            return Captured(position, self._zeros, missing=True)
        return Captured(position, self._converted(mic))

    def play(self, block: Samples) -> int:
        due = self._position + OUTPUT_LATENCY_BLOCKS * FRAME
        if self._line_end == 0:
            self._line_end = due
        elif self._line_end < self._position:  # steps without a block: the output ran dry
            self.counters["underruns"] += 1
            while self._line_end < due:
                self._write_line(self._zeros[: due - self._line_end])
        leaves = self._line_end
        sounding = bool(block.any())
        if sounding:
            self._last_sound = leaves + FRAME
        if self._decimator and leaves - self._last_sound < 2 * FRAME:
            block = self._decimator.step(block)
        elif self._decimator:
            block = self._zeros
        if self._substitute is not None and sounding:
            block = np.take(self._substitute, np.arange(leaves, leaves + FRAME), mode="wrap")
        if leaves - self._last_sound < 2 * FRAME:
            block = self._cone.step(block)
        self._write_line(block)
        return leaves

    def flush(self, abort: bool = True) -> int | None:
        """The 20 ms of the output buffer can be taken back, but for the block that leaves next: it is ramped down."""
        first = max(self._position, self._line_end - OUTPUT_LATENCY_BLOCKS * FRAME)
        last = first + FRAME
        if last > self._line_end or self._last_sound <= max(first, self._flushed):
            return None
        at = np.arange(first, self._line_end) % LINE
        self._line[at[:FRAME]] *= FALL
        self._line[at[FRAME:]] = 0.0
        if self._decimator:
            self._decimator.reset()
        self._last_sound = self._flushed = last
        return last

    def close_capture(self, closed: bool) -> None:
        self.capture_closed = closed

    def stop(self) -> None:
        """Nothing to close."""

    # ------------------------------------------------------------------ people and faults

    @property
    def position(self) -> int:
        """Capture position of the next frame."""
        return self._position

    def say(self, clip: Samples, at_position: int, gain_db: float = 0.0, talker: int = 0) -> tuple[int, int]:
        """Let ``talker`` say ``clip`` (16 kHz, any level); its first sample arrives at ``at_position``, or now where
        that is past.

        Returns the capture positions of the clip's first and last sample of sound (``levels.clip_edges``), without
        the room's tail. Each talker stands in a place of its own. Raises AudioError for a clip without sound.
        """
        wet = self.at_microphone(clip, gain_db, talker)
        start = max(at_position, self._position)
        self._clips.append(_Clip(start, wet))
        first, last = clip_edges(np.asarray(clip, np.float32))
        return start + first, start + last

    def at_microphone(self, clip: Samples, gain_db: float = 0.0, talker: int = 0) -> Samples:
        """``clip`` as ``say`` lets it arrive at the microphone, with the room's tail; float32. Raises as ``say``."""
        clip = np.asarray(clip, np.float32)
        level = active_rms(clip)
        if not np.isfinite(level) or level <= 0:
            raise AudioError(f"talker {talker}: the clip of {len(clip)} samples holds no sound")
        if talker not in self._talkers:
            place = talker_position(self._geometry, self.settings.seed, talker)
            self._talkers[talker] = response(self._geometry, place, self.settings.rt60_s)
        wet = convolve(clip, self._talkers[talker])
        wet *= np.float32(self._talker_rms() * db_to_gain(gain_db) / active_rms(wet))
        return wet

    def move_loudspeaker(self, seed: int) -> None:
        """Carry the loudspeaker to another place chosen by ``seed``, as far from the microphone as before: another
        echo path from the next frame on."""
        other = random_geometry(seed)
        place = self._geometry.mic + (other.loudspeaker - other.mic)
        self._echo.change(response(self._geometry, place, self.settings.rt60_s))

    def unplug(self) -> None:
        """Take the microphone away: frames are missing, positions go on."""
        self.problem = "the simulated microphone is unplugged"

    def plug(self) -> None:
        """Bring the microphone back."""
        self.problem = None

    # ------------------------------------------------------------------ inside

    def _talker_rms(self) -> float:
        return db_to_gain(ECHO_DBFS + self.settings.ser_db)

    def _load_noise(self) -> Samples | None:
        noise = self.settings.noise
        if noise is None:
            return None
        if isinstance(noise, (str, Path)):
            from device.audio.wav import read_wav

            noise = read_wav(noise)
        noise = np.asarray(noise, np.float32)
        level = active_rms(noise)
        if not np.isfinite(level) or level <= 0:
            raise AudioError("room: the noise holds no sound")
        return noise * np.float32(self._talker_rms() / db_to_gain(self.settings.snr_db) / level)

    def _load_substitute(self) -> Samples | None:
        other = self.settings.substitute
        if other is None:
            return None
        level = active_rms(np.asarray(other, np.float32))
        if not np.isfinite(level) or level <= 0:
            raise AudioError("room: the substitute holds no sound")
        return np.asarray(other, np.float32) * np.float32(NOMINAL_RMS / level)

    def _converted(self, mic: Samples) -> Samples:
        """What the converter makes of the sound at the microphone."""
        if self.settings.mic_fault != "none":
            return np.full(FRAME, 0.0 if self.settings.mic_fault == "zeros" else 0.01, np.float32)
        if self.settings.mic_gain_db:
            mic *= np.float32(db_to_gain(self.settings.mic_gain_db))
        return np.clip(mic, -1.0, 1.0, out=mic)

    def _write_line(self, block: Samples) -> None:
        """Append ``block`` to the loudspeaker's line."""
        self._line[np.arange(self._line_end, self._line_end + len(block)) % LINE] = block
        self._line_end += len(block)

    def _loudspeaker_at(self, position: int) -> Samples:
        """What the loudspeaker's sound is at the microphone's clock, before the room: drifted and delayed."""
        drift = self._drift_at(position)
        if self._reader is not None:
            self._slip += FRAME * drift
            self._recentre()
        first = position - self._delay
        reach = FRAME if self._reader is not None else 0  # the slip stays below one block, either way
        if self._last_sound + reach + FRAME < first or self._line_end == 0:
            return self._zeros
        if self._reader is None:
            return self._span(first, FRAME)
        margin = self._reader.margin + FRAME
        line = self._span(first - margin, 2 * margin + FRAME)
        start = margin + self._slip - FRAME * drift
        return self._reader.read(line, start, 1 + drift)

    def _drift_at(self, position: int) -> float:
        swing = self.settings.drift_swing_ppm * 1e-6
        return self._drift + swing * math.sin(2 * math.pi * position / SWING)

    def _recentre(self) -> None:
        """The card's buffer ran dry (fast loudspeaker) or over (slow one): it plays a block twice or leaves one out."""
        if self._slip > FRAME - 2:
            self._slip -= FRAME
            self.counters["underruns"] += 1
        elif self._slip < -(FRAME - 2):
            self._slip += FRAME
            self.counters["overruns"] += 1

    def _span(self, first: int, n: int) -> Samples:
        """Samples ``first .. first + n`` of the line; zeros where nothing was or is yet played."""
        positions = np.arange(first, first + n)
        span = self._line[positions % LINE]
        span[(positions < 0) | (positions >= self._line_end) | (positions < self._line_end - LINE)] = 0.0
        return span

    def _add_clips(self, mic: Samples, position: int) -> None:
        for clip in self._clips:
            a, b = max(clip.start, position), min(clip.start + len(clip.samples), position + FRAME)
            if a < b:
                mic[a - position : b - position] += clip.samples[a - clip.start : b - clip.start]
        self._clips = [c for c in self._clips if c.start + len(c.samples) > position + FRAME]
