"""Has the echo path changed? A second filter tries, and takes over when it does better.

A talker and a moved loudspeaker both make the canceller's output louder. So when it is, a second filter starts from the
learned path with all the uncertainty of a new one, beside the first: after a change of the path it learns the new one
and is better within 0.3 s, over a talker it is not. (K. Ochiai, T. Araseki and T. Ogihara, "Echo canceler with two echo
path models", IEEE Trans. Communications 25, 1977.) It costs a second filter for up to 2 s, and nothing otherwise.
"""

from __future__ import annotations

from .backends import Samples
from .canceller import Canceller

RECENT_FRAMES, LEARNED_FRAMES = 20, 50
"""Time constants of the powers that tell a change of the path (0.2 s) and that the path is known (0.5 s)."""
LEARNED = 0.1
LOUDER = 1.1
"""Output to input power: once below 0.1 the path is known, above 1.1 the estimate is worse than none. A talker adds to
both alike and cannot do that."""
SUSPICIOUS = 4.0
"""6 dB more than usual gets through."""
USUAL_FRAMES = 500
SOMETHING_TAKEN, LOST_FRAMES = 0.3, 10
"""An estimate of the wrong place adds to the microphone's power; of frames over a talker some come out lower, and one that comes
out much lower says that the filter still fits. So many more of the first kind than of the second say that it does not."""
ASKED_FRAMES = (20, 35, 50, 80)
"""So long after the output grew its owner looks whether the echo has only been shifted; before the first nothing is given up.
A vowel of 0.2 s may tell no delay, more sound does."""
TRIED_FRAMES, LEAST_FRAMES, REST_FRAMES = 200, 25, 100
BETTER, RACE_FRAMES, AHEAD_FRAMES = 0.3, 15, 10
"""5 dB better over 0.15 s, ten frames in a row: 3 dB for a moment also happens over a talker's vowel."""


class PathWatch:
    """Beside one ``Canceller``; ``changes`` counts the paths taken over, ``resets`` those thrown away."""

    def __init__(self, canceller: Canceller) -> None:
        self._canceller = canceller
        self.changes = self.resets = 0
        self._recent, self._lately = [0.0, 0.0], [0.0, 0.0]
        """Smoothed input and output power."""
        self._usual = 1.0
        self.knows = False
        self._other: Canceller | None = None
        self._age = self._ahead = self._rest = self._grown = self._untaken = 0
        self._race = [0.0, 0.0]

    @property
    def lost(self) -> bool:
        """The filter knew the path, and now takes nothing away."""
        return self._untaken >= LOST_FRAMES

    @property
    def asks(self) -> int:
        """Now is the time to look whether the echo has been shifted, in so many last frames; 0: it is not."""
        return self._grown if self._grown in ASKED_FRAMES else 0

    def forget(self) -> None:
        """The reference has been moved: a filter that tries is void."""
        self._other, self._rest, self._grown = None, REST_FRAMES, 0

    def step(self, mic: Samples, clean: Samples) -> bool:
        """After each adapted frame; True when the path is a new one."""
        heard, left = float(mic @ mic), float(clean @ clean)
        recent, lately = self._recent, self._lately
        recent[0] += (heard - recent[0]) / RECENT_FRAMES
        recent[1] += (left - recent[1]) / RECENT_FRAMES
        lately[0] += (heard - lately[0]) / LEARNED_FRAMES
        lately[1] += (left - lately[1]) / LEARNED_FRAMES
        ratio = recent[1] / (recent[0] + 1e-12)
        if self._lately[1] < LEARNED * self._lately[0]:
            self.knows = True
        if not self.knows:
            return False
        if left < SOMETHING_TAKEN * heard:
            self._untaken = 0
        else:
            self._untaken = max(0, self._untaken + (1 if left > heard else -1))
        self._grown = self._grown + 1 if ratio > SUSPICIOUS * self._usual else 0
        if ratio > LOUDER and self._grown > ASKED_FRAMES[0]:
            self.resets += 1
            self._canceller.reset()
            self._start_over()
            return True
        frames = LEARNED_FRAMES if ratio < self._usual else USUAL_FRAMES
        self._usual += (min(ratio, SUSPICIOUS * self._usual) - self._usual) / frames
        if self._other is not None:
            return self._try(self._other, mic, left)
        self._rest = max(0, self._rest - 1)
        if not self._rest and ratio > SUSPICIOUS * self._usual:
            self._other, self._age, self._ahead = self._canceller.fork(), 0, 0
            self._race = [0.0, 0.0]
        return False

    def _try(self, other: Canceller, mic: Samples, power: float) -> bool:
        clean = other.follow(mic, self._canceller)
        race = self._race
        race[0] += (power - race[0]) / RACE_FRAMES
        race[1] += (float(clean @ clean) - race[1]) / RACE_FRAMES
        self._age += 1
        self._ahead = self._ahead + 1 if race[1] < BETTER * race[0] else 0
        if self._age >= LEAST_FRAMES and self._ahead >= AHEAD_FRAMES:
            self.changes += 1
            self._canceller.adopt(other)
            self._start_over()
            return True
        if self._age >= TRIED_FRAMES:
            self.forget()
        return False

    def _start_over(self) -> None:
        self._other, self._rest, self._grown, self._untaken, self.knows = None, 0, 0, 0, False
        self._recent, self._lately = [0.0, 0.0], [0.0, 0.0]
        self._usual = 1.0
