"""Vosk (libvosk 0.3.45, Kaldi): free speech, or the local commands through a runtime grammar.

One ``KaldiRecognizer`` per utterance, so its word times count from the utterance's first sample. Vosk has its own
endpointer, whose timing sits in the model: its results within one utterance are simply joined; when an utterance is
over is decided by the ear (``End``).

Partials come without word times: with ``SetPartialWords`` Vosk holds words back until the lattice aligns (measured:
"set" after 2.1 s instead of 0.9 s). A partial's words get the time at which they appeared, about a quarter of a
second after they ended; the Final has exact times.

In "commands" mode the grammar is the phrase list of the sentences file, less what the model has no words for, plus
"[unk]" for everything else: without it every foreign sentence is forced into a command (100 of 100), with it none is.

"over" does the same for hard words and backchannels over the device's own speech, and keeps the unknown words, as somebody
who has something to say. Against free decoding, over a reply, 6 unseen voices in 3 rooms, talker as loud as the echo: hard
words 40 of 42 rather than 39, "stop" known 80 ms before its end rather than 125 ms after it (p50), no backchannel of 36
cancels in either; of 24 from four other voices 2 do in free decoding, none here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from device import models
from device.config import load_words
from device.ear.grammar import load_sentences, phrases, spoken
from device.ear.intents import IntentMatcher
from device.ear.recognisers.messages import (
    Audio,
    Begin,
    Drop,
    End,
    FromEngine,
    Ready,
    RecogniserSettings,
    ToEngine,
    Warning,
)
from device.ear.recognisers.words import Timeline, counted, text_of, whole
from device.errors import EngineError
from device.values import RATE_HZ, Final, ListenMode, Partial, Word

UNKNOWN = frozenset({"[unk]", "<unk>"})
MAX_UNKNOWN_SAMPLES = RATE_HZ // 4
"""A breath or a click may be unknown; words that are longer than this make it another sentence."""
PARTIAL_SAMPLES = RATE_HZ // 20
"""How often partials are asked for; the decoder itself steps every 0.2 s."""
WORD_SAMPLES = RATE_HZ * 3 // 10
"""Usual length of a word, for the estimated times of partials."""
PARTIAL_LAG_SAMPLES = RATE_HZ // 5
"""Usual time from a word's end to its first partial."""


def _short_unknown(word: Word) -> bool:
    return word.text in UNKNOWN and word.end - word.start < MAX_UNKNOWN_SAMPLES


def make(settings: RecogniserSettings) -> VoskRecogniser:
    """Factory for an ``EngineDoor``."""
    return VoskRecogniser(settings)


class VoskRecogniser:
    """Engine: ``Begin``/``Audio``/``End``/``Drop`` in, ``Partial``/``Final`` out."""

    def __init__(self, settings: RecogniserSettings) -> None:
        began = time.monotonic()
        if not Path(settings.model_path).is_dir():  # given a name, Vosk would start to download
            raise EngineError(
                f"Vosk model {settings.model_path!r} is not a folder; fix: earshot models fetch"
            )
        try:
            import vosk
        except (ImportError, OSError) as exc:
            raise EngineError(f"Vosk cannot be loaded: {exc}; fix: pip install vosk") from exc
        vosk.SetLogLevel(-2)  # -1 still lets warnings through, one for every unfinished word
        self._vosk = vosk
        try:
            self._model = vosk.Model(settings.model_path)
        except Exception as exc:
            raise EngineError(f"Vosk cannot read the model at {settings.model_path}: {exc}") from exc
        self._wake_words = settings.wake_words
        sentences = load_sentences(settings.language)
        self._warnings: list[str] = []
        model = models.load(Path(settings.model_path))
        self._of_tests = model is not None and model.test
        wakes = [spoken(word) for word in settings.wake_words]
        over = load_words(settings.language).over_reply
        self._grammars = {
            "commands": json.dumps([*self._known([*phrases(sentences), *wakes]), "[unk]"]),
            "over": json.dumps([*self._spelled([*over, *wakes]), "[unk]"]),
        }
        self._over = {tuple(text.split()) for text in self._spelled(over)}
        self._matcher = IntentMatcher(sentences)
        self._matcher.warm_up()
        for mode in self._grammars:
            self._recognizer(mode)  # the first of its kind builds what the others share
        self._begin: Begin | None = None
        self._decoder: Any = None
        self._timeline = Timeline(0)
        self._done: list[Word] = []  # what Vosk's own endpointer has closed
        self._open_words: list[Word] = []  # the partial since then
        self._asked = 0
        self._said: tuple[str, bool] = ("", False)
        self._load_s = time.monotonic() - began

    def start(self) -> Iterator[FromEngine]:
        yield Ready("vosk", free=True, load_s=self._load_s)
        for text in self._warnings:
            yield Warning(text)

    def handle(self, message: ToEngine) -> Iterator[FromEngine]:
        if isinstance(message, Begin):
            self._open(message)
        elif self._begin is None or message.utterance != self._begin.utterance:
            return
        elif isinstance(message, Audio):
            yield from self._hear(message)
        elif isinstance(message, End):
            yield self._finish()
        elif isinstance(message, Drop):
            self._begin = self._decoder = None

    # ------------------------------------------------------------------ one utterance

    def _open(self, begin: Begin) -> None:
        self._begin = begin
        self._decoder = self._recognizer(begin.mode)
        self._timeline = Timeline(begin.position)
        self._done, self._open_words = [], []
        self._asked = begin.position
        self._said = ("", False)

    def _hear(self, audio: Audio) -> Iterator[FromEngine]:
        assert self._begin is not None
        self._timeline.feed(audio.position, len(audio.pcm) // 2)
        closed = self._decoder.AcceptWaveform(audio.pcm)
        now = self._timeline.end
        if closed:
            self._done += self._exact(self._decoder.Result())
            self._open_words = []
        elif now - self._asked < PARTIAL_SAMPLES:
            return
        else:
            self._open_words = self._estimated(self._decoder.PartialResult(), now)
        self._asked = now
        words, accepted = self._judge([*self._done, *self._open_words])
        text = text_of(words)
        if (text, accepted) != self._said:
            self._said = (text, accepted)
            intent = self._matcher.match_partial(text)
            yield Partial(now, self._begin.utterance, text, words, accepted, intent=intent)

    def _finish(self) -> Final:
        assert self._begin is not None
        begin, position = self._begin, self._timeline.end
        words, accepted = self._judge([*self._done, *self._exact(self._decoder.FinalResult())])
        self._begin = self._decoder = None
        text = text_of(words)
        intent = self._matcher.match(text) if accepted else None
        return Final(position, begin.utterance, text, words, accepted, intent, free=begin.mode == "free")

    def _exact(self, result: str) -> list[Word]:
        place = self._timeline.position
        return [
            Word(word["word"], place(round(word["start"] * RATE_HZ)), place(round(word["end"] * RATE_HZ)))
            for word in json.loads(result).get("result", [])
        ]

    def _estimated(self, partial: str, now: int) -> list[Word]:
        """The open words; those that stand keep the time at which they appeared first."""
        texts = json.loads(partial)["partial"].split()
        old = [word.text for word in self._open_words]
        same = next((i for i, pair in enumerate(zip(old, texts, strict=False)) if pair[0] != pair[1]), None)
        words = self._open_words[: min(len(old), len(texts)) if same is None else same]
        end = now - PARTIAL_LAG_SAMPLES
        for text in texts[len(words) :]:
            start = max(end - WORD_SAMPLES, words[-1].end if words else self._timeline.start)
            words.append(Word(text, min(start, end), end))
        return words

    def _judge(self, words: list[Word]) -> tuple[tuple[Word, ...], bool]:
        """The words that count, and whether they are what was said rather than the nearest the grammar has."""
        assert self._begin is not None
        kept = counted(words, self._begin.after, self._wake_words)
        if self._begin.mode == "over":
            heard = whole((word for word in kept if not _short_unknown(word)), self._over, UNKNOWN)
            return heard, bool(heard)
        known = tuple(word for word in kept if word.text not in UNKNOWN)
        if self._begin.mode == "free":
            return known, bool(known)
        # A wake word that the model does not know is one unknown word across ``after``.
        unknown = [w for w in kept if w.text in UNKNOWN and w.start >= self._begin.after]
        strange = any(word.end - word.start > MAX_UNKNOWN_SAMPLES for word in unknown)
        return known, bool(known) and not strange

    # ------------------------------------------------------------------ vocabulary

    def _recognizer(self, mode: ListenMode) -> Any:
        grammar = (self._grammars[mode],) if mode in self._grammars else ()
        recognizer = self._vosk.KaldiRecognizer(self._model, RATE_HZ, *grammar)
        recognizer.SetWords(True)
        return recognizer

    def _spelled(self, texts: Iterable[str]) -> list[str]:
        """Those of ``texts`` that the model has all the words for, as it spells them: with hyphens or without."""
        has = self._model.vosk_model_find_word
        spelled = [text if has(text) >= 0 else text.replace("-", " ") for text in texts]
        return [text for text in dict.fromkeys(spelled) if all(has(word) >= 0 for word in text.split())]

    def _known(self, texts: list[str]) -> list[str]:
        """Those of ``texts`` that the model has all the words for."""
        vocabulary = {word for text in texts for word in text.split()}
        missing = sorted(word for word in vocabulary if self._model.vosk_model_find_word(word) < 0)
        if missing and not self._of_tests:  # such a model knows a few sentences, and nobody lives with it
            self._warnings.append(f"the Vosk model lacks words of the local commands: {', '.join(missing)}")
        return [text for text in texts if not set(text.split()) & set(missing)]
