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


def plan(script: Endpoint, reply: Reply, batched: bool = True) -> tuple[list[Piece], float]:
    """The deltas of ``reply``, batched as a worker batches them (or each token by itself), and the time of its end in
    ms."""
    if not batched:
        pieces = tokens(script, reply.text)
        return pieces, max((piece.at_ms for piece in pieces), default=float(script.first_token_ms))
    batcher = Batcher()
    pieces = []
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

    The runner sets ``position`` before each step. ``worker = false`` is a broker without any
    worker. ``batched``: as a worker sends it; otherwise every token by itself.
    A speculative turn is answered like any other: it is the device that keeps the answer back.
    """

    connected = True
    TAKES = FRAME
    """Samples from a question to the worker's having it."""

    def __init__(self, script: Endpoint, batched: bool = True) -> None:
        self.script, self._batched = script, batched
        self.position = 0
        self.counters: dict[str, int] = dict.fromkeys(
            ("turns", "revised", "committed", "cancelled", "heard"), 0
        )
        self._out: list[tuple[int, Any]] = []
        """(position it is due at, message), in the order of their making."""

    def send(self, kind: str, message: m.Message) -> bool:
        match message:
            case m.Open():
                self._open(message)
            case m.Revise():
                self.counters["revised"] += 1
                self._forget(message.turn)
                self._answer(message, message.text)
            case m.Commit():
                self.counters["committed"] += 1
            case m.Cancel(turn=turn):
                self.counters["cancelled"] += 1
                self._forget(turn)
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

    def _forget(self, turn: str) -> None:
        self._out = [(due, one) for due, one in self._out if one.turn != turn]

    def _open(self, message: m.Open) -> None:
        taken = self.position + self.TAKES
        if not self.script.worker:
            self._out.append((taken, NoSubscribers(message.turn)))
            return
        self.counters["turns"] += 1
        ack = m.Ack(turn=message.turn, rev=message.rev, worker=WORKER, attempt=message.attempt)
        self._out.append((taken, ack))
        self._answer(message, message.text)

    def _answer(self, message: m.Open | m.Revise, text: str) -> None:
        """All of the answer to ``text``, from the next step on."""
        taken = self.position + self.TAKES
        of: dict[str, Any] = {"turn": message.turn, "rev": message.rev, "worker": WORKER}
        reply = choose(self.script.reply, text)
        pieces, end_ms = plan(self.script, reply, self._batched)
        off = 0
        for seq, piece in enumerate(pieces):
            self._out.append((taken + samples(piece.at_ms), m.Delta(seq=seq, off=off, text=piece.text, **of)))
            off += len(piece.text)
        whole = "".join(piece.text for piece in pieces)
        end = m.End(n=len(pieces), len=off, expect_reply=reply.expect_reply, text=whole, **of)
        self._out.append((taken + samples(end_ms), end))
