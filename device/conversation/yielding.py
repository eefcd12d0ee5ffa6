r"""Somebody talks over the reply: give way by grades, and take it back if it was nothing.

    quiet ──speech──► DUCKED ──goes on for hold_ms──► HELD ──cancel_ms, or words──► cancel (for good)
                         └──────── it ends, and no words within 0.54 s ──┴──► resume

    speech   |■■■■■■■■■■■■■■■■|                        last = its last sample
    gain     ‾\____duck___\__hold__________________/‾‾  0.54 s after last
                                   ↑ last + 0.4 s: finalise (a partial may trail by that much)

A reply that is ducked or held is always either resumed or cancelled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from device.conversation.timing import NEVER, Timing
from device.values import Command, Duck, Hold, Resume

__all__ = ["Yielding"]

Step = Literal["cancel", "finalise", "resume"]


class Yielding:
    """``speech``, ``words`` and ``silence`` tell what is said over the reply; ``tick`` what to do about it by now."""

    def __init__(self, emit: Callable[[Command], None], timing: Timing) -> None:
        self._emit, self._timing = emit, timing
        self.active = self.held = False
        self._count_from = 0
        """Speech counts against cancel_ms from here: its onset, or the end of its last backchannel."""
        self._hold_at = NEVER
        self._last: int | None = None
        self._backchannel = self._finalised = False

    @property
    def ducked(self) -> bool:
        return self.active

    @property
    def waiting(self) -> bool:
        """The speech is over and only the recogniser's word is missing."""
        return self.active and self._last is not None

    def speech(self, onset: int, audible: bool = True) -> None:
        """Speech over the reply begins, or begins again; over one that is not ``audible`` yet, it does not begin."""
        if not self.active:
            self.active, self.held = True, not audible
            self._emit(Duck())
            if self.held:
                self._emit(Hold())
        elif self._last is None:
            return
        self._count_from, self._hold_at = onset, onset + self._timing.hold
        self._last, self._backchannel, self._finalised = None, False, False

    def words(self, backchannel: bool, until: int) -> None:
        """The recogniser knows words up to ``until``: a backchannel, or one word that may become more."""
        self._backchannel = backchannel
        if backchannel:
            self._count_from = max(self._count_from, until)

    def silence(self, last: int) -> None:
        """The speech has ended at ``last``."""
        if self.active and self._last is None:
            self._last = last

    def finalised(self) -> None:
        """The utterance was ended (by the endpointing): nothing is left to finalise."""
        self._finalised = True

    def release(self) -> None:
        """It was nothing: undo duck and hold."""
        if self.active:
            self.active = self.held = False
            self._emit(Resume())

    def cancelled(self) -> None:
        """The reply was cancelled, and duck and hold with it."""
        self.active = self.held = False

    # ------------------------------------------------------------------ time

    def due(self) -> int:
        if not self.active:
            return NEVER
        if self._last is None:
            hold = NEVER if self.held or self._backchannel else self._hold_at
            return min(hold, self._count_from + self._timing.cancel)
        return self._last + self._timing.resume if self._finalised else self._finalise_at(self._last)

    def tick(self, now: int) -> Step | None:
        """What to do now; the hold is done here."""
        if now < self.due():
            return None
        if self._last is not None:
            step: Step = "resume" if self._finalised else "finalise"
            self._finalised = True
            return step
        if now >= self._count_from + self._timing.cancel:
            return "cancel"
        self.held = True
        self._emit(Hold())
        return None

    def _finalise_at(self, last: int) -> int:
        return last if self._backchannel else last + self._timing.lag
