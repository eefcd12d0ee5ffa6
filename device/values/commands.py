"""Commands: what the conversation decides and the daemon carries out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from device.values.events import Intent

ListenMode = Literal["free", "commands", "over"]
"""free: every word; commands: the local commands; over: hard words and backchannels, over the device's own speech."""

Outcome = Literal["said", "interrupted", "expired", "superseded", "failed"]


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
    """``reply`` begins; its text follows in pieces.

    ``gated``: it is a guess. Its first clause is synthesised, nothing of it sounds before its ``Release``; a ``Cancel``
    before that leaves no trace. ``turn`` is the question it answers, None for a sentence of our own. ``whole``: all of its
    text follows at once, so it need not be cut for the sake of an early first sound.
    """

    reply: int
    gated: bool = False
    turn: int | None = field(default=None, compare=False)
    whole: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Release:
    """Open the gate of ``reply``: it sounds from its first sample on, as soon as there is one."""

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
    """A short sound: attend, done, error, thinking; chime before an announcement, alarm for a timer."""

    name: str


@dataclass(frozen=True, slots=True)
class StopSounds:
    """End alarms and earcons."""


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of the conversation as the endpoint gets it: of the assistant only what was heard.

    ``notes`` are the backchannels that were said over it ("yeah", "mm-hm"): the user listened.
    """

    role: Literal["user", "assistant"]
    text: str
    interrupted: bool = False
    notes: tuple[str, ...] = ()


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
    """Ask the endpoint ``text``; ``conversation`` (oldest first) and ``heard_prev`` are what it needs to know.

    ``speculative``: the user may not have finished. The answer is prepared, and given only after ``CommitTurn``.
    """

    turn: int
    text: str
    conversation: tuple[Message, ...] = ()
    heard_prev: HeardReport | None = None
    speculative: bool = False


@dataclass(frozen=True, slots=True)
class ReviseTurn:
    """The speculative ``turn`` becomes turn ``to``, which asks ``text``: nothing of its answer so far counts.

    For its worker it stays the same turn, in another revision. Here it gets a number of its own, so that an event about
    the old text that is on its way already is about a turn that is gone.
    """

    turn: int
    to: int
    text: str


@dataclass(frozen=True, slots=True)
class CommitTurn:
    """The speculative ``turn`` is what the user said."""

    turn: int


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
class Preview:
    """Tell what carrying out a local intent would be answered with, without doing it; answered by ``SkillPreview``."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class Loudness:
    """From now on: ``volume`` percent instead of the device's own (None: that), and no less than ``least``; ``over_mute``: also
    while muted. Without arguments: as ever."""

    volume: int | None = None
    least: int = 0
    over_mute: bool = False


@dataclass(frozen=True, slots=True)
class Announced:
    """What became of an ``Announce``.

    ``outcome``: said; interrupted (somebody spoke, or said "stop"); expired (it has waited too long); superseded (by one that
    interrupts); failed (no voice). ``words`` of it were heard, ``ms`` of it sounded.
    """

    announcement: int
    outcome: Outcome
    words: int = 0
    ms: int = 0


@dataclass(frozen=True, slots=True)
class Show:
    """The conversation's state, for lights, the link and the log; several may hold at once."""

    attending: bool = False
    thinking: bool = False
    speaking: bool = False
    ducked: bool = False
    held: bool = False


Command = (
    Listen | Finalise | Discard | Duck | Hold | Resume | Cancel | Say | ReplyBegin | ReplyText | ReplyFinish | Release
    | Earcon | StopSounds | Loudness | OpenTurn | ReviseTurn | CommitTurn | CancelTurn | SendHeard | Preview | Act | Announced
    | Show
)  # fmt: skip
