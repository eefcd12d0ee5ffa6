"""The scripted endpoint answers as a worker would, on the sample clock."""

from hypothesis import given
from hypothesis import strategies as st

from device.link import messages as m
from device.link.transport import NoSubscribers
from device.scenario.endpoint import DEFAULT, ScriptedTransport, choose, plan
from device.scenario.tables import Endpoint, Reply

STORY = Reply(when="story", text="Once upon a time, there was a lamp. It was warm.")
ANY = Reply(when="*", text="I see.")


def run(transport: ScriptedTransport, until_ms: int) -> list[tuple[float, object]]:
    got = []
    for position in range(transport.position, until_ms * 16, 160):
        transport.position = position
        got += [(position / 16, message) for message in transport.poll()]
    return got


def test_the_first_reply_that_fits_is_chosen_and_the_star_only_without_one():
    replies = [ANY, STORY, Reply(when="tell", text="x")]
    assert choose(replies, "Tell me a STORY") is STORY
    assert choose(replies, "hello") is ANY
    assert choose([STORY], "hello") is DEFAULT


def test_a_turn_is_taken_at_once_and_answered_in_time():
    transport = ScriptedTransport(Endpoint(first_token_ms=300, tokens_per_s=10, reply=(STORY,)))
    assert transport.send("turn", m.Open(turn="t1", text="a story please"))
    got = run(transport, 3000)
    kinds = [(at, type(message).__name__) for at, message in got]
    assert kinds[0] == (10, "Ack")
    assert kinds[1] == (310, "Delta"), "the first token leaves at once"
    assert kinds[-1] == (10 + 300 + 10 * 100, "End"), "eleven tokens at ten a second"
    deltas = [message for _, message in got if isinstance(message, m.Delta)]
    assert "".join(delta.text for delta in deltas) == STORY.text
    assert [delta.off for delta in deltas] == [
        sum(len(d.text) for d in deltas[:i]) for i in range(len(deltas))
    ]
    assert got[-1][1].len == len(STORY.text) and got[-1][1].n == len(deltas)


def test_a_cancelled_turn_says_no_more_and_others_go_on():
    transport = ScriptedTransport(Endpoint(reply=(STORY,)))
    for turn in ("t1", "t2"):
        transport.send("turn", m.Open(turn=turn, text="story"))
    run(transport, 400)
    transport.send("ctl", m.Cancel(turn="t1", worker="scripted", reason="cut"))
    rest = run(transport, 5000)
    assert rest and {message.turn for _, message in rest} == {"t2"}
    assert transport.counters["cancelled"] == 1 and not transport.answering


def test_a_pool_without_a_worker_is_a_broker_that_knows_no_reader():
    transport = ScriptedTransport(Endpoint(worker=False))
    transport.send("turn", m.Open(turn="t1", text="hello"))
    assert run(transport, 1000) == [(10, NoSubscribers("t1"))]


@given(
    text=st.text(st.characters(codec="utf-8"), min_size=1, max_size=300),
    first=st.integers(0, 2000),
    rate=st.floats(1, 1000),
)
def test_a_plan_loses_no_character_and_never_goes_back_in_time(text, first, rate):
    pieces, end_ms = plan(Endpoint(first_token_ms=first, tokens_per_s=rate), Reply(text=text))
    times = [piece.at_ms for piece in pieces]
    assert times == sorted(times) and all(first <= at <= end_ms for at in times)
    assert "".join(piece.text for piece in pieces) == (text if text.strip() else "")
