"""What a session shows: from what was said, asked and heard to delays and mistakes. Pure.

An *early cut* is a question that was committed, or a command that was carried out, before the last sample of what was being
said: not only an answer that was audible then (``answered``), which is the milder reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from device.bench.turns.loudspeaker import Onset
from device.bench.turns.model import Sent
from device.bench.turns.plan import Session, Trial
from device.link import messages as m
from device.scenario.measures import Cut
from device.trace import TraceEvent
from device.values import ms

NEVER = 1 << 62
"""A position that is never reached."""


@dataclass(frozen=True, slots=True)
class Said:
    """``trial`` as it was spoken: capture positions of the first and the last sample of each of its parts."""

    trial: Trial
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    @property
    def first(self) -> int:
        return self.starts[0]

    @property
    def last(self) -> int:
        return self.ends[-1]


@dataclass(frozen=True, slots=True)
class Turn:
    """What became of one trial. Times in ms from the last sample of what was said.

    ``v2v_ms``: to the first audible sample of an answer (of a local command: or of an earcon); None: there was none.
    ``endpoint_ms``: to the decision that it was over; negative: it came too early; None: there was none.
    ``committed``, ``answered``: an early cut, and whether an answer was audible before the end.
    ``understood``: the question that was asked, or the command that was carried out, is what was said.
    ``started_s``: when it was said, in the session. ``woken``: something was taken for the wake word meanwhile.
    """

    trial: Trial
    started_s: float
    v2v_ms: float | None
    endpoint_ms: float | None
    committed: bool
    answered: bool
    understood: bool
    woken: bool = False


@dataclass(slots=True)
class Outcome:
    """What is left of a session; small and picklable."""

    session: Session
    turns: list[Turn] = field(default_factory=list)
    calls: int = 0
    """Times that the language model was asked: turns opened and turns revised."""
    wasted: int = 0
    """Those of them that no audible answer came of."""
    cuts: list[Cut] = field(default_factory=list)
    seconds: float = 0.0
    cpu_s: float = 0.0
    wall_s: float = 0.0


def judge(
    session: Session, said: Sequence[Said], onsets: Sequence[Onset], wire: Sequence[Sent],
    events: Sequence[TraceEvent], cuts: Sequence[Cut], seconds: float, cpu_s: float, wall_s: float,
) -> Outcome:  # fmt: skip
    """All figures of one session. ``said`` in the order of its being said."""
    own = {event.data["reply"] for event in events if event.event == "say"}
    answers = [onset.position for onset in onsets if onset.reply is not None and onset.reply not in own]
    asked = committed(wire)
    turns = []
    for number, one in enumerate(said):
        until = said[number + 1].first if number + 1 < len(said) else None
        turns.append(_turn(one, until, onsets, answers, asked, events))
    calls = [sent.position for sent in wire if isinstance(sent.message, m.Open | m.Revise)]
    return Outcome(
        session, turns, len(calls), wasted(calls, answers), list(cuts), round(seconds, 2), cpu_s, wall_s
    )


def committed(wire: Sequence[Sent]) -> list[tuple[int, str]]:
    """When which question became the user's: opened without speculation, or committed."""
    texts: dict[str, str] = {}
    found = []
    for sent in wire:
        match sent.message:
            case m.Open(turn=turn, text=text, speculative=speculative, attempt=attempt):
                texts[turn] = text
                if not speculative and attempt == 1:
                    found.append((sent.position, text))
            case m.Revise(turn=turn, text=text):
                texts[turn] = text
            case m.Commit(turn=turn):
                found.append((sent.position, texts.get(turn, "")))
    return found


def wasted(calls: Sequence[int], answers: Sequence[int]) -> int:
    """Calls (positions, in order) after which no answer became audible before the next call."""
    ends = [*calls[1:], NEVER]
    return sum(
        not any(call < answer <= end for answer in answers) for call, end in zip(calls, ends, strict=False)
    )


def _turn(
    said: Said, until: int | None, onsets: Sequence[Onset], answers: Sequence[int], asked: Sequence[tuple[int, str]],
    events: Sequence[TraceEvent],
) -> Turn:  # fmt: skip
    trial, last = said.trial, said.last

    def mine(position: int) -> bool:
        return position > said.first and (until is None or position <= until)

    local = trial.kind == "local"
    heard = [onset.position for onset in onsets if mine(onset.position)] if local else answers
    first = next((at for at in heard if mine(at) and at > last), None)
    done = [event for event in events if event.event == "intent" and mine(event.position)]
    over = [event.position for event in events if event.event == "endpoint" and mine(event.position)]
    ends = [
        at for at in over if first is None or at <= first
    ]  # what sounds later is somebody else, or the room
    questions = [(at, text) for at, text in asked if mine(at)]
    early = [at for at, _ in questions if at <= last] + [e.position for e in done if e.position <= last]
    if local:
        understood = [event.text for event in done] == [trial.intent]
    else:
        understood = bool(questions) and words(questions[-1][1]) == words(trial.text)
    return Turn(
        trial,
        started_s=round(ms(said.first) / 1000, 2),
        v2v_ms=None if first is None else round(ms(first - last), 1),
        endpoint_ms=round(ms(ends[-1] - last), 1) if ends else None,
        committed=bool(early),
        answered=trial.kind != "cut_in" and any(mine(at) and at <= last for at in answers),
        understood=understood,
        woken=any(event.event == "wake" and event.text and mine(event.position) for event in events),
    )


def words(text: str) -> list[str]:
    """The words of ``text`` in small letters, without what a recogniser does not write."""
    return [word for word in text.lower().replace("|", " ").split() if any(map(str.isalnum, word))]
