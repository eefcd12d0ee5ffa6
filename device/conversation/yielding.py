r"""Somebody talks over the reply: give way by grades, and take it back if it was nothing.

    quiet ──speech──► DUCKED ──goes on for hold_ms──► HELD ──cancel_ms, or words──► cancel (for good)
                         └────── it ends, and was a backchannel or nothing ──┴──► resume

    speech   |■■■■■■■■■■■■■■■■|                        last = its last sample
    gain     ‾\____duck___\__hold_______/‾‾  last + 0.24 s: a known backchannel is over, resume; else finalise
                                             last + 0.54 s: resume, whatever the recogniser still says

Every backchannel that lasts holds for a moment. Its sound would have to tell it from a sentence 250 ms after its onset: level,
bands, pitch and voicing until then, learned on 5 voices (179 clips), give an area under the curve of 0.86 there and 0.66 on 6
others (216 clips); to spare half of the holds, 15 % of the interruptions would have to wait for their silence.

Pure: values in, moves out, time as sample positions. What holds, whatever comes in which order:

* the first speech ducks in the very step in which it is told;
* a reply that is ducked or held is resumed or cancelled within a bounded time of what was last said over it;
* nothing but a hard word, two words that are no backchannels, or cancel_ms of speech that is no backchannel cancels,
  and each at once; where it may be the device's own echo, only an unmistakable "stop" does;
* it resumes only when nobody speaks; it cancels once.
"""

from __future__ import annotations

from enum import Enum

from device.conversation.timing import NEVER, Timing
from device.conversation.words import Verdict

__all__ = ["Move", "Yielding"]


class Move(Enum):
    """What to do now."""

    DUCK = "lower the reply"
    HOLD = "silence it, keep its place"
    RESUME = "undo both"
    FINALISE = "ask the recogniser for its last word"
    CANCEL = "stop the reply for good"


Moves = tuple[Move, ...]


class Yielding:
    """One reply after the other; ``begin`` starts each.

    ``speech``, ``words``, ``silence`` and ``nothing`` tell what is said over the reply, ``tick`` what time it is; each
    returns the moves to make, in order. ``instant``: confirmed speech over an audible reply cancels it at once.
    """

    def __init__(self, timing: Timing, instant: bool = False) -> None:
        self._timing = self._coming = timing
        self._instant = instant
        self._over = False
        """The reply was cancelled: nothing is left to decide."""
        self.active = self.held = False
        self.onset = 0
        """Of the first speech since the reply last went undisturbed."""
        self._count_from = 0
        """Speech counts against cancel_ms from here: its onset, or the end of its last backchannel."""
        self._hold_at = NEVER
        self._last: int | None = None
        self._backchannel = self._finalised = self._echo = False
        self._known_until = 0

    def reconfigure(self, timing: Timing, instant: bool) -> None:
        """Other times and another mode, for speech that begins from now on."""
        self._coming, self._instant = timing, instant

    @property
    def ducked(self) -> bool:
        return self.active

    @property
    def waiting(self) -> bool:
        """The speech is over and only the recogniser's word is missing."""
        return self.active and self._last is not None

    # ------------------------------------------------------------------ what is told

    def begin(self) -> None:
        """A reply begins."""
        self._over = self.active = self.held = False

    def speech(self, onset: int, audible: bool = True) -> Moves:
        """Speech over the reply begins, or begins again; over one that is not ``audible`` yet, it does not begin."""
        if self._over:
            return ()
        if self._instant and audible:
            return self._cancel()
        moves: Moves = ()
        if not self.active:
            self._timing = self._coming
            self.active, self.held, self.onset = True, not audible, onset
            moves = (Move.DUCK, Move.HOLD) if self.held else (Move.DUCK,)
        elif self._last is None:
            return ()
        self._count_from, self._hold_at = onset, onset + self._timing.hold
        self._last, self._backchannel, self._finalised, self._echo = None, False, False, False
        return moves

    def words(self, verdict: Verdict, until: int) -> Moves:
        """The recogniser knows words up to ``until``; also those of speech over which the reply has resumed."""
        if self._over:
            return ()
        if verdict.unmistakable or (not self._echo and (verdict.hard or verdict.talk)):
            return self._cancel()
        self._backchannel = verdict.only_backchannel
        if self._backchannel:
            self._count_from = max(self._count_from, until)
            self._known_until = until
        return self._nod()

    def silence(self, last: int, echo: bool = False) -> Moves:
        """The speech has ended at ``last``; ``echo``: it was probably the reply's own."""
        if not self.active:
            return ()
        self._echo = self._echo or echo
        if self._last is not None:
            return ()
        self._last = last
        return self._nod()

    def finalised(self) -> None:
        """The utterance was ended by somebody else: nothing is left to finalise."""
        self._finalised = True

    def nothing(self) -> Moves:
        """The recogniser's last word is that it was nothing, or a backchannel."""
        return self.release() if self.waiting else ()

    def release(self) -> Moves:
        """Undo duck and hold, also while somebody speaks: the reply has ended."""
        if not self.active:
            return ()
        self.active = self.held = False
        return (Move.RESUME,)

    def cancelled(self) -> None:
        """The reply was cancelled by others, and duck and hold with it."""
        self._over, self.active, self.held = True, False, False

    # ------------------------------------------------------------------ time

    def due(self) -> int:
        if not self.active:
            return NEVER
        if self._last is None:
            longer = self._timing.nod if self._backchannel else 0
            hold = NEVER if self.held else self._hold_at + longer
            return min(hold, self._count_from + self._timing.cancel)
        resume = self._last + self._timing.resume
        return resume if self._finalised else min(resume, self._last + self._timing.lag)

    def tick(self, now: int) -> Moves:
        if now < self.due():
            return ()
        if self._last is not None:
            if now >= self._last + self._timing.resume:
                return self.release()
            self._finalised = True
            return (Move.FINALISE,)
        if now >= self._count_from + self._timing.cancel:
            return self._cancel()
        self.held = True
        return (Move.HOLD,)

    # ------------------------------------------------------------------ inside

    def _cancel(self) -> Moves:
        self.cancelled()
        return (Move.CANCEL,)

    def _nod(self) -> Moves:
        """Speech that is over and all of which is known for a backchannel needs no last word of the recogniser."""
        if self._last is None or not self.active or not self._backchannel:
            return ()
        if self._known_until + self._timing.tail < self._last:
            return ()
        finalise = () if self._finalised else (Move.FINALISE,)
        self._finalised = True
        return (*finalise, *self.release())
