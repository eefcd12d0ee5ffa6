"""What holds in every conversation, whatever is said into it: laws over the record of one run.

Each law is a function from a ``Record`` to sentences that say what broke it, and when. They look at what the device
told in the order in which it told it, and at the gain at which replies really left the loudspeaker.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device.conversation.words import normalise
from device.scenario.timing import Span
from device.values import FRAME, RATE_HZ, samples

ENDINGS = ("reply_end", "reply_cut")
GIVING_WAY_LONGEST = 8 * RATE_HZ
"""Ducked or held longer than this is stuck: cancel_ms is 1 s, and nods that go on and on are still over by then."""
SETTLED = 3 * FRAME
"""A change of gain decided now has left the loudspeaker by then: a block that waits, one that ramps, one of rounding."""

UNDER_WAY = samples(60)
"""What gives way so shortly before its first sound was on its way to the loudspeaker already."""
LEAD = samples(200)
"""A reply's first blocks may hold the voice's own silence; it starts with what can be heard."""


@dataclass(frozen=True, slots=True)
class Told:
    """``event`` as in ``device.trace``, told in the step that ended at ``now``; ``position`` is when it happened."""

    event: str
    position: int
    text: str
    data: Mapping[str, Any]
    now: int


@dataclass(slots=True)
class Record:
    """``gain``: of the reply, per 10 ms block that left the loudspeaker. ``cuts``: (reply, words claimed, words played)."""

    told: list[Told]
    spans: Mapping[str, Span]
    gain: NDArray[np.float32]
    cuts: Sequence[tuple[int, int, float]]
    idle: bool
    """The run ended with the device idle."""
    end: int
    logged: Sequence[str] = ()
    """Warnings and errors in the log."""
    counters: Mapping[str, int] = field(default_factory=dict)
    sounded: frozenset[int] = frozenset()
    """Replies of which a sample left the loudspeaker."""
    unruly: bool = False
    """The endpoint delayed, doubled and reordered what it said."""


def broken(record: Record) -> list[str]:
    """Everything that broke a law."""
    return [f"{law.__name__.replace('_', ' ')}: {what}" for law in LAWS for what in law(record)]


def every_reply_that_began_has_one_ending(record: Record) -> Iterator[str]:
    begun: dict[int, int] = {}
    for one in record.told:
        if one.event == "reply_start":
            reply = one.data["reply"]
            if begun:
                yield f"{at(one)} reply {reply} began while {sorted(begun)} had no ending"
            begun[reply] = one.now
        elif one.event in ENDINGS:
            begun.pop(one.data["reply"], None)
    ended = [one.data["reply"] for one in record.told if one.event in ENDINGS]
    yield from (
        f"reply {reply} ended {ended.count(reply)} times" for reply in set(ended) if ended.count(reply) > 1
    )
    yield from (f"reply {reply} never ended" for reply in begun)


def a_reply_that_gave_way_is_resumed_or_ends(record: Record) -> Iterator[str]:
    since: Told | None = None
    for one in record.told:
        if since and one.now - since.now > GIVING_WAY_LONGEST:
            yield f"{at(since)} {since.event} was not undone within {GIVING_WAY_LONGEST // RATE_HZ} s"
            since = None
        if one.event in ("duck", "hold"):
            since = since or one
        elif one.event in ("resume", "cancel", *ENDINGS):
            since = None
        elif one.event == "reply_start" and since and one.position - since.now > UNDER_WAY:
            yield f"{at(one)} reply {one.data['reply']} began ducked or held since {since.now / RATE_HZ:.2f} s"
    if since:
        yield f"{at(since)} {since.event} was never undone"


def a_reply_begins_at_full_gain(record: Record) -> Iterator[str]:
    gave_way = [one.now for one in record.told if one.event in ("duck", "hold", "cancel")]
    for one in record.told:
        if one.event == "reply_start":
            begin, end = one.position + SETTLED, one.position + samples(80)
            blocks = record.gain[begin // FRAME : end // FRAME]
            if any(one.position - UNDER_WAY <= there <= end for there in gave_way):
                continue
            if len(blocks) and blocks.max() < 0.99:
                yield f"{at(one)} reply {one.data['reply']} began at gain {blocks.max():.2f}"


def a_turn_is_made_of_accepted_words(record: Record) -> Iterator[str]:
    accepted: list[str] = []
    for one in record.told:
        if one.event == "final" and one.data.get("accepted"):
            accepted.append(" ".join(normalise(one.text)))
        elif one.event == "turn":
            rest = " ".join(normalise(one.text))
            for text in reversed(accepted):
                if text and rest.endswith(text):
                    rest = rest.removesuffix(text).strip()
            if rest:
                yield f"{at(one)} turn {one.text!r}: nobody said {rest!r}"


def an_answer_that_sounds_answers_the_last_question_asked_for_good(record: Record) -> Iterator[str]:
    asked: list[int] = []
    said: set[int] = set()  # by the device itself: "repeat that" may say such an answer again
    texts = {one.data["reply"]: one.text for one in record.told if one.event in ENDINGS}
    for one in record.told:
        if one.event == "turn":
            asked.append(one.data["turn"])
        elif one.event == "say":
            said.add(one.data["reply"])
        elif one.event == "reply_start" and one.data["reply"] not in said:
            begins = re.match(r"Answer (\d+)\.", texts.get(one.data["reply"], ""))
            if begins is None:
                continue
            turn = int(begins[1])
            if turn not in asked:
                yield f"{at(one)} the answer to turn {turn} began, which was only guessed"
            elif turn != asked[-1]:
                yield f"{at(one)} the answer to turn {turn} began, and turn {asked[-1]} was asked"


def an_answer_is_spoken_once(record: Record) -> Iterator[str]:
    for one in record.told:
        if one.event in ENDINGS and one.text.count("Answer ") > 1:
            yield f"{at(one)} reply {one.data['reply']} holds {one.text.count('Answer ')} answers: {one.text!r}"


def a_guess_that_was_not_meant_leaves_no_trace(record: Record) -> Iterator[str]:
    for reply in _gated(record):
        if reply in record.sounded:
            yield f"reply {reply} was never released, and sounded"
        for one in record.told:
            if one.data.get("reply") != reply:
                continue
            if one.event in ("reply_start", "reply_end") or (one.event == "heard" and one.text):
                yield f"{at(one)} {one.event} of reply {reply}, which was never released"


def _gated(record: Record) -> set[int]:
    """The replies that never left their gate."""
    numbers = {
        name: {t.data["reply"] for t in record.told if t.event == name} for name in ("gated", "release")
    }
    return numbers["gated"] - numbers["release"]


def an_intent_acts_once_an_utterance(record: Record) -> Iterator[str]:
    finals = 0
    for one in record.told:
        if one.event == "final":
            finals += 1
        elif one.event == "act":
            if not finals:
                yield f"{at(one)} {one.text!r} was carried out, and nothing had been said since the last act"
            finals = 0


def a_cancelled_reply_is_silent(record: Record) -> Iterator[str]:
    gated = _gated(record)
    for index, one in enumerate(record.told):
        if one.event != "cancel" or one.data["reply"] in gated:
            continue
        begin = one.data["audible"] + SETTLED
        later = [two.position for two in record.told[index:] if two.event == "reply_start"]
        end = min(later, default=record.end) - LEAD
        sounding = np.flatnonzero(record.gain[begin // FRAME : end // FRAME] > 0)
        if len(sounding):
            yield f"{at(one)} reply {one.data['reply']} still sounded {len(sounding)} blocks after its cancel"


def heard_is_what_was_played(record: Record) -> Iterator[str]:
    texts = {one.data["reply"]: one.text for one in record.told if one.event in ENDINGS}
    for one in record.told:
        if one.event == "heard" and not texts[one.data["reply"]].startswith(one.text):
            yield f"{at(one)} {one.text!r} is no prefix of {texts[one.data['reply']]!r}"
    for reply, claimed, played in record.cuts:
        if abs(claimed - played) > 1:
            yield f"of reply {reply} {claimed} words were claimed and {played:.1f} played"


def nobody_interferes_and_a_reply_goes_to_its_end(record: Record) -> Iterator[str]:
    spans = list(record.spans.values())
    gated = _gated(record)
    for one in record.told:
        if one.event == "reply_cut" and one.data["reply"] not in gated:
            near = [s for s in spans if s.first <= one.position and one.position - s.last < 3 * RATE_HZ]
            if not near:
                yield f"{at(one)} reply {one.data['reply']} was cut, and nobody had spoken for 3 s"


def stop_stops(record: Record) -> Iterator[str]:
    """After the intent nothing sounds until somebody says something that is understood."""
    for index, one in enumerate(record.told):
        if one.event != "intent" or one.text != "stop":  # "cancel" may be an echo that is passed over
            continue
        later = record.told[index + 1 :]
        cause = next(
            (two.now for two in later if two.event in ("wake", "final") and two.data.get("accepted", True)),
            record.end,
        )
        begin = one.now + SETTLED + 2 * FRAME
        if np.any(record.gain[begin // FRAME : cause // FRAME] > 0):
            yield f"{at(one)} something was spoken on after {one.text!r}"


def a_wake_word_gets_a_reaction(record: Record) -> Iterator[str]:
    for index, one in enumerate(record.told):
        if one.event != "wake":
            continue
        for two in record.told[index + 1 :]:
            if two.event in ("earcon", "say", "turn", "intent", "wake", "reply_start"):
                break
        else:
            if record.end - one.now > 8 * RATE_HZ:
                yield f"{at(one)} nothing followed the wake word"


def it_comes_to_rest(record: Record) -> Iterator[str]:
    if not record.idle:
        state = [one.text for one in record.told if one.event == "state"][-1:]
        yield f"still {', '.join(state) or 'busy'} at {record.end / RATE_HZ:.1f} s"


def nothing_goes_wrong_inside(record: Record) -> Iterator[str]:
    for one in record.told:
        if one.event == "error" and one.data.get("room") != "link":
            yield f"{at(one)} {one.text}"
    yield from record.logged
    for name in ("resent", "lost_replies", "late_acks", "holes", "conflicts", "overflow", "errors"):
        if record.counters.get(name) and not (record.unruly and name in ("holes", "overflow")):
            yield f"counter {name} is {record.counters[name]}"


LAWS: tuple[Callable[[Record], Iterator[str]], ...] = (
    every_reply_that_began_has_one_ending,
    a_reply_that_gave_way_is_resumed_or_ends,
    a_reply_begins_at_full_gain,
    a_turn_is_made_of_accepted_words,
    an_answer_that_sounds_answers_the_last_question_asked_for_good,
    an_answer_is_spoken_once,
    a_guess_that_was_not_meant_leaves_no_trace,
    an_intent_acts_once_an_utterance,
    a_cancelled_reply_is_silent,
    heard_is_what_was_played,
    nobody_interferes_and_a_reply_goes_to_its_end,
    stop_stops,
    a_wake_word_gets_a_reaction,
    it_comes_to_rest,
    nothing_goes_wrong_inside,
)  # fmt: skip


def at(one: Told) -> str:
    return f"at {one.now / RATE_HZ:.2f} s"
