"""Where sound comes from and goes to: one file per backend, chosen by name (``audio.backend``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from device.audio.echo_policy import SoundPath

Samples = NDArray[np.float32]
"""Mono sound, float32 in [-1, 1]."""


@dataclass(frozen=True, slots=True)
class Captured:
    """One 10 ms frame of the microphone at 16 kHz.

    ``position`` is its first sample on the capture clock; consecutive frames have consecutive positions, whatever
    happens to the device. ``missing`` marks a frame that no microphone delivered (``samples`` are zeros).
    """

    position: int
    samples: Samples
    missing: bool = False


class Backend(Protocol):
    """A duplex sound device on the sample clock. Only the ear thread calls it."""

    playback_rate_hz: int
    """Rate of the blocks that ``play`` takes: the device's native rate."""
    output_latency_ms: float
    """From ``play`` to the loudspeaker, as far as known."""
    capture_rate_hz: float | None
    """Samples that the microphone delivered lately per second of the machine's clock, scaled to the 16000 of the frames;
    None where that is not known."""
    counters: dict[str, int]
    """overruns, underruns, late_callbacks, missing_frames, reopened ... each counted since start."""
    problem: str | None
    """Why there is no sound right now (``"microphone 'x' not found"``), or None."""

    @property
    def path(self) -> SoundPath:
        """Through which devices sound goes right now; another object when that has changed."""

    def start(self) -> None:
        """Open the device. A missing device is no error: ``problem`` says so and it is retried."""

    def wait(self, timeout_s: float) -> bool:
        """Sleep until a frame is due; False after ``timeout_s``. Returns at once where time is simulated."""

    def capture(self) -> Captured | None:
        """The next 10 ms of the microphone, or None when it is not yet due."""

    def play(self, block: Samples) -> int:
        """Queue 10 ms of playback (``playback_rate_hz // 100`` samples).

        Returns the capture position at which its first sample leaves the loudspeaker.
        """

    def flush(self, abort: bool = True) -> int | None:
        """Take back what was given to ``play`` and has not left yet, as far as that is possible: the reply was ducked, held
        or cancelled, and what is queued would only make that come later. ``abort``: a device that holds much may be stopped
        and started again, with a click.

        Returns the capture position from which on nothing is heard of the blocks played so far (the 10 ms before it
        may be a ramp); None where everything leaves as ``play`` said. Positions of later blocks go on as before.
        """

    def stop(self) -> None:
        """Close the device; idempotent."""

    # What only real devices have:
    #   reopen()                     close the microphone and open it again: it is said to work and delivers nothing
    #   last_attempt_age_s: float    since the devices were last looked at and what is missing was tried
    # Two more, which not every backend has, for the hard mute:
    #   close_capture(closed: bool)  close the capture stream and keep it closed until called with False; frames are missing
    #                                meanwhile, and ``problem`` says nothing of it
    #   capture_closed: bool         whether no capture stream is open, by that
