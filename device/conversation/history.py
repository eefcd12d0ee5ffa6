"""What was said and heard, as the endpoint gets it: of the assistant only what left the loudspeaker.

Local commands and their answers are not in it: they never leave the device.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from device.values import Message

__all__ = ["MOST_NOTES", "History"]

MOST_NOTES = 8
"""Backchannels kept of one answer."""


class History:
    """The last ``limit`` messages (0 keeps none)."""

    def __init__(self, limit: int) -> None:
        self._messages: deque[Message] = deque(maxlen=limit)

    def __len__(self) -> int:
        return len(self._messages)

    def keep(self, limit: int) -> None:
        """Another ``limit``; the newest messages stay."""
        self._messages = deque(self._messages, maxlen=limit)

    def messages(self, without: str = "") -> tuple[Message, ...]:
        """All of them; less the newest if it is the user's text ``without``, which comes again in a longer one."""
        messages = tuple(self._messages)
        return messages[:-1] if messages and messages[-1] == Message("user", without) else messages

    def user(self, text: str) -> None:
        self._messages.append(Message("user", text))

    def assistant(
        self, heard: str, interrupted: bool = False, notes: Iterable[str] = (), before: str = ""
    ) -> None:
        """``heard`` is the part of the reply that was audible; nothing audible leaves no trace.

        ``before``: what was heard of the same answer until it was interrupted; the message about that is extended.
        ``notes``: the backchannels that were said over it.
        """
        if not heard.strip():
            return
        known: tuple[str, ...] = ()
        if before.strip() and self._messages:
            last = self._messages[-1]
            if last.role == "assistant" and last.interrupted and last.text == before.strip():
                known = self._messages.pop().notes
                heard = before + heard
        self._messages.append(Message("assistant", heard.strip(), interrupted, (*known, *notes)[:MOST_NOTES]))

    def note(self, text: str) -> None:
        """A backchannel was said over the reply that has just ended."""
        if self._messages and self._messages[-1].role == "assistant":
            last = self._messages.pop()
            notes = (*last.notes, text)[:MOST_NOTES]
            self._messages.append(Message("assistant", last.text, last.interrupted, notes))

    def take_back(self, text: str) -> None:
        """Forget the newest message if it is the user's ``text``: it comes again as part of a longer one."""
        if self._messages and self._messages[-1] == Message("user", text):
            self._messages.pop()
