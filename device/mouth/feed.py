"""Clauses to the voice, its sound to the track: one clause ahead of the loudspeaker, also across a crash.

    Reply.waiting --Speak--> voice --SpokenWord, Chunk--> ClauseSound --pauses--> SpeechTrack, Reply.spoken
                                                              └──> Reply.kept, until the reply has the track

A clause is with the voice until its last chunk has come. A voice that dies over it gets it again when it is back;
what had been delivered is skipped, so that nothing is heard twice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from device import values as v
from device.engines import EngineDoor
from device.mouth.boundaries import Pause
from device.mouth.heard import SpokenClause
from device.mouth.idle import IdleWork
from device.mouth.reply import Reply
from device.mouth.sound import QUIET, ClauseSound, Samples
from device.mouth.voices.messages import (
    Abort,
    Chunk,
    Prepare,
    Prepared,
    Ready,
    Speak,
    SpokenWord,
    VoiceState,
    Warning,
)

if TYPE_CHECKING:
    from device.audio import AudioEngine

log = logging.getLogger(__name__)

PAUSE_MS: dict[Pause, int] = {"none": 30, "comma": 130, "sentence": 300}
"""Silence between two clauses at normal speed. The first 30 ms are written with the clause itself: the track keeps
back what it might still have to fade."""
AHEAD_MS = 2000
"""The next clause is asked for when the last one on the track has begun to play, or less than this is left."""
VOICE_DOWN_S = 10
"""A voice that stays away this long (crash, restart, load) loses the reply."""
ATTEMPTS = 3
"""How often one clause is given to the voice; a text that kills it every time must not do so for ever."""


@dataclass(slots=True)
class _InFlight:
    """The clause that the voice works on."""

    reply: Reply
    number: int
    spoken: SpokenClause
    restarts: int
    attempt: int = 1
    sound: ClauseSound | None = None
    renew: bool = False
    """The words known so far come from such an attempt too."""
    skip: int = 0
    """Track samples to drop because an earlier attempt, broken off by a crash, has delivered them."""


class VoiceFeed:
    """Feeds the reply on the track, and makes the first clause of those that wait.

    ``counters`` and ``events`` are the mouth's. ``ready`` and ``state`` are what the voice said of itself; ``resting``:
    nothing goes on in the whole device, so a slow voice may do its ``idle`` work.
    """

    def __init__(
        self,
        engine: AudioEngine,
        voice: EngineDoor,
        speed: float,
        counters: dict[str, int],
        events: list[v.Event],
    ) -> None:
        self._engine, self._voice = engine, voice
        self.speed = speed
        """Speaking rate of the replies that begin, 1.0 = normal."""
        self.counters, self._events = counters, events
        self._track = engine.mixer.speech
        self._rate_hz = engine.mixer.rate_hz
        self._flight: _InFlight | None = None
        self._next_clause = 1
        self._down_since: int | None = None
        self.ready: Ready | None = None
        self.state: VoiceState | None = None
        self.idle = IdleWork()
        self.resting = True

    def busy(self, reply: Reply) -> bool:
        """Whether the voice works on a clause of ``reply``."""
        return self._flight is not None and self._flight.reply is reply

    @property
    def at_rest(self) -> bool:
        """Whether no clause is with the voice."""
        return self._flight is None

    def set_speed(self, speed: float) -> None:
        """For the replies that begin from now on; what was prepared at another speed is rendered again."""
        if speed != self.speed:
            self.speed = speed
            self.idle.again()

    def use(self, voice: EngineDoor, said: Iterable[object], position: int) -> None:
        """Speak with another voice, which has ``said`` so much already. Only while ``at_rest``."""
        self._voice, self._down_since = voice, None
        self.idle.again()
        for message in said:
            self._take(message, position)

    def pump(self, replies: Iterable[Reply], position: int) -> str | None:
        """Move everything that can move for ``replies``, the most urgent first; the reason if the voice is past hope."""
        self._receive(position)
        reason = self._watch(position)
        while reason is None and self._ask(replies, position):
            self._receive(position)  # an in-process voice has answered already
        work = self.idle.next(position, self.resting and self._flight is None and not any(replies))
        if isinstance(work, Prepare):
            work = replace(work, speed=self.speed)
        if work is not None and not self._voice.send(work):
            self.idle.dropped()
        return reason

    def give_track(self, reply: Reply, position: int) -> None:
        """The track has begun for ``reply``: what was made of it goes there, all else will follow."""
        reply.on_track = True
        for spoken, samples in reply.kept:
            self._write(reply, spoken, samples, position)
        reply.kept.clear()

    def drop(self, reply: Reply | None = None) -> None:
        """The clause at the voice (if it is one of ``reply``) is not wanted any more."""
        if self._flight is not None and reply in (None, self._flight.reply):
            self._flight = None
            self._voice.send(Abort())
            self.idle.dropped()

    def _ask(self, replies: Iterable[Reply], position: int) -> bool:
        """Give the voice the next clause if it is time; False when there is nothing (more) to do."""
        if self._flight is not None:
            return False
        reply = next((reply for reply in replies if reply.waiting and self._wants(reply)), None)
        if reply is None:
            return False
        number = self._next_clause
        if not self._voice.send(Speak(number, reply.waiting[0].text, reply.number, reply.speed)):
            return False
        self._next_clause += 1
        self.idle.dropped()
        if not reply.begun:
            reply.begun = True
            self._events.append(v.FirstClause(position, reply.number))
        self._flight = _InFlight(reply, number, SpokenClause(reply.waiting.popleft()), self._voice.restarts)
        return True

    def _wants(self, reply: Reply) -> bool:
        """Whether it is time for the next clause of ``reply``: the first at once, then one ahead of the loudspeaker."""
        if not reply.on_track:
            return not reply.begun
        if not reply.spoken or self._track.rendered >= reply.spoken[-1].start:
            return True
        return self._track.written - self._track.rendered < AHEAD_MS * self._rate_hz // 1000

    def _receive(self, position: int) -> None:
        for message in self._voice.poll():
            self._take(message, position)

    def _take(self, message: object, position: int) -> None:
        match message:
            case Chunk() | SpokenWord():
                if self._flight is None or message.clause != self._flight.number:
                    self.counters["stale"] += 1
                elif isinstance(message, SpokenWord):
                    self._word(self._flight, message)
                else:
                    self._chunk(self._flight, message, position)
            case Ready():
                self.ready, self.state = message, VoiceState(message.engine, message.voice)
                self.idle.learn(message)
                ClauseSound(message.rate_hz, self._rate_hz)  # imports the resampler while nobody waits
                log.info("voice: %s %s, loaded in %.1f s", message.engine, message.voice, message.load_s)
            case VoiceState():
                self.state = message
                self.idle.learn(message)
            case Prepared():
                self.idle.learn(message)
            case Warning(text=text):
                log.warning("voice: %s", text)

    def _word(self, flight: _InFlight, word: SpokenWord) -> None:
        if flight.renew:  # of the attempt that was broken off
            flight.renew = False
            flight.spoken.spoken.clear()
        flight.spoken.spoken.append(word)

    def _chunk(self, flight: _InFlight, chunk: Chunk, position: int) -> None:
        spoken = flight.spoken
        if flight.sound is None:
            flight.sound = ClauseSound(chunk.rate_hz, self._rate_hz, trim=True)
            spoken.rate_hz = chunk.rate_hz
        samples = flight.sound.feed(chunk.pcm, chunk.last)
        spoken.lead = flight.sound.dropped
        dropped = min(flight.skip, len(samples))
        flight.skip -= dropped
        samples = samples[dropped:]
        spoken.length += len(samples)
        if chunk.last:
            spoken.complete = True
            self._flight = None
            self.counters["clauses"] += 1
            if spoken.length:
                samples = np.concatenate([samples, self._silence(PAUSE_MS["none"])])
        if not len(samples):
            return
        if flight.reply.on_track:
            self._write(flight.reply, spoken, samples, position)
        else:
            flight.reply.kept.append((spoken, samples))

    def _write(self, reply: Reply, spoken: SpokenClause, samples: Samples, position: int) -> None:
        if not reply.spoken or reply.spoken[-1] is not spoken:
            self._pause_before(reply, position)
            spoken.start = self._track.written
            reply.spoken.append(spoken)
        if reply.audible is None:
            loud = np.flatnonzero(np.abs(samples) > QUIET)
            reply.audible = self._track.written + int(loud[0]) if len(loud) else None
        self._track.write(samples)

    def _pause_before(self, reply: Reply, position: int) -> None:
        """The pause after the clause before, less what has passed already because the track ran dry."""
        if not reply.spoken:
            return
        pause_ms = (PAUSE_MS[reply.spoken[-1].clause.pause] - PAUSE_MS["none"]) / reply.speed
        if self._track.written - self._track.rendered < 2 * (self._rate_hz // 100):
            self.counters["dry"] += 1
            since = position - (self._engine.played.last or position)
            pause_ms -= v.ms(max(0, since))
        if pause_ms > 0:
            self._track.write(self._silence(pause_ms))

    def _silence(self, duration_ms: float) -> Samples:
        return np.zeros(round(duration_ms * self._rate_hz / 1000), np.float32)

    def _watch(self, position: int) -> str | None:
        """A voice that died gets its clause again when it is back, and some time to come back."""
        flight = self._flight
        if flight is not None and self._voice.restarts != flight.restarts:
            if flight.attempt >= ATTEMPTS:
                return f"the voice failed {flight.attempt} times at the same clause"
            self._resend(flight)
        if self._voice.failure is None:
            self._down_since = None
            return None
        if self._down_since is None:
            self._down_since = position
            log.warning("voice: %s", self._voice.failure)
        return self._voice.failure if position - self._down_since >= VOICE_DOWN_S * v.RATE_HZ else None

    def _resend(self, flight: _InFlight) -> None:
        number = self._next_clause
        reply = flight.reply
        if not self._voice.send(Speak(number, flight.spoken.clause.text, reply.number, reply.speed)):
            return
        self._next_clause += 1
        self.counters["resent"] += 1
        flight.number, flight.restarts = number, self._voice.restarts
        flight.attempt += 1
        flight.sound = None
        flight.renew = True
        flight.skip = flight.spoken.length
