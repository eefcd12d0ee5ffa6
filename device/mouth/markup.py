"""Where a piece of HTML, SSML or LaTeX ends. Pure.

``at(i)`` gives the character at ``i``, "" behind the end of the reply, and raises while it is not known; so every search
here has a limit, lest a lone ``<`` or ``$`` silence the reply.
"""

from __future__ import annotations

import html
from collections.abc import Callable

At = Callable[[int], str]

TAG, COMMENT, ENTITY, FORMULA, DISPLAY = 300, 1000, 12, 120, 1000
"""[characters] The longest of each."""
BARE_WORDS = 2
"""More words without a value than this make no tag: "if a <b and c is ...". """


def tag_end(at: At, start: int) -> int | None:
    """The index behind the tag or comment that begins with the ``<`` at ``start``; None if it is none."""
    i = start + 1
    if at(i) == "!":
        closing = "-->" if at(i + 1) == "-" else ">"
        end = find(at, i, closing, COMMENT)
        return None if end is None else end + len(closing)
    if at(i) in ("/", "?"):
        i += 1
    if not at(i).isalpha():
        return None
    while (char := at(i)) and (char.isalnum() or char in "-:_."):
        i += 1
    return _attributes_end(at, i, start + TAG) if at(i) and at(i) in " \t\n/>?" else None


def _attributes_end(at: At, i: int, limit: int) -> int | None:
    quote, bare, word = "", 0, ""
    while i < limit and (char := at(i)):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'" and word.endswith("="):
            quote = char
        elif char == ">":
            return i + 1
        elif char == "<":
            return None
        elif char.isspace():
            bare += bool(word) and "=" not in word
            word = ""
            if bare > BARE_WORDS:
                return None
        else:
            word += char
        i += 1
    return None


def entity(at: At, start: int) -> tuple[str, int] | None:
    """What the ``&...;`` at ``start`` stands for, and the index behind it; None if it is none."""
    i = start + 1
    while i - start < ENTITY and (char := at(i)) and (char.isalnum() or char == "#") and char.isascii():
        i += 1
    if i == start + 1 or at(i) != ";":
        return None
    name = "".join(at(k) for k in range(start, i + 1))
    said = html.unescape(name)
    return None if said == name else (said, i + 1)


def formula_end(at: At, start: int) -> int | None:
    """The index behind the formula that begins at ``start`` with ``$``, ``$$``, ``\\(`` or ``\\[``; None if it is none.

    Money is none ("$5 to $10"), nor is a word in escaped brackets.
    """
    opening = at(start) + at(start + 1)
    if opening == "$$":
        end = find(at, start + 2, "$$", DISPLAY)
        return None if end is None else end + 2
    if opening[0] == "\\":
        inside, closing = start + 2, "\\" + {"(": ")", "[": "]"}[opening[1]]
    elif opening[1:].isalpha() or opening[1:] in ("\\", "{"):
        inside, closing = start + 1, "$"
    else:
        return None
    end = find(at, inside, closing, DISPLAY if opening == "\\[" else FORMULA)
    if end is None or end == inside or (closing == "$" and at(end - 1).isspace()):
        return None
    return end + len(closing) if any(at(k) in "\\^_{=" for k in range(inside, end)) else None


def find(at: At, start: int, wanted: str, longest: int) -> int | None:
    """Index of ``wanted`` at or behind ``start``, within ``longest`` characters."""
    for i in range(start, start + longest):
        if not at(i):
            return None
        if all(at(i + k) == char for k, char in enumerate(wanted)):
            return i
    return None
