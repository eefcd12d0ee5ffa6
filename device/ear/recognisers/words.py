"""What is common to all recognisers: where a decoder's words lie on the capture clock, and which of them count."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from device.ear.grammar import spoken
from device.values import RATE_HZ, Word

REMNANT_SAMPLES = RATE_HZ * 3 // 10
"""A wake word's end is an estimate: what is left of it may begin up to 0.3 s after it."""


class Timeline:
    """Maps samples that a decoder was given to capture positions, across gaps in the audio."""

    def __init__(self, position: int) -> None:
        self.start = self.end = position
        self.fed = 0
        self._jumps = [(0, position)]

    def feed(self, position: int, count: int) -> int:
        """Note ``count`` samples from ``position`` on; returns how many samples were missing before them.

        A position before the end so far (the same audio twice) is taken as it comes: the words keep their order.
        """
        lost = position - self.end
        if lost:
            self._jumps.append((self.fed, position))
        self.fed += count
        self.end = position + count
        return max(0, lost)

    def position(self, sample: int) -> int:
        """Capture position of the decoder's sample ``sample``."""
        for start, position in reversed(self._jumps):
            if sample >= start:
                return position + sample - start
        return self._jumps[0][1]


def counted(words: Sequence[Word], after: int, wake_words: Iterable[str]) -> tuple[Word, ...]:
    """The words that were said to us: those whose middle lies at ``after`` or later, less remnants of the wake word.

    A remnant is a wake word or its end ("nabu" of "okay nabu") at the head of what is left, where that begins before
    ``after`` + 0.3 s; later it is a word like any other.
    """
    kept = [word for word in words if (word.start + word.end) // 2 >= after]
    wakes = sorted((spoken(wake).split() for wake in wake_words), key=len, reverse=True)
    tails = [wake[i:] for wake in wakes for i in range(len(wake))]
    for tail in sorted(tails, key=len, reverse=True):
        if [word.text for word in kept[: len(tail)]] == tail and kept[0].start < after + REMNANT_SAMPLES:
            return tuple(kept[len(tail) :])
    return tuple(kept)


def whole(
    words: Iterable[Word], phrases: Collection[tuple[str, ...]], unknown: Collection[str]
) -> tuple[Word, ...]:
    """Those of ``words`` that make up whole ``phrases``, the longest first, and the ``unknown`` ones.

    A small grammar fills with the beginning of a phrase what it has no words for: "go" and "up" are nobody's words.
    """
    kept: list[Word] = []
    left = list(words)
    longest = max(map(len, phrases), default=1)
    while left:
        size = next((n for n in range(longest, 0, -1) if tuple(w.text for w in left[:n]) in phrases), 0)
        if size or left[0].text in unknown:
            kept += left[: max(size, 1)]
        del left[: max(size, 1)]
    return tuple(kept)


def text_of(words: Iterable[Word]) -> str:
    return " ".join(word.text for word in words)
