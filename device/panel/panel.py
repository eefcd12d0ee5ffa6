"""The panel's thread: reads the pins, draws the lights, and keeps over a restart that the microphone is closed.

every 20 to 40 ms: pins ─► Debounce ─► changes ─► ear's thread
                   look, since ─► lights          (nothing is written while nothing changes)
                   remember ─► Mark
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from device.config.schema import PanelSection
from device.panel import pins
from device.panel.boards import board
from device.panel.debounce import Debounce
from device.panel.looks import Look
from device.panel.mark import Mark
from device.panel.patterns import moves
from device.values import RATE_HZ

log = logging.getLogger(__name__)

TICK_S, IDLE_S = 0.02, 0.04
"""While lights move or a contact has just moved; otherwise half as often: that finds a tap of 60 ms too, for half the cost."""
STALE_S = 2.0
"""An ear that says nothing for so long hangs, and that is shown."""
READY_S = 2.0
"""Opening pins takes some 0.1 s, on a slow card up to one."""
CHANGES = 16


@dataclass(frozen=True, slots=True)
class Change:
    """``button``: pressed; ``switch``: the microphone is to be closed."""

    name: Literal["button", "switch"]
    on: bool


class Panel:
    """``start`` as early as possible: the lights say that it is starting. Then ``show`` in every step of the device.

    ``mark`` remembers a closed microphone; None: nobody does. ``factory`` makes pins in place of the machine's own. ``threaded``
    False: ``tick`` is called by whoever steps the device. No call waits for hardware, but ``start`` for an import and ``close``.
    """

    def __init__(
        self,
        section: PanelSection,
        mark: Mark | None = None,
        *,
        factory: Any = None,
        threaded: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.board = board(section)
        self.threaded = threaded
        self.changes: deque[Change] = deque(maxlen=CHANGES)
        """What button and switch did, for the ear's thread to take."""
        self.brightness = section.brightness
        self.problem: str | None = None
        """What does not work, in words."""
        self._section, self._mark = section, mark or Mark(None)
        self._factory, self._own = factory, factory is None
        self._clock = clock
        self.remembered = self._mark.read()
        """Whether the microphone was closed in the life before."""
        self._wanted = self._marked = self.remembered
        self._opened = pins.Opened()
        self._contacts = {name: Debounce() for name in ("button", "switch")}
        self._look, self._since_s = Look.STARTING, clock()
        self._told_s: float | None = None
        self._ticked_s: float | None = None
        self._folder: str | None = None
        self._started = False
        self._read = threading.Event()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="panel", daemon=True)

    @property
    def mark(self) -> Path | None:
        """The file that remembers a closed microphone."""
        return self._mark.path

    @property
    def hangs(self) -> bool:
        """Whether its thread stands still in a driver: then button and switch do nothing."""
        return (
            self._ticked_s is not None and not self._end.is_set() and self._clock() - self._ticked_s > STALE_S
        )

    @property
    def _moves(self) -> bool:
        changing = bool(self._opened.lights) and moves(self._look)
        return changing or any(not contact.settled for contact in self._contacts.values())

    # ------------------------------------------------------------------ any thread but the panel's

    def start(self) -> None:
        """Open what there is. Idempotent. What cannot be opened is said once, in the log and by ``problem``."""
        if self._started or not self.board.anything:
            return
        self._started = True
        if self._own and pins.needs_gpio(self.board):
            self._folder = pins.prepare()
        if self.threaded:
            self._thread.start()
        else:
            self._open()

    def wait(self, timeout_s: float = READY_S) -> None:
        """Until the switch has been read, where there is one that can be."""
        if self._started and self.threaded and self.board.switch is not None:
            self._read.wait(timeout_s)

    def show(self, look: Look) -> None:
        """From now on. Called all the time: who does not call hangs."""
        now_s = self._clock()
        if look is not self._look:
            self._since_s, self._look = now_s, look
        self._told_s = now_s

    def remember(self, closed: bool) -> None:
        """The microphone is closed by hand, or open, also after a restart."""
        self._wanted = closed

    def close(self) -> None:
        """Dark, and everything given back; within a second."""
        self._end.set()
        if self._started and self.threaded:
            self._thread.join(1.0)
        elif self._started:
            self._shut()

    # ------------------------------------------------------------------ the panel's thread

    def _run(self) -> None:
        self._open()
        while not self._end.is_set():
            self.tick(self._clock())
            self._end.wait(TICK_S if self._moves else IDLE_S)
        self._shut()

    def _open(self) -> None:
        opened = pins.Opened()
        if pins.needs_gpio(self.board) and self._factory is None:
            self._factory = opened.attempt("GPIO", pins.open_factory)
        problems = opened.problems
        self._opened = pins.open_pins(self.board, self._section, self._factory)
        self._say(*problems, *self._opened.problems)
        if "switch" not in self._opened.inputs:
            self._read.set()

    def tick(self, now_s: float) -> None:
        """Read, draw, remember: what a 50th of a second has to see done."""
        self._ticked_s = now_s
        self._look_at_contacts()
        self._draw(now_s)
        if self._wanted is not self._marked:
            self._marked = self._wanted
            try:
                self._mark.write(self._marked)
            except OSError as exc:
                log.warning(
                    "that the microphone is %s cannot be kept over a restart: %s", _words(self._marked), exc
                )

    def _look_at_contacts(self) -> None:
        for name, contact in [*self._opened.inputs.items()]:
            try:
                active = bool(contact.is_active)
            except Exception as exc:  # noqa: BLE001  a driver's own; what it said last stays true
                del self._opened.inputs[name]
                self._say(f"{name}: {exc}")
                self._read.set()
                continue
            if name == "switch":
                active = active is not self._section.mute_when_open
            if self._contacts[name].read(active):
                self.changes.append(Change(name, active))  # type: ignore[arg-type]
                if name == "switch":
                    self._read.set()

    def _draw(self, now_s: float) -> None:
        look, since_s, told_s = self._look, self._since_s, self._told_s
        if told_s is not None and now_s - told_s > STALE_S:
            look, since_s = Look.FAULT, told_s + STALE_S
        since = max(0, round((now_s - since_s) * RATE_HZ))
        for lights in [*self._opened.lights]:
            try:
                lights.show(look, since, self.brightness)
            except Exception as exc:  # noqa: BLE001  likewise
                self._opened.lights.remove(lights)
                self._say(f"lights: {exc}")

    def _say(self, *problems: str) -> None:
        if problems:
            self.problem = "; ".join([*([self.problem] if self.problem else []), *problems])
            log.warning("panel: %s", "; ".join(problems))

    def _shut(self) -> None:
        opened, self._opened = self._opened, pins.Opened()
        closing = [*opened.lights, *opened.inputs.values()]
        if self._own and self._factory is not None:
            closing.append(self._factory)
        for part in closing:
            with contextlib.suppress(Exception):  # nobody is left to be told
                part.close()
        if self._wanted is not self._marked:
            with contextlib.suppress(OSError):
                self._mark.write(self._wanted)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _words(closed: bool) -> str:
    return "closed" if closed else "open"
