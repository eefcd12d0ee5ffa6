"""Wake words and "stop", heard in the ring of sound; and how other words take over while somebody may be saying one.

    ring ─┬─► the words in force, frame by frame ──────────────────────────────► Wake, StopHeard
          └─► the words to come: two seconds back, then faster than real time, until both have heard the same: they take over

The words in force go on until then, so nobody is deaf for a moment; and a word that was begun under the old ones is known
to the new ones from its beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from device.audio.levels import rms_db
from device.config import Config
from device.ear.feed import to_pcm
from device.ear.history import FrameHistory
from device.ear.stop_word import AUTO, StopWord, load_stop_weights
from device.ear.wake import REFRACTORY, WakeWords
from device.ear.wake_models import WakeModel, find_word
from device.values import FRAME, StopHeard, Wake, samples

if TYPE_CHECKING:
    from device.audio import Ring

WARM_UP = samples(2000)
"""The frontend follows the noise with a time constant of 0.4 s, and the models' state holds 0.75 s."""
FRAMES_PER_STEP = 25
"""One costs 15 µs and 6 µs a word on an x86 core: two seconds are caught up with in 90 ms, and no step is 5 ms longer on a
Raspberry Pi."""
LATE = samples(300)
"""A word is decided up to 235 ms after its end: what the new words find in the time before the change was said across it."""

SILENT_PCM, SILENT_DB = bytes(2 * FRAME), -120.0
"""What a missing frame counts as."""


@dataclass(frozen=True, slots=True)
class Spotters:
    """What hears words without a recogniser. ``wake`` None: nothing; ``stop``: the spotter of "stop", over playback."""

    wake: WakeWords | None
    stop: StopWord | None


def load_spotters(config: Config, models: Sequence[WakeModel] | None = None) -> Spotters:
    """Those of ``config``, loaded and tried; ``models``: in place of its wake words, and none at all if it is empty.

    Takes some 30 ms the first time, 3 ms a word then. Raises EngineError when a model or the runtime cannot be used.
    """
    models = [find_word(word) for word in config.wake.words] if models is None else models
    meant = stop_model(config)
    stop = None
    if config.wake.stop == AUTO:
        stop = StopWord(load_stop_weights(config.device.language), config.wake.stop_threshold)
    thresholds = (config.wake.threshold, config.wake.threshold_playing)
    stop_word = None if meant is None else (meant, config.wake.stop_threshold)
    wake = WakeWords(models, thresholds, stop_word) if models or meant or stop else None
    return Spotters(wake, stop)


def stop_model(config: Config) -> WakeModel | None:
    """The wake model that means "stop", if the configuration names one. Raises EngineError."""
    stop = config.wake.stop
    return None if stop in ("", AUTO) else find_word(stop, "wake.stop")


class Spotting:
    """``step`` every frame. ``sound`` may end one frame before the frame that is told."""

    def __init__(self, spotters: Spotters, sound: Ring, history: FrameHistory) -> None:
        self._sound, self._history = sound, history
        self._now = _Listening(spotters, 0)
        self._next: _Listening | None = None
        self._found: list[Wake | StopHeard] = []
        """What the words to come have heard since shortly before the change."""
        self._changed_at = 0
        self.scored = 0
        """Frames in which the words in force were scored, since the start."""

    @property
    def spotters(self) -> Spotters:
        """Those in force."""
        return self._now.spotters

    @property
    def changing(self) -> bool:
        """Whether other words are on their way to take over."""
        return self._next is not None

    def adjust(self, config: Config) -> None:
        """Take the thresholds of ``config``, in the middle of a word too."""
        for listening in (self._now, self._next):
            if listening is None:
                continue
            wake, stop = listening.spotters.wake, listening.spotters.stop
            if wake is not None:
                wake.thresholds = (config.wake.threshold, config.wake.threshold_playing)
                wake.stop_threshold = config.wake.stop_threshold
            if stop is not None:
                stop.threshold = config.wake.stop_threshold

    def change(self, spotters: Spotters) -> None:
        """Listen for other words from now on; those that were on their way are forgotten."""
        now = self._now
        if spotters.stop is not None and now.spotters.stop is not None:  # it knows what has been said so far
            now.spotters.stop.threshold = spotters.stop.threshold
            spotters = Spotters(spotters.wake, now.spotters.stop)
        oldest = self._history.floor(max(0, self._sound.start + FRAME - 1))
        self._next = _Listening(spotters, min(now.at, max(oldest, now.at - WARM_UP)))
        self._found, self._changed_at = [], now.at

    def step(self, position: int, playing: bool, talker: bool) -> list[Wake | StopHeard]:
        """Every frame once, as soon as ``sound`` has it: none in this step, two in another where it runs late.

        ``talker``: there may be one, as the barge-in detector sees it.
        """
        now = self._now
        if not 0 <= position - now.at <= FRAME:  # the first one, or the positions jumped
            now.at = position
        heard: list[Wake | StopHeard] = []
        while now.at + FRAME <= min(position + FRAME, self._sound.end):
            heard += now.hear(self._sound, self._history, playing, talker)
            self.scored += now.spotters.wake is not None and bool(now.spotters.wake.features)
        if self._next is not None:
            heard += self._catch_up(self._next, playing, talker)
        return heard

    def _catch_up(self, new: _Listening, playing: bool, talker: bool) -> list[Wake | StopHeard]:
        old = self._now
        for _ in range(FRAMES_PER_STEP):
            if new.at >= old.at:
                break
            found = new.hear(self._sound, self._history, playing, talker, behind=old)
            self._found += [event for event in found if event.position > self._changed_at - LATE]
        if new.at < old.at:
            return []
        self._now, self._next = new, None
        found = [event for event in self._found if not old.has_told(event)]
        new.follow(old)
        return found


class _Listening:
    """Spotters, and how far they have listened: up to capture position ``at``."""

    def __init__(self, spotters: Spotters, at: int) -> None:
        self.spotters, self.at = spotters, at
        self._told: dict[object, int] = {}
        """Positions, by kind of event and by word."""

    def hear(
        self,
        sound: Ring,
        history: FrameHistory,
        playing: bool,
        talker: bool,
        behind: _Listening | None = None,
    ) -> list[Wake | StopHeard]:
        """The next frame. ``behind``: those in force, while these catch up with them."""
        at, self.at = self.at, self.at + FRAME
        wake, stop = self.spotters.wake, self.spotters.stop
        if wake is None:
            return []
        block = sound.read(at, FRAME).samples
        missing = history.missing(at) or len(block) < FRAME
        pcm, level_db = (SILENT_PCM, SILENT_DB) if missing else (to_pcm(block), rms_db(block))
        woken = wake.step(at, pcm, level_db, playing and talker, missing)
        heard: list[Wake | StopHeard] = []
        if stop is not None and (behind is None or stop is not behind.spotters.stop):
            # whether there was a talker then is not known: a new spotter of "stop" only fills its memory
            stopped = stop.step(at, wake.features, playing, talker and behind is None)
            heard += [stopped] if stopped is not None else []
        heard = [event for event in heard + woken if not self.has_told(event)]
        for event in heard:
            self._told[type(event)] = self._told[event.word] = event.position
        return heard

    def has_told(self, event: Wake | StopHeard) -> bool:
        """Whether these have heard it, or another of its kind, or the word when it meant something else."""
        known = [self._told[key] for key in (type(event), event.word) if key in self._told]
        return any(abs(event.position - told) < REFRACTORY for told in known)

    def follow(self, old: _Listening) -> None:
        """Take over from ``old``: the words that it has told are not told again."""
        self._told |= old._told
