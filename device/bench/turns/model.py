"""The scripted language model: a worker that takes every turn at once and answers word by word on the sample clock.

Each ``open`` and each ``revise`` is one call of the model. It keeps what went over the wire, because there alone a
committed question is seen for certain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from device.bench.turns import sentences
from device.bench.turns.plan import FIRST_TOKEN_MS, TOKENS_PER_S
from device.link import messages as m
from device.scenario.endpoint import ScriptedTransport
from device.scenario.tables import Endpoint, Reply


def script_of(*answers: Reply) -> Endpoint:
    """A model of the given speed that has these answers."""
    return Endpoint(first_token_ms=FIRST_TOKEN_MS, tokens_per_s=TOKENS_PER_S, reply=answers)


SCRIPT = script_of(
    Reply(when=sentences.QUESTION.split("about")[1], text=sentences.LONG_ANSWER),
    Reply(when="*", text=sentences.SHORT_ANSWER),
)


@dataclass(frozen=True, slots=True)
class Sent:
    """The device sent ``message`` at ``position``."""

    position: int
    message: Any


class ScriptedModel(ScriptedTransport):
    """A transport with the model behind it; the runner sets ``position`` before each step."""

    TAKES = 0

    def __init__(self, script: Endpoint = SCRIPT) -> None:
        super().__init__(script, batched=False)
        self.wire: list[Sent] = []

    def send(self, kind: str, message: m.Message) -> bool:
        if kind in ("turn", "ctl"):
            self.wire.append(Sent(self.position, message))
        return super().send(kind, message)
