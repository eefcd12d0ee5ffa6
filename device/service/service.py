"""The thread that judges and tells: systemd is petted while everything moves, and reads in words what the device does.

The ear's thread calls ``beat`` in every step, which costs a look at the clock; a few times a second it leaves its signs. A step
that hangs leaves none, and that is what this thread then says; a step that hangs and keeps Python's lock as well stops this
thread too, and systemd hears nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from device.service.notify import Notifier, watchdog_s
from device.service.reading import signs_of, status_of
from device.service.recovery import mend
from device.service.status import with_stuck
from device.service.watchdog import SLEPT_S, Signs, Watchdog

if TYPE_CHECKING:
    from device.daemon import Device

log = logging.getLogger("earshot")

BEAT_S = 0.25
"""So often signs are taken."""
JUDGE_S = 0.5
STATUS_S = 1.0
"""At most so often systemd is told another status."""
DEAF_S = 8.0
"""Without a microphone the device is ready after so long: there is much that it can do, and it says what is missing."""
EXTEND_S, EXTEND_EVERY_S = 20.0, 5.0
"""While models are loaded, more time is asked for."""


class Service:
    """``start`` first of all; then ``beat``, ``reloading``, ``reloaded``, ``starting_again``, ``stopping`` from the ear's thread."""

    def __init__(self, notifier: Notifier | None = None, timeout_s: float | None = None) -> None:
        self.notifier = notifier or Notifier()
        self._watchdog = Watchdog(watchdog_s() if timeout_s is None else timeout_s)
        self._signs: Signs | None = None
        self._line = "starting"
        self._told = ""
        self._stuck: tuple[str, ...] = ()
        self._mend: deque[tuple[str, str]] = deque()
        self._began_s: float | None = None
        self._beat_s = 0.0
        self._ready = self._stopping = False
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="service", daemon=True)

    def start(self) -> None:
        """Models are loaded next."""
        self._thread.start()

    # ------------------------------------------------------------------ the ear's thread

    def beat(self, device: Device) -> None:
        """In every step, and while there is none to take."""
        now_s = time.monotonic()
        self._began_s = now_s if self._began_s is None else self._began_s
        gap_s = now_s - self._beat_s
        if gap_s < BEAT_S:
            return
        if self._beat_s and gap_s > SLEPT_S:  # the engine counts what was not heard meanwhile
            log.warning("stood still for %.0f s: what was said meanwhile is not heard", gap_s)
            device.mended["stood_still"] = device.mended.get("stood_still", 0) + 1
        self._beat_s = now_s
        self._signs = signs = signs_of(device)
        self._line = status_of(device)
        while self._mend:
            mend(device, *self._mend.popleft())
        hears = signs.microphone in ("none", "closed") or signs.delivered > 0
        if not self._ready and signs.steps > 0 and (hears or now_s - self._began_s >= DEAF_S):
            self._ready = self.notifier.ready(self._line)
            self._told = self._line

    def reloading(self) -> None:
        """The file is read anew; ``reloaded`` follows."""
        self.notifier.reloading("reading the configuration anew")
        self._told = ""

    def reloaded(self) -> None:
        """What is in force is in force."""
        self._ready = self.notifier.ready(self._line)  # where that is lost, the next beat says it again
        self._told = self._line

    def starting_again(self) -> None:
        """The program executes itself anew: to systemd that is a reload, ready when the next life is."""
        self._stopping = True
        self.notifier.reloading("starting again")
        self.notifier.watchdog()

    def stopping(self, why: str = "stopping") -> None:
        self._stopping = True
        self.notifier.stopping(why)

    def close(self) -> None:
        """End the thread."""
        self._end.set()

    # ------------------------------------------------------------------ this thread

    def _run(self) -> None:
        told_s = extended_s = float("-inf")
        while not self._end.wait(JUDGE_S if self._signs else JUDGE_S / 5):
            if self._stopping:
                return
            now_s, signs = time.monotonic(), self._signs
            verdict = self._watchdog.judge(now_s, signs)
            if verdict.pet:
                self.notifier.watchdog()
            if verdict.stuck != self._stuck:
                self._name(verdict.stuck)
            self._mend.extend(verdict.mend)
            if signs is None and not verdict.stuck and now_s - extended_s >= EXTEND_EVERY_S:
                extended_s = now_s
                self.notifier.extend(EXTEND_S)
            line = with_stuck(self._line, self._stuck)
            if line != self._told and now_s - told_s >= STATUS_S and not self._stopping:
                told_s = now_s
                if self.notifier.status(line):
                    self._told = line

    def _name(self, stuck: tuple[str, ...]) -> None:
        for part in stuck:
            if part not in self._stuck:
                log.error("%s stuck: no progress", part)
        for part in self._stuck:
            if part not in stuck:
                log.info("%s moves again", part)
        self._stuck = stuck
