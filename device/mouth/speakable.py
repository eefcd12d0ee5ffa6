"""What of a reply can be spoken: Markdown out, one character at a time, every character with its place.

A language model writes for the eye. This stage reads the reply as it streams in and gives back only what a voice
should say, each character with its offset in the reply, so that "heard up to here" can be told in the reply's own
text. What it does depends only on the text, never on how the text was chopped into deltas: where a decision needs
the next character, it waits for it.

Syntax after CommonMark 0.31 (headings, lists, quotes, rules, fences, code spans, emphasis, links, autolinks, tags,
entities) and GitHub's tables, as far as it matters to the ear; formulas as language models write them.
"""

from __future__ import annotations

import re

from device.mouth import markup
from device.mouth.letters import Letters, Spoken

_LOOK = 300
"""[characters] Longest look ahead for a link's closing bracket: a lone ``[`` must not silence the reply."""
_LONGEST_URL = 2000
_DASHES = "—―"
_URL = ("https://", "http://", "www.")


class _NotYet(Exception):
    """The text so far does not decide; nothing was consumed."""


class Speakable:
    """Text in pieces -> characters to speak; pure."""

    def __init__(self) -> None:
        self.raw = ""
        """The reply so far, as it came."""
        self._next = 0
        self._finished = False
        self._line_start = True
        self._skip_to: dict[int, int] = {}
        self._letters = Letters()
        self._say = self._letters.say

    def feed(self, text: str) -> list[Spoken]:
        """Take the next piece of the reply; gives what has become certain."""
        self.raw += text
        return self._run()

    def finish(self) -> list[Spoken]:
        """No more text: gives the rest."""
        self._finished = True
        return self._run()

    # ------------------------------------------------------------------ reading

    def _at(self, index: int) -> str:
        """The character there, ``""`` behind the end of the whole reply; raises where it is not known yet."""
        if index < len(self.raw):
            return self.raw[index]
        if self._finished:
            return ""
        raise _NotYet

    def _run_of(self, index: int, chars: str) -> int:
        """First index from ``index`` on whose character is not one of ``chars``."""
        match = re.compile(f"[{re.escape(chars)}]*").match(self.raw, index)
        end = match.end() if match else index
        self._at(end)
        return end

    def _run(self) -> list[Spoken]:
        try:
            while self._next < len(self.raw):
                self._next = self._line(self._next) if self._line_start else self._inline(self._next)
        except _NotYet:
            pass
        out, self._letters.out = self._letters.out, []
        return out

    # ------------------------------------------------------------------ the start of a line

    def _line(self, i: int) -> int:
        """Drop what only makes sense on paper at the start of a line: ``# ``, ``- ``, ``> ``, rules, fences."""
        i = self._run_of(i, " \t")
        char = self._at(i)
        if char == "#":
            end = self._run_of(i, "#")
            if self._at(end) in (" ", "\t", "\n", "") and end - i <= 6:
                i = end
        elif char and char in "-*+_•":
            end = self._run_of(i, char + " \t")
            marks = self.raw[i:end].count(char)
            if marks >= 3 and self._at(end) in ("\n", ""):
                i = end  # a rule: "---", "* * *"
            elif char != "_" and self._at(i + 1) in (" ", "\t"):
                i += 1  # a bullet
        elif char == ">":
            return i + 1  # a quote, perhaps of a list: still at the start of a line
        elif char == "|":
            end = self._run_of(i, "|-: \t")
            i = end if self._at(end) in ("\n", "") else i + 1
        elif char and char in "`~" and self._run_of(i, char) - i >= 3:
            return self._fence(i, char)
        elif "0" <= char <= "9":
            end = self._run_of(i, "0123456789")
            if self._at(end) in (".", ")") and self._at(end + 1) in (" ", "\t"):
                for k in range(i, end):
                    self._say(self.raw[k], k)
                self._say(",", end)  # "1. Boil" is no sentence "1."
                i = end + 1
        self._line_start = False
        return i

    def _fence(self, i: int, char: str) -> int:
        """Code is not read out; that there is some is said."""
        opened = self._run_of(i, char)
        closing = "\n" + char * (opened - i)
        close = self.raw.find(closing, opened)
        if close < 0 and not self._finished:
            raise _NotYet
        self._say("code block", i)
        self._line_start = False
        return len(self.raw) if close < 0 else close + len(closing)

    # ------------------------------------------------------------------ within a line

    def _inline(self, i: int) -> int:
        if i in self._skip_to:
            return self._skip_to.pop(i)
        char = self.raw[i]
        before = self.raw[i - 1] if i else " "
        if char == "\n":
            return self._newline(i)
        if char == "\\" or char == "$":
            return self._backslash_or_dollar(i)
        if char == "`" or char == "~":
            return i + 1
        if char == "*":
            after = self._at(i + 1)
            if (before.isdigit() and after.isdigit()) or (before == " " and after == " "):
                self._say(" times ", i)
            return i + 1
        if char == "_":
            if before.isalnum() and self._at(i + 1).isalnum():
                self._say(" ", i)
            return i + 1
        if char == "!" and self._at(i + 1) == "[":
            return i + 1
        if char == "[":
            return self._link(i)
        if char == "]":
            return i + 1
        if char == "<":
            return self._tag(i)
        if char == "|":
            self._say(", ", i)
            return i + 1
        if char in _DASHES or (char == "-" and before == "-"):
            # a dash is a pause; "--" is the typewriter's dash, its first half was said as a hyphen
            self._say(", ", i)
            return i + 1
        if char == "-" and self._at(i + 1) == "-":
            return i + 1
        if char in "hHwW" and not before.isalnum() and self._is_url(i):
            return self._url(i)
        if char == "&" and (entity := markup.entity(self._at, i)):
            self._say(entity[0], i)
            return entity[1]
        self._say(" " if char.isspace() else char, i)
        return i + 1

    def _backslash_or_dollar(self, i: int) -> int:
        """An escaped sign is said, a formula only named; everything else stays."""
        after = self._at(i + 1)
        if (self.raw[i] == "$" or after in ("(", "[")) and (end := markup.formula_end(self._at, i)):
            self._say("formula" if self.raw[i - 1 : i].isspace() else " formula", i)
            return end
        if self.raw[i] == "\\" and after and after in "\\`*_{}[]()<>#+-.!|~$":
            self._say(after, i + 1)
            return i + 2
        self._say(self.raw[i], i)
        return i + 1

    def _newline(self, i: int) -> int:
        """A soft wrap (prose goes on in lower case) is a space, every other line end a break."""
        j = self._run_of(i, " \t\r\n")
        after = self._at(j)
        soft = after.islower() and self.raw.count("\n", i, j) == 1
        self._say(" " if soft else "\n", i)
        self._line_start = True
        return self.raw.rfind("\n", i, j) + 1

    def _link(self, i: int) -> int:
        """``[text](address)`` is said as its text; brackets alone are dropped."""
        j = i + 1
        while j - i < _LOOK and (char := self._at(j)) and char not in "]\n":
            j += 1
        if self._at(j) == "]" and self._at(j + 1) == "(":
            k = j + 2
            while k - j < _LONGEST_URL and (char := self._at(k)) and char not in ")\n":
                k += 1
            if self._at(k) == ")":
                self._skip_to[j] = k + 1
        return i + 1

    def _tag(self, i: int) -> int:
        """HTML tags are dropped, ``<https://...>`` keeps its address, a lone ``<`` stays."""
        after = self._at(i + 1)
        if not (after.isalpha() or (after and after in "/!?")):
            self._say("<", i)
            return i + 1
        if self._is_url(i + 1):
            return i + 1
        end = markup.tag_end(self._at, i)
        self._say("<" if end is None else " ", i)
        return i + 1 if end is None else end

    def _is_url(self, i: int) -> bool:
        for scheme in _URL:
            for k, wanted in enumerate(scheme):
                if self._at(i + k).lower() != wanted:
                    break
            else:
                return True
        return False

    def _url(self, i: int) -> int:
        """Of an address only the host is said: ``https://www.example.org/a?b`` -> ``example.org``."""
        end = i
        while (
            end - i < _LONGEST_URL and (char := self._at(end)) and not char.isspace() and char not in '<>"|'
        ):
            end += 1
        url = self.raw[i:end].rstrip(".,;:!?)]}'*_`~")
        host = url.find("//") + 2 if url[:1] in "hH" else 0
        if url[host:].lower().startswith("www."):
            host += 4
        for k in range(host, len(url)):
            if url[k] in "/?#":
                break
            self._say(url[k], i + k)
        if end - i >= _LONGEST_URL:
            self._letters.drop_word()
        end = i + max(len(url), host)
        return end + 1 if i and self.raw[i - 1] == "<" and self._at(end) == ">" else end
