"""One direction of the sound: what is wanted, what is open, how it does, and why there is none."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .card_use import Holder
from .cards import Card, every_card
from .pa_devices import ROLE, Device, Direction
from .pa_taps import Relay
from .stable_ids import parse

DEAD_S = 1.0
"""An open stream without any callback for so long is closed and opened again."""
PROVEN_S = 0.2
"""A stream that was opened after trouble is believed once it has moved for so long: a suspended device takes what fits into its
buffer, and then nothing."""


class Side:
    """``attach`` is told of each tap that comes, and of None."""

    def __init__(self, direction: Direction, wanted: str, attach: Callable[[Any], None]) -> None:
        self.direction, self.wanted, self.attach = direction, wanted, attach
        meant = parse(wanted)
        self.node = meant.node if meant else ""
        """The node of the sound server that is meant, "" where it is not by its name."""
        self.default = wanted in ("", "default", "pulse")
        """Whether it is the system's default device."""
        self.served = bool(self.node)
        """Whether it goes through a sound server, as far as that was ever seen."""
        self.device: Device | None = None
        self.stream: Any = None
        self.off = False
        """To be closed, by hand, and to stay so."""
        self.shut = False
        """... and that is done."""
        self.tap: Any = None
        self.relay: Relay | None = None
        self.told: str | None = None
        """Why there is, or was until lately, no sound."""
        self.holder: Holder | None = None
        """Another process that has the card."""
        self.opened = 0
        self.opened_at = 0.0
        self.past = {"late_callbacks": 0, "flagged": 0, "dropped": 0}

    @property
    def name(self) -> str:
        return f"{ROLE[self.direction]} {self.wanted or (self.device and self.device.name) or 'default'!r}"

    @property
    def missing(self) -> bool:
        """Whether it ought to be open and is not."""
        return self.stream is None and not self.off

    @property
    def problem(self) -> str | None:
        """Why there is no sound now."""
        tap = self.tap
        if self.off:
            return None
        if self.told and tap is not None and tap.last is not None and tap.last - self.opened_at > PROVEN_S:
            return None
        return self.told

    @property
    def format(self) -> str:
        """What is open."""
        name = self.device.name if self.device else "none"
        return f"{ROLE[self.direction]}: {name}, {self.tap.rate_hz} Hz, {self.tap.channels} channel(s)"

    def settle(self) -> bool:
        """Forget a trouble that is over; whether there was one."""
        over = self.told is not None and self.problem is None
        if over:
            self.told = self.holder = None
        return over

    def count(self, what: str, attribute: str) -> int:
        """A tap's counter, over all the streams there have been."""
        return self.past[what] + getattr(self.tap, attribute, 0)

    def forget_tap(self) -> None:
        for what, attribute in (("late_callbacks", "late"), ("flagged", "flagged"), ("dropped", "dropped")):
            self.past[what] += getattr(self.tap, attribute, 0)
        self.tap = None

    def broken(self) -> str | None:
        """Why the open stream is no more, or None."""
        try:
            return None if self.stream.is_active() else "ended by itself"
        except OSError as exc:
            return f"failed ({reason(exc)})"

    def stuck(self, now: float) -> str | None:
        """The open stream claims to work and does not, or None."""
        heard = max(self.tap.last or 0.0, self.opened_at)
        return f"has not moved for {now - heard:.1f} s" if now - heard > DEAD_S else None

    def card(self) -> Card | None:
        """The card that is wanted, from what ALSA knows: PortAudio leaves out what others use. None: no card by its name."""
        meant, part = parse(self.wanted), re.sub(r"(hw:\d+,)\d+", r"\1", self.wanted.casefold())
        if not part or self.node:
            return None
        fits = (
            card for card in every_card() if (meant.fits(card) if meant else part in card.name.casefold())
        )
        return next(fits, None)


def reason(exc: BaseException | None) -> str:
    """PortAudio's words without its number: OSError(-9985, 'Device unavailable') -> Device unavailable."""
    if isinstance(exc, OSError) and len(exc.args) > 1:
        return str(exc.args[1])
    return str(exc or "no usable format") or type(exc).__name__
