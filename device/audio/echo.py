"""The software echo canceller, whole: it finds the echo, follows the clocks, the loudspeaker and the room.

    Ring reference --> AlignedReference --> LoudspeakerModel --> Canceller --> clean
      (what left)       delay, drift          bends             ^  |  mic
                           ^                    ^               |  v
                           |                    |           PathWatch (a second filter tries after a change)
                      DelayFollower  <-- every 0.5 s: GCC-PHAT, curve --- the last second of mic, reference, clean

Nothing is configured: the delay may lie anywhere from 20 ms before the reference to 250 ms after it. While nothing plays
``step`` is not called, and what was learned is kept; the clocks' difference goes on counting by the position. The heavy
work (FFTs of the last second) is cut into pieces of 0.3 ms, one a step.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from device.values import FRAME, RATE_HZ, samples

from .alignment import AlignedReference
from .backends import Samples
from .canceller import PARTITIONS, Canceller
from .delay import delay_from, gcc_phat
from .follower import SMALLEST_PPM, TARGET, DelayFollower, Steer, believable
from .loudspeaker_model import LoudspeakerModel
from .path_watch import ASKED_FRAMES, PathWatch
from .ring import Ring

WINDOW = 102
"""Frames that are looked at: just below 16384 samples."""
EVERY, SOONER, FIRST = 50, 15, 40
"""Frames between two looks; after a jump seen once; after a pause."""
ACTIVE, LEAST_ACTIVE = FRAME * 1e-6, 30
"""Energy of a frame (-60 dBFS) that says something about the echo, and how many of them a look needs."""
PAUSE = samples(1000)
EARLIEST, LATEST = -samples(20), samples(250)
CANCELS = 0.1
"""Output to input power below which the path is known well enough to study the loudspeaker behind it."""
SEEDED = 0.9
STUDY_EVERY, STUDY_SELDOM, NOTHING_NEW = 2, 10, 3
"""Looks between two studies of the loudspeaker, and once so many of them have found nothing new."""
SETTLED_EVERY = 100
"""Frames between two looks once the clocks are well known."""


class EchoCanceller:
    """One per device: ``step`` takes 10 ms of microphone at a capture position and returns it without the echo.

    ``reference``: a ring (16 kHz) of what leaves the loudspeaker, by capture position, known up to 20 ms ahead where the
    device tells its latency wrongly. Counters: ``canceller_adapted`` (frames), ``canceller_changes`` (new paths taken
    over), ``canceller_resets`` (paths thrown away), ``delay_jumps``.
    """

    def __init__(self, reference: Ring) -> None:
        self._aligned = AlignedReference(reference)
        self._canceller = Canceller()
        self._speaker = LoudspeakerModel()
        self._watch = PathWatch(self._canceller)
        self._follower = DelayFollower()
        self._mic, self._reference, self._clean = (np.zeros((WINDOW, FRAME), np.float32) for _ in range(3))
        self._energy = np.zeros(WINDOW)
        self._frames = self._wait = 0
        self._next = 0
        self._delay: float | None = None
        self._work: Iterator[None] | None = None
        self._looks = 0

    # ------------------------------------------------------------------ what is known

    @property
    def delay_ms(self) -> float | None:
        """From when a sample leaves, as the device says, to its echo at the microphone; None while not known."""
        return None if self._delay is None else self._delay * 1000 / RATE_HZ

    @property
    def drift_ppm(self) -> float | None:
        """By how much the loudspeaker's clock is faster than the microphone's; None while not known."""
        return self._follower.ppm

    @property
    def distortion_db(self) -> float | None:
        """How far the loudspeaker is from linear, dB below its signal; None while nothing of it is heard."""
        return self._speaker.distortion_db

    @property
    def moves(self) -> int:
        """How often what it knew has turned out to be of another place: jumps of the delay, paths taken over or given up."""
        return self._follower.jumps + self._watch.changes + self._watch.resets

    @property
    def lost(self) -> bool:
        """What it knew of the echo holds no more: a buffer that slipped, a loudspeaker that was moved."""
        return self._watch.lost

    @property
    def offset(self) -> int:
        """Samples by which the reference is read back now."""
        return round(self._aligned.offset(self._next))

    @property
    def counters(self) -> dict[str, int]:
        return {
            "canceller_adapted": self._canceller.counters["adapted"],
            "canceller_changes": self._watch.changes,
            "canceller_resets": self._watch.resets,
            "delay_jumps": self._follower.jumps,
        }

    def seed(self, response: Samples, ppm: float = 0.0, position: int | None = None) -> None:
        """Begin with a measured echo path: float32 at 16 kHz, from delay 0 on, as it was for what was played at
        ``position`` (None: now), with clocks that differ by ``ppm`` (``drift_ppm``)."""
        ppm = ppm if abs(ppm) >= SMALLEST_PPM else 0.0
        moved = 0.0 if position is None else -(self._next - position) * ppm * 1e-6
        peak = int(np.argmax(np.abs(response)))
        back = max(0, peak - TARGET)
        self._aligned.steer(self._next, ppm, back + moved - self._aligned.offset(self._next))
        self._refill(self._next)
        self._canceller.seed(response[back:], SEEDED)
        self._follower.seeded(peak - back, ppm)
        self._delay = peak + moved
        self._forget_recent()

    # ------------------------------------------------------------------ every 10 ms

    def step(self, position: int, mic: Samples, adapt: bool = True) -> Samples:
        """The 160 samples of the microphone from ``position`` on without the echo: float32.

        ``adapt=False`` (no microphone) learns nothing.
        """
        if position - self._next > PAUSE:
            self._forget_recent()
            self._follower.pause()
        self._next = position + FRAME
        reference = self._aligned.read(position)
        clean = self._canceller.step(mic, self._speaker.bend(reference), adapt)
        if not adapt:
            self._forget_recent()
            return clean
        energy, asked = float(reference @ reference), 0
        if energy > ACTIVE:
            if self._watch.step(mic, clean):
                self._follower.path_changed()
                self._forget_recent()
            asked = self._watch.asks
        k = self._frames % WINDOW
        self._mic[k], self._reference[k], self._clean[k], self._energy[k] = mic, reference, clean, energy
        self._frames += 1
        self._wait -= 1
        if asked:
            self._look_for_shift(asked)
        if self._work is not None:
            if next(self._work, self) is self:
                self._work = None
        elif self._wait <= 0 and int((self._energy > ACTIVE).sum()) >= LEAST_ACTIVE:
            self._work = self._look(self._next)
        return clean

    def _forget_recent(self) -> None:
        self._frames, self._wait, self._work = 0, FIRST, None
        self._energy[:] = 0

    # ------------------------------------------------------------------ every half second

    def _look(self, now: int) -> Iterator[None]:
        """Measure delay and loudspeaker on the last second, in pieces."""
        # while the clocks are not known, a second smears the delay: 16 samples at 1000 ppm
        n = min(self._frames, WINDOW if self._follower.ppm is not None else FIRST)
        order = np.arange(self._frames - n, self._frames) % WINDOW
        mic, reference, clean = (a[order].ravel() for a in (self._mic, self._reference, self._clean))
        energy = self._energy[order]
        if int((energy > ACTIVE).sum()) < n // 4:  # it has just fallen silent
            self._wait = SOONER
            return
        # the delay that is measured is that of the loudest part
        centre = now - FRAME * (n - 0.5 - float(np.arange(n) @ energy) / float(energy.sum()))
        offset = self._aligned.offset(centre)
        size = 1 << (2 * len(reference) - 1).bit_length()
        yield
        played = np.fft.rfft(reference, size)
        yield
        heard = np.fft.rfft(mic, size)
        yield
        delay = delay_from(played, heard, EARLIEST, LATEST)
        steer = self._follower.measured(self._next, centre, delay, (offset, self._aligned.offset(self._next)))
        self._wait = SOONER if self._follower.unsure else SETTLED_EVERY if self._follower.settled else EVERY
        if believable(delay) and not self._follower.unsure:
            self._delay = offset + delay.samples
        if steer is not None:
            self._move(steer)
            if steer.jump:
                return
        self._looks += 1
        every = STUDY_SELDOM if self._speaker.idle >= NOTHING_NEW else STUDY_EVERY
        cancels = float(clean @ clean) < CANCELS * float(mic @ mic)
        if n == WINDOW and self._looks % every == 0 and cancels:
            yield
            yield from self._speaker.study(reference, clean, self._canceller.response)

    def _look_for_shift(self, frames: int) -> None:
        """The output has been louder for so many frames: is it the same echo, only earlier or later (a buffer that ran dry)?"""
        order = np.arange(self._frames - frames, self._frames) % WINDOW
        if self._frames < frames or int((self._energy[order] > ACTIVE).sum()) < ASKED_FRAMES[0] // 2:
            return
        delay = gcc_phat(self._reference[order].ravel(), self._mic[order].ravel(), EARLIEST, LATEST)
        steer = self._follower.suspected(self._next, delay, self._aligned.offset(self._next))
        if steer is not None:
            self._move(steer)

    def _move(self, steer: Steer) -> None:
        self._aligned.steer(self._next, steer.ppm, steer.jump)
        if steer.jump:
            self._refill(self._next, round(steer.jump) if steer.moves_path else 0)
            self._forget_recent()
        if steer.loosen or steer.moves_path:
            self._canceller.loosen(1.0 if steer.moves_path else steer.loosen)

    def _refill(self, now: int, earlier: int = 0) -> None:
        """The reference is read elsewhere from ``now`` on: give the filter its past anew."""
        blocks = [self._aligned.read(now - k * FRAME) for k in range(PARTITIONS + 1, 0, -1)]
        self._canceller.realign(earlier, self._speaker.bend(np.concatenate(blocks)))
        self._watch.forget()


def cancel_recording(mic: Samples, reference: Samples) -> tuple[Samples, EchoCanceller]:
    """A whole recording at once (float32, equal lengths): the microphone without echo, and the canceller after it."""
    ring = Ring(len(reference) + RATE_HZ)
    ring.write(reference)
    canceller = EchoCanceller(ring)
    clean = np.zeros_like(mic)
    for at in range(0, len(mic) - FRAME + 1, FRAME):
        clean[at : at + FRAME] = canceller.step(at, mic[at : at + FRAME])
    return clean, canceller
