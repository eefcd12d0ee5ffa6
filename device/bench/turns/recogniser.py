"""A recogniser that knows what is said: its words come when a script says, in place of an engine.

    said (words, their true times) ──┐
    Begin, Audio, End, Drop ─────────┴──► Partial 0.15 s after each word, Final 0.30 s after the last one

It takes down any sentence (``free``). In the mode "over" it hears, as Vosk does, hard words and backchannels and calls
all else unknown. A ``Final`` that is asked for before 0.30 s after the last word waits until then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from device.bench.turns.plan import FINAL_MS, PARTIAL_MS
from device.config import load_words
from device.ear.intents import IntentMatcher
from device.ear.recognisers.messages import Audio, Begin, Drop, End, Ready
from device.values import Final, Intent, ListenMode, Partial, Word, samples

UNKNOWN = "[unk]"


class ScriptedRecogniser:
    """An ``EngineDoor`` on the sample clock: set ``position`` before each step of the device, ``say`` what is said.

    ``partial_ms`` None: it gives finals only.
    """

    name = "recogniser"

    def __init__(self, language: str = "en", partial_ms: float | None = PARTIAL_MS) -> None:
        self.restarts = 0
        self.failure: str | None = None
        self.position = 0
        self._lag = None if partial_ms is None else samples(partial_ms)
        self._matcher = IntentMatcher.for_language(language)
        self._matcher.warm_up()
        self._over = {tuple(phrase.split()) for phrase in load_words(language).over_reply}
        self._longest = max(map(len, self._over))
        self._words: list[Word] = []
        self._begin: Begin | None = None
        self._heard = 0
        """End of the sound that was handed over."""
        self._ended = False
        self._told = ""
        self._intents: dict[str, Intent | None] = {}
        self._replies: list[Any] = [Ready("scripted", free=True, load_s=0.0)]

    def say(self, words: Sequence[Word]) -> None:
        """Somebody says ``words``; capture positions, now or in the future."""
        self._words += words

    def send(self, message: Any) -> bool:
        begin = self._begin
        if isinstance(message, Begin):
            if begin is not None and self._ended:  # nobody waits longer than for the next utterance
                self._finish(begin, [word for word in self._words if self._counts(begin, word)])
            self._begin, self._heard, self._ended, self._told = message, message.position, False, ""
        elif begin is None or message.utterance != begin.utterance:
            return True
        elif isinstance(message, Audio):
            self._heard = message.position + len(message.pcm) // 2
        elif isinstance(message, End):
            self._ended = True
        elif isinstance(message, Drop):
            self._begin = None
        return True

    def poll(self) -> list[Any]:
        if self._begin is not None:
            self._answer(self._begin)
        replies, self._replies = self._replies, []
        return replies

    def wait_loaded(self, timeout_s: float) -> bool:
        return True

    def close(self) -> None:
        """Nothing to stop."""

    # ------------------------------------------------------------------ what it makes of the words

    def _answer(self, begin: Begin) -> None:
        heard = [word for word in self._words if self._counts(begin, word)]
        if self._ended:
            due = heard[-1].end + samples(FINAL_MS) if heard else 0
            if self.position >= due:
                self._finish(begin, heard)
        elif self._lag is not None:
            known = [
                word for word in heard if word.end + self._lag <= self.position and word.end <= self._heard
            ]
            words = self._known(known, begin.mode)
            text = " ".join(word.text for word in words)
            if text != self._told:
                self._told = text
                self._replies.append(
                    Partial(
                        self._heard, begin.utterance, text, words, accepted=bool(words),
                        intent=self._intent(text), free=begin.mode == "free",
                    )
                )  # fmt: skip

    def _finish(self, begin: Begin, heard: list[Word]) -> None:
        words = self._known(heard, begin.mode)
        text = " ".join(word.text for word in words)
        self._begin = None
        self._replies.append(
            Final(
                self._heard, begin.utterance, text, words, accepted=bool(words),
                intent=self._intent(text) if words else None, free=begin.mode == "free",
            )
        )  # fmt: skip

    def _counts(self, begin: Begin, word: Word) -> bool:
        """Said to us, within the sound that was handed over."""
        middle = (word.start + word.end) // 2
        return max(begin.after, begin.position) <= middle < self._heard

    def _intent(self, text: str) -> Intent | None:
        if text not in self._intents:
            self._intents[text] = self._matcher.match(text)
        return self._intents[text]

    def _known(self, words: Sequence[Word], mode: ListenMode) -> tuple[Word, ...]:
        if mode != "over":
            return tuple(words)
        known: list[Word] = []
        left = list(words)
        while left:
            sizes = range(min(self._longest, len(left)), 0, -1)
            size = next((n for n in sizes if tuple(word.text for word in left[:n]) in self._over), 0)
            known += left[:size] or [Word(UNKNOWN, left[0].start, left[0].end)]
            del left[: max(1, size)]
        return tuple(known)
