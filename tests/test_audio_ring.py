"""The ring: positions that never wrap, and losses that are counted to the sample."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.audio.ring import Ring


def counting(first: int, n: int) -> np.ndarray:
    return np.arange(first, first + n, dtype=np.float32)


def test_a_reader_gets_what_was_written_at_its_position():
    ring = Ring(1000)
    ring.write(counting(0, 700))
    block = ring.read(150, 160)
    assert (block.position, block.lost) == (150, 0)
    np.testing.assert_array_equal(block.samples, counting(150, 160))


def test_positions_go_on_when_the_ring_comes_round():
    ring = Ring(320)
    for k in range(100):
        ring.write(counting(160 * k, 160))
    assert (ring.start, ring.end) == (16000 - 320, 16000)
    np.testing.assert_array_equal(ring.read(15700, 300).samples, counting(15700, 300))


def test_a_reader_that_falls_behind_learns_what_it_lost():
    ring = Ring(1000)
    reader = ring.reader()
    ring.write(counting(0, 1600))
    block = reader.read(800)
    assert (block.position, block.lost) == (600, 600)
    np.testing.assert_array_equal(block.samples, counting(600, 200))
    assert (reader.position, reader.lost, reader.available) == (800, 600, 800)


def test_preroll_is_reading_from_an_earlier_position():
    ring = Ring(1000)
    ring.write(counting(0, 900))
    reader = ring.reader(position=400)
    np.testing.assert_array_equal(reader.read(100).samples, counting(400, 100))
    assert reader.lost == 0


def test_reading_ahead_of_the_writer_gives_nothing_and_loses_nothing():
    ring = Ring(100)
    ring.write(counting(0, 50))
    block = ring.read(40, 30)
    assert (block.position, len(block.samples), block.lost) == (40, 10, 0)
    assert len(ring.read(500, 10).samples) == 0
    assert ring.read(500, 10).lost == 0


def test_what_is_read_stays_as_it_was_when_the_writer_goes_on():
    ring = Ring(160)
    ring.write(counting(0, 160))
    samples = ring.read(0, 160).samples
    ring.write(counting(160, 160))
    np.testing.assert_array_equal(samples, counting(0, 160))


def test_a_reader_overtaken_while_it_copies_drops_the_torn_part_and_counts_it():
    ring = Ring(1000)
    ring.write(counting(0, 1000))

    class OvertakingMemory(np.ndarray):
        def copy(self, *args):  # the writer runs between the reader's look and its copy
            ring._data = plain
            ring.write(counting(1000, 300))
            return np.array(self)

    plain = ring._data
    ring._data = plain.view(OvertakingMemory)
    block = ring.read(100, 500)
    assert (block.position, block.lost) == (300, 200)
    np.testing.assert_array_equal(block.samples, counting(300, 300))


def test_four_readers_beside_a_busy_writer_account_for_every_sample():
    ring = Ring(4800)
    total = 480_000
    faults: list[str] = []

    def read(chunk: int) -> None:
        reader = ring.reader(0)
        seen = 0
        while reader.position < total:
            block = reader.read(chunk)
            expected = np.arange(block.position, block.position + len(block.samples)) % 1_000_000
            if not np.array_equal(block.samples, expected.astype(np.float32)):
                faults.append(f"torn at {block.position}")
                return
            seen += len(block.samples)
        if seen + reader.lost != total:
            faults.append(f"{seen} read + {reader.lost} lost is not {total}")

    threads = [threading.Thread(target=read, args=(chunk,)) for chunk in (160, 480, 1600, 4800)]
    for thread in threads:
        thread.start()
    for first in range(0, total, 160):
        ring.write(counting(first, 160))
    for thread in threads:
        thread.join(timeout=60)
    assert not faults
    assert not any(thread.is_alive() for thread in threads)


@given(
    capacity=st.integers(1, 40),
    moves=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 90), st.integers(0, 50)), max_size=20),
)
def test_the_ring_agrees_with_a_list_that_keeps_everything(capacity, moves):
    ring, everything = Ring(capacity), np.zeros(0, np.float32)
    for written, position, n in moves:
        block = counting(len(everything), written)
        everything = np.concatenate((everything, block))
        assert ring.write(block) == ring.end == len(everything)
        assert ring.start == max(0, len(everything) - capacity)
        got = ring.read(position, n)
        np.testing.assert_array_equal(
            got.samples, everything[max(position, ring.start) : max(position + n, ring.start)]
        )
        assert got.position == position + got.lost
        assert got.lost == min(n, max(0, ring.start - position))


@pytest.mark.parametrize(
    "call", [lambda: Ring(0), lambda: Ring(10).read(-1, 5), lambda: Ring(10).read(0, -5)]
)
def test_senseless_sizes_are_refused(call):
    with pytest.raises(ValueError, match="at least 1|0 or more"):
        call()
