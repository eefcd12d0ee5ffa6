"""What becomes of an exception in a thread, and of a signal that kills: both are read in the log, and nothing lives on by halves.

``faulthandler`` writes the stack of every thread to stderr on SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT, which systemd's
watchdog sends. An exception that nobody caught in a thread ends the daemon, unless the thread is one of those that are replaced
or that only do one thing once.
"""

from __future__ import annotations

import faulthandler
import logging
import threading

log = logging.getLogger("earshot")

STDERR = 2
EXPENDABLE = ("paho-mqtt", "mqtt-stop", "discovery", "closing an engine")
"""How the names of threads begin without which everything goes on: ``device.link.client`` replaces the network's, the others
finish something that has ended."""


class Crash:
    """``fatal``: why the daemon has to end, once it has to."""

    def __init__(self) -> None:
        self.fatal: str | None = None
        self.threads = 0
        """Threads that died."""
        self._before = threading.excepthook

    def watch(self) -> None:
        """From now on."""
        faulthandler.enable(STDERR, all_threads=True)
        self._before, threading.excepthook = threading.excepthook, self.died

    def rest(self) -> None:
        """No longer."""
        threading.excepthook = self._before

    def died(self, args: threading.ExceptHookArgs) -> None:
        """A thread has died of an exception."""
        if args.exc_type is SystemExit or args.exc_value is None:
            return
        name = args.thread.name if args.thread is not None else "without a name"
        self.threads += 1
        log.critical("the thread %r died", name, exc_info=(args.exc_type, args.exc_value, args.exc_traceback))
        if not name.startswith(EXPENDABLE):
            self.fatal = (
                self.fatal or f"the thread {name!r} died of {args.exc_type.__name__}: {args.exc_value}"
            )
