"""When to try the broker again, and whether another client pushes us off it. Pure: the time comes in."""

from __future__ import annotations

MIN_S, MAX_S = 1, 30
"""paho's own waits: 1, 2, 4 ... 30 s."""
SETTLED_S = 30.0
"""A connection that lasted this long was a good one: the next reconnect begins at the shortest wait again."""
FLAPPING = 3
"""Short connections in a row that look like another client with our name (mosquitto 2.0 does not say so)."""


class Reconnects:
    """Told of every try, connection and loss, in seconds of one clock."""

    def __init__(self) -> None:
        self._tries = self._short = 0
        self._connected_at_s = 0.0

    @property
    def jitter_s(self) -> float:
        """paho waits without jitter; up to this much more, at random, spreads a fleet. 0 before the first try."""
        return min(MAX_S, MIN_S * 2 ** min(self._tries - 1, 10)) if self._tries else 0.0

    @property
    def flapping(self) -> bool:
        return self._short >= FLAPPING

    def trying(self) -> None:
        self._tries += 1

    def connected(self, now_s: float) -> None:
        self._connected_at_s = now_s

    def lost(self, now_s: float) -> None:
        """A connection broke off, for whatever reason but our own wish."""
        if now_s - self._connected_at_s >= SETTLED_S:
            self._tries, self._short = 1, 0
        else:
            self._short += 1
