"""How one turn, or one local command, went: its moments on the capture clock, and what each stage cost. Pure.

    speech_end ─► endpoint ─► commit ─► ack ─► first_token ─► first_clause ─► first_sample
                decided that  asked for  a worker  first words  first clause   first sound of
                it was over   good       took it   came         to the voice   the answer

A guess runs ahead: question, ack, first words and first clause may all come before the commit. So a stage does not cost
what lies between its moment and the one before, but what the person waited because of it: the time by which its moment
lies after *all* moments of the stages before it. What was over before the commit costs nothing, and the costs of all
stages add up to the voice-to-voice time, whatever overlapped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from device.config.schema import BudgetSection
from device.values import ms

STAGES = ("endpoint", "commit", "ack", "first_token", "first_clause", "first_sample")
"""In the order of the answer's way; each is named after the moment that ends it, and so is its key in ``[budget]``."""
BESIDE = ("plausible", "sent", "final", "thinking", "end")
"""Moments that end no stage: first plausible end of the last pause; question sent or command previewed (the guess that
came true, or for good); the recogniser's last word; the earcon that says "I am at it"; end of the answer's sound."""

Kind = Literal["turn", "command"]
Outcome = Literal["speaking", "heard", "cut", "cancelled", "superseded", "empty", "failed"]
"""speaking: not over yet; heard: to its end; cut: interrupted while audible; cancelled: before it was audible;
superseded: the user went on, and the next turn asks both; empty: an answer without words; failed: none came."""

STALL_MS = 1200
"""A question that was not asked this long after the last sample of speech: the end was judged wrong."""


@dataclass(slots=True)
class Timeline:
    """Positions in samples at 16 kHz. ``at`` holds the moments of ``STAGES`` and ``BESIDE`` that came. ``number`` counts
    from 1 since the start.

    ``calls`` are the requests to the language model, discarded guesses included, that this question cost (0 for a
    command without a wrong guess); ``wasted`` is how many of them nobody heard anything of. ``code`` says why it failed or
    was cancelled. ``heard_words`` left the loudspeaker, over ``heard_ms``; None = not known yet, or not told.
    """

    kind: Kind
    speech_end: int
    at: dict[str, int] = field(default_factory=dict)
    number: int = 0
    outcome: Outcome = "speaking"
    code: str = ""
    calls: int = 0
    wasted: int = 0
    heard_words: int | None = None
    heard_ms: int | None = None

    @property
    def voice_to_voice(self) -> int | None:
        """Samples from the last of speech to the first of the answer; None while there is none."""
        first = self.at.get("first_sample")
        return None if first is None else first - self.speech_end

    @property
    def stalled(self) -> bool:
        """Whether the question was asked more than ``STALL_MS`` after the last sample of speech."""
        return ms(self.at.get("commit", self.speech_end) - self.speech_end) > STALL_MS

    def costs(self) -> dict[str, int]:
        """Samples that each stage which came made the person wait; they add up to ``voice_to_voice``."""
        reached, out = self.speech_end, {}
        for stage in STAGES:
            if stage in self.at:
                moment = max(reached, self.at[stage])
                out[stage] = moment - reached
                reached = moment
        return out


def budget_of(section: BudgetSection) -> dict[str, int]:
    """The configured budget of each stage, in ms."""
    return {stage: getattr(section, f"{stage}_ms") for stage in STAGES}


def over_budget(costs: Mapping[str, int], budget_ms: Mapping[str, int]) -> tuple[str, ...]:
    """The stages that cost more than they may, in the order of the way; ``costs`` in samples."""
    return tuple(stage for stage in STAGES if ms(costs.get(stage, 0)) > budget_ms[stage])
