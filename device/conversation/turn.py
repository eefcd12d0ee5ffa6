"""One question to the endpoint, from its opening to the last word of the answer.

opened ──budget──► earcon "thinking" ──first words──► answering ──TurnEnded──► over
   └──answer_s without (further) words, or TurnFailed──► a spoken reason
"""

from __future__ import annotations

from device.conversation.timing import NEVER, Timing

__all__ = ["Turn"]

LONGEST_WORD = 60
"""[characters] No word that is written with spaces around it is longer."""


class Turn:
    """``text`` is what the user asked; ``waiting_text`` the part of the answer that no reply carries yet."""

    def __init__(self, id: int, text: str, now: int, timing: Timing) -> None:
        self.id, self.text = id, text
        self.acked = False
        self.waiting_text = ""
        self.ended = False
        """The endpoint has said all; kept only until ``waiting_text`` is being spoken."""
        self.failed: str | None = None
        """... or all that will come of it, and why."""
        self.expect = False
        self.too_long = False
        """There was more text than anybody wants to hear; the rest of it is left out."""
        self._timing = timing
        self._chars = 0
        self._worded = False
        self._thinking_at = now + timing.thinking
        self._words_by = now + timing.answer

    @property
    def has_words(self) -> bool:
        return _is_worded(self.waiting_text)

    def words(self, now: int, text: str) -> None:
        """``text`` is the next piece of the answer; the next words must come within answer_s again."""
        if _is_worded(text):
            self._worded, self._thinking_at = True, NEVER
            self._words_by = now + self._timing.answer
        if self.too_long:
            return
        room = self._timing.answer_chars - self._chars
        if len(text) > room:
            self.too_long = True
            # what has no spaces for so long is no word: another script, or nonsense
            prose = len(text) <= LONGEST_WORD or " " in text[:LONGEST_WORD]
            text = text[:room].rpartition(" ")[0] if prose else text[:room]
        self._chars += len(text)
        self.waiting_text += text

    def commit(self, now: int) -> None:
        """What was asked on a guess was said: the user waits from now on."""
        self._thinking_at = NEVER if self._worded else now + self._timing.thinking
        self._words_by = now + self._timing.answer

    def take(self) -> str:
        text, self.waiting_text = self.waiting_text, ""
        return text

    def due(self) -> int:
        return NEVER if self.ended else min(self._thinking_at, self._words_by)

    def tick(self, now: int) -> str | None:
        """``"thinking"`` once, ``"timeout"`` when the words do not come."""
        if self.ended:
            return None
        if now >= self._words_by:
            return "timeout"
        if now >= self._thinking_at:
            self._thinking_at = NEVER
            return "thinking"
        return None


def _is_worded(text: str) -> bool:
    """Whether there is anything to say in it: blanks, marks and pictures alone are waited through."""
    return any(char.isalnum() for char in text)
