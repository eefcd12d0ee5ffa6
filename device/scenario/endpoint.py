"""The scripted endpoint of a scenario: what it answers, and when each piece of the answer comes.

``plan`` is pure. ``ScriptedTransport`` plays it on the sample clock, in place of a broker and a worker, speaking the
same messages. In a real-time run the same plan is played by a worker behind a real broker (``scripted_worker.py``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from device.endpoint.batching import Batcher
from device.link import messages as m
from device.link.transport import NoSubscribers
from device.scenario.tables import Endpoint, Reply
from device.values import FRAME, samples

WORKER = "scripted"
DEFAULT = Reply(text="Nobody has told me what to say to that.")
"""The answer to a turn that no ``[[endpoint.reply]]`` matches."""


@dataclass(frozen=True, slots=True)
class Piece:
    """``text`` leaves the worker ``at_ms`` after it has taken the turn."""

    at_ms: float
    text: str


def choose(replies: Sequence[Reply], text: str) -> Reply:
    """The first reply whose ``when`` is part of ``text`` (case does not matter), else the first ``*``, else DEFAULT."""
    said = text.casefold()
    for reply in replies:
        if reply.when != "*" and reply.when.casefold() in said:
            return reply
    return next((reply for reply in replies if reply.when == "*"), DEFAULT)


def tokens(script: Endpoint, text: str) -> list[Piece]:
    """When each token of ``text`` is made; a token is a word with the white space around it."""
    words = re.findall(r"\s*\S+\s*", text)
    return [
        Piece(script.first_token_ms + i * 1000 / script.tokens_per_s, word) for i, word in enumerate(words)
    ]


def plan(script: Endpoint, reply: Reply) -> tuple[list[Piece], float]:
    """The deltas of ``reply``, batched as a worker batches them, and the time of its end in ms."""
    batcher = Batcher()
    pieces: list[Piece] = []
    at_ms = float(script.first_token_ms)
    for token in tokens(script, reply.text):
        at_ms = token.at_ms
        if batcher.due_ms is not None and batcher.due_ms < at_ms:
            due_ms = batcher.due_ms
            pieces += [Piece(due_ms, text) for text in batcher.flush(due_ms)]
        pieces += [Piece(at_ms, text) for text in batcher.add(token.text, at_ms)]
    pieces += [Piece(at_ms, text) for text in batcher.flush(at_ms)]
    return pieces, at_ms


class ScriptedTransport:
    """A transport (``device.link.transport.Transport``) with a scripted worker behind it, on the sample clock.

    The runner sets ``position`` before each step. A turn is taken in the step after it was opened; ``worker =
    false`` is a broker without any worker.
    """

    connected = True

    def __init__(self, script: Endpoint) -> None:
        self.script = script
        self.position = 0
        self.counters: dict[str, int] = {"turns": 0, "cancelled": 0, "heard": 0}
        self._out: list[tuple[int, Any]] = []
        """(position it is due at, message), in the order of their making."""

    def send(self, kind: str, message: m.Message) -> bool:
        match message:
            case m.Open():
                self._open(message)
            case m.Cancel(turn=turn):
                self.counters["cancelled"] += 1
                self._out = [(due, one) for due, one in self._out if one.turn != turn]
            case m.HeardMessage():
                self.counters["heard"] += 1
        return True

    def poll(self) -> list[Any]:
        ready = [one for due, one in self._out if due <= self.position]
        self._out = [(due, one) for due, one in self._out if due > self.position]
        return ready

    def close(self) -> None:
        self._out.clear()

    @property
    def answering(self) -> bool:
        """Whether something of an answer is still to come."""
        return bool(self._out)

    def _open(self, message: m.Open) -> None:
        taken = self.position + FRAME
        if not self.script.worker:
            self._out.append((taken, NoSubscribers(message.turn)))
            return
        self.counters["turns"] += 1
        of: dict[str, Any] = {"turn": message.turn, "rev": message.rev, "worker": WORKER}
        self._out.append((taken, m.Ack(attempt=message.attempt, **of)))
        reply = choose(self.script.reply, message.text)
        pieces, end_ms = plan(self.script, reply)
        off = 0
        for seq, piece in enumerate(pieces):
            self._out.append((taken + samples(piece.at_ms), m.Delta(seq=seq, off=off, text=piece.text, **of)))
            off += len(piece.text)
        text = "".join(piece.text for piece in pieces)
        end = m.End(n=len(pieces), len=off, expect_reply=reply.expect_reply, text=text, **of)
        self._out.append((taken + samples(end_ms), end))
