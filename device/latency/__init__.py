"""Room *latency*: where the time between a person's last word and the first sound of the answer goes.

Enters: every event and command of a step, with its position; for ``earshot trace`` messages from the broker or a file.
Leaves: a ``Timeline`` a turn, a ``Metrics`` a minute, percentiles for the retained state; a table, a picture. Thread:
the ear's, for ``Latency``, which works only when something happened; ``earshot trace`` is a process of its own. May
import: values, errors, config, and of the link its messages, topics and broker client. rich and matplotlib are imported
when something is shown, not before.

                    events, commands                       Timeline, Metrics
    Device.step() ──────────────────► watcher ─► totals ─► report ──────────────► link ─► up/metrics ─┐
                                      (pure)     (pure)           └─ percentiles ─► state             │
                            trace ◄─ table, picture ◄─ reader ◄───────────────────────────────────────┘
"""

from device.latency.report import Latency
from device.latency.table import excess, fields

__all__ = ["Latency", "excess", "fields"]
