"""Room *service*: the device as a service of this machine: what its manager (systemd) is told, and whether it may live on.

Enters: signs of progress, taken in the ear's thread a few times a second; signals; what threads die of. Leaves: datagrams to
``$NOTIFY_SOCKET`` (READY, STATUS, WATCHDOG, RELOADING, STOPPING), structured lines for the journal, what to try where something
is stuck, and that a second daemon does not start. Thread: one of its own, which judges and tells, so that a step that hangs is
still named; the ear's only leaves its signs and takes up what to try. May import: values, errors, config; the daemon for its
type only. Only the standard library beside them: it is loaded before everything else.

    ear's thread: reading ─► Signs ─► service's thread: Watchdog (pure) ─┬─► WATCHDOG=1, or no longer
                         └─► status_line (pure) ────────────────────────┴─► STATUS=
                  recovery ◄── what to try ◄────────────────────────────┘
"""

from device.service.notify import Notifier, watchdog_s
from device.service.status import status_line
from device.service.watchdog import Signs, Verdict, Watchdog

__all__ = ["Notifier", "Signs", "Verdict", "Watchdog", "status_line", "watchdog_s"]
