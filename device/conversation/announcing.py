"""What is to be said unasked: texts from outside, and timers that ring. Each gets exactly one ``Announced``.

                           ┌── chime ──┐
    waiting ──floor free──►├── bells ──┤──► speaking ──the reply's ending──► over, or ringing ──► over
       ▲                   └─────┬─────┘                                               │
       └─── somebody takes the floor ──────────────────────────────────────────────────┘

| priority | begins when                                                        | is dropped             |
|----------|--------------------------------------------------------------------|------------------------|
| low      | nobody speaks, nothing is said, asked or attended to               | after 60 s             |
| normal   | the same, but a room that talks on is waited for 8 s only          | after 5 minutes        |
| alarm    | nobody speaks to the device (the room: 2 s); cuts what is said     | never                  |

``interrupt`` begins like an alarm, and drops what waits and is no more urgent. "Stop" ends all of it. A barge-in works as over
any reply: it cuts the text. Of a timer it cuts the spoken part only; the bells go on when the floor is free again, until "stop"
or until a minute is over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from device.conversation.announcement import Announcement
from device.conversation.answering import Answering
from device.conversation.speaking import Reply
from device.conversation.timing import NEVER
from device.values import (
    FRAME,
    Announce,
    Announced,
    Command,
    Earcon,
    Loudness,
    Outcome,
    ReplyCut,
    ReplyEnded,
    StopSounds,
    ms,
    samples,
)

__all__ = ["Announcing", "Floor"]

CHIME = samples(500)
BELLS = samples(2000)
"""The earcon ``alarm`` with its pause: the next one follows without a gap, in which nobody would listen for "stop"."""
RING = samples(60_000)
TALKED_OVER = samples(6000)
"""In a room that talks on over the bells the text comes then, and "stop" is listened for anew."""
_OUTCOMES: dict[str, Outcome] = {"": "said", "voice": "failed", "superseded": "superseded"}
"""By why the reply was cut; any other reason is somebody who spoke."""


@dataclass(frozen=True, slots=True)
class Floor:
    """Who has it. ``addressed``: somebody speaks to the device; ``listening``: the same, "stop" is listened for, or a command is
    being carried out; ``speech_since``: somebody, perhaps not to us, speaks since then, or ``NEVER``; ``attending``: the device
    waits for somebody to speak; ``busy``: a question is asked, or something is said."""

    addressed: bool
    listening: bool
    speech_since: int
    attending: bool
    busy: bool


class _Phase(Enum):
    OPENING = "a chime or bells before the text"
    SPEAKING = "the text"
    RINGING = "bells after the text"


class Announcing:
    """At most one announcement under way; ``proceed`` moves on whatever may. ``cut`` ends what is being said, for a reason."""

    def __init__(
        self, emit: Callable[[Command], None], answering: Answering, cut: Callable[[str], None]
    ) -> None:
        self._emit, self._answering, self._cut = emit, answering, cut
        self._waiting: list[Announcement] = []
        self._item: Announcement | None = None
        self._phase = _Phase.OPENING
        self._next = NEVER
        """When the phase goes on by itself: the text after the chime, the next bells."""
        self._recheck = NEVER
        """When something that waits may begin, or is given up."""
        self._reply: Reply | None = None
        self._began = NEVER
        self._loudness = Loudness()

    @property
    def ringing(self) -> bool:
        """A timer rings, or will as soon as it may."""
        return any(item.what.ring for item in self._all)

    @property
    def opening(self) -> bool:
        """A chime or bells announce a text: no answer comes between."""
        return self._item is not None and self._phase is _Phase.OPENING

    @property
    def due(self) -> int:
        """When something is to be done by time alone."""
        return min(self._next, self._recheck)

    # ------------------------------------------------------------------ what is wanted

    def add(self, what: Announce) -> None:
        """``what`` is to be said."""
        item = Announcement(what)
        if what.interrupt:
            for other in [other for other in self._waiting if other.urgency <= item.urgency]:
                self._waiting.remove(other)
                self._over(other, "superseded")
        self._waiting.append(item)

    def stop(self) -> bool:
        """Somebody wants silence; whether there was anything to end. A text that is being said ends with its reply."""
        speaking = self._item if self._phase is _Phase.SPEAKING else None
        ended = [item for item in self._all if item is not speaking]
        if speaking is not None:
            speaking.ring_until = 0
        elif self._item is not None:
            self._leave()
        self._waiting.clear()
        for item in ended:
            self._over(item, "said" if item.spoken else "interrupted")
        return bool(ended)

    # ------------------------------------------------------------------ what the mouth says

    def started(self, reply: int, position: int) -> None:
        """The first sample of ``reply`` has left the loudspeaker."""
        if self._reply is not None and self._reply.id == reply:
            self._began = position

    def reply_over(self, reply: Reply, event: ReplyEnded | ReplyCut, now: int) -> bool:
        """``reply`` has had its ending; whether it was an announcement."""
        item = self._item
        if item is None or reply is not self._reply:
            return False
        item.words += event.words
        if isinstance(event, ReplyCut):
            item.ms += event.ms
            self._spoken(item, reply.cut or "voice", now)
        else:
            item.ms += round(ms(max(0, event.position - self._began)))
            self._spoken(item, "", now)
        return True

    # ------------------------------------------------------------------ time

    def proceed(self, now: int, floor: Floor) -> bool:
        """Begin, go on or give up, as the floor is now; whether an announcement has taken it."""
        if self._item is None and not self._waiting:
            return False
        for item in [item for item in self._waiting if now >= item.expires]:
            self._waiting.remove(item)
            self._over(item, "expired")
        if self._item is not None and self._reply is not None and self._answering.reply is not self._reply:
            self._spoken(self._item, "lost", now)  # the mouth never told
        best = max(self._waiting, key=lambda item: item.urgency, default=None)
        if self._item is not None and best is not None and not floor.addressed:
            self._make_room(self._item, best)
        if self._item is not None:
            began = self._go_on(self._item, now, floor)
        else:
            began = best is not None and self._may_begin(best, now, floor)
            if best is not None and began:
                self._waiting.remove(best)
                self._begin(best, now)
        self._plan(now, floor)
        return began

    # ------------------------------------------------------------------ inside

    @property
    def _all(self) -> list[Announcement]:
        return [*([] if self._item is None else [self._item]), *self._waiting]

    def _make_room(self, item: Announcement, other: Announcement) -> None:
        if not item.gives_way_to(other):
            return
        if self._phase is _Phase.SPEAKING:
            item.ring_until = 0
            if self._reply is not None and self._reply.cut is None:
                self._cut("superseded")
        else:
            self._leave()
            self._over(item, "said" if item.spoken else "superseded")

    def _may_begin(self, item: Announcement, now: int, floor: Floor) -> bool:
        heard_out = floor.speech_since == NEVER or now >= item.room_heard_out(floor.speech_since)
        if floor.listening or not heard_out:
            return False
        if not item.cuts:
            return not (floor.attending or floor.busy)
        if self._answering.replying:
            self._cut("announcement")
        return self._answering.reply is None

    def _begin(self, item: Announcement, now: int) -> None:
        self._item, self._phase, self._recheck = item, _Phase.OPENING, NEVER
        self._louden(item.loudness)
        if item.what.ring:
            if item.ring_until == NEVER:
                item.ring_until = now + RING
            self._phase = _Phase.RINGING if item.spoken else _Phase.OPENING
            self._ring(now)
        elif item.what.chime and not item.opened:
            item.opened, self._next = True, now + CHIME
            self._emit(Earcon("chime"))
        else:
            self._speak(item)

    def _go_on(self, item: Announcement, now: int, floor: Floor) -> bool:
        """Out of a chime or bells; whether the text begins."""
        if self._phase is _Phase.SPEAKING:
            return False
        if floor.addressed or floor.attending or (self._phase is _Phase.RINGING and floor.busy):
            self._leave()
            self._waiting.insert(0, item)
        elif now < self._next:
            pass
        elif self._phase is _Phase.OPENING and (
            not floor.listening or now >= item.ring_until - RING + TALKED_OVER
        ):
            self._speak(item)
            return True
        elif now >= item.ring_until:
            self._leave()
            self._over(item, "said" if item.spoken else "expired")
        elif item.what.ring:
            self._ring(now)
        return False

    def _ring(self, now: int) -> None:
        self._emit(Earcon("alarm"))
        self._next = now + BELLS

    def _speak(self, item: Announcement) -> None:
        self._phase, self._next, self._began = _Phase.SPEAKING, NEVER, NEVER
        self._reply = self._answering.announce(item.what.text)

    def _spoken(self, item: Announcement, cut: str, now: int) -> None:
        """The reply that said it is over; ``cut``: why before its end."""
        self._reply, item.spoken = None, True
        if item.what.ring and now < item.ring_until:
            self._phase, self._next = _Phase.RINGING, now
            return
        self._item = None
        self._louden(Loudness())
        self._over(item, _OUTCOMES.get(cut, "interrupted"))

    def _leave(self) -> None:
        """No chime, no bells any more."""
        self._item, self._next = None, NEVER
        self._emit(StopSounds())
        self._louden(Loudness())

    def _louden(self, loudness: Loudness) -> None:
        if loudness != self._loudness:
            self._loudness = loudness
            self._emit(loudness)

    def _over(self, item: Announcement, outcome: Outcome) -> None:
        self._emit(Announced(item.what.announcement, outcome, item.words, item.ms))

    def _plan(self, now: int, floor: Floor) -> None:
        """What is awaited beside events: patience that runs out, with the room and with the floor."""
        self._recheck = NEVER
        for item in self._waiting:
            heard_out = item.room_heard_out(floor.speech_since)
            self._recheck = min(self._recheck, item.expires, heard_out if heard_out > now else NEVER)
        if self._item is None and self._waiting and floor.speech_since == NEVER and not floor.listening:
            self._recheck = min(self._recheck, now + FRAME)  # the one before has just left
