"""A thousand hostile messages on every topic that a device reads (``scripts/fuzz`` does twenty times as many)."""

from __future__ import annotations

import collections
import contextlib
import json
import sys

import pytest
from helpers_broker import CHECKOUT, Mosquitto, broker

from device.settings.envelope import Refused, peek

__all__ = ["broker"]

sys.path.append(str(CHECKOUT / "scripts" / "fuzzing"))
import siege
import wire


def test_a_thousand_hostile_messages_over_a_real_broker_raise_nothing_and_a_good_order_is_answered_all_the_while(
    broker: Mosquitto,
):
    seen = siege.besiege(1000, 11, "127.0.0.1", broker.port)
    assert seen.sent == 1000 and not seen.broken
    # it was a real siege: most were refused; of a flood of configuration only some is looked at
    assert seen.counters["link.garbage"] > 200
    assert seen.counters.get("config.taken", 0) + seen.counters.get("config.refused", 0) >= 1


def test_every_configuration_among_them_is_taken_or_refused_one_by_one_and_a_restart_finds_the_same_in_force():
    seen = siege.settle(600, 11)
    assert not seen.broken
    assert seen.states["applied"] > 10 and seen.states["rejected"] > 30


def test_the_messages_are_the_same_for_a_seed_and_reach_every_topic_and_what_lies_behind_the_signature():
    _, made = siege.sealer()
    first, again = (list(wire.messages(3, 300, made)) for _ in range(2))
    assert [topic for topic, _ in first] == [topic for topic, _ in again]
    topics = collections.Counter(topic for topic, _ in first)
    assert len(topics) == 6 and min(topics.values()) >= 15
    signed = 0
    for topic, payload in first:
        if topic.endswith("/config"):
            with contextlib.suppress(Refused):  # most are garbage, as they should be
                signed += peek(payload).kid is not None
    assert signed > 20


@pytest.mark.parametrize("mistake", ["raises", "dies"])
def test_a_siege_that_breaks_something_says_so(broker: Mosquitto, monkeypatch, mistake):
    from device.link import inbox
    from device.orders import orders

    if mistake == "raises":

        def receive(self, order, position):
            if getattr(order, "id", "").startswith("c"):
                raise KeyError("a mistake")

        monkeypatch.setattr(orders.Orders, "receive", receive)
    else:  # in the network's thread, where the wrapper catches it, and counts it
        monkeypatch.setattr(inbox.Inbox, "_wish", lambda self, received: json.loads("{"))
    assert siege.besiege(100, 11, "127.0.0.1", broker.port).broken
