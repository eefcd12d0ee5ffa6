"""A synthesised clause on its way to the mouth: first its words, then its sound in pieces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from device.mouth.voices.messages import Chunk, SpokenWord
from device.mouth.voices.timing import Span

CHUNK_MS = 60
"""Length of a piece: an abort between two of them is obeyed at once, and one is 2-3 kB."""


def in_chunks(
    clause: int, pcm: bytes, rate_hz: int, words: Sequence[tuple[Span, Span]]
) -> Iterator[Chunk | SpokenWord]:
    """The answer to one ``Speak``: ``pcm`` is int16, ``words`` are ``((char, char), (sample, sample))`` in it."""
    for (start, end), (sample, stop) in words:
        yield SpokenWord(clause, start, end - start, sample, stop)
    step = 2 * (rate_hz * CHUNK_MS // 1000)
    for at in range(0, max(len(pcm), 1), step):
        yield Chunk(clause, pcm[at : at + step], rate_hz, at + step >= len(pcm))
