"""A reasoning model's thoughts are not for the loudspeaker. Pure."""

from __future__ import annotations

OPENING, CLOSING = "<think>", "</think>"


class ThinkFilter:
    """Drops one ``<think>...</think>`` at the beginning of an answer, however the tokens cut it."""

    def __init__(self) -> None:
        self._held = ""
        self._state = "start"

    def feed(self, text: str) -> str:
        """The part of ``text``, and of what was held before it, that may be spoken."""
        if self._state == "through":
            return text
        self._held += text
        if self._state == "start":
            begun = self._held.lstrip()
            if begun.startswith(OPENING):
                self._state = "inside"
            elif OPENING.startswith(begun):
                return ""  # could still become one
            else:
                return self._release(self._held)
        _, closed, rest = self._held.partition(CLOSING)
        if closed:
            return self._release(rest.lstrip())
        self._held = self._held[-len(CLOSING) :]
        return ""

    def finish(self) -> str:
        """What was held back when the answer ends and turns out to be no thought."""
        return self._release(self._held) if self._state == "start" else ""

    def _release(self, text: str) -> str:
        self._state, self._held = "through", ""
        return text
