"""What went wrong and was survived: counted every time, logged once per kind and then at most every ten minutes."""

from __future__ import annotations

import logging
import threading
import time

QUIET_S = 600.0


class Faults:
    """Thread-safe. ``counters`` is the public record, by kind."""

    def __init__(self, log: logging.Logger) -> None:
        self.counters: dict[str, int] = {}
        self._log = log
        self._lock = threading.Lock()
        self._spoke: dict[str, float] = {}

    def count(self, kind: str) -> int:
        with self._lock:
            self.counters[kind] = self.counters.get(kind, 0) + 1
            return self.counters[kind]

    def report(self, kind: str, text: str) -> None:
        """Count ``kind``; say ``text`` unless the same kind was spoken of in the last ten minutes."""
        total, now = self.count(kind), time.monotonic()
        last = self._spoke.get(kind)
        if last is None or now - last >= QUIET_S:
            self._spoke[kind] = now
            self._log.warning("%s (%s: %d)", text, kind, total)
