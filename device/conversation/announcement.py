"""One announcement: how urgent, how loud, how patient, and how far it has come. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from device.conversation.timing import NEVER
from device.values import Announce, Loudness, samples

__all__ = ["Announcement"]

ALARM_VOLUME = 40
"""[percent] Least volume of an alarm: it has to be heard in the next room."""
PATIENCE = {"low": samples(60_000), "normal": samples(300_000), "alarm": NEVER}
ROOM_TALKS = {"low": NEVER, "normal": samples(8000), "alarm": samples(2000)}
"""People who talk to one another, or a television, are waited for so long."""
_URGENCY = {"low": 0, "normal": 1, "alarm": 2}


@dataclass(slots=True, eq=False)
class Announcement:
    """One announcement, from its ``Announce`` to its ``Announced``."""

    what: Announce
    opened: bool = False
    """Its chime was heard."""
    spoken: bool = False
    """Its text was, or as much of it as people let it say."""
    ring_until: int = NEVER
    words: int = 0
    ms: int = 0

    @property
    def urgency(self) -> int:
        return _URGENCY[self.what.priority]

    @property
    def cuts(self) -> bool:
        """Ends what is being said, rather than wait for it; bells that go on cut nobody's answer."""
        return not self.spoken and (self.what.interrupt or self.what.priority == "alarm")

    @property
    def loudness(self) -> Loudness:
        least = ALARM_VOLUME if self.what.priority == "alarm" else 0
        return Loudness(self.what.volume, least, over_mute=self.what.priority == "alarm")

    def gives_way_to(self, other: Announcement) -> bool:
        """A timer that rings gives way to an alarm that says something, everything to what is more urgent."""
        if self.what.ring and not other.what.ring and other.what.priority == "alarm":
            return True
        return other.cuts and (other.urgency, other.what.interrupt) > (self.urgency, False)

    @property
    def expires(self) -> int:
        """When it is dropped if it has not begun."""
        return self.what.position + PATIENCE[self.what.priority]

    def room_heard_out(self, speech_since: int) -> int:
        """Until when it waits for people who speak to one another since ``speech_since``."""
        return speech_since + ROOM_TALKS[self.what.priority]
