"""The reply on its way to the loudspeaker: duck, hold, resume and stop, each to the sample and without a click.

Each ``render`` makes one 10 ms block, and a change of gain takes exactly one block (raised cosine), so between two
blocks the gain is always settled:

    write() --> [ kept 10 s | head ... written ] --> x gain --> block
                               ^ rendered            0 held or starved, duck gain, or 1

The track begins at gain 0, and goes back to 0 when held, when the voice cannot keep up (it then keeps less than
10 ms back, so that the last of what there is can still be faded) and towards the end of a finished reply.
"""

from __future__ import annotations

import math

import numpy as np

from .backends import Samples
from .levels import db_to_gain
from .ramp import raised_cosine

KEEP_S = 10
"""How far ``resume`` can step back: a word boundary lies within two seconds, a sentence within ten."""


class SpeechTrack:
    """One reply at a time; a *track sample* counts from 0 at the reply's start, at ``rate_hz``.

    Not thread-safe: written and rendered by the ear thread. Its numbers:

    * ``written``: track samples given so far
    * ``rendered``: the play head, the next track sample to be rendered (``resume`` may move it back)
    * ``heard``: the furthest that the play head has been
    * ``generation``: counts ``begin`` calls, so that a log can tell replies apart
    """

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._n = rate_hz // 100
        self._rise = raised_cosine(self._n)
        self._fall = self._rise[::-1].copy()
        self._keep = KEEP_S * rate_hz
        self._buffer = np.zeros(0, np.float32)
        self._tail: tuple[Samples, int] | None = None
        self.reply: int | None = None
        self.generation = 0
        self.dropped = 0
        self.span = (0, 0)
        self._reset()

    def _reset(self) -> None:
        self._buffer = np.zeros(0, np.float32)  # give a long reply's memory back
        self._base = self._head = self._written = self._furthest = 0
        self._gain = 0.0
        self._duck = 1.0
        self._hold_at: int | None = None
        self._complete = False
        self._stopped = True

    # ------------------------------------------------------------------ the reply

    @property
    def written(self) -> int:
        return self._written

    @property
    def rendered(self) -> int:
        return self._head

    @property
    def heard(self) -> int:
        return max(self._furthest, self._head)

    @property
    def active(self) -> bool:
        """Begun, not stopped, and not yet played to its end."""
        return not self._stopped and not self.finished

    @property
    def finished(self) -> bool:
        """``finish`` was called and everything is rendered."""
        return not self._stopped and self._complete and self._head == self._written

    @property
    def held(self) -> bool:
        return self._hold_at is not None

    @property
    def gain(self) -> float:
        """Linear gain at the end of the last rendered block: 0 held or starved, the duck's, or 1."""
        return self._gain

    @property
    def silent(self) -> bool:
        """True when the next ``render`` adds nothing."""
        if self._tail is not None:
            return False
        return not self.active or (self._gain == 0.0 and (self.held or self._starved()))

    def begin(self, reply: int) -> None:
        """Start ``reply`` at track sample 0; one that still plays is stopped with its 10 ms ramp."""
        self.stop()
        self._reset()
        self.reply = reply
        self.generation += 1
        self._stopped = False

    def write(self, samples: Samples) -> None:
        """Append float32 samples at ``rate_hz``. After ``stop`` they are dropped (and counted in ``dropped``).

        Raises ValueError after ``finish``: nothing may follow the end.
        """
        if self._stopped:
            self.dropped += len(samples)
            return
        if self._complete:
            raise ValueError(f"reply {self.reply} is finished: no samples may be written after finish()")
        used = self._written - self._base
        if used + len(samples) > len(self._buffer):
            used = self._make_room(used, len(samples))
        self._buffer[used : used + len(samples)] = samples
        self._written += len(samples)

    def finish(self) -> None:
        """No more samples will come: play to the end, fading the last 10 ms."""
        self._complete = True

    def _make_room(self, used: int, extra: int) -> int:
        """Forget what lies further back than ``resume`` may go; grow by half where that is not enough."""
        forget = max(0, self._head - self._keep - self._base)
        kept = self._buffer[forget:used]
        grown = np.empty(max(self.rate_hz, (len(kept) + extra) * 3 // 2), np.float32)
        grown[: len(kept)] = kept
        self._buffer = grown
        self._base += forget
        return len(kept)

    # ------------------------------------------------------------------ giving way

    def duck(self, gain_db: float) -> None:
        """Play at ``gain_db`` (0 or below), reached within the next 10 ms block."""
        if not gain_db <= 0 or not math.isfinite(gain_db):
            raise ValueError(f"duck gain is {gain_db} dB: it must be 0 or below, for instance -18")
        self._duck = db_to_gain(gain_db)

    def unduck(self) -> None:
        """Back to full gain within the next block."""
        self._duck = 1.0

    def hold(self) -> int:
        """Fall silent within the next block and keep the place.

        Returns the track sample from which on nothing is audible. Idempotent; without a reply, the head.
        """
        if self._hold_at is None and not self._stopped:
            self._hold_at = self._head + (min(self._n, self._written - self._head) if self._gain else 0)
        return self._head if self._hold_at is None else self._hold_at

    def take_back(self, sample: int) -> None:
        """What was rendered from track ``sample`` on never left the loudspeaker, which fell silent there with a ramp of
        its own: the play head goes back to it, at gain 0. To be followed by ``duck``, ``hold`` or ``stop`` in the same step.

        Raises ValueError for a sample that was not rendered.
        """
        if self._stopped:
            return
        if not 0 <= sample <= self._head:
            raise ValueError(
                f"cannot take back reply {self.reply} to sample {sample}: 0..{self._head} were rendered"
            )
        self._head = max(sample, self._base)
        self._gain, self._tail = 0.0, None
        if self._hold_at is not None:
            self._hold_at = self._head

    def resume(self, sample: int) -> int:
        """Undo hold and duck: go on at full gain from track sample ``sample`` (a step back or the place held).

        Returns the sample from which it really goes on (not further back than the 10 s that are kept). Raises
        ValueError for a sample that was not reached yet.
        """
        if self._stopped:
            return self._head
        reached = max(self._head, self._hold_at or 0)
        if not 0 <= sample <= max(reached, self._furthest):
            raise ValueError(
                f"cannot resume reply {self.reply} at sample {sample}: 0..{reached} were reached"
            )
        sample = max(sample, self._base)
        if sample != self._head and self._gain:  # the ramp of hold() was not rendered yet: cross-fade instead
            self._tail = self._ramp_out()
            self._gain = 0.0
        self._furthest = self.heard
        self._head = sample
        self._hold_at = None
        self._duck = 1.0
        return sample

    def stop(self) -> int:
        """Fall silent within the next block and drop the rest.

        Returns how many track samples will have been heard (the furthest, where ``resume`` stepped back).
        """
        if self._stopped:
            return self.heard
        if self._gain:
            self._tail = self._ramp_out()
        heard, head = self.heard, self._head
        self._reset()
        self._head, self._furthest, self._written = head, heard, heard
        return heard

    def _ramp_out(self) -> tuple[Samples, int]:
        """The last block at the present gain, faded; moves the head behind it."""
        first = self._head
        count = min(self._n, (self._written if self._hold_at is None else self._hold_at) - first)
        at = first - self._base
        tail = self._buffer[at : at + count] * self._envelope(count, 0.0)
        self._head += count
        return tail, first

    # ------------------------------------------------------------------ rendering

    def _starved(self) -> bool:
        """The voice has not delivered enough to play one block and still fade the next."""
        return not self._complete and self._written - self._head < 2 * self._n

    def _envelope(self, count: int, target: float) -> Samples:
        """Gains of the next ``count`` samples: the ramp to ``target``, below the fade of a finished reply's end."""
        if target == self._gain:
            envelope = np.full(count, target, np.float32)
        else:
            envelope = self._gain + np.float32(target - self._gain) * self._rise[:count]
        left = self._written - self._head - count  # after these samples
        if self._complete and left < self._n:
            fade = self._fall[max(0, self._n - left - count) : self._n - left]
            end = envelope[count - len(fade) :]
            np.minimum(end, fade, out=end)
        return envelope

    def render(self, out: Samples) -> None:
        """Add the next 10 ms to ``out`` (float32, ``rate_hz // 100`` samples).

        ``span`` is then ``(first track sample, count)`` of what it added.
        """
        self.span = (self._head, 0)
        if self._tail is not None:
            tail, first = self._tail
            self._tail = None
            out[: len(tail)] += tail
            self.span = (first, len(tail))
        if not self.active:
            return
        target = self._duck
        if self._hold_at is not None or self._starved():
            target = 0.0
            if self._gain == 0.0:
                return
        end = self._written if self._hold_at is None else self._hold_at
        first = self._head
        count = min(self._n, end - first)
        at = first - self._base
        out[:count] += self._buffer[at : at + count] * self._envelope(count, target)
        self._head += count
        self._gain = target
        self.span = (first, count)
