"""Single characters on their way to a voice: what cannot be said is left out, and nothing goes on for ever. Pure.

Left out are control and format characters (a NUL would end the text inside the synthesiser, zero-width and direction
marks are for the eye), emoji and other pictures, which a voice would read out by name, and what follows too many
punctuation marks or the first 64 characters of a "word" of ASCII: that is a key, a hash or noise. Foreign letters
stay; what becomes of them is the voice's affair.
"""

from __future__ import annotations

import unicodedata

Spoken = tuple[str, int]
"""A character to speak and its offset in the reply; ``"\\n"`` is a hard break (new paragraph, list item, row)."""

LONGEST_WORD = 64
MARKS = 8
"""Punctuation marks and signs in a row ..."""
SPACES = 2
"""... and equal white space."""
_STRAIGHT = {"’": "'", "‘": "'", "“": '"', "”": '"', "‑": "-", "→": ", ", "⇒": ", ", "⟶": ", "}
_SIGNS = frozenset("°©®™№℃℉")
"""Of the symbols that are no mathematics those that belong to the text."""


def plain(char: str) -> str:
    """What is said for ``char``: mostly itself, else a simpler form, or nothing."""
    if char.isspace():
        return "\n" if char == "\n" else " "
    if char in _STRAIGHT:
        return _STRAIGHT[char]
    if char.isascii():
        return char if char >= " " and char != "\x7f" else ""
    code, category = ord(char), unicodedata.category(char)
    if 0x1D400 <= code <= 0x1D7FF or 0xFF01 <= code <= 0xFF5E:  # letters in fancy dress
        return unicodedata.normalize("NFKC", char)
    if 0xFE00 <= code <= 0xFE0F or code == 0x20E3:  # "as a picture, please", the frame of a key
        return ""
    if category[0] == "C" or category == "Sk" or (category == "So" and char not in _SIGNS):
        return ""
    return char


class Letters:
    """``say`` characters; ``out`` is what is left of them, for the caller to take."""

    def __init__(self) -> None:
        self.out: list[Spoken] = []
        self._last = ""
        self._spaces = self._marks = self._word = 0

    def say(self, text: str, offset: int) -> None:
        """``text`` stands for what is at ``offset`` of the reply."""
        for char in text:
            for simple in plain(char):
                if self._goes_on(simple):
                    self.out.append((simple, offset))

    def drop_word(self) -> None:
        """Nothing more is said up to the next white space."""
        self._word = LONGEST_WORD

    def _goes_on(self, char: str) -> bool:
        """Whether ``char`` is not too many of its kind."""
        if char.isspace():
            self._spaces = self._spaces + 1 if char == self._last else 1
            self._marks = self._word = 0
            self._last = char
            return self._spaces <= SPACES
        self._last = char
        self._marks = 0 if char.isalnum() else self._marks + 1
        self._word = self._word + 1 if char.isascii() else 0
        return self._marks <= MARKS and self._word <= LONGEST_WORD
