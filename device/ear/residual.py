"""How far the canceller's output stands out of what the playback, the room and other people can explain.

    echo estimate (mic - clean) --bands--> envelope, falls 100 dB/s --+ leak (learned) ---> explained by the echo
    reference ------------------bands--> envelope, falls 45 dB/s ----+ leak (learned) ---> explained by the playback
    quiet before the playback --bands--> noise floor, steady background
    clean ----------------------bands--> minus each of these = 4 x 8 features, dB

The echo estimate knows the room (a band in which the room is deaf, the time at which the echo comes); the playback itself
also explains what the canceller has not learned yet. ``leak`` is how much of either is left in the output: the 92nd
percentile per band over the last 3 s of playback without a talker. A band that is weak in the playback holds what the
loud ones leave there (distortion, side lobes of the window): the source is never taken for less than the loudest
band minus ``SPREAD_DB``.

Pure: frames in, features out.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from device.audio.backends import Samples
from device.ear.bands import BANDS, SILENCE_DB, BandMeter, Levels
from device.values import FRAME, samples

FEATURES = 4 * BANDS
RELEASE_DB = (0.45, 1.0)
"""Per frame, of the playback and of the echo estimate: the first bridges echo path and room, the second only what the
estimate's 250 ms leave out."""
SPREAD_DB = 15.0
AUDIBLE_DB = -60.0
"""Playback below this in every band leaves no echo worth learning from."""
MARGIN_DB = 3.0
UNKNOWN_LEAK_DB = 0.0
MEMORY, PERCENTILE = 300, 92
RECENT, RECENT_MARGIN_DB, CONVERGED = 100, 2.0, 900
"""While the canceller converges, most of 3 s tell of a filter that is no more: then the last second counts, plus 2 dB.
Later a lull of a second says nothing."""
COUNTED_EVERY = 20
"""Learned frames between two looks at the memory: sorting it costs 70 us."""
FIRST = 60
"""The first 0.6 s of playback ever are taken as they are: before that nothing is known of the echo path."""
DELAY = 20
"""A frame is learned 200 ms late, and not at all if it turns out to be the beginning of a talker."""
LEARNS_BELOW_DB = 3.0
LEAST = 20
UNTOLD = np.float32(-999.0)
AFTER_TALK = samples(500)
"""Between two words a talker is too weak to be found and too loud to be learned as echo."""
TALKED_BEFORE = samples(1500)
IDLE_EVERY, FLOOR_EVERY = 4, 2
"""Frames between two looks at the bands while nothing plays, and between two corrections of the floor while something does."""
BLOCK, BLOCKS = 25, 5
"""Idle looks (40 ms) in a block of the steady background, and how many blocks in a row must be as loud: 5 s."""

_RELEASE = np.array(RELEASE_DB, np.float32)[:, None]
_SPREAD, _MARGIN = np.float32(SPREAD_DB), np.float32(MARGIN_DB)
_LOWEST, _HIGHEST = np.float32(-30), np.float32(40)


class Residual:
    """One per device; ``playing`` or ``quiet`` every frame.

    ``excess_db``: mean excess of the four bands that stand out most, over the better explanation of each.
    """

    def __init__(self) -> None:
        self._meter = BandMeter(3)
        self._floor = np.full(BANDS, SILENCE_DB, np.float32)
        self._heard = False
        self._peaks: deque[Levels] = deque(maxlen=BLOCKS)
        self._block = np.full(BANDS, SILENCE_DB, np.float32)
        self._looks = 0
        self.background = np.full(BANDS, SILENCE_DB, np.float32)
        self._envelopes = np.full((2, BANDS), SILENCE_DB, np.float32)
        self._sources = self._envelopes.copy()
        self._leaks = np.full((2, BANDS), UNKNOWN_LEAK_DB, np.float32)
        self.known = False
        """Whether anything is known of the echo yet."""
        self._memory = np.zeros((MEMORY, 2 * BANDS), np.float32)
        self.learned = 0
        self._pending: deque[NDArray[np.float32]] = deque()
        self._learn_from = 0
        self._quiet_speech = -TALKED_BEFORE
        self._idle = 0
        self.excess_db = 0.0
        self.played_db = SILENCE_DB
        self.latest = np.full(2 * BANDS, UNTOLD)
        """What the latest frame says of the leaks, ``UNTOLD`` where it says nothing."""

    @property
    def leak_db(self) -> list[float]:
        """What of the playback is left after room and canceller, dB per band; empty before anything played."""
        return [round(float(v), 1) for v in self._leaks[0]] if self.known else []

    # ------------------------------------------------------------------ while nothing plays

    def quiet(self, position: int, clean: Samples, mic: Samples, reference: Samples, vad: bool) -> None:
        """A frame without playback; ``vad``: it sounds like speech."""
        if self._pending:
            self._settle(list(self._pending))
            self._pending.clear()
        self._envelopes.fill(SILENCE_DB)
        if vad:
            self._quiet_speech = position + FRAME
        self._idle = (self._idle + 1) % IDLE_EVERY
        if self._idle:
            self._meter.skip(clean, mic, reference)
            return
        out = self._meter.step(clean, mic, reference)[0]
        self._follow_floor(out, IDLE_EVERY)
        np.maximum(self._block, out, out=self._block)
        self._looks += 1
        if self._looks % BLOCK == 0:
            self._peaks.append(self._block.copy())
            self._block.fill(SILENCE_DB)
            if len(self._peaks) == BLOCKS:
                self.background = np.minimum.reduce(list(self._peaks))

    def _follow_floor(self, out: Levels, frames: int) -> None:
        """Falls fast, rises 2 dB/s. Digital silence (a stream that starts, a muted microphone) is no noise floor."""
        if float(np.maximum.reduce(out)) < SILENCE_DB + 15:
            return
        if not self._heard:
            self._heard = True
            self._floor[:] = out
            return
        step = out - self._floor
        self._floor += np.where(step < 0, step * np.float32(1 - 0.7**frames), np.float32(0.02 * frames))

    # ------------------------------------------------------------------ while something plays

    def playing(
        self, position: int, clean: Samples, mic: Samples, reference: Samples, talker: bool
    ) -> NDArray[np.float32]:
        """A frame with playback or its echo: features float32 (FEATURES,), dB within -30..40.

        ``talker``: somebody talks as far as is known so far; nothing is learned of it.
        """
        levels = self._meter.step(clean, mic - clean, reference)
        out = levels[0]
        self.played_db = float(np.maximum.reduce(levels[2]))
        np.maximum(levels[2:0:-1], self._envelopes - _RELEASE, out=self._envelopes)
        peaks = np.maximum.reduce(self._envelopes, axis=1, keepdims=True)
        np.maximum(self._envelopes, peaks - _SPREAD, out=self._sources)
        self._idle = (self._idle + 1) % FLOOR_EVERY
        if self._idle == 0 or not self._heard:
            self._follow_floor(out, FLOOR_EVERY)
        explained = self._sources + self._leaks
        np.maximum(explained, self._floor + _MARGIN, out=explained)
        features = np.empty((4, BANDS), np.float32)
        excess = np.subtract(out, explained, out=features[:2])
        np.subtract(out, self._floor, out=features[2])
        np.subtract(out, self.background, out=features[3])
        least = np.minimum(excess[0], excess[1])
        least.sort()
        self.excess_db = float(np.add.reduce(least[BANDS // 2 :])) / (BANDS - BANDS // 2)
        self._learn(position, out, talker, float(peaks[0, 0]))
        np.minimum(features, _HIGHEST, out=features)
        return np.maximum(features, _LOWEST, out=features).ravel()

    def _learn(self, position: int, out: Levels, talker: bool, envelope_db: float) -> None:
        """Only frames that the playback itself fills: not its pauses, not what follows a duck or a hold.

        And not the first ones ever when somebody was talking as the playback began: he may well go on.
        """
        if talker:
            self._learn_from = position + AFTER_TALK
        if self.played_db < AUDIBLE_DB or self.played_db < envelope_db - 10:
            return
        ratio = np.where(out < self._floor + _MARGIN, UNTOLD, out - self._sources)
        self.latest = ratio = ratio.ravel()
        if self.learned < FIRST:
            if position - self._quiet_speech > TALKED_BEFORE:
                self._settle([ratio])
        elif not talker and self.excess_db < LEARNS_BELOW_DB and position >= self._learn_from:
            self._pending.append(ratio)
            if len(self._pending) > DELAY:
                self._settle([self._pending.popleft()])

    def drop_pending(self, frames: int) -> None:
        """The latest ``frames`` were a talker: learn only what came before."""
        kept = list(self._pending)[: max(0, len(self._pending) - frames)]
        self._settle(kept)
        self._pending.clear()

    def learn_false_alarm(self, ratios: list[NDArray[np.float32]], frames: int) -> None:
        """``ratios`` looked like a talker and were echo: as ``frames`` frames of the memory."""
        self._settle((ratios * frames)[:frames])

    def _settle(self, ratios: list[NDArray[np.float32]]) -> None:
        for ratio in ratios:
            self._memory[self.learned % MEMORY] = ratio
            self.learned += 1
            if self.learned >= FIRST and self.learned % COUNTED_EVERY == 0:
                self._leaks, self.known = self._leaks_of_memory(), True

    def _leaks_of_memory(self) -> NDArray[np.float32]:
        leaks = self._percentile(self._memory[: min(self.learned, MEMORY)])
        if RECENT < self.learned < CONVERGED:
            recent = np.arange(self.learned - RECENT, self.learned) % MEMORY
            leaks = np.minimum(leaks, self._percentile(self._memory[recent]) + np.float32(RECENT_MARGIN_DB))
        return leaks

    def _percentile(self, memory: NDArray[np.float32]) -> NDArray[np.float32]:
        """Per band over the frames that tell something; a band that has too few keeps what it knew."""
        memory = np.sort(memory, axis=0)
        told = (memory > UNTOLD).sum(axis=0)
        rank = len(memory) - 1 - np.floor(told * (1 - PERCENTILE / 100)).astype(int)
        leak = memory[rank, np.arange(2 * BANDS)]
        return np.where(told >= LEAST, leak, self._leaks.ravel()).astype(np.float32).reshape(2, BANDS)
