"""What "go on" and "repeat that" mean: the part of an answer that was not heard yet, and the part that was.

An interrupted answer goes on from the character after the last heard word. Where the endpoint was cut off in the middle of
it there is only what had come until then; the endpoint can do better, by the history. A local command in between ("volume
down", then "go on") changes nothing; the next answer does.
Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from device.conversation.speaking import Reply

__all__ = ["Continuing", "Rest"]


@dataclass(frozen=True, slots=True)
class Rest:
    """What is left of an interrupted answer: ``text``; ``heard`` is all of it that was heard before.

    ``complete``: that is all there is to say; otherwise its end had not come when it was cut.
    """

    turn: int | None
    question: str
    heard: str
    text: str
    expect: bool
    complete: bool


class Continuing:
    """Remembers the last answer and the last thing said. ``rest`` is what "go on" would say, None if there is nothing."""

    def __init__(self) -> None:
        self.rest: Rest | None = None
        self.unheard: Rest | None = None
        """What was not heard of the last thing said, whatever it was."""
        self.heard = ""
        """The last thing said, as far as it was heard; an answer that went on counts from its beginning."""

    def over(self, reply: Reply, heard: str, chars: int) -> None:
        """``reply`` has ended or was cut: its first ``chars`` characters, ``heard``, were audible."""
        whole = reply.before + heard
        if heard.strip() and not reply.repeats:
            self.heard = whole
        left, answer = reply.text[chars:], reply.turn is not None
        rest = Rest(reply.turn, reply.question, whole, left, reply.expect, reply.finished)
        self.unheard = rest if left.strip() else None
        if self.unheard is not None and not reply.repeats:
            if answer or self.rest is None:
                self.rest = rest
        elif answer:
            self.rest = None

    def asked(self) -> None:
        """Another question: the old answer is not gone on with."""
        self.rest = self.unheard = None
