"""What the lights say, of all that is so at once. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from device.panel.button import Gesture
from device.values import Show


class Look(enum.Enum):
    """What a panel shows; how, is in ``patterns``."""

    DARK = "nothing goes on"
    STARTING = "starting"
    ATTENDING = "listening to you"
    THINKING = "thinking"
    SPEAKING = "speaking"
    HARD_MUTE = "the microphone is closed"
    SOFT_MUTE = "the loudspeaker is muted"
    NO_NETWORK = "no broker"
    FAULT = "it cannot hear or speak"
    HELD = "let go now: mute or unmute"
    HELD_LONG = "let go now: close or open the microphone"


@dataclass(frozen=True, slots=True)
class Facts:
    """``closed``: no capture stream is open, by hand. ``muted``: the loudspeaker. ``faulty``: it cannot hear or cannot speak.
    ``offline``: there should be a broker, and has not been for some time. ``held``: what letting the button go will mean."""

    show: Show = field(default_factory=Show)
    closed: bool = False
    muted: bool = False
    faulty: bool = False
    offline: bool = False
    held: Gesture | None = None


def look(facts: Facts) -> Look:
    """The one thing that is shown.

    What the finger on the button asks comes first, then a closed microphone, which must never be hidden by anything else; then
    what passes, then what lasts. Of several activities the one that is heard or waited for.
    """
    show = facts.show
    choices = (
        (facts.held is Gesture.LONG_HOLD, Look.HELD_LONG),
        (facts.held is Gesture.HOLD, Look.HELD),
        (facts.closed, Look.HARD_MUTE),
        (show.speaking, Look.SPEAKING),
        (show.thinking, Look.THINKING),
        (show.attending, Look.ATTENDING),
        (facts.faulty, Look.FAULT),
        (facts.muted, Look.SOFT_MUTE),
        (facts.offline, Look.NO_NETWORK),
    )
    return next((shown for holds, shown in choices if holds), Look.DARK)
