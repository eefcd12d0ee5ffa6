"""What a final result asks for, by why we were listening: a pure function from words to a meaning.

| Purpose    | intent | "stop" only | "wait"/"no" only | free words | backchannel only | not understood      |
|------------|--------|-------------|------------------|------------|------------------|---------------------|
| WAKE       | act    | stop        | ask              | ask        | ask              | unclear, sound, none|
| EXPECTED   | act    | stop        | ask ("no")       | ask        | ask ("yes")      | unclear, sound, none|
| FOLLOW_UP  | act    | stop        | ask              | ask        | nothing          | nothing             |
| INTERRUPT  | act    | stop        | wait             | ask        | nobody's         | by its partial, else|
|            |        |             |                  |            |                  | nobody's            |
| OVER       | act    | stop        | wait             | ask        | nothing          | nothing             |
| THINKING   | act    | stop        | wait             | ask        | nothing          | nothing             |
| LATE       | act    | stop        | wait             | -          | nothing          | nothing             |
| STOP_ONLY  | -      | stop (word) | -                | -          | nothing          | nothing             |

"Go on", which is a backchannel over a reply and a command after it, yields "go on" where it cannot be the former. What has taken
the floor and then turns out to be nothing is "nobody's": nothing is asked, and the reply may go on.

A recogniser that knows only commands never yields "ask". Where only hard words and backchannels were listened for
(mode "over"), any other word yields "again": it is heard once more, every word of it.
"""

from __future__ import annotations

from enum import Enum

from device.conversation.hearing import Purpose, Utterance
from device.conversation.words import Judge
from device.values import Final

__all__ = ["Meaning", "understand"]

_OWN = {
    "stop": "STOP", "cancel": "STOP", "wait": "WAIT", "repeat": "REPEAT", "go_on": "GO_ON", "correct": "CORRECT",
}  # fmt: skip
"""Intents of the sentences file that the conversation carries out by itself."""

_SILENT = frozenset({Purpose.FOLLOW_UP, Purpose.OVER, Purpose.THINKING, Purpose.LATE})
"""Listening that nobody asked for: what is not understood there was not meant for us."""
_TAKES_FLOOR = frozenset({Purpose.INTERRUPT, Purpose.OVER, Purpose.THINKING, Purpose.LATE})
"""Where "wait" and "no" speak about what is being said, rather than answer it."""
_LISTENS_ALONG = frozenset({Purpose.OVER, Purpose.THINKING, Purpose.LATE})
"""Where "go on" is a nod."""


LEAST_AFTER_STOP = 2
"""Words beyond "stop" that make a question of it: one may be a breath, or what a recogniser makes of the room's ring."""


class Meaning(Enum):
    """What a final result asks for."""

    STOP = "end everything"
    WAIT = "the user takes the floor and will go on"
    ACT = "carry out the local intent"
    REPEAT = "say again what was heard last"
    GO_ON = "go on after the last heard word"
    CORRECT = "the last command, with another number"
    ASK = "free text for the endpoint"
    UNCLEAR = "somebody spoke to us, and we did not understand"
    COMMANDS_ONLY = "the same, and this recogniser never will"
    SOUND = "a sound without words"
    NOBODY = "attention was asked for, and nobody has spoken yet"
    AGAIN = "more than was listened for"
    NOTHING = "not meant for us"
    PHANTOM = "the reply was interrupted by nothing"


def understand(final: Final, utterance: Utterance, judge: Judge) -> Meaning:
    """The table above. ``utterance`` is the one that ``final`` ends; after "stop" it asks only what is beyond doubt."""
    meaning = _understand(final, utterance, judge)
    if not utterance.stopped or meaning in (Meaning.ACT, Meaning.AGAIN, Meaning.CORRECT):
        return meaning
    if meaning is Meaning.ASK and judge(final.text).content >= LEAST_AFTER_STOP:
        return meaning
    return Meaning.STOP


def _understand(final: Final, utterance: Utterance, judge: Judge) -> Meaning:
    purpose = utterance.purpose
    verdict = judge(final.text if final.accepted else "")
    if purpose is Purpose.STOP_ONLY:
        return Meaning.STOP if verdict.unmistakable else Meaning.NOTHING
    if utterance.mode == "over" and not final.accepted and _nodded(final, utterance, judge):
        return Meaning.NOTHING
    if utterance.mode == "over" and (verdict.content or (final.text.strip() and not final.accepted)):
        return Meaning.AGAIN if purpose is Purpose.OVER or final.accepted else _by_partial(utterance, judge)
    if final.accepted and final.intent is not None:
        own = _OWN.get(final.intent.name)
        if own == "GO_ON" and verdict.only_backchannel and purpose in _LISTENS_ALONG:
            return Meaning.NOTHING
        return Meaning.ACT if own is None else Meaning[own]
    if verdict.only_stop:
        return Meaning.STOP
    if verdict.only_wait and purpose in _TAKES_FLOOR:
        return Meaning.WAIT
    if purpose is Purpose.LATE:
        return Meaning.NOTHING
    if final.free and (verdict.content or verdict.hard):
        return Meaning.ASK
    if final.free and verdict.backchannel and purpose in (Purpose.WAKE, Purpose.EXPECTED):
        return Meaning.ASK
    return Meaning.NOTHING if purpose in _SILENT else _not_understood(final, utterance, judge)


def _nodded(final: Final, utterance: Utterance, judge: Judge) -> bool:
    """A backchannel that the recogniser stood by while it was said, and no longer at its end: a room that rings spoils the
    final. Heard again as a command "okay" became "forget it"."""
    return judge(final.text).only_backchannel and judge(utterance.heard).only_backchannel


def _by_partial(utterance: Utterance, judge: Judge) -> Meaning:
    """The partial that took the floor may be all there was: "stop", and then a breath that spoils the final."""
    partial = judge(utterance.heard)
    if partial.only_stop:
        return Meaning.STOP
    return Meaning.WAIT if partial.only_wait else Meaning.AGAIN


def _not_understood(final: Final, utterance: Utterance, judge: Judge) -> Meaning:
    if utterance.purpose is Purpose.INTERRUPT:
        meaning = _by_partial(utterance, judge)
        if meaning is not Meaning.AGAIN or utterance.mode == "over":
            return meaning
        if not final.text.strip() or judge(final.text).only_backchannel:
            return Meaning.PHANTOM
    elif not final.text.strip():
        if not utterance.spoke:
            return Meaning.NOBODY
        if final.free:
            return Meaning.SOUND
    return Meaning.UNCLEAR if final.free else Meaning.COMMANDS_ONLY
