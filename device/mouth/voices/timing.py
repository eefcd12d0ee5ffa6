"""Where each word of a clause lies in its sound, from whatever an engine tells about it.

A *word* here is a run of non-blank characters with a letter or digit in it. Engines count otherwise: espeak-ng
says "of the" as one word, "3.5" as three and "I am" without an "am"; phonemes come without any spelling.
"""

from __future__ import annotations

import bisect
import itertools
import re
from collections.abc import Sequence

Span = tuple[int, int]


def word_spans(text: str) -> list[Span]:
    """``(start, end)`` of each word of ``text``, in characters."""
    return [m.span() for m in re.finditer(r"\S+", text) if any(c.isalnum() for c in m.group())]


def from_marks(
    text: str, marks: Sequence[Span], sounds: Sequence[Span], total: int
) -> list[tuple[Span, Span]]:
    """Words of ``text`` with the samples they sound in, from an engine's own word marks.

    ``marks`` are ``(character, sample)`` of the beginnings the engine reported, ``sounds`` the stretches
    ``(from, to)`` of speech between its pauses, both rising; ``total`` is the length of it all. A word without a
    mark shares the time of the marked word before it, by length in characters.
    """
    spans = word_spans(text)
    if not spans:
        return []
    starts: list[int | None] = [None] * len(spans)
    ends = [end for _, end in spans]
    for char, sample in marks:
        at = min(bisect.bisect_right(ends, char), len(spans) - 1)
        known = starts[at]
        starts[at] = sample if known is None else min(known, sample)
    if starts[0] is None:
        starts[0] = sounds[0][0] if sounds else 0
    placed: list[tuple[Span, Span]] = []
    anchors = [i for i, start in enumerate(starts) if start is not None] + [len(spans)]
    for first, after in itertools.pairwise(anchors):
        begin = max(starts[first] or 0, placed[-1][1][1] if placed else 0)
        limit = starts[after] if after < len(spans) else total
        end = _speech_end(sounds, begin, max(begin, total if limit is None else limit))
        placed += spread(spans[first:after], [e - s + 1 for s, e in spans[first:after]], begin, end)
    return placed


def spread(spans: Sequence[Span], weights: Sequence[float], begin: int, end: int) -> list[tuple[Span, Span]]:
    """Share the samples from ``begin`` to ``end`` among ``spans`` by ``weights``."""
    whole = sum(weights) or 1.0
    placed, done = [], 0.0
    for span, weight in zip(spans, weights, strict=True):
        start = begin + round((end - begin) * done / whole)
        done += weight
        placed.append((span, (start, begin + round((end - begin) * done / whole))))
    return placed


def _speech_end(sounds: Sequence[Span], begin: int, limit: int) -> int:
    """Where the last speech between ``begin`` and ``limit`` ends: a pause after a word is none of it."""
    ends = [min(stop, limit) for start, stop in sounds if start < limit and stop > begin]
    return max(ends, default=limit)
