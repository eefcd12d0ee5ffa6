"""Keeps the sound devices open: a thread that opens, watches, closes and looks for them again every second.

                 every second
    closed  --- in the list? open it ------------------------> open
      ^                                                          |
      |  list made anew (a device was plugged in): costs a       |  ended by itself, or silent for 1 s
      |  Pa_Terminate, so not while the other side is in use     v
      +------------------------------------------------------ closed

Opening may block for seconds where a sound server hangs; the ear's thread never waits for it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from device.audio.echo_devices import EchoDevice
from device.audio.echo_policy import SoundPath
from device.errors import AudioError

from .pa_capture import CaptureSide
from .pa_devices import (
    ROLE,
    Device,
    Direction,
    choose,
    fingerprint,
    import_pyaudio,
    list_devices,
    playback_rate,
    recognise,
    sound_path,
)
from .pa_playback import PlaybackSide
from .pa_taps import InputTap, OutputTap, Relay

log = logging.getLogger("earshot.audio")

MISSING = {"input": "mic_missing", "output": "speaker_missing"}
RETRY_S = 1.0
DEAD_S = 1.0
"""An open stream without any callback for so long is closed and opened again."""
ABORTED_S = 0.1
"""An aborting stream has ended after its next callback, 10 ms; one that has not is stopped."""
LIST_AGAIN_S = 10.0
"""A missing device is searched for this often by a new list, where the other one is open and idle meanwhile; at once
where /proc/asound shows that a card came or went."""


class Side:
    """One direction: what is wanted, what is open, and why not."""

    def __init__(self, direction: Direction, wanted: str, attach: Callable[[Any], None]) -> None:
        self.direction, self.wanted, self.attach = direction, wanted, attach
        self.device: Device | None = None
        self.stream: Any = None
        self.tap: Any = None
        self.relay: Relay | None = None
        self.problem: str | None = None
        self.opened = 0
        self.opened_at = 0.0
        self.past = {"late_callbacks": 0, "flagged": 0, "dropped": 0}

    @property
    def name(self) -> str:
        return f"{ROLE[self.direction]} {self.wanted or (self.device and self.device.name) or 'default'!r}"

    def count(self, what: str, attribute: str) -> int:
        """A tap's counter, over all the streams there have been."""
        return self.past[what] + getattr(self.tap, attribute, 0)

    def forget_tap(self) -> None:
        for what, attribute in (("late_callbacks", "late"), ("flagged", "flagged"), ("dropped", "dropped")):
            self.past[what] += getattr(self.tap, attribute, 0)
        self.tap = None

    def fault(self, now: float) -> str | None:
        """Why the open stream is of no use any more, or None."""
        try:
            if not self.stream.is_active():
                return "ended by itself"
        except OSError as exc:
            return f"failed ({reason(exc)})"
        heard = max(self.tap.last or 0.0, self.opened_at)
        return f"has not moved for {now - heard:.1f} s" if now - heard > DEAD_S else None


class Supervisor:
    """Owns PortAudio. ``devices`` is its newest list; ``problem`` says in words what is missing."""

    def __init__(
        self, wanted_input: str, wanted_output: str, capture: CaptureSide, playback: PlaybackSide
    ) -> None:
        self._pyaudio = import_pyaudio()
        self._manager: Any = None
        self.devices: list[Device] = []
        self.input = Side("input", wanted_input, capture.attach)
        self.output = Side("output", wanted_output, playback.attach)
        self.sides = (self.input, self.output)
        self._capture, self._playback = capture, playback
        self._path_of: tuple[Device | None, Device | None, int | None] = (None, None, None)
        self._path = SoundPath()
        self._listed_at = 0.0
        self._cards: tuple[str, ...] = ()
        self._stopping = threading.Event()
        self._wanted = threading.Event()
        """There is something to do before the second is over."""
        playback.on_abort = self._wanted.set
        self._tried = threading.Event()
        self._thread: threading.Thread | None = None

    # ------------------------------------------------------------------ for the backend

    @property
    def problem(self) -> str | None:
        return "; ".join(side.problem for side in self.sides if side.problem) or None

    @property
    def problem_codes(self) -> tuple[str, ...]:
        """Of ``device.problems``, one a side that is missing."""
        return tuple(MISSING[side.direction] for side in self.sides if side.problem)

    @property
    def path(self) -> SoundPath:
        """Through which devices sound goes: those opened last, before that those that will be."""
        tap = self.input.tap
        devices = (side.device or self._meant(side) for side in self.sides)
        key = (*devices, tap.channels if tap is not None else None)
        if key != self._path_of:
            self._path_of, self._path = key, sound_path(*key)
        return self._path

    def _meant(self, side: Side) -> Device | None:
        try:
            return choose(self.devices, side.wanted, side.direction) if not side.opened else None
        except AudioError:
            return None

    @property
    def reopened(self) -> int:
        return sum(max(0, side.opened - 1) for side in self.sides)

    def start(self, timeout_s: float) -> None:
        """Begin; returns after the first attempt at opening, or ``timeout_s``."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sound-devices", daemon=True)
            self._thread.start()
            self._tried.wait(timeout_s)

    def stop(self, timeout_s: float = 1.5) -> None:
        """Close everything. A driver that hangs in closing keeps its thread, not us."""
        self._stopping.set()
        self._wanted.set()
        if self._thread is None:
            self._terminate()
        else:
            self._thread.join(timeout_s)

    # ------------------------------------------------------------------ the thread

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.attend(time.monotonic())
            except (
                Exception
            ) as exc:  # PortAudio and its hosts raise what they like; sound must come back anyway
                message = f"the sound devices failed: {reason(exc)}"
                if self.input.problem != message:
                    log.exception("sound devices")
                self.input.problem = message
            self._tried.set()
            self._wanted.wait(RETRY_S)
            self._wanted.clear()
        self._terminate()

    def attend(self, now: float) -> None:
        """Look after both sides once."""
        self._start_again(self.output)
        for side in self.sides:
            if side.stream is not None and (fault := side.fault(now)):
                side.problem = f"{side.name} {fault}"  # told first: closing what hangs may hang
                log.info("%s; it is opened again", side.problem)
                self._close(side)
        if self._manager is None or (self._missing() and self._may_list(now)):
            self.list()
        for side in self._missing():
            self._open(side)
        if (
            self._missing()
            and not any(side.stream for side in self.sides)
            and now - self._listed_at > RETRY_S / 2
        ):
            self.list()
            for side in self._missing():
                self._open(side)

    def _start_again(self, side: Side) -> None:
        """A stream that was told to abort: 8 ms on the card-less rig, where opening takes 30. It keeps its format."""
        if side.stream is None or not side.tap.abort:
            return
        deadline = time.monotonic() + ABORTED_S
        try:
            while side.stream.is_active() and time.monotonic() < deadline:
                time.sleep(0.001)
            side.stream.stop_stream()
            assert side.relay is not None
            tap = OutputTap(side.tap.rate_hz, side.tap.channels)
            side.forget_tap()
            side.tap = side.relay.tap = tap
            side.opened_at = time.monotonic()
            side.stream.start_stream()
        except OSError as exc:
            log.info("%s would not start again (%s); it is opened anew", side.name, reason(exc))
            self._close(side)
        else:
            side.attach(tap)

    def _missing(self) -> list[Side]:
        return [side for side in self.sides if side.stream is None]

    def _may_list(self, now: float) -> bool:
        """Whether closing the side that is open, for a new list, is worth it and disturbs nobody."""
        if self._cards != fingerprint():
            return True
        if all(side.stream is None for side in self.sides):
            return False  # attend() does it, after trying with the present list
        speaking = self._capture.position - self._playback.last_sound < 16_000 and self._playback.last_sound
        in_use = self.input.stream is not None or speaking
        return not in_use and now - self._listed_at > LIST_AGAIN_S

    def list(self) -> None:
        """A new list of devices; closes both sides."""
        self._terminate()
        self._cards = fingerprint()
        self._manager = self._pyaudio.PyAudio()
        self.devices = list_devices(self._manager)
        self._listed_at = time.monotonic()

    def _open(self, side: Side) -> None:
        try:
            side.device = choose(self.devices, side.wanted, side.direction)
        except AudioError as exc:
            side.device, side.problem = None, str(exc)
            return
        entry = recognise(side.device)
        if side.direction == "output":
            rates = (playback_rate(side.device) if entry else None, self._playback.playback_rate_hz)
        else:
            rates = (entry and entry.rate_hz, None)
        failed: Exception | None = None
        # after the first failure the driver's words about the next ones would fill the log, second by second
        with _quiet_stderr() if side.problem else contextlib.nullcontext():
            for rate_hz in side.device.rate_choices(*rates):
                for channels in side.device.channel_choices(side.direction):
                    try:
                        self._open_as(side, rate_hz, channels, entry)
                    except (OSError, ValueError) as exc:
                        failed = failed or exc
                    else:
                        return
        side.problem = f"{side.name} cannot be opened: {reason(failed)}"

    def _open_as(self, side: Side, rate_hz: int, channels: int, entry: EchoDevice | None) -> None:
        assert side.device is not None
        tap: InputTap | OutputTap
        callback: InputTap | Relay
        if side.direction == "input":
            tap = callback = InputTap(rate_hz, channels, entry.use(channels) if entry else 0)
        else:
            tap = OutputTap(rate_hz, channels)
            callback = side.relay = Relay(tap)
        side.stream = self._manager.open(
            rate=rate_hz,
            channels=channels,
            format=self._pyaudio.paInt16,
            frames_per_buffer=tap.frames,
            stream_callback=callback,
            **{side.direction: True, f"{side.direction}_device_index": side.device.index},
        )
        side.tap, side.opened_at = tap, time.monotonic()
        side.opened += 1
        side.problem = None
        side.attach(tap)
        log.info("%s: %s, %d Hz, %d channel(s)", ROLE[side.direction], side.device.name, rate_hz, channels)

    def _close(self, side: Side) -> None:
        side.attach(None)
        stream, side.stream = side.stream, None
        side.forget_tap()
        try:
            stream.close()
        except OSError as exc:
            log.debug("closing %s: %s", side.name, exc)

    def _terminate(self) -> None:
        for side in self.sides:
            if side.stream is not None:
                self._close(side)
        manager, self._manager = self._manager, None
        if manager is not None:
            manager.terminate()


def reason(exc: BaseException | None) -> str:
    """PortAudio's words without its number: OSError(-9985, 'Device unavailable') -> Device unavailable."""
    if isinstance(exc, OSError) and len(exc.args) > 1:
        return str(exc.args[1])
    return str(exc or "no usable format") or type(exc).__name__


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """PortAudio prints each failed call to file descriptor 2, with no way to ask it not to."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
