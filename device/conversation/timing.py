"""The conversation's times, in samples of the capture clock: what the config says and what is fixed, with why."""

from __future__ import annotations

from dataclasses import dataclass

from device.config import Config
from device.values import samples

__all__ = ["NEVER", "Timing"]

NEVER = 1 << 62
"""A position that is never reached: the due time of something that does not wait."""


@dataclass(frozen=True, slots=True)
class Timing:
    """All in samples but ``answer_chars``. The first ones are the configuration's (``of``), those with a value here are nobody's choice."""

    attention: int
    follow_up: int
    answer: int
    answer_chars: int
    thinking: int
    """A wait beyond the budget of all stages is made audible, once."""
    hold: int
    cancel: int
    longest: int
    """An utterance still open this long after its start is ended here: a VAD held open by noise must not hang us."""
    quiet: int
    """Silence after which an utterance is ended here, should the ear's endpointing not have done so long ago."""
    wake_pre_roll: int = samples(800)
    """The recogniser hears the wake word too, as a run-up; its words before the wake word's end do not count."""
    pre_roll: int = samples(300)
    """Before an onset: a VAD misses the soft first consonant by up to 200 ms."""
    wake_slack: int = samples(250)
    """How far the estimate of the wake word's end may be early: speech up to here is still the wake word."""
    chime: int = samples(350)
    """A user who has not gone on this long after the wake word waits for a sign."""
    breath: int = samples(80)
    """An end with less silence before it is none: the sentence was too long, and goes on."""
    going_on: int = samples(5000)
    """A question can be continued this long while its answer is not audible; then only commands act. Without a bound
    a television would go on asking, and the answer never come."""
    lag: int = samples(240)
    """After the last sample of speech over a reply its utterance is ended: so long the ear takes anyway to call it over.
    Who goes on after a pause longer than this is heard again from the first onset."""
    nod: int = samples(200)
    """Speech known for a backchannel is held this much later: who goes on beyond that was taken for one."""
    tail: int = samples(300)
    """A backchannel's word may end this long before its speech: rooms ring, and a recogniser's times are estimates."""
    resume: int = samples(540)
    """After the end of a false interruption, if the recogniser does not answer; with the mouth's own 20-50 ms this stays
    within 0.6 s."""
    final: int = samples(2000)
    """A recogniser that has not answered a Finalise by then has lost it."""
    cut: int = samples(1000)
    """A mouth that has not reported a cancelled reply by then never will; the floor is free again."""

    @staticmethod
    def of(config: Config) -> Timing:
        talk, barge, end = config.conversation, config.barge_in, config.endpointing
        budget = config.budget
        return Timing(
            attention=samples(talk.attention_s * 1000),
            follow_up=samples(talk.follow_up_s * 1000),
            answer=samples(talk.answer_s * 1000),
            answer_chars=talk.answer_chars,
            thinking=samples(
                budget.ack_ms + budget.first_token_ms + budget.first_clause_ms + budget.first_sample_ms
            ),
            hold=samples(barge.hold_ms),
            cancel=samples(barge.cancel_ms),
            longest=samples(end.max_s * 1000 + 2000),
            quiet=samples(max(end.silence_ms, end.max_ms) + 400),
        )
