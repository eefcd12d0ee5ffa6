"""Barge-in: does somebody talk *over* the playback?

No voice activity detector can tell (any of them fires on the residual echo: 14.6 false stops per minute behind this
canceller). So ``residual`` says how far the canceller's output stands out of what playback, room and other people explain,
``talker`` turns that into the log odds of a talker, frame by frame, and here they are added up until they suffice:

    S = max(0, S + log odds - BIAS)          a talker is found when S > bar

That is the quickest test there is for a given rate of false alarms (E. S. Page, "Continuous inspection schemes", Biometrika
41, 1954; G. V. Moustakides, 1986): a loud talker is found in two frames, a faint one when enough has come together.
``sensitivity`` moves the bar. While the canceller has not converged, or something is wrong with microphone or reference, an
echo that nobody takes away looks just like a talker: what is found then is reported with score 0.0, and only "stop" acts.
In the seconds after that the bar comes down from four times its height, as the canceller goes on gaining.

Once it has fired, the conversation ducks or holds the playback. The detector goes on judging whether the talker does: by the
odds while echo can be there, by the voice activity detector in the quiet it has made.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from device.audio.levels import rms_db
from device.ear.duck_trial import DuckTrial
from device.ear.residual import AUDIBLE_DB, Residual
from device.ear.talker import TalkerModel, Weights
from device.values import FRAME, BargeIn, BargeInEnded, samples

if TYPE_CHECKING:
    from device.audio import Frame

BIAS = 2.0
MOST, LEAST = 4.0, -6.0
"""One frame's odds count up to this much: a click is one frame."""
BAR = 10.0
"""At sensitivity 0.5."""
PER_SENSITIVITY = 4.0
"""Sensitivity 0 has a bar this many times as high, 1 as low."""
FIRST_FRAMES, SETTLED_FRAMES, RAISED = 250, 600, 4.0
"""Frames of playback ever: in the first ones the canceller gains 10 dB a second and nothing that was learned holds, so it
counts as not converged; then the bar is so much higher, and down to itself at the second number."""
YOUNG_DB = 4.0
"""While the bar comes down, what is learned of the echo is of a canceller that was worse: excess is worth more than odds."""
UNCONVERGED_DB = 9.0
"""Where the echo is not taken away the classifier, which has learned what remains of one, is not asked alone: the output must
also stand out by this much of what the playback, uncancelled, has left there before."""
UNTRUSTED_DB, CANCELS_DB = 15.0, 10.0
"""The same where the echo is cancelled by fits and starts, as with clocks that nobody can follow."""
GOES_ON_HITS, WINDOW = 3, 8
"""A talker who has been found needs less to be believed than a new one."""
ENDED = samples(240)
WELL_CANCELLED_DB = 18.0
"""Behind a canceller as good as this no echo is as loud as a talker, unless it has moved; and words fall silent as echo falls
with the duck: then the playback's fall is no evidence."""
MOVED_WITHIN = samples(1500)
"""A talker who was found so shortly before the canceller found its echo moved was that echo."""
FALSE_ALARM_FRAMES = 16
"""As so many frames such an alarm is learned, repeated if the duck cut it short: 5 % of the memory, so the 92nd
percentile moves at the second one."""
SUSPECT_FRAMES, SUSPECT_WINDOW = 4, samples(700)
"""So many frames of a word and its recognition: a wake word that is just heard has 5 or more, residual echo seldom any."""
SUSPECT_LEARNED = 150
"""Frames of playback before which neither canceller nor leak are settled enough to suspect anybody."""
STILL = 5
"""Frames without playback after which the voice activity detector is believed again."""


def bar_of(sensitivity: float) -> float:
    """What the odds must add up to; ``sensitivity`` 0..1."""
    return float(BAR * PER_SENSITIVITY ** (1 - 2 * sensitivity))


class BargeInDetector:
    """One per device; ``step`` every frame.

    ``active``: a talker over playback has been found and still talks. ``counts``: the latest frame is speech, also
    that of a talker who began before the playback did. ``raised``: the bar is raised.
    """

    def __init__(self, sensitivity: float, weights: Weights) -> None:
        self._bar = bar_of(sensitivity)
        self._residual = Residual()
        self._model = TalkerModel(weights)
        self.active = self.counts = self.raised = False
        self.odds = 0.0
        """Log odds of a talker in the latest frame of playback."""
        self._sum = 0.0
        self._doubtful = False
        self._trial: DuckTrial | None = None
        self._suspects: list[NDArray[np.float32]] = []
        self._ratios: deque[NDArray[np.float32]] = deque(maxlen=WINDOW)
        self._loudness: deque[tuple[float, float]] = deque([(-120.0, -120.0)], maxlen=WINDOW)
        self._odds: deque[float] = deque(maxlen=40)
        self._talks: deque[bool] = deque(maxlen=WINDOW)
        self._likely: deque[int] = deque(maxlen=SUSPECT_FRAMES)
        """Positions of the latest frames that were a talker more likely than not, also across pauses of the playback."""
        self._still = self._played = 0
        self._position = self._onset = self._last = self._triggered = 0

    def set_sensitivity(self, sensitivity: float) -> None:
        """0..1, from the next frame on; what has added up so far counts."""
        self._bar = bar_of(sensitivity)

    @property
    def suspects(self) -> bool:
        """Somebody may be talking over the playback: too little for a ``BargeIn``, more than its echo alone makes."""
        if self._residual.learned < SUSPECT_LEARNED or len(self._likely) < SUSPECT_FRAMES:
            return False
        return self._position - self._likely[0] < SUSPECT_WINDOW

    @property
    def score(self) -> float:
        """How far the way to the bar is gone: a talker is found above 1."""
        return self._sum / self._bar

    @property
    def leak_db(self) -> list[float]:
        """What of the playback is left after room and canceller, dB per band; empty before anything played."""
        return self._residual.leak_db

    def step(self, frame: Frame, vad: bool) -> BargeIn | BargeInEnded | None:
        """One frame; ``vad``: it sounds like speech."""
        event: BargeIn | BargeInEnded | None = None
        position = self._position = frame.position
        if frame.missing:
            self.counts = False
        elif frame.playing:
            event = self._over_playback(frame, vad)
        else:
            self._in_quiet(frame, vad)
        if self._trial is not None and not frame.missing:
            self._trial.step(rms_db(frame.clean), rms_db(frame.reference))
            if self.active and event is None and self._trial.doubtful:
                event = self._end(position, echo=True)
        if frame.moved and self.active and event is None and position - self._triggered < MOVED_WITHIN:
            event = self._end(position, echo=True)
        if event is None and self.active and position + FRAME - self._last >= ENDED:
            event = self._end(position)
        return event

    # ------------------------------------------------------------------ while nothing plays

    def _in_quiet(self, frame: Frame, vad: bool) -> None:
        if self._odds:
            self._odds.clear()
            self._talks.clear()
            self._ratios.clear()
            self._sum = 0.0
            self._model.reset()
        self._residual.quiet(frame.position, frame.clean, frame.mic, frame.reference, vad)
        self.counts = vad and self.active
        if self.counts:
            self._last = frame.position + FRAME

    # ------------------------------------------------------------------ while something plays

    def _over_playback(self, frame: Frame, vad: bool) -> BargeIn | None:
        position, residual = frame.position, self._residual
        talker = self.active or self._sum > self._bar / 4
        features = residual.playing(position, frame.clean, frame.mic, frame.reference, talker)
        self._ratios.append(residual.latest)
        if frame.erle_db < WELL_CANCELLED_DB:
            self._loudness.append((rms_db(frame.clean), rms_db(frame.reference)))
        self._still = self._still + 1 if residual.played_db < AUDIBLE_DB else 0
        odds = self._model.step(features, frame.erle_db)
        if not residual.known:
            odds = LEAST
        self._played += not self._still
        believed = frame.converged and self._played > FIRST_FRAMES
        young = max(0.0, 1 - self._played / SETTLED_FRAMES)
        if believed and young:
            odds = min(odds, residual.excess_db + YOUNG_DB * (1 - young))
        elif not believed:
            odds = min(
                odds, residual.excess_db - (UNTRUSTED_DB if frame.erle_db > CANCELS_DB else UNCONVERGED_DB)
            )
        self.odds = odds
        self._odds.append(odds)
        self._sum = max(0.0, self._sum + min(max(odds - BIAS, LEAST), MOST))
        if odds > 0:
            self._likely.append(position)
        talks = odds > 0 or (vad and self._still >= STILL)
        self._talks.append(talks)
        self.counts = talks and sum(self._talks) >= GOES_ON_HITS
        bar = self._bar * (1 + (RAISED - 1) * young)
        self.raised = not believed or young > 0
        if not self.active:
            return self._trigger(frame, bar, believed)
        if len(self._suspects) < 2 * FALSE_ALARM_FRAMES:
            self._suspects.append(residual.latest)
        if self.counts:
            self._last = position + FRAME
        self._sum = min(self._sum, bar + MOST)
        if self._doubtful and believed and self._sum > bar:
            self._doubtful = False
            return BargeIn(position + FRAME, self._onset, self.score)
        return None

    def _trigger(self, frame: Frame, bar: float, believed: bool) -> BargeIn | None:
        if self._sum <= bar:
            return None
        position = frame.position
        back = self._frames_since_onset()
        self.active = self.counts = True
        self._triggered = position
        self._onset, self._last = max(0, position - (back - 1) * FRAME), position + FRAME
        self._suspects = list(self._ratios)[-back:]
        self._residual.drop_pending(back)
        self._trial = None
        if frame.erle_db < WELL_CANCELLED_DB:
            self._trial = DuckTrial(
                max(out for out, _ in self._loudness), max(played for _, played in self._loudness)
            )
        self._doubtful = not believed
        return BargeIn(position + FRAME, self._onset, 0.0 if self._doubtful else self.score)

    def _frames_since_onset(self) -> int:
        """Back from the trigger while a talker is more likely than not; two other frames in a row are before the onset."""
        back = weak = 0
        for k, odds in enumerate(reversed(self._odds)):
            weak = 0 if odds > 0 else weak + 1
            if weak == 2:
                break
            if not weak:
                back = k + 1
        return max(1, back)

    def _end(self, position: int, echo: bool = False) -> BargeInEnded:
        self.active = self.counts = False
        self._sum = 0.0
        if self._trial is not None and self._trial.was_echo:
            self._residual.learn_false_alarm(self._suspects, FALSE_ALARM_FRAMES)
        self._trial = None
        self._suspects = []
        return BargeInEnded(position + FRAME, self._last, echo)
