"""The mouth itself: carries out what it is told and tells what was heard.

Replies are spoken strictly one after the other. One that arrives while another is spoken waits for it; whoever
wants it sooner cancels the other first. A gated one waits for its ``Release`` and holds up nobody: until then only its
first clause is made, and ``Duck``, ``Hold`` and ``Resume`` are none of its business. Every reply that was begun ends
with exactly one ``ReplyEnded`` or ``ReplyCut``, also when the voice fails.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from device import values as v
from device.config.schema import Config
from device.engines import EngineDoor
from device.errors import AudioError
from device.mouth import earcons
from device.mouth.clauses import Splitter
from device.mouth.feed import VoiceFeed
from device.mouth.heard import Heard, SpokenClause, heard, word_start_at
from device.mouth.reply import Queue, Reply
from device.mouth.voices.messages import Ready, VoiceState

if TYPE_CHECKING:
    from device.audio import AudioEngine

log = logging.getLogger(__name__)

LEAD_IN_MS = 12
"""A resume begins this much before the word, so that the 10 ms fade-in does not eat its onset."""


class Mouth:
    """``execute`` commands, ``step`` every 10 ms; both from one thread, neither blocks.

    ``counters`` (since start): ``clauses`` spoken, ``resent`` after a crash of the voice, ``lost_replies``,
    ``stale`` answers of cancelled clauses, ``dry`` gaps because the voice or the text was late, ``unknown``
    commands for replies that are not there.
    """

    def __init__(self, config: Config, engine: AudioEngine, voice: EngineDoor) -> None:
        self._engine = engine
        self._mixer, self._track = engine.mixer, engine.mixer.speech
        self._rate_hz = engine.mixer.rate_hz
        self._duck_db = config.barge_in.duck_db
        self._replies = Queue()
        self._ended: deque[int] = deque(maxlen=32)
        self._events: list[v.Event] = []
        self._gave_way_at: int | None = None
        self._held = False
        self._down_told = False
        self._earcons: dict[str, np.ndarray] = {}
        self.counters = {"clauses": 0, "resent": 0, "lost_replies": 0, "stale": 0, "dry": 0, "unknown": 0}
        self._feed = VoiceFeed(engine, voice, config.voice.speed, self.counters, self._events)

    # ------------------------------------------------------------------ commands

    def execute(self, command: v.Command) -> None:
        """Carry out one command of the conversation; what comes of it is told by ``step``."""
        match command:
            case v.Say(reply=number, text=text):
                self._begin(number, whole=True)
                self._text(number, text)
                self._finish(number)
            case v.ReplyBegin(reply=number, gated=gated, whole=whole):
                self._begin(number, whole, gated)
            case v.Release(reply=number):
                self._release(number)
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
        self.pump(position)
        self._watch_reply(position)
        events = self._events.copy()
        self._events.clear()
        return events

    def heard(self, position: int) -> Heard:
        """What of the current reply had left the loudspeaker before capture ``position``."""
        current = self._replies.current
        if current is None or self._engine.played.reply != current.number:
            return Heard()
        return self._heard(current, self._engine.played.at(position))

    @property
    def voice_ready(self) -> Ready | None:
        """What the voice said of itself when it was loaded, or None."""
        return self._feed.ready

    @property
    def voice_state(self) -> VoiceState | None:
        """Which voice speaks the next reply, how fast it is, and why it is not another one; None until it is loaded."""
        return self._feed.state

    def prepare(self, texts: Iterable[str]) -> None:
        """Sentences that will be said one day: a slow voice renders them while it rests, and keeps them."""
        self._feed.idle.prepare(texts)

    def rest(self, resting: bool) -> None:
        """Whether nothing goes on in the device: nobody speaks, listens or waits for an answer."""
        self._feed.resting = resting

    @property
    def speaking(self) -> int | None:
        """The reply that is being spoken or may be as soon as there is sound, or None; never a gated one."""
        current = self._replies.current
        return current.number if current is not None else None

    @property
    def clauses(self) -> Sequence[SpokenClause]:
        """The clauses of that reply on the track so far; the list grows, and outlives the reply."""
        current = self._replies.current
        return current.spoken if current is not None else ()

    # ------------------------------------------------------------------ another configuration

    def reconfigure(self, config: Config) -> None:
        """Go on by ``config``: the gain of the next duck, the speed of the next reply."""
        self._duck_db = config.barge_in.duck_db
        self._feed.set_speed(config.voice.speed)

    @property
    def at_rest(self) -> bool:
        """Whether nothing is spoken, synthesised or kept to be spoken."""
        return not any(self._replies) and self._feed.at_rest

    def use_voice(self, voice: EngineDoor, said: Iterable[object], position: int) -> None:
        """Speak with another voice, which has ``said`` so much already; only while ``at_rest``."""
        self._down_told = False
        self._feed.use(voice, said, position)

    # ------------------------------------------------------------------ text

    def _begin(self, number: int, whole: bool, gated: bool = False) -> None:
        if self._replies.find(number) is not None:
            self.counters["unknown"] += 1
            return
        # where the whole text is there only a slow voice gains from an early first cut
        slow = self.voice_state is not None and self.voice_state.engine != "espeak"
        eager = slow or not whole
        self._replies.add(Reply(number, Splitter(eager), gated, self._feed.speed))
        self._turn()

    def _release(self, number: int) -> None:
        reply = self._replies.find(number)
        if reply is None or not reply.gated:
            self.counters["unknown"] += 1
            return
        self._replies.release(reply)
        self._turn()
        self.pump(self._engine.position)

    def _turn(self) -> None:
        """Give the track to the reply whose turn it is, if it has not got it yet."""
        current = self._replies.current
        if current is not None and not current.on_track:
            self._track.begin(current.number)
            self._gave_way_at, self._held = None, False
            self._feed.give_track(current, self._engine.position)

    def _text(self, number: int, text: str) -> None:
        reply = self._replies.find(number)
        if reply is None or reply.complete:
            self.counters["unknown"] += 1  # the last deltas of a cancelled turn
            return
        reply.take(reply.splitter.feed(text))
        self.pump(self._engine.position)

    def _finish(self, number: int) -> None:
        reply = self._replies.find(number)
        if reply is None or reply.complete:
            self.counters["unknown"] += 1
            return
        reply.take(reply.splitter.finish())
        reply.complete = True
        self.pump(self._engine.position)

    # ------------------------------------------------------------------ giving way

    def _duck(self) -> None:
        if self._replies.current is not None:
            self._mark_place(self._replies.current)
            # what is queued is 20 ms and more of full voice: it is taken back, and comes again at the duck's gain. Perhaps
            # it was nothing, so no stream is aborted for it
            self._engine.flush(abort=False)
            self._track.duck(self._duck_db)

    def _hold(self) -> None:
        if self._replies.current is not None:
            self._mark_place(self._replies.current)
            self._held = True
            self._engine.flush()
            self._track.hold()

    def _mark_place(self, current: Reply) -> None:
        """Remember what was leaving the loudspeaker when the playback first gave way."""
        if self._gave_way_at is None:
            played = self._engine.played
            mine = played.reply == current.number
            self._gave_way_at = played.at(self._engine.position) if mine else 0

    def _resume(self) -> None:
        current = self._replies.current
        if current is None:
            return
        if self._held:
            place = word_start_at(current.spoken, self._gave_way_at or 0, self._rate_hz)
            lead_in = LEAD_IN_MS * self._rate_hz // 1000
            self._track.resume(max(0, min(place - lead_in, self._track.rendered)))
        else:
            self._track.unduck()
        self._gave_way_at, self._held = None, False

    def _cancel(self, number: int) -> None:
        reply = self._replies.find(number)
        if reply is None:
            if number not in self._ended:
                self._events.append(v.ReplyCut(self._engine.position, number, "", 0, 0, 0))
                self._ended.append(number)
            return
        told = Heard()
        if reply.on_track:
            self._engine.flush()
            told = self._heard(reply, self._track.stop())
        self._feed.drop(reply)
        self._cut(reply, told, self._engine.position)

    def _cut(self, reply: Reply, told: Heard, position: int) -> None:
        self._events.append(v.ReplyCut(position, reply.number, told.text, told.chars, told.words, told.ms))
        self._leave(reply)

    def _leave(self, reply: Reply) -> None:
        self._replies.remove(reply)
        self._ended.append(reply.number)
        self._turn()

    def _heard(self, reply: Reply, samples: int) -> Heard:
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

    def pump(self, position: int) -> None:
        """Give the voice at once what was said in this step, and take what it has: 10 ms sooner than the next step."""
        reason = self._feed.pump(self._replies, position)
        if reason is not None:
            self._give_up(position, reason)
        else:
            self._down_told = False

    def _give_up(self, position: int, reason: str) -> None:
        """What is on the track is still played; the rest of what waits will never be."""
        self._feed.drop()
        losing = [reply for reply in self._replies if not reply.lost]
        for reply in losing:
            self.counters["lost_replies"] += 1
            reply.lost = reply.complete = True
            reply.waiting.clear()
        if losing or not self._down_told:
            self._down_told = True
            self._events.append(v.EngineFailed(position, "voice", reason))

    # ------------------------------------------------------------------ the loudspeaker

    def _watch_reply(self, position: int) -> None:
        reply, played = self._replies.current, self._engine.played
        if reply is None:
            return
        done = reply.complete and not reply.waiting and not self._feed.busy(reply)
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
