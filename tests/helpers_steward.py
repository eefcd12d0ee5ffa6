"""A device as far as configuration goes, on a real broker: its transport and its steward are the real ones, sound there is none.

Its time runs fast, so that nobody waits for a probation.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from device.config import Config
from device.config.faults import Fault
from device.link.messages import Status
from device.link.mqtt import MqttTransport
from device.link.transport import Desired
from device.settings.actions import Adopt, Publish, Restart
from device.settings.boot import boot
from device.settings.probation import Evidence
from device.settings.steward import Steward

PACE = 20.0
"""Seconds of the device's in one of ours."""


class Nothing:
    """What is prepared for a device without rooms."""

    def close(self) -> None:
        pass


class StewardDevice:
    """``tables`` is its file. ``meaning`` as the steward takes it. ``broken``: its sound fails whatever comes; ``start`` and ``stop``
    may be called again, what it keeps is in ``folder``."""

    def __init__(
        self,
        folder: Path,
        tables: dict[str, dict[str, Any]],
        *,
        meaning: Callable[[Config], Sequence[Fault]] = lambda config: [],
    ) -> None:
        self.folder, self.tables, self._meaning = folder, tables, meaning
        self.broken = False
        self.restarts = 0
        self._now_s = 0.0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> StewardDevice:
        self._stopping.clear()
        self._boot()
        self._thread = threading.Thread(target=self._run, name="steward-device", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Say goodbye and leave; idempotent."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(10)
            self._thread = None

    def _boot(self) -> None:
        booted = boot(None, self.tables, self.folder)
        self.steward = Steward(
            booted, meaning=self._meaning, prepare=lambda old, new: Nothing(), threaded=False
        )
        self.transport = MqttTransport(self.steward.config)
        self.transport.send("status", Status(state="online", boot="b", version="test"))

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._step()
                time.sleep(0.005)
                self._now_s += 0.005 * PACE
        finally:
            self.transport.close()
            self.steward.close()

    def _step(self) -> None:
        for message in self.transport.poll():
            if isinstance(message, Desired):
                self.steward.desired(message.scope, message.payload)
        evidence = Evidence(
            sound=not self.broken, broker=self.transport.connected, reported=self.transport.reported
        )
        for action in self.steward.poll(self._now_s, evidence):
            if isinstance(action, Publish):
                self.transport.send("report", action.report)
            elif isinstance(action, Adopt):
                self.transport.reconfigure(self.steward.config)
            elif isinstance(action, Restart):
                self.restarts += 1
                self.transport.close()
                self.steward.close()
                self._boot()
                return
