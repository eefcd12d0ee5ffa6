"""Real sound devices through PortAudio (PyAudio): callback mode, separate streams, native rates, 10 ms buffers.

    card --callback: copy--> InputTap --queue--> CaptureSide --16 kHz, by position--> ear thread
    card <--callback: copy-- OutputTap <--FIFO-- PlaybackSide <-----10 ms blocks----- ear thread
                 Supervisor (thread): opens, watches, closes, looks for them four times a second

The output stream stays open and plays zeros when there is nothing to say: opening it clicks, takes 30 ms and moves
the canceller's alignment. A hold or cancel takes back what waits in the FIFO; only where the device itself holds more
than 60 ms is the stream aborted, and started again at once.
"""

from __future__ import annotations

import time

from device.audio.echo_policy import SoundPath
from device.config.schema import AudioSection
from device.values import RATE_HZ

from . import Captured, Samples
from .pa_capture import CaptureSide
from .pa_devices import CONVERTING_RATE_HZ, Direction, choose, playback_rate
from .pa_playback import PlaybackSide
from .pa_supervisor import Supervisor

START_S = 5.0
"""``start`` waits so long for the first attempt at opening both devices; a server that hangs goes on in the back."""


class PortAudioBackend:
    """The devices that ``audio.input`` and ``audio.output`` name. Raises AudioError where PyAudio cannot be loaded.

    Everything else that may be wrong with devices is told by ``problem`` and mended when it can be: capture goes on
    as missing frames on the monotonic clock, playback into nothing at the same pace.
    """

    def __init__(self, config: AudioSection) -> None:
        self._capture = CaptureSide()
        self._playback = PlaybackSide(CONVERTING_RATE_HZ, self._capture)
        self._supervisor = Supervisor(config.input, config.output, self._capture, self._playback)
        self._supervisor.list()
        self._playback.playback_rate_hz = self._native_rate_hz(config.output)

    def _native_rate_hz(self, wanted: str) -> int:
        """The loudspeaker's rate, for good: one that is plugged in later and differs gets a resampler."""
        from device.errors import AudioError

        try:
            rate_hz = playback_rate(choose(self._supervisor.devices, wanted, "output"))
        except AudioError:
            return CONVERTING_RATE_HZ
        return rate_hz if rate_hz >= RATE_HZ and rate_hz % 100 == 0 else CONVERTING_RATE_HZ

    @property
    def playback_rate_hz(self) -> int:
        return self._playback.playback_rate_hz

    @property
    def path(self) -> SoundPath:
        """The cards that are open, as far as their names tell."""
        return self._supervisor.path

    @property
    def output_latency_ms(self) -> float:
        """As of the block played last: FIFO and device buffer."""
        return self._playback.latency_ms

    @property
    def abort_above_ms(self) -> float:
        """[ms] A device that holds more than this is aborted by ``flush`` instead of played out; 60."""
        return self._playback.abort_above_ms

    @abort_above_ms.setter
    def abort_above_ms(self, value: float) -> None:
        self._playback.abort_above_ms = value

    @property
    def device_latency_ms(self) -> float:
        """From callback to loudspeaker: the output latency without our own FIFO."""
        return self._playback.device_ms

    @property
    def capture_rate_hz(self) -> float | None:
        return self._capture.rate.hz

    def time_of(self, position: int) -> float:
        """When capture ``position`` met the converter, on ``time.monotonic``."""
        return self._capture.clock.time_of(position)

    @property
    def problem(self) -> str | None:
        """What cannot be opened, or that an open microphone delivers nothing."""
        told = self._supervisor.problem
        if self._capture.stalled and not self._supervisor.input.problem:
            told = "; ".join(filter(None, (f"{self._supervisor.input.name} has stopped delivering", told)))
        return told

    @property
    def problem_codes(self) -> tuple[str, ...]:
        """Which side that is: mic_missing, speaker_missing; and sound_busy where another program has its card."""
        found = self._supervisor.problem_codes
        return ("mic_missing", *found) if self._capture.stalled and "mic_missing" not in found else found

    @property
    def last_attempt_age_s(self) -> float:
        """[s] Since the devices were last looked at and what is missing was tried; below 1 while all is well."""
        return self._supervisor.last_attempt_age_s

    @property
    def counters(self) -> dict[str, int]:
        """Counted since start; what each one means is in docs/sound.md."""
        source, sink = self._supervisor.input, self._supervisor.output
        playback = self._playback.counters
        return {
            **self._capture.counters,
            **playback,
            "overruns": playback["overruns"]
            + source.count("dropped", "dropped")
            + source.count("flagged", "flagged"),
            "underruns": playback["underruns"] + sink.count("flagged", "flagged"),
            "late_callbacks": source.count("late_callbacks", "late") + sink.count("late_callbacks", "late"),
            "reopened": self._supervisor.reopened,
            **self._supervisor.counters,
            "lead_ms": self._playback.lead * 10,
            "realtime_threads": sum(bool(getattr(side.tap, "realtime", False)) for side in (source, sink)),
        }

    def start(self) -> None:
        self._capture.start(time.monotonic())
        self._supervisor.start(START_S)

    def wait(self, timeout_s: float) -> bool:
        return self._capture.wait(timeout_s, time.monotonic())

    def capture(self) -> Captured | None:
        return self._capture.frame(time.monotonic())

    def play(self, block: Samples) -> int:
        return self._playback.play(block, time.monotonic())

    def flush(self, abort: bool = True) -> int | None:
        return self._playback.flush(time.monotonic(), abort)

    def reopen(self, direction: Direction = "input") -> None:
        """Close that side and open it again: it claims to work and does not. Counted in ``reopened``; from any thread."""
        self._supervisor.reopen(direction)

    def close_capture(self, closed: bool) -> None:
        """Close the microphone by hand and keep it closed, or let it be opened again; from any thread."""
        self._supervisor.close_input(closed)

    @property
    def capture_closed(self) -> bool:
        """Whether it is closed by hand, and that is done."""
        return self._supervisor.input.off and self._supervisor.input.shut

    def stop(self) -> None:
        self._supervisor.stop()
