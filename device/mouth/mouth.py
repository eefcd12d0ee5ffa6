"""The mouth itself: keeps the voice one clause ahead of the loudspeaker and carries out what it is told.

Replies are spoken strictly one after the other. One that arrives while another is spoken waits for it; whoever
wants it sooner cancels the other first. Every reply that was begun ends with exactly one ``ReplyEnded`` or
``ReplyCut``, also when the voice fails.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from device import values as v
from device.config.schema import Config
from device.engines import EngineDoor
from device.errors import AudioError
from device.mouth import earcons
from device.mouth.clauses import Clause, Pause, Splitter
from device.mouth.heard import Heard, SpokenClause, heard, word_start_at
from device.mouth.sound import QUIET, ClauseSound
from device.mouth.voices.messages import Abort, Chunk, Ready, Speak, SpokenWord, Warning

if TYPE_CHECKING:
    from device.audio import AudioEngine

log = logging.getLogger(__name__)

PAUSE_MS: dict[Pause, int] = {"none": 30, "comma": 130, "sentence": 300}
"""Silence between two clauses at normal speed. The first 30 ms are written with the clause itself: the track keeps
back what it might still have to fade."""
AHEAD_MS = 2000
"""The next clause is asked for when the last one on the track has begun to play, or less than this is left."""
LEAD_IN_MS = 12
"""A resume begins this much before the word, so that the 10 ms fade-in does not eat its onset."""
VOICE_DOWN_S = 10
"""A voice that stays away this long (crash, restart, load) loses the reply."""
ATTEMPTS = 3
"""How often one clause is given to the voice; a text that kills it every time must not do so for ever."""


@dataclass(slots=True)
class _Reply:
    number: int
    splitter: Splitter
    waiting: deque[Clause] = field(default_factory=deque)
    spoken: list[SpokenClause] = field(default_factory=list)
    complete: bool = False
    """No more text will come."""
    lost: bool = False
    """The voice failed: ends with what is on the track."""
    started: bool = False
    audible: int | None = None
    """First track sample that can be heard."""

    def take(self, clauses: list[Clause]) -> None:
        self.waiting.extend(clause for clause in clauses if clause.text)


@dataclass(slots=True)
class _InFlight:
    """The clause that the voice works on."""

    number: int
    spoken: SpokenClause
    restarts: int
    attempt: int = 1
    sound: ClauseSound | None = None
    renew: bool = False
    """The words known so far come from such an attempt too."""
    skip: int = 0
    """Track samples to drop because an earlier attempt, broken off by a crash, has delivered them."""


class Mouth:
    """``execute`` commands, ``step`` every 10 ms; both from one thread, neither blocks.

    ``counters`` (since start): ``clauses`` spoken, ``resent`` after a crash of the voice, ``lost_replies``,
    ``stale`` answers of cancelled clauses, ``dry`` gaps because the voice or the text was late, ``unknown``
    commands for replies that are not there. ``voice_ready`` is what the voice said of itself, or None.
    """

    def __init__(self, config: Config, engine: AudioEngine, voice: EngineDoor) -> None:
        self._engine, self._voice = engine, voice
        self._mixer, self._track = engine.mixer, engine.mixer.speech
        self._rate_hz = engine.mixer.rate_hz
        self._duck_db = config.barge_in.duck_db
        self._speed = config.voice.speed
        self._replies: deque[_Reply] = deque()
        self._ended: deque[int] = deque(maxlen=32)
        self._events: list[v.Event] = []
        self._flight: _InFlight | None = None
        self._next_clause = 1
        self._gave_way_at: int | None = None
        self._held = False
        self._down_since: int | None = None
        self._down_told = False
        self._earcons: dict[str, np.ndarray] = {}
        self.voice_ready: Ready | None = None
        self.counters = {"clauses": 0, "resent": 0, "lost_replies": 0, "stale": 0, "dry": 0, "unknown": 0}

    # ------------------------------------------------------------------ commands

    def execute(self, command: v.Command) -> None:
        """Carry out one command of the conversation; what comes of it is told by ``step``."""
        match command:
            case v.Say(reply=number, text=text):
                # the whole text is there: only a slow voice gains from an early first cut
                self._begin(
                    number, eager=self.voice_ready is not None and self.voice_ready.engine != "espeak"
                )
                self._text(number, text)
                self._finish(number)
            case v.ReplyBegin(reply=number):
                self._begin(number, eager=True)
            case v.ReplyText(reply=number, text=text):
                self._text(number, text)
            case v.ReplyFinish(reply=number):
                self._finish(number)
            case v.Duck():
                self._duck()
            case v.Hold():
                self._hold()
            case v.Resume():
                self._resume()
            case v.Cancel(reply=number):
                self._cancel(number)
            case v.Earcon(name=name):
                self._earcon(name)
            case _:
                raise TypeError(f"the mouth has no use for {type(command).__name__}")

    def step(self, position: int) -> list[v.Event]:
        """Fetch sound from the voice, ask for more, and tell what happened up to capture ``position``."""
        self._pump(position)
        self._watch_reply(position)
        events, self._events = self._events, []
        return events

    def heard(self, position: int) -> Heard:
        """What of the current reply had left the loudspeaker before capture ``position``."""
        if not self._replies or self._engine.played.reply != self._replies[0].number:
            return Heard()
        return self._heard(self._replies[0], self._engine.played.at(position))

    @property
    def speaking(self) -> int | None:
        """The reply that is being spoken, or None."""
        return self._replies[0].number if self._replies else None

    @property
    def clauses(self) -> Sequence[SpokenClause]:
        """The clauses of that reply on the track so far; the list grows, and outlives the reply."""
        return self._replies[0].spoken if self._replies else ()

    # ------------------------------------------------------------------ text

    def _find(self, number: int) -> _Reply | None:
        return next((reply for reply in self._replies if reply.number == number), None)

    def _begin(self, number: int, eager: bool) -> None:
        if self._find(number) is not None:
            self.counters["unknown"] += 1
            return
        self._replies.append(_Reply(number, Splitter(eager)))
        if len(self._replies) == 1:
            self._begin_track()

    def _begin_track(self) -> None:
        self._track.begin(self._replies[0].number)
        self._gave_way_at, self._held = None, False

    def _text(self, number: int, text: str) -> None:
        reply = self._find(number)
        if reply is None or reply.complete:
            self.counters["unknown"] += 1  # the last deltas of a cancelled turn
            return
        reply.take(reply.splitter.feed(text))
        self._pump(self._engine.position)

    def _finish(self, number: int) -> None:
        reply = self._find(number)
        if reply is None or reply.complete:
            self.counters["unknown"] += 1
            return
        reply.take(reply.splitter.finish())
        reply.complete = True
        self._pump(self._engine.position)

    # ------------------------------------------------------------------ giving way

    def _duck(self) -> None:
        if self._replies:
            self._mark_place()
            self._track.duck(self._duck_db)

    def _hold(self) -> None:
        if self._replies:
            self._mark_place()
            self._held = True
            self._track.hold()

    def _mark_place(self) -> None:
        """Remember what was leaving the loudspeaker when the playback first gave way."""
        if self._gave_way_at is None:
            played = self._engine.played
            current = played.reply == self._replies[0].number
            self._gave_way_at = played.at(self._engine.position) if current else 0

    def _resume(self) -> None:
        if not self._replies:
            return
        if self._held:
            place = word_start_at(self._replies[0].spoken, self._gave_way_at or 0, self._rate_hz)
            lead_in = LEAD_IN_MS * self._rate_hz // 1000
            self._track.resume(max(0, min(place - lead_in, self._track.rendered)))
        else:
            self._track.unduck()
        self._gave_way_at, self._held = None, False

    def _cancel(self, number: int) -> None:
        reply = self._find(number)
        if reply is None:
            if number not in self._ended:
                self._events.append(v.ReplyCut(self._engine.position, number, "", 0, 0, 0))
                self._ended.append(number)
            return
        told = Heard()
        if reply is self._replies[0]:
            told = self._heard(reply, self._track.stop())
            self._abort()
        self._cut(reply, told, self._engine.position)

    def _cut(self, reply: _Reply, told: Heard, position: int) -> None:
        self._events.append(v.ReplyCut(position, reply.number, told.text, told.chars, told.words, told.ms))
        self._leave(reply)

    def _leave(self, reply: _Reply) -> None:
        current = reply is self._replies[0]
        self._replies.remove(reply)
        self._ended.append(reply.number)
        if current and self._replies:
            self._begin_track()

    def _heard(self, reply: _Reply, samples: int) -> Heard:
        if reply.audible is None or samples <= reply.audible:
            return Heard()
        return heard(reply.splitter.text, reply.spoken, samples, self._rate_hz)

    def _earcon(self, name: str) -> None:
        if name not in self._earcons:
            try:
                self._earcons[name] = earcons.render(name, self._rate_hz)
            except AudioError as exc:
                self.counters["unknown"] += 1
                log.warning("%s", exc)
                return
        self._mixer.play(self._earcons[name])

    # ------------------------------------------------------------------ the voice

    def _pump(self, position: int) -> None:
        """Move everything that can move: sound in, the next clause out."""
        self._receive(position)
        self._watch_voice(position)
        while self._ask():
            self._receive(position)  # an in-process voice has answered already

    def _ask(self) -> bool:
        """Give the voice the next clause if it is time; False when there is nothing (more) to do."""
        if self._flight is not None or not self._replies or not self._replies[0].waiting:
            return False
        reply = self._replies[0]
        ahead = self._track.written - self._track.rendered
        if reply.spoken and self._track.rendered < reply.spoken[-1].start:
            begun = ahead < AHEAD_MS * self._rate_hz // 1000
            if not begun:
                return False
        number = self._next_clause
        if not self._voice.send(Speak(number, reply.waiting[0].text)):
            return False
        self._next_clause += 1
        spoken = SpokenClause(reply.waiting.popleft())
        self._flight = _InFlight(number, spoken, self._voice.restarts)
        return True

    def _abort(self) -> None:
        if self._flight is not None:
            self._flight = None
            self._voice.send(Abort())

    def _receive(self, position: int) -> None:
        for message in self._voice.poll():
            match message:
                case Chunk() | SpokenWord():
                    if self._flight is None or message.clause != self._flight.number:
                        self.counters["stale"] += 1
                    elif isinstance(message, SpokenWord):
                        self._word(self._flight, message)
                    else:
                        self._chunk(self._flight, message, position)
                case Ready():
                    self.voice_ready = message
                    ClauseSound(message.rate_hz, self._rate_hz)  # imports the resampler while nobody waits
                    log.info("voice: %s %s, loaded in %.1f s", message.engine, message.voice, message.load_s)
                case Warning(text=text):
                    log.warning("voice: %s", text)

    def _word(self, flight: _InFlight, word: SpokenWord) -> None:
        if flight.renew:  # of the attempt that was broken off
            flight.renew = False
            flight.spoken.spoken.clear()
        flight.spoken.spoken.append(word)

    def _chunk(self, flight: _InFlight, chunk: Chunk, position: int) -> None:
        reply, spoken = self._replies[0], flight.spoken
        if flight.sound is None:
            flight.sound = ClauseSound(chunk.rate_hz, self._rate_hz)
            spoken.rate_hz = chunk.rate_hz
        samples = flight.sound.feed(chunk.pcm, chunk.last)
        dropped = min(flight.skip, len(samples))
        flight.skip -= dropped
        samples = samples[dropped:]
        if len(samples):
            if not spoken.length:
                self._pause_before(reply, position)
                spoken.start = self._track.written
                reply.spoken.append(spoken)
            if reply.audible is None:
                loud = np.flatnonzero(np.abs(samples) > QUIET)
                reply.audible = spoken.start + int(loud[0]) if len(loud) else None
            self._track.write(samples)
            spoken.length += len(samples)
        if chunk.last:
            spoken.complete = True
            self._flight = None
            self.counters["clauses"] += 1
            if spoken.length:
                self._track.write(self._silence(PAUSE_MS["none"]))

    def _pause_before(self, reply: _Reply, position: int) -> None:
        """The pause after the clause before, less what has passed already because the track ran dry."""
        if not reply.spoken:
            return
        pause_ms = (PAUSE_MS[reply.spoken[-1].clause.pause] - PAUSE_MS["none"]) / self._speed
        if self._track.written - self._track.rendered < 2 * (self._rate_hz // 100):
            self.counters["dry"] += 1
            since = position - (self._engine.played.last or position)
            pause_ms -= v.ms(max(0, since))
        if pause_ms > 0:
            self._track.write(self._silence(pause_ms))

    def _silence(self, duration_ms: float) -> np.ndarray:
        return np.zeros(round(duration_ms * self._rate_hz / 1000), np.float32)

    def _watch_voice(self, position: int) -> None:
        """A voice that died gets its clause again when it is back, and some time to come back."""
        flight = self._flight
        if flight is not None and self._voice.restarts != flight.restarts:
            if flight.attempt >= ATTEMPTS:
                self._give_up(position, f"the voice failed {flight.attempt} times at the same clause")
                return
            self._resend(flight)
        if self._voice.failure is None:
            self._down_since, self._down_told = None, False
            return
        if self._down_since is None:
            self._down_since = position
            log.warning("voice: %s", self._voice.failure)
        if position - self._down_since >= VOICE_DOWN_S * v.RATE_HZ:
            self._give_up(position, self._voice.failure)

    def _resend(self, flight: _InFlight) -> None:
        number = self._next_clause
        if not self._voice.send(Speak(number, flight.spoken.clause.text)):
            return
        self._next_clause += 1
        self.counters["resent"] += 1
        flight.number, flight.restarts = number, self._voice.restarts
        flight.attempt += 1
        flight.sound = None
        flight.renew = True
        flight.skip = flight.spoken.length

    def _give_up(self, position: int, reason: str) -> None:
        """What is on the track is still played; the rest of what waits will never be."""
        if not self._down_told:
            self._down_told = True
            self._events.append(v.EngineFailed(position, "voice", reason))
        self._flight = None
        for reply in self._replies:
            if not reply.lost and (reply.waiting or not reply.complete or reply is self._replies[0]):
                self.counters["lost_replies"] += 1
                reply.lost = reply.complete = True
                reply.waiting.clear()

    # ------------------------------------------------------------------ the loudspeaker

    def _watch_reply(self, position: int) -> None:
        if not self._replies:
            return
        reply, played = self._replies[0], self._engine.played
        done = reply.complete and not reply.waiting and self._flight is None
        if done and not self._track.finished:
            self._track.finish()
        current = played.reply == reply.number
        if not reply.started and reply.audible is not None and current:
            leaves = played.leaves_at(reply.audible)
            if leaves is not None and leaves <= position:
                reply.started = True
                self._events.append(v.ReplyStarted(leaves, reply.number))
        if not (done and self._track.finished):
            return
        left = played.last if current and self._track.written else position
        if left is None or left > position:
            return
        if reply.lost:
            self._cut(reply, self._heard(reply, self._track.heard), left)
            return
        words = sum(len(spoken.clause.words) for spoken in reply.spoken)
        self._events.append(v.ReplyEnded(left, reply.number, reply.splitter.text, words))
        self._leave(reply)
