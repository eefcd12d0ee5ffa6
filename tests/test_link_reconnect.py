"""When the broker is tried again: waits that grow, spread, and forget a bad hour."""

from device.link.reconnect import FLAPPING, MAX_S, SETTLED_S, Reconnects


def test_the_first_try_does_not_wait():
    assert Reconnects().jitter_s == 0


def test_the_wait_doubles_with_every_try_up_to_its_limit():
    reconnects, waits = Reconnects(), []
    for _ in range(8):
        reconnects.trying()
        waits.append(reconnects.jitter_s)
    assert waits == [1, 2, 4, 8, 16, MAX_S, MAX_S, MAX_S]


def test_after_a_connection_that_lasted_the_shortest_wait_comes_first():
    reconnects = Reconnects()
    for _ in range(6):
        reconnects.trying()
    reconnects.connected(100.0)
    reconnects.lost(100.0 + SETTLED_S)
    assert reconnects.jitter_s == 1


def test_connections_that_break_off_again_and_again_are_flapping_until_one_lasts():
    reconnects, now_s = Reconnects(), 0.0
    for _ in range(FLAPPING):
        assert not reconnects.flapping
        reconnects.connected(now_s)
        now_s += SETTLED_S / 2
        reconnects.lost(now_s)
    assert reconnects.flapping
    reconnects.connected(now_s)
    reconnects.lost(now_s + 2 * SETTLED_S)
    assert not reconnects.flapping
