"""What happened and when: the trace that the log, the scenario runner and the pictures read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class TraceEvent:
    """One fact of a run.

    ``event`` is one of: speech_began, speech_ended, wake, stop_word, barge_in, partial, final, intent, plausible_end,
    endpoint, guess, turn, ack, first_token, turn_end, turn_failed, reply_start, reply_end, reply_cut, duck, hold, cancel,
    resume, heard, say, earcon, error, state, timeline. ``turn`` is what is asked for good, ``guess`` what may be.
    ``position`` is when it happened on the capture clock, which may lie before the step that
    reported it. ``text`` is what a person reads; ``data`` what a program reads.
    """

    event: str
    position: int
    text: str = ""
    data: dict[str, Any] = field(default_factory=dict)


Trace = Callable[[TraceEvent], None]
