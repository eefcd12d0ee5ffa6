"""The audio engine: one step in, one step out, everything by capture position.

    Backend.capture()                                             Backend.play() <-- Mixer.render()
        | mic (160)                                                   |  leaves          | block, track span
        |  (position gap: frames marked missing)                      v                  v
        +--> Ring mic                                          ReferenceLine         PlayedLog
        |                                                     (16 kHz, placed      (track sample <->
        v                                                      where it leaves)     capture position)
    Canceller <------------ reference (160) <-- Ring reference <------+
        |   (only while something was played within the last 300 ms; not at all where the device cancels: use_echo)
        +--> Ring clean --> Frame --> the ear            ErleMeter: erle_db, converged; Health: problems, degraded
        +--> ForWords (a bad loudspeaker's residual echo suppressed) --> Ring for_words --> wake words, recogniser

``capture`` and ``render`` are called by one thread, the ear's (or by a lock-step run); other threads may read the
rings.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from device.values import FRAME, RATE_HZ

from .backends import Backend, Captured, Samples
from .echo import EchoCanceller
from .echo_policy import MODES, Decision, EchoState, Mode
from .erle import ErleMeter
from .for_words import ForWords
from .health import Health
from .mixer import Mixer
from .played import PlayedLog
from .ramp import raised_cosine
from .reference import ReferenceLine
from .revival import Revival
from .ring import Ring
from .sweep import EchoPath

TAIL_FRAMES = 30
"""Echo is expected for 300 ms after the last played sample has met its echo: the canceller's 250 ms and some. (Before the
delay is known: echo path delay plus the room.)"""
SILENT_ENERGY = FRAME * 1e-8
"""Energy of 10 ms of reference (about -80 dBFS) below which nothing is played."""
REVIEW = RATE_HZ // 10
"""So often it is asked whether the microphone is dead."""

Tap = Callable[[int, Samples, Samples], None]


@dataclass(frozen=True, slots=True)
class Frame:
    """One step of the device: 10 ms at 16 kHz, arrays float32 (160,), not to be written to.

    ``reference`` is what left the loudspeaker during these samples; ``playing`` covers playback and 300 ms of its
    echo; ``missing`` frames hold zeros. ``erle_db``: see ``ErleMeter``. ``converged``: so is the canceller, and nothing is
    wrong with microphone, rates or reference that makes it lie (``Health.degraded``). ``moved``: it has just found out
    that the echo comes another way than it knew, so what was heard over playback the second before may have been echo.
    """

    position: int
    mic: Samples
    clean: Samples
    reference: Samples
    missing: bool
    playing: bool
    converged: bool
    erle_db: float
    moved: bool = False


class AudioEngine:
    """Couples a backend with rings, mixer and canceller.

    ``mic``, ``clean``, ``for_words`` and ``reference`` are rings of ``keep_s`` seconds at the same positions; ``for_words`` may
    end 10 ms before the others. ``tap``, if set, is called with ``(position, mic, played)`` for every frame: both 160 samples
    at 16 kHz, at the same position.
    ``echo`` and why it was chosen can be changed later (``use_echo``). Raises ValueError for an unknown ``echo``,
    AudioError for a playback rate that cannot be used.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        echo: Mode = "software",
        keep_s: float = 10.0,
        volume: int = 70,
    ) -> None:
        self.backend = backend
        self.mixer = Mixer(backend.playback_rate_hz, volume)
        self.played = PlayedLog(backend.playback_rate_hz)
        capacity = round(keep_s * RATE_HZ)
        self.mic, self.clean = Ring(capacity), Ring(capacity)
        self._words = ForWords(capacity)
        self.for_words = self._words.ring
        self.suppress = False
        """Whether ``for_words`` has the residual echo suppressed while our canceller works on playback (``SuppressorChoice``)."""
        self.reference = Ring(capacity + 2 * RATE_HZ)  # it runs ahead of the capture
        self.tap: Tap | None = None
        self._counters = {
            "frames": 0,
            "missing_frames": 0,
            "bad_frames": 0,
            "position_faults": 0,
            "flushes": 0,
            "closed_frames": 0,
            "revivals": 0,
        }
        self._line = ReferenceLine(self.reference, backend.playback_rate_hz, self._counters)
        self.canceller: EchoCanceller | None = None
        """Ours, while it works (``use_echo``)."""
        self._resting: EchoCanceller | None = None  # ... and while another one does
        self.learning = True
        """Whether the canceller may adapt: not to a sweep, which has one frequency at a time and teaches it nonsense."""
        self.measured: EchoPath | None = None
        """What the last measurement found (``note_path``)."""
        self._leaving: EchoCanceller | None = None  # the canceller that hands over within the next frame
        self._entering = False
        self._erle = ErleMeter()
        self.health = Health(cancels=echo == "software")
        self._revival = Revival(REVIEW / RATE_HZ)
        self._closed = False
        self._position = 0
        self._waiting: Captured | None = None
        self._next_out = self._sounds_until = 0
        self._silent_from: int | None = None
        self._since_played = TAIL_FRAMES
        self._moves = 0
        self._rise = raised_cosine(FRAME)
        self._zeros = np.zeros(FRAME, np.float32)
        self._zeros.flags.writeable = False
        self._decision = Decision("none", "")
        self.use_echo(Decision(echo, "chosen by the caller"))
        self._entering = False

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
    def problem_codes(self) -> tuple[str, ...]:
        """The same by codes of ``device.problems``; a backend that does not say which side it is has lost its microphone."""
        return getattr(self.backend, "problem_codes", ("mic_missing",)) if self.problem else ()

    def close_mic(self, closed: bool) -> None:
        """Close the capture stream by hand (the hard mute), or let it be opened again. Frames are missing from the next one on,
        also where the backend takes its time or cannot close anything."""
        self._closed = closed
        close = getattr(self.backend, "close_capture", None)
        if close is not None:
            close(closed)

    @property
    def mic_closed(self) -> bool:
        """Whether that is done: no capture stream is open any more."""
        return self._closed and getattr(self.backend, "capture_closed", True)

    @property
    def erle_db(self) -> float:
        return self._erle.erle_db

    @property
    def converged(self) -> bool:
        """Whether the canceller has learned the echo path (``ErleMeter``) and still knows it, and nothing makes it lie
        (``Health``)."""
        lost = self.canceller is not None and self.canceller.lost
        return self._erle.converged and not lost and not self.health.degraded

    @property
    def counters(self) -> dict[str, int]:
        """The backend's counters, the engine's, the canceller's and the mixer's, as of now."""
        counters = {**self.backend.counters, **self._counters, "clipped_samples": self.mixer.clipped}
        if ours := self.canceller or self._resting:
            counters |= ours.counters
        return counters

    # ------------------------------------------------------------------ echo

    @property
    def echo(self) -> EchoState:
        """Which canceller works, why, and how well, as of now."""
        path, ours, decision = self.measured, self.canceller, self._decision
        delay_ms, drift_ppm = (ours.delay_ms, ours.drift_ppm) if ours is not None else (None, None)
        return EchoState(
            mode=decision.mode,
            reason=decision.reason,
            erle_db=None if decision.mode == "none" else self._erle.erle_db,
            converged=self._erle.converged,
            delay_ms=path.delay_ms if delay_ms is None and path is not None else delay_ms,
            drift_ppm=path.drift_ppm if drift_ppm is None and path is not None else drift_ppm,
            nonlinearity_db=path and path.nonlinearity_db,
            suppressor=self.suppress and decision.mode == "software",
            problems=decision.problems,
        )

    def use_echo(self, decision: Decision) -> None:
        """Change the canceller; the cleaned signal passes from one to the other within the next 10 ms frame.

        The software canceller is kept while it is not in use, with what it knows of the path. Raises ValueError for
        an unknown mode.
        """
        if decision.mode not in MODES:
            raise ValueError(f"echo is {decision.mode!r}: it must be one of {', '.join(map(repr, MODES))}")
        old, self._decision = self._decision.mode, decision
        self.health.cancels = decision.mode == "software"
        if decision.mode == old:
            return
        self._erle = ErleMeter()
        if old == "software":
            self._resting = self._leaving = self.canceller
            self.canceller = None
        elif decision.mode == "software":
            self.canceller = self._resting or EchoCanceller(self.reference)
            if self._resting is None:
                self._seed()
            self._entering, self._leaving = self._leaving is None, None

    def note_path(self, path: EchoPath | None) -> None:
        """Take over a measurement of the echo path, where it is ``sure``; None: the path is another one now.

        Our canceller begins with it unless it knows the path already: the first half second of the first reply is then
        16 dB lower instead of 3-6, also with clocks that differ by 200 ppm.
        """
        if path is None or path.sure:
            self.measured = path
            self._seed()

    def _seed(self) -> None:
        path = self.measured
        if self.canceller is not None and path is not None and not self._erle.converged:
            assert path.response is not None
            self.canceller.seed(path.response, path.drift_ppm or 0.0, path.position)

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
        if self._closed:
            self._counters["closed_frames"] += 1
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
        clean = self._cancel(position, mic, reference, energy, missing, playing, audible)
        self.mic.write(mic)
        self.clean.write(clean)
        self._words.step(mic, clean, self.suppress and playing and self.canceller is not None)
        self._position = position + FRAME
        drift_ppm = None if self.canceller is None else self.canceller.drift_ppm
        self.health.step(*delivered, reference_energy, lost, self._erle.converged, drift_ppm)
        if position % RATE_HZ < FRAME:
            self.health.rate(self.backend.capture_rate_hz)
        if position % REVIEW < FRAME and self._revival.step(self.health.dead_s, lost):
            self._reopen()
        if self.tap is not None:
            self.tap(position, mic, reference)
        moves = 0 if self.canceller is None else self.canceller.moves
        moved, self._moves = moves > self._moves, moves
        return Frame(
            position, mic, clean, reference, missing, playing, self.converged, self._erle.erle_db, moved
        )

    def _reopen(self) -> None:
        """The microphone is open and delivers nothing."""
        reopen = getattr(self.backend, "reopen", None)
        if reopen is not None:
            self._counters["revivals"] += 1
            reopen()

    def _cancel(
        self,
        position: int,
        mic: Samples,
        reference: Samples,
        energy: float,
        missing: bool,
        playing: bool,
        audible: bool,
    ) -> Samples:
        if self._entering or self._leaving is not None:
            return self._hand_over(position, mic, missing, playing)
        if self._decision.mode == "none":
            return mic
        if not playing:  # frozen, and free: there is no echo to cancel
            if not missing:
                self._erle.quiet(energy / FRAME)
            return mic
        if self.canceller is None:  # what the device leaves of the playback
            if audible and not missing:
                self._erle.playing(float(reference @ reference) / FRAME, energy / FRAME)
            return mic
        clean = self.canceller.step(position, mic, adapt=self.learning and not missing)
        if missing:
            return self._zeros
        if audible:
            self._erle.playing(energy / FRAME, float(clean @ clean) / FRAME)
        return clean

    def _hand_over(self, position: int, mic: Samples, missing: bool, playing: bool) -> Samples:
        """The frame in which our canceller leaves or enters."""
        ours, entering = self._leaving or self.canceller, self._entering
        self._leaving, self._entering = None, False
        if ours is None or missing or not playing:
            return mic
        clean = ours.step(position, mic, adapt=self.learning)
        first, second = (mic, clean) if entering else (clean, mic)
        return first + self._rise * (second - first)

    # ------------------------------------------------------------------ out

    @property
    def next_out(self) -> int:
        """Capture position at which the block rendered next will begin to leave the loudspeaker."""
        return max(self._next_out, self._position)

    @property
    def settled_at(self) -> int:
        """Capture position from which on a change of gain decided now is heard in full (silence, after a ``flush``)."""
        return self.next_out + FRAME if self._silent_from is None else self._silent_from

    def flush(self, abort: bool = True) -> None:
        """The reply is about to be ducked, held or stopped: take back what of it is queued, so that it gives way sooner.

        To be called before ``duck``, ``hold`` or ``stop`` of the track, which then goes on from the first sample that did
        not leave. Does nothing where an earcon or an alarm is queued too, which must not lose 20 ms. ``abort``: see
        ``Backend.flush``.
        """
        if self.mixer.sounding or self._sounds_until > self._position:
            return
        silent_from = self.backend.flush(abort)
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
