"""Local intents carried out, each one small function that says what it would do before it does it."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Protocol

from device.config import Config
from device.skills.outcome import Outcome
from device.skills.spoken import say_date, say_time
from device.skills.timer_intents import TimerIntents, timer_phrases
from device.skills.timers import Timers
from device.values import Intent, SkillDone, SkillPreview

VOLUME_STEP = 10
"""[percent] about 3-4 dB where people listen: clearly louder, never a jump."""
_VOLUME, _SILENT, _LOUDEST, _BACK = (
    "Volume {} percent.", "The volume is already at zero.", "That is as loud as I can be.", "I'm back.",
)  # fmt: skip
_BY_THE_CONVERSATION = ("stop", "cancel", "wait", "repeat", "go_on", "correct")
"""Intents that are about the conversation, which carries them out itself."""


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


class Skills:
    """``run`` answers every intent with a ``SkillDone``; one that nobody knows is answered with ``ok`` False.

    ``preview`` tells the same text and does nothing. "mute" silences the loudspeaker, never the ear: a microphone switched off
    by voice could not be switched on by voice again. A volume that is set while muted ends the mute: whoever turns it up
    wants to hear something.
    """

    def __init__(self, config: Config, controls: Controls, timers: Timers | None = None) -> None:
        self._language = config.device.language
        self._controls = controls
        by_intent: dict[str, Callable[[Intent], Outcome]] = {
            **dict.fromkeys(_BY_THE_CONVERSATION, lambda intent: Outcome("")),
            "volume_up": lambda intent: self._volume(self._controls.volume + VOLUME_STEP),
            "volume_down": lambda intent: self._volume(self._controls.volume - VOLUME_STEP),
            "volume_set": self._volume_set,
            "mute": self._mute,
            "unmute": self._unmute,
            "time": lambda intent: Outcome(say_time(self._controls.now().time())),
            "date": lambda intent: Outcome(say_date(self._controls.now().date())),
        }
        timing = TimerIntents(Timers() if timers is None else timers)
        self._skills: dict[str, Callable[[Intent, int], Outcome]] = {
            **{name: _whenever(skill) for name, skill in by_intent.items()},
            "timer_set": timing.set,
            "timer_cancel": timing.cancel,
            "timer_left": timing.left,
        }

    @property
    def known(self) -> frozenset[str]:
        """Names of the intents that can be carried out."""
        return frozenset(self._skills)

    @property
    def phrases(self) -> list[str]:
        """What is answered time and again, for a voice that prepares what it will say."""
        return [_VOLUME.format(percent) for percent in range(0, 101, VOLUME_STEP)] + [
            _LOUDEST,
            _SILENT,
            _BACK,
            *timer_phrases(),
        ]

    def run(self, intent: Intent, position: int) -> SkillDone:
        """Carry out ``intent``."""
        outcome = self._outcome(intent, position)
        if outcome.effect is not None:
            outcome.effect()
        return SkillDone(position, intent, outcome.text, outcome.ok)

    def preview(self, intent: Intent, position: int) -> SkillPreview:
        """What ``run`` would say now; nothing is done."""
        return SkillPreview(position, intent, self._outcome(intent, position).text)

    def _outcome(self, intent: Intent, position: int) -> Outcome:
        skill = self._skills.get(intent.name)
        return Outcome("I can't do that yet.", ok=False) if skill is None else skill(intent, position)

    def _volume_set(self, intent: Intent) -> Outcome:
        percent = intent.slots.get("volume")
        if not isinstance(percent, int | float):
            return Outcome("Which volume? Say a number from zero to one hundred.", ok=False)
        return self._volume(round(percent))

    def _volume(self, wanted: int) -> Outcome:
        before = self._controls.volume
        percent = min(100, max(0, wanted))
        text = _VOLUME.format(percent)
        if percent == before:
            edge = {0: _SILENT, 100: _LOUDEST}
            text = edge.get(percent, f"The volume is already at {percent} percent.")

        def set_it() -> None:
            self._controls.set_mute(False)
            self._controls.set_volume(percent)

        return Outcome(text, effect=set_it)

    def _mute(self, intent: Intent) -> Outcome:
        return Outcome("", effect=lambda: self._controls.set_mute(True))  # nobody could hear more

    def _unmute(self, intent: Intent) -> Outcome:
        text = _BACK if self._controls.muted else "I am not muted."
        return Outcome(text, effect=lambda: self._controls.set_mute(False))


def _whenever(skill: Callable[[Intent], Outcome]) -> Callable[[Intent, int], Outcome]:
    """A skill to which the position means nothing."""
    return lambda intent, position: skill(intent)
