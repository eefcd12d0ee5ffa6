"""Whatever order, doubling and loss two revisions of one question arrive in: what is heard is a beginning of the answer to what
was really asked, each word once, and whatever is missing is said to be missing."""

from __future__ import annotations

from typing import Any

from helpers_bad_answers import Asked, Stage, Timed, lawful
from helpers_spelling import known, labels, numbered
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

WORDS = 8
LATEST_MS = 1500

delays = st.integers(0, LATEST_MS)
copies = st.lists(delays, min_size=0, max_size=2)
"""When each copy of a message arrives; none: it is lost."""
revision = st.fixed_dictionaries(
    {
        "ack": st.lists(st.integers(0, 300), min_size=0, max_size=2),
        "deltas": st.lists(copies, min_size=WORDS, max_size=WORDS),
        "end": copies,
        "text": st.booleans(),
    }
)


def deliver(question: Asked, plan: dict[str, Any]) -> Timed:
    words = numbered(question.number, WORDS)
    said: Timed = [(at_ms, question.ack()) for at_ms in plan["ack"]]
    for delta, arrivals in zip(question.deltas(words), plan["deltas"], strict=True):
        said += [(at_ms, delta) for at_ms in arrivals]
    return said + [(at_ms, question.end(words, with_text=plan["text"])) for at_ms in plan["end"]]


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(revision, min_size=2, max_size=2), st.sampled_from(["guessed", "revised", "wrong"]))
def test_two_revisions_in_any_order_with_any_doubling_and_any_loss(
    plans: list[dict[str, Any]], mode: str
) -> None:
    stage = Stage(lambda question: deliver(question, plans[min(question.number, 2) - 1]), mode)
    stage.ask()
    stage.rest()
    lawful(stage)
    asked = stage.worker.committed[-1][1]
    words = [word for word in stage.heard if word in labels(asked, WORDS)]
    rest = [word for word in stage.heard if word not in words]
    assert words == labels(asked, len(words))
    reasons = {"cut_off", "timeout", "no_worker", "empty", "lost", "inconsistent"}
    if words == labels(asked, WORDS):
        assert rest in ([], known("cut_off"), known("no_worker"), known("no_worker") + known("cut_off"))
    else:
        assert rest in [known(*codes) for code in reasons for codes in ((code,), ("no_worker", code))]
