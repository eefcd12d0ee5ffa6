"""When the broker is tried again: waits that grow, spread, and forget a bad hour."""

import pytest

from device.link.reconnect import FLAPPING, MAX_S, SETTLED_S, STEADY_S, Reconnects


def tried(times: int) -> Reconnects:
    reconnects = Reconnects()
    for _ in range(times):
        reconnects.trying()
    return reconnects


def test_the_first_try_does_not_wait():
    assert Reconnects().wait_s(1.0) == 0


def test_the_wait_doubles_with_every_try_up_to_its_limit():
    assert [tried(n).wait_s(0.0) for n in range(1, 9)] == [1, 2, 4, 8, 16, MAX_S, MAX_S, MAX_S]


@pytest.mark.parametrize("tries", [1, 3, 100])
def test_chance_makes_a_wait_up_to_twice_as_long(tries):
    assert tried(tries).wait_s(1.0) == 2 * tried(tries).wait_s(0.0)


def test_while_the_clock_is_wrong_no_wait_is_longer_than_ten_seconds_however_many_there_were():
    reconnects = tried(1000)
    reconnects.clock_wrong = True
    assert reconnects.wait_s(1.0) == 10
    reconnects.connected(0.0)
    reconnects.lost(1.0)
    assert reconnects.wait_s(0.0) == MAX_S, "the clock is right now"


def test_after_a_connection_that_lasted_the_shortest_wait_comes_first():
    reconnects = tried(6)
    reconnects.connected(100.0)
    reconnects.lost(100.0 + SETTLED_S)
    assert reconnects.wait_s(0.0) == 1


def test_connections_that_break_off_again_and_again_are_flapping_until_one_lasts():
    reconnects, now_s = Reconnects(), 0.0
    for _ in range(FLAPPING):
        assert not reconnects.flapping(now_s)
        reconnects.connected(now_s)
        now_s += STEADY_S / 2
        reconnects.lost(now_s)
    assert reconnects.flapping(now_s)
    reconnects.connected(now_s)
    assert reconnects.flapping(now_s + STEADY_S - 1)
    assert not reconnects.flapping(now_s + STEADY_S)
    reconnects.lost(now_s + 2 * STEADY_S)
    assert not reconnects.flapping(now_s + 2 * STEADY_S)


def test_two_clients_that_push_each_other_off_at_the_longest_waits_still_count_as_flapping():
    reconnects, now_s = tried(1), 0.0
    for _ in range(20):
        reconnects.connected(now_s)
        now_s += 2 * MAX_S  # the rival's longest wait
        reconnects.lost(now_s)
    assert reconnects.flapping(now_s)


def test_a_broker_that_names_the_rival_is_believed_at_once():
    reconnects = tried(1)
    reconnects.connected(0.0)
    reconnects.lost(10 * STEADY_S, taken_over=True)
    assert reconnects.flapping(10 * STEADY_S)
