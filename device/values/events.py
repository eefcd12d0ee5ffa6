"""Events: facts that travel towards the conversation. The ear heard, the mouth spoke, the link received."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Priority = Literal["low", "normal", "alarm"]
"""How urgent an announcement is."""


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
    ``intent`` is the local command that the whole of ``text`` would be, were this the end.
    """

    position: int
    utterance: int
    text: str
    words: tuple[Word, ...] = ()
    accepted: bool = True
    free: bool = True
    intent: Intent | None = None


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
class PlausibleEnd:
    """The user may have finished ``utterance`` at ``last``: reason enough to prepare an answer, not to give it.

    Comes at most once for each pause and text; speech may go on, and an ``Endpoint`` need not follow.
    """

    position: int
    utterance: int
    last: int


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


@dataclass(frozen=True, slots=True)
class FirstClause:
    """The first clause of ``reply`` was cut and is with the voice. For the timeline of a turn; decides nothing."""

    position: int
    reply: int


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
class SkillPreview:
    """What carrying out ``intent`` would be answered with; nothing was done. Empty: nothing can be told beforehand."""

    position: int
    intent: Intent
    text: str


@dataclass(frozen=True, slots=True)
class Sounding:
    """An alarm or an earcon begins (``on``) or is over."""

    position: int
    on: bool


@dataclass(frozen=True, slots=True)
class Announce:
    """Somebody outside, or a timer, wants ``text`` said; answered by ``Announced``.

    ``priority``: low waits until nothing goes on and is dropped after a minute, normal waits as well, alarm takes the
    loudspeaker at once and sounds over the mute. ``interrupt`` ends what is being said, and what waits and is no more urgent.
    ``volume`` [percent] for this text alone; ``chime``: a sound before it; ``ring``: bells, again and again, until somebody
    says "stop" or a minute is over.
    """

    position: int
    announcement: int
    text: str
    priority: Priority = "normal"
    interrupt: bool = False
    volume: int | None = None
    chime: bool = False
    ring: bool = False


@dataclass(frozen=True, slots=True)
class EngineFailed:
    """An engine process (``recogniser`` or ``voice``) died or hung and is being started again; or the ``microphone``
    gave no sound for 0.3 s in the middle of an utterance."""

    position: int
    engine: str
    reason: str


Event = (
    Wake | StopHeard | SpeechBegan | SpeechEnded | BargeIn | BargeInEnded | Partial | Final
    | PlausibleEnd | Endpoint
    | FirstClause | ReplyStarted | ReplyEnded | ReplyCut
    | TurnAcked | TurnDelta | TurnEnded | TurnFailed
    | SkillPreview | SkillDone | Announce | Sounding | EngineFailed
)  # fmt: skip
