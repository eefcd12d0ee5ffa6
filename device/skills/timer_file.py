"""Timers over a restart: one small file, written when one is set, cancelled or over, and when the wall clock was set.

The file says how long each timer had left, and when that was: by the clock that counts since the machine started, which is
right as long as it runs, and by the wall clock, for a machine that was off. A Raspberry Pi has no clock of its own: one that
has gone backwards tells nothing, and then no time counts as passed. A wall clock that is set later makes the file be written
anew, or that would look like time that has passed.
"""

from __future__ import annotations

import functools
import json
import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device.disk import replace
from device.skills.timers import LONGEST_S, MOST_TIMERS, Timer, Timers
from device.values import RATE_HZ

log = logging.getLogger(__name__)

FORMAT = 1
CLOCK_SET_S = 2.0
"""A wall clock that goes astray from the monotonic one by more than this has been set."""
ORDERS = 64
"""Ids of orders that are remembered over a restart: such a timer must not be set twice."""
LARGEST = 64 * 1024
REST_S, LONGEST_REST_S = 1.0, 30.0
"""Between two writings, twice as long each time where there is always something new: orders without end wear out no card."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, by the wall clock and by the one that counts since the machine started (``boot`` says which start)."""

    wall_s: float
    since_boot_s: float
    boot: str


def moment() -> Moment:
    """Now."""
    return Moment(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME), _boot())


@functools.cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


class TimerFile:
    """The file at ``path`` (None: nothing is kept). ``threaded``: written by a thread of its own, so that no step waits for
    a slow card. ``problem`` says in words why the last writing failed."""

    def __init__(
        self, path: Path | None, *, threaded: bool = True, now: Callable[[], Moment] = moment
    ) -> None:
        self._path, self._threaded, self._now = path, threaded, now
        self._written = 0
        self._look_at = 0
        self._offset_s: float | None = None
        self._orders: list[str] = []
        self._wanted: bytes | None = None
        self._lock = threading.Lock()
        self._writer: threading.Thread | None = None
        self._closing = threading.Event()
        self.problem: str | None = None

    @property
    def orders(self) -> tuple[str, ...]:
        """Ids of the orders that set timers, in the life before, too."""
        return tuple(self._orders)

    def load(self) -> Timers:
        """The timers of the life before, at capture position 0. A file that is missing or broken: none."""
        if self._path is None:
            return Timers()
        try:
            with self._path.open("rb") as file:
                kept = json.loads(file.read(LARGEST))
            timers, self._orders = _timers(kept, self._now()), [str(id) for id in kept["orders"]][-ORDERS:]
        except FileNotFoundError:
            return Timers()
        except (OSError, ArithmeticError, LookupError, TypeError, ValueError, RecursionError) as exc:
            log.warning(
                "timers: %s cannot be used (%s); starting without the timers of before", self._path, exc
            )
            return Timers()
        if timers:
            log.info("timers: %d of before the restart", len(timers))
        return Timers(timers)

    def keep(self, timers: Timers, position: int) -> None:
        """Write the file if something has changed; to be called every 10 ms, which costs a comparison."""
        if self._path is None or (timers.revision == self._written and position < self._look_at):
            return
        self._look_at = position + RATE_HZ
        now = self._now()
        offset_s = now.wall_s - now.since_boot_s
        clock_set = self._offset_s is not None and abs(offset_s - self._offset_s) > CLOCK_SET_S
        if self._offset_s is None or clock_set:
            self._offset_s = offset_s
        if timers.revision == self._written and not (clock_set and len(timers)):
            return
        self._written = timers.revision
        new = [timer.order for timer in timers.running if timer.order and timer.order not in self._orders]
        self._orders = [*self._orders, *new][-ORDERS:]
        self._write(json.dumps(_kept(timers, position, now, self._orders)).encode())

    def close(self) -> None:
        """Wait for what is being written, a second at most."""
        self._closing.set()
        if self._writer is not None:
            self._writer.join(1.0)

    # ------------------------------------------------------------------ writing

    def _write(self, data: bytes) -> None:
        with self._lock:
            idle, self._wanted = self._wanted is None, data
        if not self._threaded:
            self._work()
        elif idle:
            self._writer = threading.Thread(target=self._work, name="timers", daemon=True)
            self._writer.start()

    def _work(self) -> None:
        """Write the newest that is wanted, until nothing newer is."""
        rest_s = REST_S
        while True:
            with self._lock:
                data = self._wanted
            assert data is not None and self._path is not None
            try:
                replace(self._path, data)
                self.problem = None
            except OSError as exc:
                if self.problem is None:
                    log.warning(
                        "timers: %s cannot be written (%s): they will not survive a restart", self._path, exc
                    )
                self.problem = str(exc)
            if self._threaded:
                self._closing.wait(rest_s)
                rest_s = min(2 * rest_s, LONGEST_REST_S)
            with self._lock:
                if self._wanted is data:
                    self._wanted = None
                    return


def _kept(timers: Timers, position: int, now: Moment, orders: list[str]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "boot": now.boot,
        "since_boot_s": round(now.since_boot_s, 3),
        "wall_s": round(now.wall_s, 3),
        "orders": orders,
        "timers": [
            {
                "name": timer.name,
                "seconds": timer.seconds,
                "order": timer.order,
                "left_s": round(timer.left_s(position), 3),
            }
            for timer in timers.running
        ],
    }


def _timers(kept: dict[str, Any], now: Moment) -> list[Timer]:
    if kept["format"] != FORMAT:
        raise ValueError(f"format {kept['format']!r}, and this version reads {FORMAT}")
    if kept["boot"] and kept["boot"] == now.boot:
        passed_s = now.since_boot_s - kept["since_boot_s"]
    else:
        passed_s = now.wall_s - kept["wall_s"]
    passed_s = max(0.0, passed_s)
    if not all(math.isfinite(timer["left_s"]) for timer in kept["timers"]):
        raise ValueError("a timer that is never over")
    return [
        Timer(
            round((min(LONGEST_S, float(timer["left_s"])) - passed_s) * RATE_HZ),
            min(LONGEST_S, max(1, int(timer["seconds"]))),
            str(timer["name"])[:40],
            str(timer["order"])[:64],
        )
        for timer in kept["timers"][:MOST_TIMERS]
    ]
