"""Keeps the sound devices open: a thread that opens, watches, closes, and looks for what is missing.

                 at once when it comes back, else every second (``Retry``)
    closed  --- in the list, there, free? open it -----------> open
      ^                                                          |  ended by itself, silent for 1 s,
      |  list made anew (a device was plugged in): costs a       |  moved elsewhere by the sound server,
      |  Pa_Terminate, so not while the other side is in use     v  or the ear wants it opened again
      +------------------------------------------------------ closed

Opening may block for seconds where a sound server hangs; the ear's thread never waits for it.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import Any

from device.audio.echo_policy import SoundPath
from device.errors import AudioError

from .card_use import holder
from .pa_capture import CaptureSide
from .pa_devices import Device, Direction, choose, fingerprint, import_pyaudio, list_devices, sound_path
from .pa_open import open_side
from .pa_playback import PlaybackSide
from .pa_side import DEAD_S, Side, reason
from .pa_taps import OutputTap
from .placement import View, absent, displaced, hindrance
from .retry import Retry
from .sound_server import SoundServer

log = logging.getLogger("earshot.audio")

MISSING = {"input": "mic_missing", "output": "speaker_missing"}
BUSY = "sound_busy"
ROUND_S = 0.25
"""How often both sides are looked at. A round in which all is well takes some 30 us."""
ABORTED_S = 0.1
"""An aborting stream has ended after its next callback, 10 ms; one that has not is stopped."""
NODE_OF = {"input": "PULSE_SOURCE", "output": "PULSE_SINK"}
"""Through the environment ALSA's pulse plugin is told which node to take: PortAudio has no way to say it."""


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
        self.counters = {"stuck": 0, "moved": 0}
        """Streams that stood still while they claimed to work; streams that the sound server had put elsewhere."""
        self._environment: dict[str, str | None] = {}
        for side in self.sides:
            self._name_the_node(side)
        self._server = SoundServer()
        self._capture, self._playback = capture, playback
        self._path_of: tuple[Device | None, Device | None, int | None] = (None, None, None)
        self._path = SoundPath()
        self._retry = Retry()
        self._again: set[str] = set()
        self._fault: str | None = None
        self._round_at = time.monotonic()
        self._stopping = threading.Event()
        self._wanted = threading.Event()
        """There is something to do before the round is over."""
        playback.on_abort = self._wanted.set
        self._tried = threading.Event()
        self._thread: threading.Thread | None = None

    def _name_the_node(self, side: Side) -> None:
        """Once, before there are threads that read the environment; ``stop`` puts back what was there before."""
        variable = NODE_OF[side.direction]
        if side.node:
            self._environment[variable] = os.environ.get(variable)
            os.environ[variable] = side.node
        elif side.default:
            side.node = os.environ.get(variable, "")

    # ------------------------------------------------------------------ for the backend

    @property
    def problem(self) -> str | None:
        told = (self._fault, *(side.problem for side in self.sides))
        return "; ".join(text for text in told if text) or None

    @property
    def problem_codes(self) -> tuple[str, ...]:
        """Of ``device.problems``: one for each side that is missing, and one more where others have its card."""
        codes = [MISSING[side.direction] for side in self.sides if side.problem]
        if self._fault and MISSING["input"] not in codes:
            codes.insert(0, MISSING["input"])
        busy = any(side.problem and side.holder for side in self.sides)
        return (*codes, BUSY) if busy else tuple(codes)

    @property
    def last_attempt_age_s(self) -> float:
        """[s] Since both sides were last looked at, and what was missing was tried. More than 2 where opening, closing or
        listing devices hangs in a driver."""
        return time.monotonic() - self._round_at

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

    def reopen(self, direction: Direction) -> None:
        """Close that side and open it again, soon. From any thread."""
        self._again.add(direction)
        self._wanted.set()

    def close_input(self, closed: bool) -> None:
        """Close the microphone and leave it closed; or open it again. From any thread."""
        self.input.shut = False
        self.input.off = closed
        self._wanted.set()

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
        for variable, before in self._environment.items():
            if before is None:
                os.environ.pop(variable, None)
            else:
                os.environ[variable] = before

    # ------------------------------------------------------------------ the thread

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.attend(time.monotonic())
                self._fault = None
            except (
                Exception
            ) as exc:  # PortAudio and its hosts raise what they like; sound must come back anyway
                message = f"the sound devices failed: {reason(exc)}"
                if self._fault != message:
                    log.exception("sound devices")
                self._fault = message
            self._round_at = time.monotonic()
            self._tried.set()
            self._wanted.wait(ROUND_S)
            self._wanted.clear()
        self._terminate()
        self._server.close()

    def attend(self, now: float) -> None:
        """Look after both sides once."""
        self._start_again(self.output)
        view = self._server.look()
        for side in self.sides:
            if side.off:
                self._shut(side)
            elif side.stream is not None:
                self._look_at(side, view, now)
        if self._manager is None:
            self.list()
        missing = [side for side in self.sides if side.missing]
        if missing:
            self._find(missing, view, now)

    def _look_at(self, side: Side, view: View | None, now: float) -> None:
        """Close what is of no use any more."""
        fault = side.broken()
        overslept = now - self._round_at > DEAD_S  # it was we who stood still, and the callbacks with us
        if fault is None and not overslept and (fault := side.stuck(now)):
            self.counters["stuck"] += 1
            fault = (view and hindrance(view, side.direction)) or fault
        if fault is None and view is not None and now - side.opened_at > ROUND_S:  # the view is newer than it
            side.served = side.served or bool(view.ours(side.direction))
            if fault := displaced(view, side.direction, side.node):
                self.counters["moved"] += 1
        if fault is not None:
            level = logging.DEBUG if side.told else logging.INFO  # again and again: once is enough
            side.told = f"{side.name} {fault}"  # told first: closing what hangs may hang
            log.log(level, "%s; it is opened again", side.told)
            self._close(side)
        elif side.direction in self._again:
            why = view and hindrance(view, side.direction)
            log.info("%s is opened again%s", side.name, f": it {why}" if why else "")
            self._close(side)
        elif side.settle():
            log.info("%s", side.format)
        self._again.discard(side.direction)

    def _find(self, missing: list[Side], view: View | None, now: float) -> None:
        """Open what is missing, if it is time for that and it can be."""
        for side in missing:
            card = side.card()
            side.holder = holder(card.number, side.direction) if card else None
        there = [side for side in missing if self._there(side, view)]
        alone = all(side.stream is None for side in self.sides)
        plan = self._retry.round(
            now,
            cards=fingerprint(),
            news=(*(side.holder for side in missing), *(side.direction for side in there)),
            alone=alone,
            in_use=self._in_use(),
        )
        if plan.list_first:
            self.list()
        if plan.open:
            self._open_all(view)
        lost = [side for side in there if side.stream is None]
        if plan.list_after and lost and (alone or any(side.device is None for side in lost)):
            self.list()
            self._open_all(view)

    def _there(self, side: Side, view: View | None) -> bool:
        """Whether opening it makes sense, as far as the sound server knows; where not, ``side.told`` says why."""
        why = None
        if view is not None and side.served:
            why = absent(view, side.direction, side.node, side.default)
        side.told = why or side.told
        return why is None

    def _open_all(self, view: View | None) -> None:
        for side in self.sides:
            if side.missing and self._there(side, view):
                open_side(self._pyaudio, self._manager, self.devices, side, self._playback.playback_rate_hz)

    def _in_use(self) -> bool:
        """Whether closing what is open would be noticed: somebody may speak to it, or it speaks."""
        speaking = self._capture.position - self._playback.last_sound < 16_000 and self._playback.last_sound
        return self.input.stream is not None or bool(speaking)

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

    def list(self) -> None:
        """A new list of devices; closes both sides."""
        self._terminate()
        cards = fingerprint()
        self._manager = self._pyaudio.PyAudio()
        self.devices = list_devices(self._manager)
        self._retry.listed(cards, time.monotonic())

    def _shut(self, side: Side) -> None:
        if side.stream is not None:
            log.info("%s is closed", side.name)
            self._close(side)
        side.shut = True

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
