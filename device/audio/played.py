"""What of the current reply has left the loudspeaker, and when: track samples <-> capture positions.

Built from what ``Backend.play`` returned for each block, so it is the device's own account of its output, never an
estimate from the length of a text. A hold leaves a gap; a resume that steps back plays samples twice.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import NamedTuple

from device.values import RATE_HZ


class _Segment(NamedTuple):
    """``length`` track samples from ``first`` on, leaving without a break from capture position ``leaves`` on."""

    leaves: int
    first: int
    length: int
    high: int  # furthest track sample of the segments before


class PlayedLog:
    """The log of one reply; a new ``generation`` begins a new log. Track samples are at ``rate_hz``."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._segments: list[_Segment] = []
        self.generation = 0
        self.reply: int | None = None

    def add(self, generation: int, reply: int | None, leaves: int, first: int, count: int) -> None:
        """``count`` track samples from ``first`` on leave from capture position ``leaves`` on."""
        if generation != self.generation:
            self.generation, self.reply = generation, reply
            self._segments.clear()
        if not count:
            return
        high = 0
        if self._segments:
            last = self._segments[-1]
            if first == last.first + last.length and leaves == self._end(last):
                self._segments[-1] = last._replace(length=last.length + count)
                return
            high = max(last.high, last.first + last.length)
            leaves = max(leaves, last.leaves + 1)  # a timestamp that jumped back must not unsort the log
        self._segments.append(_Segment(leaves, first, count, high))

    def cut(self, position: int) -> int | None:
        """What was to leave from capture ``position`` on was taken back: it never left.

        Returns the track sample from which on nothing has left, None where nothing of the reply was played at all.
        """
        if not self._segments:
            return None
        sample = None
        while self._segments:
            last = self._segments.pop()
            left = max(0, position - last.leaves) * self._rate_hz // RATE_HZ
            if left:
                self._segments.append(last._replace(length=min(last.length, left)))
                if left < last.length:
                    return last.first + left
                # all of it has left; what was taken back may be of further back, where a resume had stepped to
                return last.first + last.length if sample is None else sample
            sample = last.first
        return sample

    def _end(self, segment: _Segment) -> int:
        return segment.leaves + segment.length * RATE_HZ // self._rate_hz

    @property
    def first(self) -> int | None:
        """Capture position at which the reply became audible, None before it was scheduled."""
        return self._segments[0].leaves if self._segments else None

    @property
    def last(self) -> int | None:
        """Capture position after the last sample scheduled so far, None when there is none."""
        return self._end(self._segments[-1]) if self._segments else None

    def at(self, position: int) -> int:
        """Track samples of the current reply that left the loudspeaker before capture ``position``.

        The furthest sample counts: what was heard before a resume stepped back stays heard.
        """
        index = bisect_left(self._segments, position, key=lambda s: s.leaves) - 1
        if index < 0:
            return 0
        segment = self._segments[index]
        gone = min(segment.length, (position - segment.leaves) * self._rate_hz // RATE_HZ)
        return max(segment.high, segment.first + gone)

    def leaves_at(self, track_sample: int) -> int | None:
        """Capture position at which ``track_sample`` leaves (the last time, if twice), None if not yet known."""
        for segment in reversed(self._segments):
            if segment.first <= track_sample < segment.first + segment.length:
                return segment.leaves + (track_sample - segment.first) * RATE_HZ // self._rate_hz
        return None

    def audible(self, position: int) -> bool:
        """Whether a sample of the reply leaves the loudspeaker at capture ``position``."""
        index = bisect_right(self._segments, position, key=lambda s: s.leaves) - 1
        return index >= 0 and position < self._end(self._segments[index])
