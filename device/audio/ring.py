"""A ring of samples: one writer, any number of readers by position.

Positions are sample counts since the start; they never wrap, so a position *is* a time and an overrun is a
subtraction. Nobody waits for anybody: there is no lock. The writer first *claims* the samples that it is about to
overwrite, then copies, then publishes the new end. A reader copies first and looks at the claim afterwards, so a
reader that was overtaken while it copied notices and counts what it lost instead of returning torn sound. (Each of
these steps is one attribute store or load, which the interpreter does not tear.)

    oldest kept                                      newest
    start = claimed - capacity                         end   claimed
      |..................................................|.....|
                ^ reader A          ^ pre-roll            being written
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .backends import Samples


class Block(NamedTuple):
    """What a read found: ``samples`` begin at ``position``; ``lost`` samples before it no longer existed."""

    position: int
    samples: Samples
    lost: int


class Ring:
    """The last ``capacity`` samples of a stream (float32, mono).

    Written by one thread, read by any. Raises ValueError for a capacity below one sample.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"ring capacity is {capacity} samples: it must be at least 1")
        self.capacity = int(capacity)
        self._data = np.zeros(self.capacity, np.float32)
        self._end = 0
        self._claimed = 0

    @property
    def end(self) -> int:
        """Position after the newest sample."""
        return self._end

    @property
    def start(self) -> int:
        """Position of the oldest sample that is still kept."""
        return max(0, self._claimed - self.capacity)

    def write(self, block: Samples) -> int:
        """Append ``block`` (any length); returns the new ``end``. Only the one writer calls this."""
        n = len(block)
        first = self._end
        end = first + n
        self._claimed = max(self._claimed, end)
        if n > self.capacity:  # only the last part survives, as if it had been written in pieces
            block = block[n - self.capacity :]
            n = self.capacity
        at = (end - n) % self.capacity
        head = self.capacity - at
        if n <= head:
            self._data[at : at + n] = block
        else:
            self._data[at:] = block[:head]
            self._data[: n - head] = block[head:]
        self._end = end
        return end

    def rewind(self, position: int) -> None:
        """Take back what was written from ``position`` on: the next ``write`` begins there. Only the writer calls this,
        and only for samples that nobody has read yet. Raises ValueError for a position outside ``start..end``.
        """
        if not self.start <= position <= self._end:
            raise ValueError(f"cannot rewind to {position}: {self.start}..{self._end} are kept")
        self._end = position

    def read(self, position: int, n: int) -> Block:
        """A copy of up to ``n`` samples from ``position`` on.

        Shorter than ``n`` where the newest sample comes first, and where samples were overwritten: those are
        ``lost``, and the block then begins at the oldest sample kept. Always
        ``block.position == position + block.lost``. Raises ValueError for a negative position or length.
        """
        if position < 0 or n < 0:
            raise ValueError(f"cannot read {n} samples at position {position}: both must be 0 or more")
        last = min(position + n, self._end)
        first = max(position, self._claimed - self.capacity)
        if first >= last:
            lost = max(0, min(first, position + n) - position)
            return Block(position + lost, self._data[:0].copy(), lost)
        at = first % self.capacity
        count = last - first
        head = self.capacity - at
        if count <= head:
            samples = self._data[at : at + count].copy()
        else:
            samples = np.concatenate((self._data[at:], self._data[: count - head]))
        overtaken = min(self._claimed - self.capacity - first, count)
        if overtaken > 0:  # the writer came round while we copied: the first part may be torn
            first += overtaken
            samples = samples[overtaken:]
        return Block(first, samples, first - position)

    def reader(self, position: int | None = None) -> Reader:
        """A reader that begins at ``position`` (pre-roll), or at the newest sample."""
        return Reader(self, self._end if position is None else position)


class Reader:
    """Walks along a ring; ``position`` is the next sample it wants, ``lost`` what it missed since it began."""

    def __init__(self, ring: Ring, position: int) -> None:
        self._ring = ring
        self.position = position
        self.lost = 0

    @property
    def available(self) -> int:
        """Samples between this reader and the newest one, lost ones included."""
        return max(0, self._ring.end - self.position)

    def read(self, n: int) -> Block:
        """Up to ``n`` further samples; moves on behind them and behind what was lost."""
        block = self._ring.read(self.position, n)
        self.position = block.position + len(block.samples)
        self.lost += block.lost
        return block
