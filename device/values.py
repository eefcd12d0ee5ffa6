"""The words that walk between the rooms: plain values, no behaviour.

Every value that leaves one room and enters another is defined here, so that no room has to import a room
above it. *Events* are facts that travel towards the conversation (the ear heard, the mouth spoke, the link
received); *commands* are what the conversation decides and the daemon carries out.

Time is counted in samples of the capture clock (``RATE_HZ``): ``position`` is the sample count since the
engine started, it never wraps and never stops. Milliseconds appear only where a person reads them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

RATE_HZ = 16_000
"""Rate of the ear, and so of every position."""
FRAME = 160
"""Samples in one step of the device: 10 ms."""


def ms(samples: float) -> float:
    """Samples of the capture clock as milliseconds."""
    return samples * 1000 / RATE_HZ


def samples(milliseconds: float) -> int:
    """Milliseconds as whole samples of the capture clock."""
    return round(milliseconds * RATE_HZ / 1000)


@dataclass(frozen=True, slots=True)
class Word:
    """A recognised or spoken word and where it lies, in capture positions."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Intent:
    """A local command that the sentences file knows, with its slots (``{"volume": 40}``)."""

    name: str
    slots: dict[str, str | int | float] = field(default_factory=dict)


# --------------------------------------------------------------------------- events from the ear


@dataclass(frozen=True, slots=True)
class Wake:
    """The wake word was decided at ``position``; ``end`` is the ear's best estimate of the word's last sample."""

    position: int
    word: str
    score: float
    end: int


@dataclass(frozen=True, slots=True)
class StopHeard:
    """The wake model that means "stop" was decided at ``position``: everything ends, whatever goes on."""

    position: int
    word: str
    score: float


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """The VAD opened in the quiet (nothing plays): ``onset`` is the first sample it counts as speech."""

    position: int
    onset: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The VAD closed: ``last`` is the last sample it counts as speech."""

    position: int
    last: int


@dataclass(frozen=True, slots=True)
class BargeIn:
    """Somebody speaks over playback: the detector triggered at ``position`` for speech that began at ``onset``."""

    position: int
    onset: int
    score: float


@dataclass(frozen=True, slots=True)
class BargeInEnded:
    """The speech that raised ``BargeIn`` has stopped; ``last`` is its last sample.

    ``echo``: it fell with the playback when that was ducked, so it was probably the playback's own echo.
    """

    position: int
    last: int
    echo: bool = False


@dataclass(frozen=True, slots=True)
class Partial:
    """What the recogniser makes of utterance ``utterance`` so far.

    ``accepted`` is False while the engine itself would not stand by the words (a command grammar always matches
    something; PocketSphinx' score test has not passed, or everything is ``[unk]``). ``free``: the engine could take down
    any sentence; the words of one that cannot are the nearest it has, until its ``Final`` says what they mean.
    """

    position: int
    utterance: int
    text: str
    words: tuple[Word, ...] = ()
    accepted: bool = True
    free: bool = True


@dataclass(frozen=True, slots=True)
class Final:
    """The recogniser's last word on ``utterance``; ``text`` is empty when nothing was understood.

    ``free`` tells whether the engine can take down any sentence; a ``Final`` of a command grammar that is not
    ``accepted`` or has no ``intent`` must never become a turn.
    """

    position: int
    utterance: int
    text: str
    words: tuple[Word, ...] = ()
    accepted: bool = True
    intent: Intent | None = None
    free: bool = True


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The endpointing commits: the user finished ``utterance``; ``last`` is the last sample of speech."""

    position: int
    utterance: int
    last: int


# --------------------------------------------------------------------------- events from the mouth


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    """The first sample of ``reply`` leaves the loudspeaker at ``position``."""

    position: int
    reply: int


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """The last sample of ``reply`` has left, all of it: ``heard`` is its whole text."""

    position: int
    reply: int
    heard: str
    words: int


@dataclass(frozen=True, slots=True)
class ReplyCut:
    """``reply`` was cancelled: ``heard`` is the prefix of its text that left the loudspeaker, to the word.

    ``chars`` is that prefix's length in the reply's text, ``ms`` how much of it sounded; both are 0 when nothing
    was audible.
    """

    position: int
    reply: int
    heard: str
    chars: int
    words: int
    ms: int


# --------------------------------------------------------------------------- events from the link


@dataclass(frozen=True, slots=True)
class TurnAcked:
    """A worker has taken ``turn``: an answer is on its way."""

    position: int
    turn: int


@dataclass(frozen=True, slots=True)
class TurnDelta:
    """The next piece of the answer, already in order and without holes."""

    position: int
    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The answer is complete; ``expect_reply``: it asks the user something."""

    position: int
    turn: int
    expect_reply: bool = False


@dataclass(frozen=True, slots=True)
class TurnFailed:
    """No answer (any more). ``code``: no_broker, no_worker, timeout, or the worker's own code."""

    position: int
    turn: int
    code: str


# --------------------------------------------------------------------------- events from elsewhere


@dataclass(frozen=True, slots=True)
class SkillDone:
    """A local intent was carried out; ``text`` is spoken (empty: an earcon is enough)."""

    position: int
    intent: Intent
    text: str
    ok: bool = True
    expect_reply: bool = False


@dataclass(frozen=True, slots=True)
class Sounding:
    """An alarm or an earcon begins (``on``) or is over."""

    position: int
    on: bool


@dataclass(frozen=True, slots=True)
class EngineFailed:
    """An engine process (``recogniser`` or ``voice``) died or hung and is being started again; or the ``microphone``
    gave no sound for 0.3 s in the middle of an utterance."""

    position: int
    engine: str
    reason: str


Event = (
    Wake | StopHeard | SpeechBegan | SpeechEnded | BargeIn | BargeInEnded | Partial | Final | Endpoint
    | ReplyStarted | ReplyEnded | ReplyCut
    | TurnAcked | TurnDelta | TurnEnded | TurnFailed
    | SkillDone | Sounding | EngineFailed
)  # fmt: skip


# --------------------------------------------------------------------------- commands of the conversation

ListenMode = Literal["free", "commands", "over"]
"""free: every word; commands: the local commands; over: hard words and backchannels, over the device's own speech."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Recognise ``utterance`` from capture position ``start`` (pre-roll) on.

    ``after`` is the position before which words do not count (the end of the wake word); the recogniser may
    start earlier for its own sake.
    """

    utterance: int
    start: int
    after: int
    mode: ListenMode = "free"


@dataclass(frozen=True, slots=True)
class Finalise:
    """Ask for the ``Final`` of ``utterance`` now."""

    utterance: int


@dataclass(frozen=True, slots=True)
class Discard:
    """Forget ``utterance``: no ``Final`` is wanted."""

    utterance: int


@dataclass(frozen=True, slots=True)
class Duck:
    """Lower the playback (reversible)."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Silence the playback, keep its place (reversible)."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Undo duck and hold: from the word boundary before the place where it was held."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop ``reply`` for good; the mouth answers with ``ReplyCut``."""

    reply: int


@dataclass(frozen=True, slots=True)
class Say:
    """A whole local sentence as ``reply``."""

    reply: int
    text: str


@dataclass(frozen=True, slots=True)
class ReplyBegin:
    """``reply`` begins; its text follows in pieces."""

    reply: int


@dataclass(frozen=True, slots=True)
class ReplyText:
    """The next piece of the text of ``reply``."""

    reply: int
    text: str


@dataclass(frozen=True, slots=True)
class ReplyFinish:
    """No more text for ``reply``."""

    reply: int


@dataclass(frozen=True, slots=True)
class Earcon:
    """A short sound: attend, done, error, thinking."""

    name: str


@dataclass(frozen=True, slots=True)
class StopSounds:
    """End alarms and earcons."""


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of the conversation as the endpoint gets it: of the assistant only what was heard."""

    role: Literal["user", "assistant"]
    text: str
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class HeardReport:
    """What the user heard of the answer to ``turn`` before it was cut."""

    turn: int
    chars: int
    text: str
    ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class OpenTurn:
    """Ask the endpoint ``text``; ``conversation`` (oldest first) and ``heard_prev`` are what it needs to know."""

    turn: int
    text: str
    conversation: tuple[Message, ...] = ()
    heard_prev: HeardReport | None = None


@dataclass(frozen=True, slots=True)
class CancelTurn:
    """The answer to ``turn`` is not wanted any more; nothing of it follows."""

    turn: int
    reason: str


@dataclass(frozen=True, slots=True)
class SendHeard:
    """Tell the worker how much of its answer was heard."""

    report: HeardReport


@dataclass(frozen=True, slots=True)
class Act:
    """Carry out a local intent; answered by ``SkillDone``."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class Show:
    """The conversation's state, for lights, the link and the log; several may hold at once."""

    attending: bool = False
    thinking: bool = False
    speaking: bool = False
    ducked: bool = False
    held: bool = False


Command = (
    Listen | Finalise | Discard | Duck | Hold | Resume | Cancel | Say | ReplyBegin | ReplyText | ReplyFinish
    | Earcon | StopSounds | OpenTurn | CancelTurn | SendHeard | Act | Show
)  # fmt: skip
