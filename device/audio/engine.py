"""The audio engine: one step in, one step out, everything by capture position.

    Backend.capture()                                             Backend.play() <-- Mixer.render()
        | mic (160)                                                   |  leaves          | block, track span
        |  (position gap: frames marked missing)                      v                  v
        +--> Ring mic                                          ReferenceLine         PlayedLog
        |                                                     (16 kHz, placed      (track sample <->
        v                                                      where it leaves)     capture position)
    Canceller <------------ reference (160) <-- Ring reference <------+
        |   (only while something was played within the last 300 ms)
        +--> Ring clean --> Frame --> the ear            ErleMeter: erle_db, converged; Health: problems, degraded

``capture`` and ``render`` are called by one thread, the ear's (or by a lock-step run); other threads may read the
rings.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from device.values import FRAME, RATE_HZ

from .backends import Backend, Captured, Samples
from .echo import EchoCanceller
from .erle import ErleMeter
from .health import Health
from .mixer import Mixer
from .played import PlayedLog
from .reference import ReferenceLine
from .ring import Ring

TAIL_FRAMES = 30
"""Echo is expected for 300 ms after the last played sample has met its echo: the canceller's 250 ms and some. (Before the
delay is known: echo path delay plus the room.)"""
SILENT_ENERGY = FRAME * 1e-8
"""Energy of 10 ms of reference (about -80 dBFS) below which nothing is played."""

Tap = Callable[[int, Samples, Samples], None]


@dataclass(frozen=True, slots=True)
class Frame:
    """One step of the device: 10 ms at 16 kHz, arrays float32 (160,), not to be written to.

    ``reference`` is what left the loudspeaker during these samples; ``playing`` covers playback and 300 ms of its
    echo; ``missing`` frames hold zeros. ``erle_db``: see ``ErleMeter``. ``converged``: so is the canceller, and nothing is
    wrong with microphone, rates or reference that makes it lie (``Health.degraded``).
    """

    position: int
    mic: Samples
    clean: Samples
    reference: Samples
    missing: bool
    playing: bool
    converged: bool
    erle_db: float


class AudioEngine:
    """Couples a backend with rings, mixer and canceller.

    ``mic``, ``clean`` and ``reference`` are rings of ``keep_s`` seconds at the same positions. ``tap``, if set, is
    called with ``(position, mic, played)`` for every frame: both 160 samples at 16 kHz, at the same position.
    Raises ValueError for an unknown ``echo``, AudioError for a playback rate that cannot be used.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        echo: Literal["software", "none"] = "software",
        keep_s: float = 10.0,
        volume: int = 70,
    ) -> None:
        if echo not in ("software", "none"):
            raise ValueError(f"echo is {echo!r}: it must be 'software' or 'none'")
        self.backend = backend
        self.mixer = Mixer(backend.playback_rate_hz, volume)
        self.played = PlayedLog(backend.playback_rate_hz)
        capacity = round(keep_s * RATE_HZ)
        self.mic, self.clean = Ring(capacity), Ring(capacity)
        self.reference = Ring(capacity + 2 * RATE_HZ)  # it runs ahead of the capture
        self.tap: Tap | None = None
        self._counters = {
            "frames": 0,
            "missing_frames": 0,
            "bad_frames": 0,
            "position_faults": 0,
            "flushes": 0,
        }
        self._line = ReferenceLine(self.reference, backend.playback_rate_hz, self._counters)
        self.canceller = EchoCanceller(self.reference) if echo == "software" else None
        self._erle = ErleMeter()
        self.health = Health(cancels=echo == "software")
        self._position = 0
        self._waiting: Captured | None = None
        self._next_out = self._sounds_until = 0
        self._silent_from: int | None = None
        self._since_played = TAIL_FRAMES
        self._zeros = np.zeros(FRAME, np.float32)
        self._zeros.flags.writeable = False

    # ------------------------------------------------------------------ life

    def start(self) -> None:
        self.backend.start()

    def wait(self, timeout_s: float) -> bool:
        """Sleep until a frame is due; False after ``timeout_s``."""
        return self._waiting is not None or self.backend.wait(timeout_s)

    def stop(self) -> None:
        self.backend.stop()

    @property
    def position(self) -> int:
        """End of capture: the position after the last frame."""
        return self._position

    @property
    def problem(self) -> str | None:
        """Why there is no sound right now, or None."""
        return self.backend.problem

    @property
    def erle_db(self) -> float:
        return self._erle.erle_db

    @property
    def converged(self) -> bool:
        """Whether the canceller has learned the echo path (``ErleMeter``), and nothing makes it lie (``Health``)."""
        return self._erle.converged and not self.health.degraded

    @property
    def counters(self) -> dict[str, int]:
        """The backend's counters, the engine's, the canceller's and the mixer's, as of now."""
        counters = {**self.backend.counters, **self._counters, "clipped_samples": self.mixer.clipped}
        if self.canceller is not None:
            counters |= self.canceller.counters
        return counters

    # ------------------------------------------------------------------ in

    def capture(self) -> Frame | None:
        """The next 10 ms, or None when they are not due. Frames have consecutive positions, always."""
        got = self._waiting or self.backend.capture()
        if got is None:
            return None
        self._waiting = None
        ahead = got.position - self._position
        if ahead >= FRAME:  # the device skipped: its frames come first, as missing
            self._waiting = got
            return self._step(self._zeros, True)
        if ahead:
            self._counters["position_faults"] += 1
            if ahead <= -FRAME:
                return None  # seen already
        return self._step(got.samples, got.missing)

    def _step(self, mic: Samples, missing: bool) -> Frame:
        position = self._position
        self._counters["frames"] += 1
        energy = float(mic @ mic)
        if not math.isfinite(energy):
            self._counters["bad_frames"] += 1
            missing = True
        delivered = (self._zeros, 0.0) if missing else (mic, energy)
        lost, missing = missing, missing or self.health.deaf  # one value for ever is no sound
        if missing:
            self._counters["missing_frames"] += 1
            mic, energy = self._zeros, 0.0
        self._line.fill_to(position + FRAME)
        reference = self.reference.read(position, FRAME).samples
        reference_energy = float(reference @ reference)
        audible = reference_energy > SILENT_ENERGY
        tail = TAIL_FRAMES if self.canceller is None else TAIL_FRAMES + max(0, self.canceller.offset) // FRAME
        self._since_played = 0 if audible else min(self._since_played + 1, tail)
        playing = self._since_played < tail
        clean = self._cancel(position, mic, energy, missing, playing, audible)
        self.mic.write(mic)
        self.clean.write(clean)
        self._position = position + FRAME
        drift_ppm = None if self.canceller is None else self.canceller.drift_ppm
        self.health.step(*delivered, reference_energy, lost, self._erle.converged, drift_ppm)
        if position % RATE_HZ < FRAME:
            self.health.rate(self.backend.capture_rate_hz)
        if self.tap is not None:
            self.tap(position, mic, reference)
        return Frame(position, mic, clean, reference, missing, playing, self.converged, self._erle.erle_db)

    def _cancel(
        self, position: int, mic: Samples, energy: float, missing: bool, playing: bool, audible: bool
    ) -> Samples:
        if self.canceller is None:
            return mic
        if not playing:  # frozen, and free: there is no echo to cancel
            if not missing:
                self._erle.quiet(energy / FRAME)
            return mic
        clean = self.canceller.step(position, mic, adapt=not missing)
        if missing:
            return self._zeros
        if audible:
            self._erle.playing(energy / FRAME, float(clean @ clean) / FRAME)
        return clean

    # ------------------------------------------------------------------ out

    @property
    def next_out(self) -> int:
        """Capture position at which the block rendered next will begin to leave the loudspeaker."""
        return max(self._next_out, self._position)

    @property
    def settled_at(self) -> int:
        """Capture position from which on a change of gain decided now is heard in full (silence, after a ``flush``)."""
        return self.next_out + FRAME if self._silent_from is None else self._silent_from

    def flush(self) -> None:
        """The reply is about to be held or stopped: take back what of it is queued, so that silence comes sooner.

        To be called before ``hold`` or ``stop`` of the track, which then goes on from the first sample that did not
        leave. Does nothing where an earcon or an alarm is queued too, which must not lose 20 ms.
        """
        if self.mixer.sounding or self._sounds_until > self._position:
            return
        silent_from = self.backend.flush()
        if silent_from is None:
            return
        self._counters["flushes"] += 1
        self._silent_from = silent_from
        self._line.cut(silent_from, self._position)
        if self.played.generation == self.mixer.speech.generation:
            sample = self.played.cut(silent_from)
            if sample is not None:
                self.mixer.speech.take_back(sample)

    def render(self) -> None:
        """Mix and play the next 10 ms."""
        sounding = self.mixer.sounding
        block = self.mixer.render()
        leaves = self.backend.play(block)
        self._next_out = leaves + FRAME
        self._silent_from = None
        if sounding:
            self._sounds_until = self._next_out
        self._line.place(leaves, block, self.mixer.silent, self._position)
        speech = self.mixer.speech
        first, count = speech.span
        if count or speech.generation:
            self.played.add(speech.generation, speech.reply, leaves, first, count)
