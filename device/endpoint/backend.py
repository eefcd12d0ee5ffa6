"""The door to whatever makes the answers: one file per backend, chosen by name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from device.errors import EarshotError
from device.link.messages import Line


@dataclass(frozen=True, slots=True)
class Question:
    """What the user said, and the conversation before it (of the assistant only what was heard)."""

    text: str
    lang: str = "en"
    conversation: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Finish:
    """Last item of a stream that says why it ended: ``stop``, or ``length`` when the answer was cut short.

    ``expect_reply`` says whether the answer asks something back; None leaves that to its last character.
    """

    reason: str = "stop"
    expect_reply: bool | None = None


class BackendError(EarshotError):
    """No answer. ``code`` goes to the device, the message to the worker's log, ``retry_ms`` 0 = no use to retry."""

    def __init__(self, code: str, message: str, retry_ms: int = 0) -> None:
        super().__init__(message)
        self.code, self.retry_ms = code, retry_ms


class Backend(Protocol):
    """Something that answers questions: one file each in ``backends``."""

    name: str
    model: str

    def stream(self, question: Question) -> AsyncIterator[str | Finish]:
        """The answer, token by token, as it is made; raises ``BackendError``.

        Closing the iterator (the turn was cancelled) must stop the work behind it.
        """

    async def close(self) -> None:
        """Let go of connections."""
