"""When to try the broker again, and whether another client pushes us off it. Pure: the time comes in."""

from __future__ import annotations

MIN_S, MAX_S = 1.0, 30.0
"""The waits before what chance adds: 1, 2, 4 ... 30 s."""
CLOCK_MAX_S = 5.0
"""While this machine's clock is wrong, which it may be for hours until it is right all at once: 10 s with what chance adds."""
SETTLED_S = 30.0
"""A connection that lasted this long was a good one: the next reconnect begins at the shortest wait again."""
STEADY_S = 90.0
"""Two clients with one name push each other off after the longest wait at the latest: what lasts longer has no rival."""
FLAPPING = 3
"""Short connections in a row that look like another client with our name (mosquitto 2.0 does not say so)."""


class Reconnects:
    """Told of every try, connection and loss, in seconds of one clock."""

    def __init__(self) -> None:
        self.clock_wrong = False
        """Whether the last try failed because of this machine's clock."""
        self._tries = self._short = 0
        self._connected_at_s: float | None = None

    def wait_s(self, chance: float) -> float:
        """How long to wait before the next try. ``chance``, 0..1 at random, makes it up to twice as long, which spreads a
        fleet. 0 before the first."""
        if not self._tries:
            return 0.0
        longest = CLOCK_MAX_S if self.clock_wrong else MAX_S
        return min(longest, MIN_S * 2.0 ** min(self._tries - 1, 10)) * (1 + chance)

    def flapping(self, now_s: float) -> bool:
        """Whether connections break off again and again; over as soon as one lasts."""
        if self._connected_at_s is not None and now_s - self._connected_at_s >= STEADY_S:
            self._short = 0
        return self._short >= FLAPPING

    def trying(self) -> None:
        self._tries += 1

    def connected(self, now_s: float) -> None:
        self.clock_wrong = False
        self._connected_at_s = now_s

    def lost(self, now_s: float, taken_over: bool = False) -> None:
        """A connection broke off, for whatever reason but our own wish; ``taken_over``: the broker says by whom."""
        lasted_s = 0.0 if self._connected_at_s is None else now_s - self._connected_at_s
        self._connected_at_s = None
        if lasted_s >= SETTLED_S:
            self._tries = 1
        if taken_over:
            self._short = max(self._short + 1, FLAPPING)
        elif lasted_s >= STEADY_S:
            self._short = 0
        else:
            self._short += 1
