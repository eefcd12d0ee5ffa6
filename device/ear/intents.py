"""Text that was recognised -> ``Intent``, by the sentences file (hassil). Pure; runs in the recogniser's process."""

from __future__ import annotations

import re

from hassil import recognize_best

from device.ear.grammar import Sentences, load_sentences
from device.values import Intent

_PERCENT = re.compile(r"\s*%")
_SPACE = re.compile(r"\s+")


class IntentMatcher:
    """Matches whole sentences only: a command hidden in a longer sentence is a matter for the endpoint.

    Costs 0.03-0.9 ms a sentence, the first one with a number 24 ms (``warm_up`` pays that beforehand).
    """

    def __init__(self, sentences: Sentences) -> None:
        self._intents = sentences.intents
        self._language = sentences.language
        self._latest: tuple[str, Intent | None] = ("", None)

    @classmethod
    def for_language(cls, language: str) -> IntentMatcher:
        return cls(load_sentences(language))

    def warm_up(self) -> None:
        """Load the number tables now rather than in the first command."""
        self.match("volume one")

    def match_partial(self, text: str) -> Intent | None:
        """As ``match``, for a text that is often the same as the last time: matched only when it has changed."""
        if text != self._latest[0]:
            self._latest = (text, self.match(text))
        return self._latest[1]

    def match(self, text: str) -> Intent | None:
        """The intent of ``text`` with its slots (numbers as int), or None.

        ``text`` as any recogniser spells it: "fifty five percent", "Fifty-five percent.", "55 %".
        """
        text = _SPACE.sub(" ", _PERCENT.sub(" percent", text)).strip()
        if not text:
            return None
        result = recognize_best(text, self._intents, language=self._language)
        if result is None:
            return None
        return Intent(
            result.intent.name, {name: _plain(entity.value) for name, entity in result.entities.items()}
        )


def _plain(value: str | float) -> str | int | float:
    """Numbers written in digits come as 55.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
