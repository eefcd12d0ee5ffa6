"""Local intents carried out, each one small function."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Protocol

from device.config import Config
from device.skills.spoken import say_date, say_time
from device.values import Intent, SkillDone

VOLUME_STEP = 10
"""[percent] about 3-4 dB where people listen: clearly louder, never a jump."""


class Controls(Protocol):
    """What skills may turn. Given by the daemon; a scenario or a test gives its own."""

    @property
    def volume(self) -> int:
        """Playback volume in percent, 0..100."""

    def set_volume(self, percent: int) -> None: ...

    @property
    def muted(self) -> bool: ...

    def set_mute(self, muted: bool) -> None:
        """Silence the loudspeaker, or let it sound again at the volume it had."""

    def now(self) -> datetime.datetime:
        """Local date and time."""

    def last_reply(self) -> str:
        """The last reply's text, or empty."""


class Skills:
    """``run`` answers every intent with a ``SkillDone``; one that nobody knows is answered with ``ok`` False.

    "mute" silences the loudspeaker, never the ear: a microphone switched off by voice could not be switched on by voice
    again. A volume that is set while muted ends the mute: whoever turns it up wants to hear something.
    """

    def __init__(self, config: Config, controls: Controls) -> None:
        self._language = config.device.language
        self._controls = controls
        self._skills: dict[str, Callable[[Intent], tuple[str, bool]]] = {
            "stop": self._nothing_more,
            "cancel": self._nothing_more,
            "wait": self._nothing_more,
            "volume_up": lambda intent: self._volume(self._controls.volume + VOLUME_STEP),
            "volume_down": lambda intent: self._volume(self._controls.volume - VOLUME_STEP),
            "volume_set": self._volume_set,
            "mute": self._mute,
            "unmute": self._unmute,
            "time": lambda intent: (say_time(self._controls.now().time()), True),
            "date": lambda intent: (say_date(self._controls.now().date()), True),
            "repeat": self._repeat,
        }

    @property
    def known(self) -> frozenset[str]:
        """Names of the intents that can be carried out."""
        return frozenset(self._skills)

    def run(self, intent: Intent, position: int) -> SkillDone:
        skill = self._skills.get(intent.name)
        if skill is None:
            return SkillDone(position, intent, "I can't do that yet.", ok=False)
        text, ok = skill(intent)
        return SkillDone(position, intent, text, ok)

    def _nothing_more(self, intent: Intent) -> tuple[str, bool]:
        return "", True

    def _volume_set(self, intent: Intent) -> tuple[str, bool]:
        percent = intent.slots.get("volume")
        if not isinstance(percent, int | float):
            return "Which volume? Say a number from zero to one hundred.", False
        return self._volume(round(percent))

    def _volume(self, wanted: int) -> tuple[str, bool]:
        before = self._controls.volume
        percent = min(100, max(0, wanted))
        self._controls.set_mute(False)
        self._controls.set_volume(percent)
        if percent == before:
            edge = {0: "The volume is already at zero.", 100: "That is as loud as I can be."}
            return edge.get(percent, f"The volume is already at {percent} percent."), True
        return f"Volume {percent} percent.", True

    def _mute(self, intent: Intent) -> tuple[str, bool]:
        self._controls.set_mute(True)
        return "", True  # nobody could hear more

    def _unmute(self, intent: Intent) -> tuple[str, bool]:
        muted = self._controls.muted
        self._controls.set_mute(False)
        return ("I'm back." if muted else "I am not muted."), True

    def _repeat(self, intent: Intent) -> tuple[str, bool]:
        text = self._controls.last_reply()
        return (text, True) if text else ("I haven't said anything yet.", False)
