"""Barge-in: does somebody talk *over* the playback?

Pure: levels in, decisions out. No voice activity detector can tell (any of them fires on the residual echo: 14.6
false stops per minute behind this canceller), so each band of the canceller's output is held against what the
playback itself can have left there:

    source = max(playback envelope of the band (falls 45 dB/s), envelope of the loudest band - 15 dB)
    excess = output - max(noise floor + 3 dB, source + leak)

``leak`` is how much of the source gets through room and canceller, learned per band as the 92nd percentile over the
last 3 s of playback without a talker, or at first over the last second where that is 2 dB lower: the canceller gains
10 dB in 3 s. The score is the mean of the three highest of six bands; more than ``threshold_db`` in 5 of 8 frames is a talker.

144 simulated cut-ins 3.5 to 10.5 s into the first reply ever, at 6 dB: found within (p50 / p95 ms) 90 / 170 at equal
level, 120 / 270 at -6 dB, 150 / 570 and 2 of 48 missed at -10 dB; none false in 25 minutes of playback where loudspeaker
and microphone share a clock, 1.4 a minute with 15 to 30 ppm between two (at 8 dB: 0.4).

Once it has fired, the conversation ducks or holds the playback. The detector goes on judging whether the talker
does: by the excess while echo can be there, by the voice activity detector in the quiet it has made.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from device.audio.backends import Samples
from device.audio.levels import rms_db
from device.ear.bands import BANDS, SILENCE_DB, Levels, band_levels
from device.values import FRAME, BargeIn, BargeInEnded, samples

HITS, WINDOW = 5, 8
GOES_ON_HITS = 3
"""Of ``WINDOW``: a talker who has been found needs less to be believed than a new one."""
ENDED = samples(240)
RELEASE_DB = 0.45
"""Per frame: slower than any room's decay, and bridges the delay of the echo path."""
AUDIBLE_DB = -60.0
"""Playback below this in every band leaves no echo worth learning from."""
LEARN_FRAMES, LEARN_PERCENTILE = 300, 92
RECENT_FRAMES, RECENT_MARGIN_DB = 100, 2.0
CONVERGED_FRAMES = 900
"""While the canceller converges, most of 3 s tell of a filter that is no more: of 144 talkers who cut in within the
first 10 s this finds another 4, and 77 % instead of 62 % of those at -10 dB within 250 ms. Later a lull of a second
says nothing: two clocks make the residual swell and fall."""
SPREAD_DB = 15.0
"""A band that is weak in the playback holds what the loud ones leave there: the loudspeaker's distortion, the window's
side lobes. Against its own envelope alone its leak seemed 10 dB higher than it is, and nobody was louder than that."""
LEARN_FIRST = 60
"""The first 0.6 s of playback ever are taken as they are: before that nothing is known of the echo path."""
LEARN_DELAY = 20
"""A frame is learned 200 ms late, and not at all if it turns out to be the beginning of a talker."""
TRIAL = range(10, 21)
"""Frames after the trigger in which the duck has taken effect (echo path and decay are over) and a word still lasts."""
TRIAL_LATE = range(15, 21)
"""The same for a long echo path, and for a mere doubt: a stop consonant is as quiet for as long."""
TRIAL_DROP_DB = 10.0
TRIAL_BEFORE_DUCK = 4
TRIAL_RISE_DB, TRIAL_MEMORY = 9.0, 12
"""A reply that grows louder as it is ducked falls less than that. Then a talker stands out of the playback's last 120 ms
(echo path and decay) by the 18 dB of the duck, echo by no more than before."""
"""The duck is 18 dB. A "talker" who falls as the playback falls was echo; a real one does not care."""
FALSE_ALARM_FRAMES = 16
"""As so many frames such an alarm is learned, repeated if the duck cut it short: 5 % of the memory, so the 92nd
percentile moves at the second one."""
SUSPECT_FRAMES, SUSPECT_WINDOW = 4, samples(700)
"""So many frames of a word and its recognition: a wake word that is just heard has 5 or more, residual echo seldom any."""
SUSPECT_LEARNED = 150
"""Frames of playback before which neither canceller nor leak are settled enough to suspect anybody."""
STILL = 5
"""Frames without playback after which the voice activity detector is believed again."""
TALKED_BEFORE = samples(1500)
AFTER_TALK = samples(500)
"""Between two words a talker is too weak to be found and too loud to be learned as echo."""
IDLE_EVERY = 4
MARGIN_DB = 3.0
UNKNOWN_LEAK_DB = 0.0
UNTOLD = np.float32(-999.0)
LEARN_LEAST = 20


class BargeInDetector:
    """One per device; ``step`` every frame. ``warmup`` in samples: until then ``BargeIn.score`` is 0.0.

    ``active``: a talker over playback has been found and still talks. ``counts``: the latest frame is speech, also
    that of a talker who began before the playback did.
    """

    def __init__(self, threshold_db: float, warmup: int) -> None:
        self._threshold, self._warmup = threshold_db, warmup
        self.active = False
        self.counts = False
        self.excess_db = 0.0
        self._floor: Levels | None = None
        self._envelope = np.full(BANDS, SILENCE_DB, np.float32)
        self._source = self._envelope.copy()
        self._leak: Levels | None = None
        self._memory = np.zeros((LEARN_FRAMES, BANDS), np.float32)
        self._learned = 0
        self._pending: deque[Levels] = deque()
        self._suspects: list[Levels] = []
        self._ratios: deque[Levels] = deque(maxlen=WINDOW)
        self._loudness: deque[tuple[float, float]] = deque(maxlen=WINDOW)
        self._trial: _Trial | None = None
        self._still = 0
        self._quiet_speech = -TALKED_BEFORE  # position after the last speech before the playback began
        self._scores: deque[float] = deque(maxlen=40)
        self._talks: deque[bool] = deque(maxlen=WINDOW)
        self._excesses: deque[int] = deque(maxlen=SUSPECT_FRAMES)
        """Positions of the latest frames above the margin, also across pauses of the playback."""
        self._position = 0
        self._onset = self._last = self._learn_from = 0
        self._out_before = self._played_before = np.zeros(FRAME, np.float32)
        self._idle = 0

    @property
    def suspects(self) -> bool:
        """Somebody may be talking over the playback: too little for a ``BargeIn``, more than its echo alone makes."""
        if self._learned < SUSPECT_LEARNED or len(self._excesses) < SUSPECT_FRAMES:
            return False
        return self._position - self._excesses[0] < SUSPECT_WINDOW

    @property
    def leak_db(self) -> list[float]:
        """What of the playback is left after room and canceller, dB per band; empty before anything played."""
        return [] if self._leak is None else [round(float(v), 1) for v in self._leak]

    def step(
        self,
        position: int,
        clean: Samples,
        reference: Samples,
        playing: bool,
        vad: bool,
        missing: bool = False,
    ) -> BargeIn | BargeInEnded | None:
        """One frame: the canceller's output and what was played, float32 of (FRAME,); ``vad``: it sounds like speech.

        ``playing``: playback is audible or its echo may still be.
        """
        event: BargeIn | BargeInEnded | None = None
        self._position = position
        if missing:
            self.counts = False
        elif playing:
            event = self._over_playback(position, clean, reference, vad)
        else:
            self._in_quiet(position, clean, vad)
        self._out_before, self._played_before = clean, reference
        if self._trial is not None:
            self._trial.step(rms_db(clean), rms_db(reference))
            if self.active and event is None and self._trial.doubtful:
                event = self._end(position, echo=True)
        if event is None and self.active and position + FRAME - self._last >= ENDED:
            event = self._end(position)
        return event

    # ------------------------------------------------------------------ while nothing plays

    def _in_quiet(self, position: int, clean: Samples, vad: bool) -> None:
        if self._scores:
            self._scores.clear()
            self._talks.clear()
            self._ratios.clear()
            self._loudness.clear()
            self._envelope.fill(SILENCE_DB)
            self._settle(self._pending)
            self._pending.clear()
        if vad:
            self._quiet_speech = position + FRAME
        self.counts = vad and self.active
        if self.counts:
            self._last = position + FRAME
        self._idle = (self._idle + 1) % IDLE_EVERY
        if self._idle == 0:
            self._follow_floor(band_levels(self._out_before, clean), IDLE_EVERY)

    def _follow_floor(self, out: Levels, frames: int) -> None:
        """Falls fast, rises 2 dB/s. Digital silence (a stream that starts, a muted microphone) is no noise floor."""
        if float(out.max()) < SILENCE_DB + 15:
            return
        if self._floor is None:
            self._floor = out.copy()
            return
        fall = 1 - 0.7**frames
        self._floor = np.where(
            out < self._floor, self._floor + fall * (out - self._floor), self._floor + 0.02 * frames
        ).astype(np.float32)

    # ------------------------------------------------------------------ while something plays

    def _over_playback(self, position: int, clean: Samples, reference: Samples, vad: bool) -> BargeIn | None:
        out = band_levels(self._out_before, clean)
        played = band_levels(self._played_before, reference)
        self._envelope = np.maximum(played, self._envelope - np.float32(RELEASE_DB))
        self._source = np.maximum(self._envelope, self._envelope.max() - np.float32(SPREAD_DB))
        self._follow_floor(out, 1)
        score = self._score(out)
        self.excess_db = score
        self._scores.append(score)
        if score > MARGIN_DB:
            self._excesses.append(position)
        self._still = self._still + 1 if float(played.max()) < AUDIBLE_DB else 0
        self._ratios.append(self._ratio(out))
        self._loudness.append((rms_db(clean), rms_db(reference)))
        talks = score > self._threshold - MARGIN_DB or (vad and (score > MARGIN_DB or self._still >= STILL))
        self._talks.append(talks)
        self.counts = talks and sum(self._talks) >= GOES_ON_HITS
        event = None
        if self.active:
            if self.counts:
                self._last = position + FRAME
        else:
            event = self._trigger(position)
        self._learn(position, played, score)
        return event

    def _score(self, out: Levels) -> float:
        floor = SILENCE_DB if self._floor is None else self._floor + np.float32(MARGIN_DB)
        leak = UNKNOWN_LEAK_DB if self._leak is None else self._leak
        excess = np.sort(out - np.maximum(floor, self._source + leak))
        return float(excess[BANDS // 2 :].mean())

    def _ratio(self, out: Levels) -> Levels:
        """What this frame says of the leak; ``UNTOLD`` in bands where the noise floor hides the echo."""
        ratio = out - self._source
        if self._floor is not None:
            ratio[out < self._floor + np.float32(MARGIN_DB)] = UNTOLD
        return ratio

    def _trigger(self, position: int) -> BargeIn | None:
        recent = list(self._scores)[-WINDOW:]
        hits = [s for s in recent if s > self._threshold]
        if self._leak is None or len(hits) < HITS or recent[-1] <= self._threshold:
            return None
        back = self._frames_since_onset()
        self.active = self.counts = True
        self._onset, self._last = max(0, position - (back - 1) * FRAME), position + FRAME
        self._suspects = list(self._ratios)[-HITS:]
        self._settle(list(self._pending)[:-back])
        self._pending.clear()
        self._trial = _Trial(
            max(out for out, _ in self._loudness), max(played for _, played in self._loudness)
        )
        score = sum(hits) / len(hits) if position >= self._warmup else 0.0
        return BargeIn(position + FRAME, self._onset, score)

    def _frames_since_onset(self) -> int:
        """Back from the trigger while the excess stays above 3 dB; two weak frames in a row are before the onset."""
        back = weak = 0
        for k, score in enumerate(reversed(self._scores)):
            weak = 0 if score > MARGIN_DB else weak + 1
            if weak == 2:
                break
            if not weak:
                back = k + 1
        return back

    def _end(self, position: int, echo: bool = False) -> BargeInEnded:
        self.active = self.counts = False
        self._learn_from = position + AFTER_TALK
        if self._trial is not None and self._trial.was_echo:
            self._settle((self._suspects * FALSE_ALARM_FRAMES)[:FALSE_ALARM_FRAMES])
        self._trial = None
        self._suspects = []
        return BargeInEnded(position + FRAME, self._last, echo)

    # ------------------------------------------------------------------ learning the leak

    def _learn(self, position: int, played: Levels, score: float) -> None:
        """Only frames that the playback itself fills: not its pauses, not what follows a duck or a hold.

        And not the first ones ever when somebody was talking as the playback began: he may well go on.
        """
        loudest = float(played.max())
        if loudest < AUDIBLE_DB or loudest < float(self._envelope.max()) - 10:
            return
        ratio = self._ratios[-1]
        if self._learned < LEARN_FIRST:
            if position - self._quiet_speech > TALKED_BEFORE:
                self._settle([ratio])
        elif self.active:
            if len(self._suspects) < 2 * FALSE_ALARM_FRAMES:
                self._suspects.append(ratio)
        elif score < self._threshold - MARGIN_DB and position >= self._learn_from:
            self._pending.append(ratio)
            if len(self._pending) > LEARN_DELAY:
                self._settle([self._pending.popleft()])

    def _settle(self, ratios: list[Levels] | deque[Levels]) -> None:
        for ratio in ratios:
            self._memory[self._learned % LEARN_FRAMES] = ratio
            self._learned += 1
            if self._learned >= LEARN_FIRST and self._learned % 10 == 0:
                self._leak = self._leak_of_memory()

    def _leak_of_memory(self) -> Levels:
        leak = self._percentile(self._memory[: min(self._learned, LEARN_FRAMES)])
        if not RECENT_FRAMES < self._learned < CONVERGED_FRAMES:
            return leak
        recent = np.arange(self._learned - RECENT_FRAMES, self._learned) % LEARN_FRAMES
        return np.minimum(leak, self._percentile(self._memory[recent]) + np.float32(RECENT_MARGIN_DB))

    def _percentile(self, memory: NDArray[np.float32]) -> Levels:
        """Per band over the frames that tell something; a band that has too few keeps what it knew."""
        memory = np.sort(memory, axis=0)
        told = (memory > UNTOLD).sum(axis=0)
        rank = len(memory) - 1 - np.floor(told * (1 - LEARN_PERCENTILE / 100)).astype(int)
        leak = memory[rank, np.arange(BANDS)]
        known = np.full(BANDS, UNKNOWN_LEAK_DB, np.float32) if self._leak is None else self._leak
        return np.where(told >= LEARN_LEAST, leak, known)


class _Trial:
    """Was it a talker or echo? The conversation ducks the playback at once; echo falls with it.

    Levels in dB; begins with the loudest of the trigger's window. Without a duck (warm-up) there is no verdict.
    """

    def __init__(self, out_db: float, played_db: float) -> None:
        self._out_db, self._played_db = out_db - TRIAL_DROP_DB, played_db - TRIAL_DROP_DB
        self._ratio, self._peak_db = out_db - played_db, played_db
        self._recent: deque[float] = deque([played_db], maxlen=TRIAL_MEMORY)
        self._frame = 0
        self._fell = self._fell_late = True

    @property
    def doubtful(self) -> bool:
        """In the frame of the verdict: it was echo, or a word that was over so soon."""
        return self._fell_late and self._frame == TRIAL_LATE.stop

    @property
    def was_echo(self) -> bool:
        return self._fell and self._frame >= TRIAL.stop

    def step(self, out_db: float, played_db: float) -> None:
        """The next frame after the trigger."""
        self._frame += 1
        self._recent.append(played_db)
        if self._frame < TRIAL_BEFORE_DUCK:
            self._peak_db = max(self._peak_db, played_db)
        if out_db <= self._out_db and played_db <= self._played_db:
            return
        self._fell &= self._frame not in TRIAL
        ducked = played_db <= self._peak_db - TRIAL_DROP_DB / 2
        if not ducked or out_db - max(self._recent) > self._ratio + TRIAL_RISE_DB:
            self._fell_late &= self._frame not in TRIAL_LATE
