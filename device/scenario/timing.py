"""When each line of a scenario is spoken. Pure: facts and positions in, cues out.

A line has a fixed time (``at_s``) or waits for a *cue*. "Previous" is the line before it in the file:

``wake``         the first wake word decided after the first sample of the previous line
``reply_start``  the first sample of the next reply that begins after the first sample of the previous line
``reply_end``    the end, played out or cut, of the next reply that begins after the first sample of the previous
                 line; or the end of a reply that was already going on, if it was played out (not cut) after the
                 previous line was over: a cough does not begin a reply of its own
``quiet``        0.5 s in which nothing was played and nobody spoke, all of it after the previous line
``<id>``         the last sample of that line (the only cue that ``plus_ms`` < 0 may anticipate)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from device.scenario.tables import CUES, Say
from device.values import RATE_HZ, samples

QUIET = RATE_HZ // 2
"""Samples without playback or speech that make the cue ``quiet``."""


@dataclass(frozen=True, slots=True)
class Span:
    """A line as it was spoken: its clip begins at ``start``; its speech is ``first`` to ``last``, inclusive."""

    start: int
    first: int
    last: int


class Cues:
    """Decides, step by step, which lines begin now.

    Each step: ``wake``, ``reply_started``, ``reply_over`` for what has happened, ``sounding`` for what is audible,
    then ``due``. ``said`` tells where the line really lies.
    """

    def __init__(self, lines: Sequence[Say]) -> None:
        self.lines = tuple(lines)
        self.spans: dict[str, Span] = {}
        self._anchors: dict[int, int] = {}
        """Place of a line in the file -> the position its cue came at."""
        self._replies: dict[int, int] = {}
        """Replies that are going on -> the position they began at."""
        self._quiet_since = 0

    # ------------------------------------------------------------------ what has happened

    def wake(self, position: int) -> None:
        self._cue("wake", lambda span: position >= span.first, position)

    def reply_started(self, reply: int, position: int) -> None:
        self._replies[reply] = position
        self._cue("reply_start", lambda span: position >= span.first, position)

    def reply_over(self, reply: int, position: int, cut: bool) -> None:
        """``reply`` ended, or (``cut``) was cut, at ``position``."""
        began = self._replies.pop(reply, None)
        if began is None:
            return  # never audible
        self._cue(
            "reply_end",
            lambda span: began >= span.first or (not cut and position > span.last),
            position,
        )

    def sounding(self, position: int, audible: bool) -> None:
        """Up to ``position`` something was (``audible``) or nothing was played or spoken in this step."""
        if audible:
            self._quiet_since = position
            return
        quiet_since = self._quiet_since
        if position - quiet_since < QUIET:
            return
        self._cue("quiet", lambda span: position - max(quiet_since, span.last) >= QUIET, position)

    def said(self, line: str, span: Span) -> None:
        """``line`` was handed to the room and lies (or will lie) at ``span``."""
        self.spans[line] = span

    # ------------------------------------------------------------------ what is to be done

    def due(self, position: int, ahead: int = RATE_HZ // 10) -> list[tuple[Say, int]]:
        """The lines whose clip begins before ``position + ahead``, with the position it begins at.

        Never before ``position``: a cue that lies in the past is taken up at once.
        """
        found = []
        for index, line in enumerate(self.lines):
            if line.id in self.spans:
                continue
            start = self._start(index)
            if start is not None and start < position + ahead:
                found.append((line, max(start, position)))
        return found

    def waiting(self) -> list[Say]:
        """The lines that have not been spoken."""
        return [line for line in self.lines if line.id not in self.spans]

    def speaking(self, position: int) -> bool:
        """Whether a line is being spoken, or about to be."""
        return any(span.start <= position <= span.last for span in self.spans.values())

    def scheduled(self, position: int) -> bool:
        """Whether a line that has not begun already has its time."""
        later = any(span.start > position for span in self.spans.values())
        return later or any(
            self._start(i) is not None for i, line in enumerate(self.lines) if line.id not in self.spans
        )

    def _start(self, index: int) -> int | None:
        line = self.lines[index]
        if line.at_s is not None:
            return round(line.at_s * RATE_HZ)
        if line.after in CUES:
            anchor = self._anchors.get(index)
        else:
            span = self.spans.get(line.after)
            anchor = span.last + 1 if span else None
        return None if anchor is None else anchor + samples(line.plus_ms)

    def _cue(self, name: str, applies, position: int) -> None:
        for index, line in enumerate(self.lines):
            if line.after != name or index in self._anchors:
                continue
            previous = self.spans.get(self.lines[index - 1].id) if index else Span(0, 0, 0)
            if previous is not None and applies(previous):
                self._anchors[index] = position
