"""Tokens gathered into messages: the first eight words as they come, then at punctuation, else every 50 ms.

The time to first audio is the time until the device has its first clause, four to six words and the one that shows
where they end. After that a voice has enough to say, so waiting for punctuation costs nothing.
"""

from __future__ import annotations

PUNCTUATION = frozenset(".?!,;:\n")
FIRST_WORDS = 8
LONGEST = 1000
"""Characters in one message: 6 KB if every one of them has to be escaped, below the 8 KiB of a message."""


class Batcher:
    """Pure: text and the time in ms go in, the pieces to send now come out."""

    def __init__(self, every_ms: float = 50.0) -> None:
        self._every_ms = every_ms
        self._pending = ""
        self._sent_ms: float | None = None
        self._words = 0
        self._inside = False

    @property
    def due_ms(self) -> float | None:
        """When ``flush`` has to be called if nothing else comes; None while nothing waits."""
        return self._sent_ms + self._every_ms if self._pending and self._sent_ms is not None else None

    def add(self, text: str, now_ms: float) -> list[str]:
        self._pending += text
        self._count(text)
        stripped = self._pending.rstrip(" ")
        if not stripped:
            return []
        due = self._sent_ms is None or now_ms >= self._sent_ms + self._every_ms
        if due or self._words <= FIRST_WORDS or stripped[-1] in PUNCTUATION:
            return self.flush(now_ms)
        return []

    def flush(self, now_ms: float) -> list[str]:
        """Everything that waits, in pieces of at most ``LONGEST`` characters."""
        text, self._pending, self._sent_ms = self._pending, "", now_ms
        return [text[i : i + LONGEST] for i in range(0, len(text), LONGEST)]

    def _count(self, text: str) -> None:
        """Count the words begun so far, as long as it matters."""
        if text and self._words <= FIRST_WORDS:
            self._words += len(text.split()) - (self._inside and not text[0].isspace())
            self._inside = not text[-1].isspace()
