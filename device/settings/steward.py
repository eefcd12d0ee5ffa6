"""The door between the device's step and the work on its configuration, which is done in a thread of its own.

ear's thread                        steward's thread
desired, change ──► inbox ────────► Changes: open, weigh, check, prepare, write
poll ◄── Adopt, Restart, Publish, Changed ◄── out
  └──► Probation ── verdict ──────► confirm, or roll back
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from device.config import Config
from device.config.faults import Fault
from device.settings.actions import Action, Adopt, Changed, Publish
from device.settings.allowance import Allowance
from device.settings.boot import Booted
from device.settings.changes import Changes
from device.settings.in_force import InForce, Prepared
from device.settings.probation import Evidence, Probation

log = logging.getLogger(__name__)

WISHES = 8
"""Messages of one scope that may wait; then the oldest go. Of a flood that is what is looked at, and the owner's may be among it."""
COMMANDS = 32
"""Commands that may wait; the next is refused."""
REPORT_S = 1.0
"""So long an adoption that may cost the connection waits until the broker has the report."""
REPORTS_AT_ONCE, REPORT_EVERY_S = 50, 0.2
"""Of reports that nothing has changed: each is some 6 KB on the air, and a flood would cause one after the other."""
AGAIN_S = 10.0
"""How often it is tried to write what could not be written."""
RELEASE_S = 1.0
"""How often messages that wait are looked at again."""
PAUSE = 3.0
"""Where more waits after a job, the thread first rests this many times as long as it took: a flood gets a quarter of a core, and
not the ear's time."""
LONGEST_PAUSE_S = 0.25


class Steward:
    """``booted``: what the device starts with. ``meaning`` and ``prepare`` as in ``device.adoption``; both run in the steward's
    thread. ``threaded`` False: everything is done within the calls, for lock-step runs."""

    def __init__(
        self,
        booted: Booted,
        *,
        meaning: Callable[[Config], Sequence[Fault]],
        prepare: Callable[[Config, Config], Prepared],
        threaded: bool = True,
    ) -> None:
        self.config: Config = booted.config
        """In force now."""
        self._force = InForce(booted, meaning, prepare)
        self._changes = Changes(self._force)
        self._probation: Probation | None = None
        self._wishes: dict[str, deque[bytes]] = {}
        self._jobs: deque[Callable[[], None]] = deque()
        self._commands = 0
        self._wish_next = False
        self._waited_s: float | None = None
        self._idle: Action | None = None
        self._reports = Allowance(REPORTS_AT_ONCE, REPORT_EVERY_S)
        self._released_s = self._saved_s = 0.0
        self._wake = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None
        if threaded:
            self._thread = threading.Thread(target=self._work, name="steward", daemon=True)
            self._thread.start()

    @property
    def problems(self) -> tuple[str, ...]:
        """Codes for the status: config_invalid, config_rolled_back, state_damaged, state_unwritable."""
        return self._force.problems

    @property
    def proving(self) -> bool:
        """Whether a pushed configuration that restarts something has yet to prove itself: a restart now would count against it."""
        trial = self._force.booted.state.trial
        return trial is not None and trial.kind != "live"

    @property
    def alive(self) -> bool:
        """Whether the thread runs (for the watchdog); True where there is none."""
        return self._thread is None or self._closed or self._thread.is_alive()

    @property
    def counters(self) -> dict[str, int]:
        """Pushes taken, refused and rolled back, and mistakes of our own, since the start."""
        return dict(self._changes.counters)

    # ------------------------------------------------------------------ the ear's thread

    def desired(self, scope: str, payload: bytes) -> None:
        """A message on a topic of configuration, ``d/<device>`` or ``g/<group>``: of each scope the newest count."""
        with self._wake:
            if scope in self._wishes or len(self._wishes) < 4:
                self._wishes.setdefault(scope, deque(maxlen=WISHES)).append(payload)
            self._wake.notify()
        self._at_once()

    def change(self, token: str, values: dict[str, Any]) -> None:
        """Set single keys by path, as a command does; what becomes of it comes out of ``poll`` as ``Changed``."""
        with self._wake:
            if self._commands >= COMMANDS:
                fault = Fault(f"{COMMANDS} changes wait already: try again in a minute", "", "busy")
                self._force.tell(Changed(token, (fault,)))
                return
            self._commands += 1
            self._jobs.append(lambda: self._command(token, values))
            self._wake.notify()
        self._at_once()

    def file_changed(self) -> None:
        """Read the file anew (SIGHUP); what becomes of it comes out of ``poll`` as ``Reloaded``."""
        self._do(self._changes.file_changed)

    def poll(self, now_s: float, evidence: Evidence) -> list[Action]:
        """What to do now, in this order. ``now_s``: monotonic seconds; ``evidence``: how the device is. Call it every few steps."""
        changes = self._changes
        changes.sound, changes.now_s = evidence.sound, now_s
        probation = self._probation
        if probation is not None and (verdict := probation.judge(now_s, evidence)) is not None:
            self._probation = None
            self._do(lambda: changes.decide(probation, verdict))
        if changes.holding and now_s - self._released_s >= RELEASE_S:
            self._released_s = now_s
            self._do(changes.release)
        if self._force.booted.unsaved and now_s - self._saved_s >= AGAIN_S:
            self._saved_s = now_s
            self._do(changes.save_again)
        return self._handed_over(now_s, evidence)

    def close(self) -> None:
        """End the thread; waits a second at most for what it has begun."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(1.0)
        for step in self._force.out:
            if isinstance(step.action, Adopt):  # nobody will
                step.action.prepared.close()

    def _handed_over(self, now_s: float, evidence: Evidence) -> list[Action]:
        actions: list[Action] = []
        out = self._force.out
        while out:
            step = out[0]
            if step.reported:
                # the report has been given out in a poll before this one, or else ``reported`` is of the one before
                if self._waited_s is None:
                    self._waited_s = now_s
                    break
                if not evidence.reported and now_s - self._waited_s < REPORT_S:
                    break
                self._waited_s = None
            out.popleft()
            self.config = step.config or self.config
            if step.watch is not None:
                self._probation = step.watch
            if step.idle:
                self._idle = step.action
            elif step.action is not None:
                if isinstance(step.action, Publish):
                    self._idle = None  # it says the same and more
                actions.append(step.action)
        if self._idle is not None and self._reports.take(now_s):
            actions.append(self._idle)
            self._idle = None
        return actions

    # ------------------------------------------------------------------ the work

    def _do(self, job: Callable[[], None]) -> None:
        with self._wake:
            self._jobs.append(job)
            self._wake.notify()
        self._at_once()

    def _at_once(self) -> None:
        if self._thread is None:
            while job := self._next():
                job()

    def _command(self, token: str, values: dict[str, Any]) -> None:
        with self._wake:
            self._commands -= 1
        self._changes.change(token, values)

    def _next(self) -> Callable[[], None] | None:
        """A verdict or a command before a message, which may take longer; but of what never ends only every other one."""
        with self._wake:
            if self._jobs and not (self._wishes and self._wish_next):
                self._wish_next = True
                return self._jobs.popleft()
            self._wish_next = False
            if self._wishes:
                scope = next(iter(self._wishes))
                waiting = self._wishes.pop(scope)
                payload = waiting.popleft()
                if waiting:  # behind those of other scopes
                    self._wishes[scope] = waiting
                return lambda: self._changes.desired(scope, payload)
        return None

    def _work(self) -> None:
        while True:
            with self._wake:
                while not (self._jobs or self._wishes or self._closed):
                    self._wake.wait()
                if self._closed:
                    return
            began_s = time.monotonic()
            if job := self._next():
                try:
                    job()
                except Exception:  # the thread has to live: without it no configuration comes through again
                    log.exception("the work on the configuration failed")
                    self._changes.failed()
            pause_s = min(LONGEST_PAUSE_S, PAUSE * (time.monotonic() - began_s))
            with self._wake:
                if self._jobs or self._wishes:
                    self._wake.wait_for(lambda: self._closed, pause_s)
