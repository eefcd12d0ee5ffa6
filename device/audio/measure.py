"""Plays sweeps and noise through a running engine and hands their recordings to the analysis.

    SweepRun:  0      0.35 s          3.35 s            5.1 s
               |noise |sweep ~~~~     |sweep ~~~~       |analyse (in a thread, or at once in lock-step)
                    next_out - 0.3 s: the take begins

    ProbeRun:  |noise |~~~~~~~~~~~~~~~~~~~~~~~~|compare the last 2 s
                       5 s, so that a canceller can learn

One ``step`` a frame, between ``capture`` and ``render``, so that both run in lock-step with the simulated room as they
do in the daemon. The recordings are read from the engine's rings.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from device.values import RATE_HZ, samples

from .backends import Samples
from .engine import AudioEngine
from .probe import FADE_S, JUDGED, PROBE, Check, compare, probe
from .ring import Ring
from .sweep import BEFORE, TAKE, EchoPath, Take, analyse, sweep

REPLY_DBFS = -20.0
"""As loud as a reply's voice: what distorts then distorts in use."""
QUIET_DBFS = -32.0
"""12 dB below the replies: for a measurement that nobody asked for."""
SETTLE = BEFORE + samples(50)
SLIPS = (
    "reference_gaps", "reference_overlaps", "reference_late", "position_faults", "missing_frames", "lost_blocks", "stalls",
    "playback_jumps",
)  # fmt: skip
"""Counters that tell of a jump between playback and capture: a measurement with one tells no drift."""


class SweepRun:
    """One measurement of ``sweeps`` sweeps, ``spacing_s`` (>= 2.1) from one to the next.

    Fits into the rings' least length of 8 s with two sweeps 3 s apart. Raises ValueError for what does not fit.
    """

    def __init__(
        self,
        engine: AudioEngine,
        *,
        level_dbfs: float = REPLY_DBFS,
        sweeps: int = 2,
        spacing_s: float = 3.0,
        in_thread: bool = False,
    ) -> None:
        whole = SETTLE + (sweeps - 1) * spacing_s * RATE_HZ + TAKE + RATE_HZ
        if sweeps < 1 or spacing_s * RATE_HZ < TAKE or whole > engine.mic.capacity:
            raise ValueError(
                f"{sweeps} sweeps {spacing_s} s apart: at least one, {TAKE / RATE_HZ:.1f} s apart, and all within the "
                f"{engine.mic.capacity / RATE_HZ:.0f} s that the engine keeps"
            )
        self._engine = engine
        self._sound = sweep(engine.mixer.rate_hz, level_dbfs)
        self._begin = engine.position
        self._due = [self._begin + SETTLE + round(k * spacing_s * RATE_HZ) for k in range(sweeps)]
        self._left: list[int] = []
        self._in_thread = in_thread
        self._thread: threading.Thread | None = None
        self._counted = _slips(engine)
        self.slips: dict[str, int] = {}
        """How playback and capture slipped against each other meanwhile (``SLIPS``)."""
        self.path: EchoPath | None = None
        """The result, once ``done``."""

    @property
    def done(self) -> bool:
        return self.path is not None

    @property
    def progress(self) -> float:
        """0..1."""
        end = self._due[-1] + TAKE
        return min(1.0, (self._engine.position - self._begin) / (end - self._begin))

    def step(self) -> None:
        """Call once after each ``capture`` and before ``render``, until ``done``."""
        if self.done or self._thread is not None:
            return
        engine = self._engine
        if len(self._left) < len(self._due):
            if engine.position >= self._due[len(self._left)]:
                engine.learning = False
                engine.mixer.play(self._sound)
                self._left.append(engine.next_out)
        elif engine.position >= self._left[-1] - BEFORE + TAKE:
            engine.learning = True
            takes = [self._take(position) for position in self._left]
            self.slips = _slips(engine, self._counted)
            if self._in_thread:
                self._thread = threading.Thread(target=self._analyse, args=(takes,), daemon=True)
                self._thread.start()
            else:
                self._analyse(takes)

    def cancel(self) -> None:
        """Fall silent, without a click; there will be no result."""
        if self._left and not self.done:
            self._engine.mixer.stop_sounds()
            self._engine.learning = True

    def _analyse(self, takes: list[Take]) -> None:
        self.path = analyse(takes, slipped=bool(self.slips))

    def _take(self, left: int) -> Take:
        first = left - BEFORE
        rings = (self._engine.reference, self._engine.mic, self._engine.clean)
        return Take(first, *(_exactly(ring, first) for ring in rings))


class ProbeRun:
    """One check of whichever canceller works, with 5 s of speech-like noise. ``check`` is the result, once ``done``."""

    def __init__(self, engine: AudioEngine, *, level_dbfs: float = REPLY_DBFS) -> None:
        self._engine = engine
        self._sound = probe(engine.mixer.rate_hz, level_dbfs)
        self._begin = engine.position
        self._left: int | None = None
        self.check: Check | None = None
        self._counted = _slips(engine)
        self.slips: dict[str, int] = {}
        """As for ``SweepRun``: a canceller loses the path with each."""

    @property
    def done(self) -> bool:
        return self.check is not None

    @property
    def progress(self) -> float:
        """0..1."""
        return min(1.0, (self._engine.position - self._begin) / (SETTLE + PROBE))

    def step(self) -> None:
        """Call once after each ``capture`` and before ``render``, until ``done``."""
        engine = self._engine
        if self.done:
            return
        if self._left is None:
            if engine.position >= self._begin + SETTLE:
                engine.mixer.play(self._sound)
                self._left = engine.next_out
            return
        end = self._left + PROBE - round(FADE_S * RATE_HZ)
        if engine.position >= end:
            rings = (engine.reference, engine.mic, engine.clean)
            self.slips = _slips(engine, self._counted)
            judged = [ring.read(end - JUDGED, JUDGED).samples for ring in rings]
            noise = engine.mic.read(max(0, self._left - BEFORE), BEFORE).samples
            self.check = compare(*judged, noise, engine.echo.mode == "software")

    def cancel(self) -> None:
        """Fall silent, without a click; there will be no result."""
        if self._left is not None and not self.done:
            self._engine.mixer.stop_sounds()


def _exactly(ring: Ring, first: int) -> Samples:
    """``TAKE`` samples from ``first`` on, zeros where there are none."""
    block = ring.read(max(0, first), TAKE)
    out = np.zeros(TAKE, np.float32)
    at = block.position - first
    out[at : at + len(block.samples)] = block.samples[: TAKE - at]
    return out


def _slips(engine: AudioEngine, before: dict[str, int] | None = None) -> dict[str, int]:
    """The counters of ``SLIPS``, or those that have grown since ``before`` and by how much."""
    counters = engine.counters
    now = {name: counters.get(name, 0) for name in SLIPS}
    return now if before is None else {name: n - before[name] for name, n in now.items() if n != before[name]}


def drive(engine: AudioEngine, run: SweepRun | ProbeRun, tell: Callable[[float], None] | None = None) -> None:
    """Run a measurement to its end, alone with the engine; ``tell`` is called ten times a second with its progress."""
    n = 0
    while not run.done:
        if engine.capture() is None:
            engine.wait(0.05)
            continue
        run.step()
        engine.render()
        n += 1
        if tell is not None and n % 10 == 0:
            tell(run.progress)
