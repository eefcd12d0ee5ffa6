"""Endpointing: when has the user finished? Every 10 ms: nothing, a plausible end, or the commitment to it.

    speech or not, level ──► Loudness: silence since the sound faded ─┐
    Partial ──► Transcript: complete? does it reach the last sound? ──┼──► plausible: reason to prepare an answer
    Habits: this speaker's pauses, rate ──► Patience: how long? ──────┴──► commit: reason to give it

Pure: positions in, decisions out. A guess costs little when it is wrong, so it comes early; a commitment that is wrong
talks into the user's pause, so it waits as long as words, speaker and bounds make it likely to be right.
"""

from __future__ import annotations

from enum import Enum

from device.config import Config, load_words
from device.ear.completeness import Completeness, CompletenessJudge
from device.ear.habits import Habits
from device.ear.loudness import Loudness
from device.ear.patience import Patience
from device.ear.transcript import Transcript
from device.values import FRAME, RATE_HZ, Partial, samples

WAKE_TAIL = samples(200)
"""Speech this shortly after the end of a wake word is the word dying away: that end is an estimate that leans to the
early side, rooms ring and the VAD hangs on. Of 119 real "alexa" said alone 16 % still leave a rest that counts as
speech (32 % at 120 ms); of 77 commands said in one breath with it none is missed."""
LEAST = samples(100)
"""Less speech than this is a click, not an utterance."""
CLICK = samples(600)
"""Of which nothing came for so long: forgotten."""
PLAUSIBLE = samples(80)
"""Silence of a plausible end. Gaps inside words end at 60 to 90 ms; in one that is longer the text seldom reaches up to it."""
VAD_QUIET = samples(150)
"""Silence by the VAD's own account that a commitment needs besides. PocketSphinx, too, likes some behind the last word: of
120 commands of 8 voices it accepts 99 with 0.10 s, 102 with 0.20 s, 98 with 0.40 s, 96 with 0.60 s."""
LATE_GUESS = samples(600)
"""The same after words that nobody ends with: most who search for the next one are back by then, and for who really ended so
an answer is ready when the silence has at last become too long."""
PAUSE = samples(150)
"""Shorter gaps are speech, not pauses."""


class Outcome(Enum):
    """What a frame brought."""

    NOTHING = 0
    PLAUSIBLE = 1
    COMMIT = 2


class Endpointing:
    """Decides once when the utterance whose words count from position ``after`` on is over.

    Never while a frame is speech, never before any speech was heard (whoever waits for somebody to begin has a timer of
    his own), but at the latest ``max_s`` after the speech began, and 1.2 s after the last frames within 8 dB of the
    talker's level: what goes on then is somebody else. Otherwise after the silence that ``Patience`` asks for, and not
    before the text reaches the last sound, within ``max_ms``.
    ``tail`` samples after ``after`` do not count: ``WAKE_TAIL`` where a wake word ended there.
    ``over``: it is spoken over a reply, where only a few words are listened for; no end is plausible before it has come.
    """

    def __init__(
        self,
        config: Config,
        after: int,
        tail: int = 0,
        *,
        judge: CompletenessJudge | None = None,
        habits: Habits | None = None,
        over: bool = False,
    ) -> None:
        self._patience = Patience(config, over)
        self.over = over
        self._habits = habits or Habits()
        self._transcript = Transcript(judge or CompletenessJudge(load_words(config.device.language)))
        self._most = samples(config.endpointing.max_ms)
        self._longest = round(config.endpointing.max_s * RATE_HZ)
        self._counts_from = after + tail
        self._heard = 0  # samples of speech that count
        self._began = 0
        self._loudness = Loudness()
        self._fed: int | None = None
        self._probability: float | None = None
        self._guessed: tuple[int, tuple[str, ...]] | None = None
        self._done = False
        self._last: int | None = None
        self.vad_until = 0
        """The sample after the last frame of speech."""

    @property
    def heard_speech(self) -> bool:
        """Whether anything has been said in this utterance."""
        return self._heard >= LEAST

    @property
    def began(self) -> int:
        """First sample of its speech; 0 before there was any."""
        return self._began

    @property
    def last(self) -> int:
        """The sample after the last speech, less the VAD's hangover and the room's; once committed, after the talker's."""
        return self._loudness.sound_until if self._last is None else self._last

    def pausing(self, now: int) -> bool:
        """Whether the speaker pauses at ``now``: long enough that he may have finished."""
        return self.heard_speech and now - self.vad_until >= PLAUSIBLE

    def hear(self, partial: Partial) -> None:
        """What the recogniser makes of it by now."""
        self._transcript.hear(partial)

    def fed(self, position: int) -> None:
        """The recogniser has the sound up to ``position``: what lies after that cannot be in its words. Not told, it has all."""
        self._fed = position

    def model_says(self, probability: float) -> None:
        """The word of a turn-end model on the present pause: how likely it is the end, 0 to 1. Counts until speech goes on."""
        self._probability = probability

    def step(
        self, position: int, speech: bool, level_db: float | None = None, commit: bool = True
    ) -> Outcome:
        """One frame, of ``level_db`` where that is known; COMMIT comes once, and after it nothing.

        With ``commit`` False (frames of the pre-roll) it only takes note.
        """
        if self._done:
            return Outcome.NOTHING
        end = position + FRAME
        silence = end - self.last
        if speech and end > self._counts_from:
            self._speech(position, end)
            self._loudness.follow(end, level_db)
        elif self._heard and not self.heard_speech and end - self.vad_until >= CLICK:
            self._heard = 0
        if not self.heard_speech or not commit:
            return Outcome.NOTHING
        if speech and self._loudness.beside:
            self._last = self._loudness.talker_until
            return self._commit()
        if end - self._began >= self._longest:
            return self._commit()
        if speech:
            return Outcome.NOTHING
        quiet = end - self.vad_until >= VAD_QUIET
        if quiet and silence >= self._most:
            return self._commit()
        if self._plausible(silence, end):  # what is sure at once, too: it is committed with the next frame
            return Outcome.PLAUSIBLE
        return self._commit() if quiet and self._over(silence, end) else Outcome.NOTHING

    def _speech(self, position: int, end: int) -> None:
        if not self._heard:
            self._began = position
            self._habits.began(position)
        elif self.heard_speech and position - self.vad_until >= PLAUSIBLE and self._unexplained:
            pause = position - self.last
            if pause >= PAUSE:
                self._habits.paused(pause)
        self._heard += FRAME
        self.vad_until = end
        self._probability = None

    @property
    def _unexplained(self) -> bool:
        """Whether the pause might have been the end, by the words before it."""
        return self._transcript.completeness not in (None, Completeness.OPEN)

    def _over(self, silence: int, end: int) -> bool:
        text = self._transcript
        wait = self._patience.wait(text.completeness, self._habits, text.rate, self._probability)
        if silence < wait:
            return False
        return not self._patience.by_words or self._covered(end)

    def _covered(self, now: int) -> bool:
        """Whether the words, or their lack, are about all that was said."""
        fed = now if self._fed is None else self._fed
        return self._transcript.covers(self.last, fed)

    def _plausible(self, silence: int, end: int) -> bool:
        completeness = self._transcript.completeness
        quiet = LATE_GUESS if completeness is Completeness.OPEN else PLAUSIBLE
        if self.over or silence < quiet or completeness is None:
            return False
        guess = (self.last, self._transcript.words)
        if guess == self._guessed or not self._covered(end):
            return False
        self._guessed = guess
        return True

    def _commit(self) -> Outcome:
        self._done = True
        self._habits.finished(self.last, self._transcript.rate, self._unexplained)
        return Outcome.COMMIT
