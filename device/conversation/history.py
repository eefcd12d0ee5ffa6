"""What was said and heard, as the endpoint gets it: of the assistant only what left the loudspeaker.

Local commands and their answers are not in it: they never leave the device.
"""

from __future__ import annotations

from collections import deque

from device.values import Message

__all__ = ["History"]


class History:
    """The last ``limit`` messages (0 keeps none)."""

    def __init__(self, limit: int) -> None:
        self._messages: deque[Message] = deque(maxlen=limit)

    def __len__(self) -> int:
        return len(self._messages)

    def messages(self) -> tuple[Message, ...]:
        return tuple(self._messages)

    def user(self, text: str) -> None:
        self._messages.append(Message("user", text))

    def assistant(self, heard: str, interrupted: bool = False) -> None:
        """``heard`` is the part of the reply that was audible; nothing audible leaves no trace."""
        if heard.strip():
            self._messages.append(Message("assistant", heard.strip(), interrupted))

    def take_back(self, text: str) -> None:
        """Forget the newest message if it is the user's ``text``: it comes again as part of a longer one."""
        if self._messages and self._messages[-1] == Message("user", text):
            self._messages.pop()
