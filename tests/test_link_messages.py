"""What may be said on the wire, and what happens to everything else."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.config.schema import ConversationSection
from device.errors import LinkError
from device.link import topics
from device.link.ids import uuid7
from device.link.messages import (
    Ack,
    Cancel,
    Delta,
    End,
    HeardMessage,
    HeardPrev,
    Line,
    Open,
    Status,
    decode,
    encode,
)
from device.link.turns import Turns, TurnSettings
from device.values import OpenTurn, TurnDelta, TurnEnded, TurnFailed

DELTA = {"op": "delta", "turn": "t1", "rev": 0, "seq": 0, "off": 0, "text": "hi", "worker": "w1"}


def as_json(value: object) -> bytes:
    return msgspec.json.encode(value)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("turn", Open(turn="t1", text="hi", conversation=(Line(role="user", text="x"),))),
        ("ctl", Cancel(turn="t1", worker="w1", reason="stop")),
        ("reply", Ack(turn="t1", worker="w1")),
        ("reply", Delta(turn="t1", worker="w1", seq=0, off=0, text="grüß \N{WHITE SMILING FACE}")),
        ("reply", End(turn="t1", worker="w1", n=1, len=2, text="hi", expect_reply=True)),
        ("status", Status(state="online", boot="b1", problems=("no microphone",))),
    ],
)
def test_what_is_encoded_decodes_to_the_same(kind, message):
    assert decode(kind, encode(kind, message)) == message


def test_unknown_keys_are_ignored():
    assert decode("reply", as_json({**DELTA, "colour": {"deep": [1, 2]}})).text == "hi"


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"seq": "0"}, "$.seq"),
        ({"seq": -1}, "$.seq"),
        ({"seq": 1.5}, "$.seq"),
        ({"text": None}, "$.text"),
        ({"turn": "a/b"}, "$.turn"),
        ({"turn": "newline\n"}, "$.turn"),
        ({"worker": "#"}, "$.worker"),
        ({"rev": True}, "$.rev"),
        ({"op": "dance"}, "$.op"),
    ],
)
def test_a_wrong_type_is_refused_with_its_path(change, path):
    with pytest.raises(LinkError, match="reply: ") as caught:
        decode("reply", as_json({**DELTA, **change}))
    assert path in str(caught.value)


def test_a_missing_key_is_named():
    with pytest.raises(LinkError, match="`seq`"):
        decode("reply", as_json({k: v for k, v in DELTA.items() if k != "seq"}))


def test_a_message_of_the_wrong_kind_is_refused():
    with pytest.raises(LinkError, match="op"):
        decode("ctl", as_json(DELTA))


def test_an_error_that_quotes_what_came_is_short_and_has_no_line_of_its_own_in_the_log():
    forged = "low\nERROR earshot: sold" + "x" * 7000
    with pytest.raises(LinkError, match=r"\$\.priority") as caught:
        decode("say", as_json({"id": "a", "text": "x", "priority": forged}))
    assert len(str(caught.value)) < 300 and "\n" not in str(caught.value)


def test_too_many_bytes_are_refused_before_they_are_read():
    with pytest.raises(LinkError, match="8192"):
        decode("reply", b" " * 9000 + as_json(DELTA))


@pytest.mark.parametrize(("opening", "closing"), [(b'{"a":', b"}"), (b"[", b"]")])
def test_arguments_are_nested_as_deep_as_every_python_bears_and_no_deeper(opening, closing):
    def tool(depth):
        args = opening * depth + b'"{[\\"{["' + closing * depth
        return b'{"op": "tool", "turn": "x", "call": "c", "name": "n", "args": {"a": ' + args + b"}}"

    assert decode("reply", tool(62)).args["a"]
    with pytest.raises(LinkError, match="reply: nested 65 deep, allowed are 64"):
        decode("reply", tool(63))


def test_brackets_within_words_are_no_nesting():
    text = '{["' * 100
    message = b'{"op": "delta", "turn": "x", "seq": 0, "off": 0, "text": ' + as_json(text) + b"}"
    assert decode("reply", message).text == text


def test_an_open_that_is_too_long_loses_its_oldest_history_first():
    history = tuple(Line(role="user", text=f"{index} " + "ü" * 3000) for index in range(12))
    payload = encode("turn", Open(turn="t1", text="and now?", conversation=history))
    kept = decode("turn", payload).conversation
    assert len(payload) <= 32 * 1024 and kept == history[-len(kept) :] and len(kept) == 5


def test_an_end_that_is_too_long_leaves_its_text_out():
    end = decode("reply", encode("reply", End(turn="t1", worker="w1", n=9, len=8000, text="ü" * 8000)))
    assert end.text is None and end.len == 8000


@pytest.mark.parametrize("letter", ["a", "ж", "語", "😀"])
def test_the_longest_answer_that_may_be_heard_travels_whatever_it_is_written_in(letter):
    fields = {field.name: field.type for field in msgspec.inspect.type_info(ConversationSection).fields}
    limit = fields["answer_chars"].type.le
    heard = letter * limit
    prev = HeardPrev(turn="t1", chars=limit, text=heard, ms=1, reason="barge_in")
    line = Line(role="assistant", text=heard, interrupted=True)
    opened = Open(turn="t2", text="go on", conversation=(line,), heard_prev=prev)
    assert decode("turn", encode("turn", opened)).heard_prev == prev
    told = HeardMessage(turn="t1", worker="w1", chars=limit, text=heard, ms=1, reason="barge_in")
    arrived = decode("ctl", encode("ctl", told))
    assert arrived.chars == limit and heard.endswith(arrived.text) and len(arrived.text) >= 1000


def test_what_can_not_be_shortened_is_an_error_at_the_sender():
    with pytest.raises(LinkError, match="Delta"):
        encode("reply", Delta(turn="t1", worker="w1", seq=0, off=0, text="ü" * 5000))


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_no_bytes_raise_anything_but_a_link_error(payload):
    for kind in {*topics.TRAVEL} - {"config", "discovery"}:  # decoded elsewhere, and never read
        with contextlib.suppress(LinkError):  # not always: a state may leave out all that it has
            decode(kind, payload)


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.integers())
)
MESSAGES = [
    {"op": "ack", "turn": "t1", "rev": 0, "attempt": 1, "worker": "w1"},
    DELTA,
    {"op": "tool", "turn": "t1", "call": "c", "name": "n", "args": {}},
    {"op": "end", "turn": "t1", "n": 1, "len": 2, "text": "hi"},
    {"op": "err", "turn": "t1", "code": "boom"},
]


@given(st.lists(st.tuples(st.sampled_from(MESSAGES), st.data()), max_size=8), st.data())
@settings(max_examples=200)
def test_messages_with_one_field_gone_wrong_never_raise_and_end_a_turn_at_most_once(script, data):
    turns = Turns(TurnSettings(), mint=lambda: "t1")
    turns.open(OpenTurn(1, "hello"), 0)
    for message, _ in script:
        field = data.draw(st.sampled_from(sorted(message)))
        changed = {**message, field: data.draw(VALUES)} if data.draw(st.booleans()) else message
        try:
            turns.receive(decode("reply", as_json(changed)), 0)
        except LinkError:
            continue
    happened = turns.events()
    assert sum(isinstance(e, TurnEnded | TurnFailed) for e in happened) <= 1
    assert all(isinstance(e.text, str) for e in happened if isinstance(e, TurnDelta))


def test_turn_ids_are_rfc_9562_and_sort_by_time():
    # the example of RFC 9562, appendix A.6
    entropy = (0xCC3 << 62 | 0x18C4DC0C0C07398F).to_bytes(10, "big")
    assert uuid7(0x017F22E279B0, entropy) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
    assert uuid7(1000) < uuid7(2000) and uuid7() != uuid7()


def test_a_topic_tells_its_device():
    assert topics.device_of("earshot/1/d/kitchen/up/turn/home") == "kitchen"
    for other in (
        "earshot/1/w/a1/up/status",
        "x/earshot/1/d/kitchen/up",
        "earshot/1/d//up",
        "earshot/1/d/kitchen",
    ):
        assert topics.device_of(other) is None
