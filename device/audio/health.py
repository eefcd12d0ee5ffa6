"""Is the sound to be trusted? Bad microphones, false rates and echo that is not ours to cancel, each by name.

Pure: levels in, problems out, 10 ms at a time.

    mic samples -------- exact zeros, constant, full scale ----> mic_silent, mic_stuck, mic_clipping
    frames per second of the machine's clock ------------------> mic_rate
    drift as the canceller tells it ---------------------------> drift_excessive
    playback's level, microphone's level, converged?
       the microphone rises and falls with the playback -------> echo_unconverged
       it is loud while we play, but with another rhythm ------> reference_wrong
       it hears nothing of the playback -----------------------> speaker_silent

Each is raised when it is sure and cleared when it has been well for some seconds; between the two limits it stays as it
is. ``degraded`` tells whether what is heard over playback can be believed; while it cannot, only strong evidence may
interrupt a reply.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from device.problems import CATALOGUE
from device.values import FRAME, RATE_HZ

from .backends import Samples
from .echo_policy import Problem
from .levels import power_db

BIN = 10
"""Frames that are looked at together: 100 ms."""
PER_S = 10
"""Bins in a second."""
SILENT_S, SOUND_S = 2.0, 2.0
"""Exact zeros for so long are no quiet room: the noise of any converter moves the last bit. And back again."""
FULL_SCALE = 0.995
LOUD_ENERGY = FULL_SCALE**2
"""A frame with less energy holds no sample at full scale, and is not searched for one."""
CLIPPED_SAMPLES = 2
CLIP_WINDOW_S, CLIP_SHARE, UNCLIPPED_S = 5.0, 0.03, 8.0
"""3 % of the frames of 5 s with two samples at full scale: a door that slams stays below, an echo that clips does not."""
RATE_OFF, RATE_GOOD, RATE_READINGS = 0.01, 0.005, 13
"""Share by which the rate may be off. It is read once a second and measured every six: three measurements in a row must say
so, because one callback that is 0.25 s late makes one or two of them wrong by 2 %."""
DRIFT_PPM, DRIFT_GOOD_PPM, DRIFT_S, DRIFT_WELL_S = 500.0, 450.0, 5.0, 10.0
ACTIVE_DB = -50.0
"""Playback above this, 24 dB below a reply at volume 70, can be heard in a room."""
TAIL_BINS = 5
UNCONVERGED_S, CONVERGED_S = 10.0, 3.0
"""Seconds of active playback: a canceller that has not converged in 10 will not."""
ABOVE_FLOOR_DB, SILENT_ABOVE_DB = 10.0, 3.0
SILENT_SPEAKER_S = 20.0
MEMORY = 200
"""Bins (20 s) over which the rhythm is compared."""
LAGS = 5
"""Bins (0.4 s) by which the echo may be later than the playback."""
SAME_RHYTHM = 0.45
"""Correlation of the two levels in dB. In simulated rooms an echo has 0.6 and more, another stream 0.3 at most."""
FLOOR_DB = -120.0


FIXES = {
    code: CATALOGUE[code].fix
    for code in (
        *("mic_silent", "mic_stuck", "mic_clipping", "mic_rate", "drift_excessive"),
        *("echo_unconverged", "reference_wrong", "speaker_silent"),
    )
}
DEGRADING = ("mic_clipping", "mic_rate", "drift_excessive", "echo_unconverged", "reference_wrong")
"""Where one of these holds, what is heard over playback may be our own voice."""


class Health:
    """``step`` every frame, ``rate`` about once a second; ``problems`` are what is wrong now. Costs 1 us a frame.

    ``cancels``: whether there is a canceller, whose convergence says something.
    """

    def __init__(self, cancels: bool = True) -> None:
        self.cancels = cancels
        self._found: dict[str, str] = {}
        self._frames = 0
        self._mic = self._reference = 0.0
        self._delivered = self._zero = self._constant = 0
        self._clipped: deque[int] = deque([0], maxlen=round(CLIP_WINDOW_S * PER_S))
        self._frame_clips = 0
        self._well: dict[str, int] = {}
        self._bad: dict[str, int] = {}
        self._levels: deque[tuple[float, float]] = deque(maxlen=MEMORY)
        self._floors: deque[float] = deque(maxlen=10 * PER_S)
        self._since_active = TAIL_BINS
        self._unconverged = self._active = 0
        self._drift_ppm: float | None = None

    @property
    def problems(self) -> list[Problem]:
        """What is wrong now, in the order of ``FIXES``."""
        return [Problem(code, self._found[code], fix) for code, fix in FIXES.items() if code in self._found]

    @property
    def degraded(self) -> bool:
        """Whether what is heard over playback may be our own voice, whatever the canceller says.

        Drift counts from its first measurement on: a bar that is raised for a moment in vain costs little.
        """
        return self._bad.get("drift_excessive", 0) > 0 or any(code in self._found for code in DEGRADING)

    @property
    def deaf(self) -> bool:
        """Whether what the microphone delivers is no sound at all: its frames are better taken for missing."""
        return "mic_stuck" in self._found

    @property
    def dead_s(self) -> float:
        """[s] For so long the microphone has delivered nothing but zeros, or one constant value."""
        return max(self._bad.get(code, 0) for code in ("mic_silent", "mic_stuck")) / PER_S

    def step(
        self,
        mic: Samples,
        mic_energy: float,
        reference_energy: float,
        missing: bool,
        converged: bool,
        drift_ppm: float | None = None,
    ) -> None:
        """One frame: the microphone, the energies (sums of squares) of it and of the playback at the same position.

        ``converged``: as the canceller says. ``drift_ppm``: the loudspeaker's clock against the microphone's, where it
        is known with confidence, else None.
        """
        self._mic += mic_energy
        self._reference += reference_energy
        self._drift_ppm = drift_ppm
        if not missing:
            self._delivered += 1
            if mic_energy == 0.0:
                self._zero += 1
            elif mic_energy >= LOUD_ENERGY:
                self._frame_clips += int(np.count_nonzero(np.abs(mic) >= FULL_SCALE)) >= CLIPPED_SAMPLES
        self._frames += 1
        if self._frames < BIN:
            return
        if not missing and mic_energy > 0.0 and float(mic.max()) == float(mic.min()):
            self._constant = BIN
        self._bin(converged)
        self._frames = self._delivered = self._zero = self._constant = self._frame_clips = 0
        self._mic = self._reference = 0.0

    def rate(self, measured_hz: float | None) -> None:
        """Samples per second of the machine's clock that the microphone delivered lately, of 16000; None: not known."""
        if measured_hz is None:
            return
        off = measured_hz / RATE_HZ - 1
        self._latch(
            "mic_rate",
            bad=abs(off) > RATE_OFF,
            well=abs(off) < RATE_GOOD,
            raise_after=RATE_READINGS,
            clear_after=RATE_READINGS,
            text=f"the microphone delivers {100 * off:+.1f} % of the samples that its rate promises",
        )

    # ------------------------------------------------------------------ once in 100 ms

    def _bin(self, converged: bool) -> None:
        if self._delivered == BIN:
            self._microphone()
            if self.cancels and not self._found.keys() & {"mic_silent", "mic_stuck"}:
                self._echo(converged)
        if self._drift_ppm is not None:
            drift = self._drift_ppm
            self._latch(
                "drift_excessive",
                bad=abs(drift) > DRIFT_PPM,
                well=abs(drift) < DRIFT_GOOD_PPM,
                raise_after=round(DRIFT_S * PER_S),
                clear_after=round(DRIFT_WELL_S * PER_S),
                text=f"the loudspeaker's clock is {drift:+.0f} ppm off the microphone's: {DRIFT_PPM:.0f} can be followed",
            )

    def _microphone(self) -> None:
        seconds = round(SILENT_S * PER_S), round(SOUND_S * PER_S)
        zero, constant = self._zero == BIN, self._constant > 0
        self._latch(
            "mic_silent", zero, not self._zero, *seconds, text="the microphone delivers nothing but zeros"
        )
        self._latch(
            "mic_stuck", constant, not constant, *seconds, text="the microphone delivers one constant value"
        )
        self._clipped.append(self._frame_clips)
        share = sum(self._clipped) / (CLIP_WINDOW_S * PER_S * BIN)
        self._latch(
            "mic_clipping",
            bad=share > CLIP_SHARE,
            well=self._frame_clips == 0,
            raise_after=1,
            clear_after=round(UNCLIPPED_S * PER_S),
            text=f"the microphone clips: full scale in {100 * share:.0f} % of the last {CLIP_WINDOW_S:.0f} s"
            + (", while playing" if self._since_active < TAIL_BINS else ""),
        )

    def _echo(self, converged: bool) -> None:
        mic_db = power_db(self._mic / (BIN * FRAME))
        reference_db = power_db(self._reference / (BIN * FRAME))
        active = reference_db > ACTIVE_DB
        self._since_active = 0 if active else self._since_active + 1
        self._levels.append((max(reference_db, ACTIVE_DB - 10), mic_db))
        if self._since_active > TAIL_BINS and self._zero < BIN:
            self._floors.append(mic_db)
        if converged:
            self._unconverged = 0
        elif active:
            self._unconverged += 1
        if not active:
            return
        self._active += 1
        if self._active >= SILENT_SPEAKER_S * PER_S and self._active % (2 * PER_S) == 0:
            self._look_for_playback()
        if converged:
            for code in ("echo_unconverged", "reference_wrong"):
                self._latch(code, False, True, 1, round(CONVERGED_S * PER_S), text="")
        if self._unconverged >= UNCONVERGED_S * PER_S and self._unconverged % PER_S == 0:
            self._explain()

    def _look_for_playback(self) -> None:
        """Is anything of it heard? (A canceller that has nothing to cancel counts as converged.)"""
        above, rhythm = self._heard()
        if above > 2 * SILENT_ABOVE_DB or rhythm > SAME_RHYTHM:
            self._found.pop("speaker_silent", None)
        elif above < SILENT_ABOVE_DB:
            self._found.setdefault("speaker_silent", "the microphone hears nothing of what is played")

    def _explain(self) -> None:
        """Played for long and not converged: what does the microphone hear?"""
        above, rhythm = self._heard()
        # a doubt about which of the two it is changes nothing: the first name stays
        if above <= ABOVE_FLOOR_DB or self._found.keys() & {"echo_unconverged", "reference_wrong"}:
            return
        if rhythm > SAME_RHYTHM:
            self._found["echo_unconverged"] = (
                f"after {UNCONVERGED_S:.0f} s of playback its echo is not cancelled, {above:.0f} dB above the room's noise"
            )
        else:
            self._found["reference_wrong"] = (
                f"while it plays the microphone hears {above:.0f} dB above the room's noise, but not what is played "
                f"(their levels correlate by {rhythm:.2f})"
            )

    def _heard(self) -> tuple[float, float]:
        """While we play: [dB] the microphone above the room's noise, and how alike its rhythm is to the playback's."""
        levels = np.array(self._levels)
        active = levels[:, 0] > ACTIVE_DB
        return float(np.median(levels[active, 1])) - self._floor, _rhythm(levels)

    @property
    def _floor(self) -> float:
        return sorted(self._floors)[len(self._floors) // 5] if self._floors else FLOOR_DB / 2

    def _latch(self, code: str, bad: bool, well: bool, raise_after: int, clear_after: int, text: str) -> None:
        """Raise ``code`` after so many bad calls in a row, clear it after so many good ones."""
        self._bad[code] = self._bad.get(code, 0) + 1 if bad else 0
        self._well[code] = self._well.get(code, 0) + 1 if well else 0
        if code not in self._found and self._bad[code] >= raise_after:
            self._found[code] = text
        elif code in self._found and self._well[code] >= clear_after:
            del self._found[code]


def _rhythm(levels: np.ndarray) -> float:
    """Highest correlation of the two columns (dB, bins of 100 ms) over the bins that play, the second one later."""
    best = -1.0
    for lag in range(min(LAGS, len(levels) - 3)):
        played, heard = levels[: len(levels) - lag, 0], levels[lag:, 1]
        active = played > ACTIVE_DB
        if active.sum() < LAGS:
            continue
        x, y = played[active] - played[active].mean(), heard[active] - heard[active].mean()
        scale = math.sqrt(float(x @ x) * float(y @ y))
        best = max(best, float(x @ y) / scale if scale > 0 else 0.0)
    return best
