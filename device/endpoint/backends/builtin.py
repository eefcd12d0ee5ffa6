"""The built-in answers, streamed word by word at a language model's pace."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

from device.endpoint.backend import Finish, Question
from device.endpoint.builtin import answer


class BuiltinBackend:
    """``tokens_per_s`` 0 = all at once."""

    name = "builtin"
    model = ""

    def __init__(self, tokens_per_s: float = 40.0) -> None:
        self._pause_s = 1 / tokens_per_s if tokens_per_s > 0 else 0.0

    async def stream(self, question: Question) -> AsyncIterator[str | Finish]:
        for token in re.findall(r"\S+\s*", answer(question.text, question.conversation)):
            yield token
            await asyncio.sleep(self._pause_s)
        yield Finish()

    async def close(self) -> None:
        pass
