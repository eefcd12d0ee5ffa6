"""PocketSphinx with the command grammar: works right after installation, knows commands only.

The English model lies in the ``pocketsphinx`` package. Its language model is useless for dictation (34-92 % of words
wrong), so only the grammar is used and ``free`` is False. What decides how well it works:

* **Cepstral mean** (CMN) decides everything in a room with noise: with the default mean 10 % of commands are right
  when the noise is 22 dB below the speech. So the first pass (partials) uses the mean carried over from what was
  accepted, and unless that fits, the Final comes from a second pass with the utterance's own mean: 95 % right at
  22 dB, 90 % at 15 dB. Digital silence ruins any mean: exact zeros are left out, as if they were missing.
* **No lattice search** (``bestpath``): it forgets the grammar ("volume up" became "turn down the"), costs time, and
  its scores are on another scale than those of the running search.
* **Rejection**: a grammar always finds something. Path scores are relative to the best senone of each frame, so
  ``-log(score)`` per frame of speech says how far the audio is from the words. Only a whole sentence is accepted.
* **Over the device's own speech** ("over") one of a few short phrases is listened for, by the cost of its words alone, in one
  pass. Hard words heard, by voices tuned on (10) and not (6), SER 0 dB: 65 of 70 and 35 of 42, "stop" 28 of 30 and 11 of 18;
  nods that cancel 0 of 60 and 3 of 36. The command grammar heard 20 of 42 and 3 of 18, and 12 of 36 nods cancelled. With a
  phone loop beside the phrases, at any weight, it hears less and takes as many nods for words.
* **The GIL** is held during a call: at most 20 ms of audio a call (0.4 ms).
"""

from __future__ import annotations

import itertools
import math
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.config import Words, load_words
from device.ear.grammar import is_heard, jsgf, jsgf_over, load_sentences, spoken, words_of
from device.ear.intents import IntentMatcher
from device.ear.recognisers.messages import (
    MAX_AUDIO_SAMPLES,
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
from device.values import FRAME, RATE_HZ, Final, Partial, Word

MAX_COST = 50.0
"""Highest ``_Result.cost`` of an accepted Final. Right commands and foreign sentences that pass for one, per cent,
by voices tuned on (flite slt, rms, awb, espeak en-gb) and not (espeak en-us+m3, en+f3):

    dry, noise 61 and 42 dB below the peak    90 / 0, 95 / 0      76 / 0, 83 / 2
    behind "alexa", 0.2 s of reverberation    88 / 9              77 / 10
    behind "alexa", 0.4 s, noise at 20 dB     92 / 7              81 / 24
"""
QUIET_COST = 12.0
"""What silence may cost in a quiet room; foreign words that the grammar hides in its pauses cost more."""
SURE_COST = 40.0
"""The same for the first pass where its mean does not fit: a short "stop" has no mean of its own worth the name."""
MAX_PARTIAL_COST = 65.0
"""The same for a Partial, which stands on less: an unfinished word and the mean of earlier utterances."""
RARE_COST = 8.0
"""A skip word or a phrase without an intent costs this: foreign speech fills "please" with what fits nowhere else, and
"hello" and "yes" fit many a short command."""
LATE_MARGIN = RATE_HZ // 10
"""The last try begins this long before the wake word's estimated end: without the wake word, whose half-heard rest may
become "turn" or "tell"."""
OVER_COST = 42.0
"""The same, the mean alone, over the device's own speech, where any of a few short words may be said."""
OVER_STEADY = 16 * FRAME
"""``STEADY_SAMPLES`` there. Of 120 nods 5 become a hard word on the way at 100 ms, none at 160 ms (tuned on 10 voices, SER 0
and -5 dB; "stop" is heard 76 times of 80, any hard word 149 of 160)."""
OVER_LONGEST = 80
"""Frames. A word that is stretched over more is not what was said: a nod that became "stop" took 90."""
OVER_MEAN_STEP = 0.25
"""Over the device's own speech the mean is that of its own residual echo, with a talker in it: followed on its own, from
every utterance, and used half: 29 of 30 "stop" are heard with it, 26 with the default mean, 24 with each one's own."""
STEADY_SAMPLES = 10 * FRAME
"""A partial is accepted when its words have stood this long: the best path jumps between look-alikes at first."""
MEAN_DISTANCE = 6.0
"""Euclidean distance of two cepstral means that are as good as the same."""
MAX_REMNANT = 4
"""Phones of the longest remnant of a wake word that gets a variant of its own; longer ones fit the whole word."""
MIN_FRAMES = 50
"""Shorter utterances have no mean of their own worth the name."""
_CMN_WINDOW, _CMN_LIMIT = 500, 800
"""The decoder's running mean: frames that its start counts for, and frames after which it forgets down to that."""
_VARIANT = re.compile(r"\(\d+\)$")


def make(settings: RecogniserSettings) -> PocketSphinxRecogniser:
    """Factory for an ``EngineDoor``."""
    return PocketSphinxRecogniser(settings)


@dataclass(frozen=True, slots=True)
class _Result:
    """The words that count and how far the audio is from them, 0 = perfect fit (``_cost``)."""

    words: tuple[Word, ...] = ()
    cost: float = 0.0

    @property
    def text(self) -> str:
        return text_of(self.words)

    def within(self, limit: float) -> bool:
        return bool(self.words) and self.cost <= limit


def _numbers(mean: str) -> NDArray[np.float64]:
    return np.array([float(part) for part in mean.split(",")])


def _text(mean: NDArray[np.float64]) -> str:
    return ",".join(f"{part:.4f}" for part in mean)


def _cost(words: list[tuple[float, float]], pauses: list[tuple[float, float]]) -> float:
    """Distance of audio and words, from (``-log`` score, frames) of each: per frame, in the decoder's units.

    The mean over the words, plus part of the worst word (a foreign sentence that begins like a command is
    betrayed by one word), plus what the pauses cost beyond silence. The weights keep most commands while no room
    takes more than one in ten foreign sentences of the voices tuned on. Measured against a phone loop, which
    doubles the work, separates no better.
    """
    if not words:
        return 0.0
    mean = sum(cost for cost, _ in words) / sum(frames for _, frames in words)
    worst = max(cost / frames for cost, frames in words)
    quiet = sum(cost for cost, _ in pauses) / max(1.0, sum(frames for _, frames in pauses))
    return mean + 0.2 * worst + 1.5 * max(quiet - QUIET_COST, 0.0)


class PocketSphinxRecogniser:
    """Engine: ``Begin``/``Audio``/``End``/``Drop`` in, ``Partial``/``Final`` out. Both modes hear commands only."""

    def __init__(self, settings: RecogniserSettings) -> None:
        began = time.monotonic()
        try:
            from pocketsphinx import Config, Decoder
        except ImportError as exc:
            raise EngineError(f"PocketSphinx cannot be loaded: {exc}; fix: pip install pocketsphinx") from exc
        self._sentences = load_sentences(settings.language)
        self._warnings: list[str] = []
        self._decoder = Decoder(Config(lm=None, bestpath=False, loglevel="FATAL"))
        self._wake_words = self._pronounceable(settings.wake_words)
        self._add_remnants(self._wake_words)
        self._decoder.add_jsgf_string("commands", jsgf(self._sentences, self._wake_words))
        self._over = self._phrases_over(load_words(settings.language))
        self._decoder.add_jsgf_string("over", jsgf_over(self._over, self._wake_words))
        self._decoder.activate_search("commands")
        self._whole = {tuple(phrase.split()) for phrase in self._over}
        self._mean = self._over_mean = self._start_mean = _numbers(self._decoder.get_cmn(False))
        self._matcher = IntentMatcher(self._sentences)
        self._matcher.warm_up()
        self._begin: Begin | None = None
        self._timeline = Timeline(0)
        self._now = 0
        self._heard: list[tuple[int, bytes]] = []
        self._steady: tuple[str, int] = ("", 0)  # what the last partials agree on, and since which position
        self._said: tuple[str, bool] = ("", False)  # the last Partial
        self._load_s = time.monotonic() - began

    def start(self) -> Iterator[FromEngine]:
        yield Ready("pocketsphinx", free=False, load_s=self._load_s)
        for text in self._warnings:
            yield Warning(text)

    def handle(self, message: ToEngine) -> Iterator[FromEngine]:
        if isinstance(message, Begin):
            self._drop()
            self._open(message)
        elif self._begin is None or message.utterance != self._begin.utterance:
            return
        elif isinstance(message, Audio):
            yield from self._hear(message)
        elif isinstance(message, End):
            yield self._finish()
        elif isinstance(message, Drop):
            self._drop()

    def close(self) -> None:
        self._drop()

    # ------------------------------------------------------------------ one utterance

    def _open(self, begin: Begin) -> None:
        self._begin = begin
        self._timeline = Timeline(begin.position)
        self._now = begin.position
        self._heard = []
        self._steady = ("", begin.position)
        self._said = ("", False)
        self._decoder.activate_search("over" if begin.mode == "over" else "commands")
        over = begin.mode == "over"
        self._start_mean = (self._mean + self._over_mean) / 2 if over else self._mean
        self._decoder.set_cmn(_text(self._start_mean))
        self._decoder.start_utt()

    def _drop(self) -> None:
        if self._begin is not None:
            self._decoder.end_utt()
            if self._begin.mode == "over":
                self._follow_over_mean()
            self._begin = None

    def _hear(self, audio: Audio) -> Iterator[FromEngine]:
        assert self._begin is not None
        for at in range(0, len(audio.pcm), 2 * MAX_AUDIO_SAMPLES):
            pcm = audio.pcm[at : at + 2 * MAX_AUDIO_SAMPLES]
            if any(pcm):
                self._timeline.feed(audio.position + at // 2, len(pcm) // 2)
                self._heard.append((audio.position + at // 2, pcm))
                self._decoder.process_raw(pcm, False, False)
        self._now = audio.position + len(audio.pcm) // 2
        result = self._result()
        text, now = result.text, self._now
        if not (self._steady[0] and f"{text} ".startswith(f"{self._steady[0]} ")):
            self._steady = (text, now)
        over = self._begin.mode == "over"
        limit, steady = (OVER_COST, OVER_STEADY) if over else (MAX_PARTIAL_COST, STEADY_SAMPLES)
        accepted = result.within(limit) and now - self._steady[1] >= steady
        if accepted:
            self._steady = (text, self._steady[1])
        if (text, accepted) != self._said:
            self._said = (text, accepted)
            intent = self._matcher.match_partial(text)
            yield Partial(now, self._begin.utterance, text, result.words, accepted, False, intent)

    def _finish(self) -> Final:
        assert self._begin is not None
        self._decoder.end_utt()
        if self._begin.mode == "over":
            return self._finish_over()
        mean = self._own_mean()
        fits = np.linalg.norm(mean - self._mean) <= MEAN_DISTANCE
        tries = [self._verdict(MAX_COST if fits else SURE_COST)]
        if not (fits and tries[0][1].accepted):
            self._decode_again(mean, self._begin.position)
            tries.append(self._verdict(MAX_COST))
        late = self._begin.after - LATE_MARGIN
        if late > self._begin.position and not any(final.accepted for _, final in tries):
            self._decode_again(mean, late)
            tries.append(self._verdict(MAX_COST))
        _, final = min(tries, key=lambda cost_and_final: (not cost_and_final[1].accepted, cost_and_final[0]))
        if final.accepted:
            self._mean = (self._mean + mean) / 2
        self._begin = None
        self._heard = []
        return final

    def _finish_over(self) -> Final:
        """One pass only: whoever speaks over the device waits for its silence."""
        assert self._begin is not None
        result = self._result()
        self._follow_over_mean()
        accepted = result.within(OVER_COST)
        intent = self._matcher.match(result.text) if accepted else None
        final = Final(
            self._now, self._begin.utterance, result.text, result.words, accepted, intent, free=False
        )
        self._begin, self._heard = None, []
        return final

    def _verdict(self, limit: float) -> tuple[float, Final]:
        """Cost of the finished utterance and what it was: accepted when it is a whole sentence within ``limit``."""
        assert self._begin is not None
        result = self._result()
        near = result.within(limit)
        intent = self._matcher.match(result.text) if near else None
        accepted = intent is not None or (near and is_heard(self._sentences, result.text))
        return result.cost, Final(
            self._now, self._begin.utterance, result.text, result.words, accepted, intent, free=False
        )

    def _decode_again(self, mean: NDArray[np.float64], start: int) -> None:
        """The utterance once more, from capture position ``start`` on."""
        self._decoder.set_cmn(_text(mean))
        self._decoder.start_utt()
        heard = [(position, pcm) for position, pcm in self._heard if position >= start]
        self._timeline = Timeline(heard[0][0] if heard else start)
        for position, pcm in heard:
            self._timeline.feed(position, len(pcm) // 2)
            self._decoder.process_raw(pcm, False, False)
        self._decoder.end_utt()

    def _own_mean(self) -> NDArray[np.float64]:
        """The cepstral mean of this utterance alone.

        The decoder reports a running mean in which the mean it started with counts for 500 frames: taken out again.
        """
        started, total = float(_CMN_WINDOW), float(_CMN_WINDOW)
        for _ in range(self._timeline.fed // FRAME):
            total += 1
            if total > _CMN_LIMIT:
                started, total = started * _CMN_WINDOW / total, float(_CMN_WINDOW)
        if total - started < MIN_FRAMES:
            return self._start_mean
        running = _numbers(self._decoder.get_cmn(True))
        return self._start_mean + (running - self._start_mean) * total / (total - started)

    def _follow_over_mean(self) -> None:
        """Of an utterance over the device's own speech that is at its end, understood or not."""
        if self._timeline.fed >= MIN_FRAMES * FRAME:
            self._over_mean = self._over_mean + OVER_MEAN_STEP * (self._own_mean() - self._over_mean)

    def _result(self) -> _Result:
        """The decoder's best path so far, less silence, the wake word and what came before ``after``."""
        assert self._begin is not None
        if self._decoder.hyp() is None:
            return _Result()
        after, log = self._begin.after, self._decoder.logmath.log
        words, costs, quiet = [], {}, []
        for segment in self._decoder.seg():
            start = self._timeline.position(segment.start_frame * FRAME)
            end = self._timeline.position((segment.end_frame + 1) * FRAME)
            cost = -log(max(segment.ascore, 1e-300))
            if segment.word == "<sil>":
                if (start + end) // 2 >= after:
                    quiet.append((cost, (end - start) / FRAME))
            elif not segment.word.startswith(("<", "(", "[", "+")):  # (NULL), [NOISE], ++BREATH++
                words.append(Word(_VARIANT.sub("", segment.word), start, end))
                costs[start] = cost
        kept = counted(words, after, self._wake_words)
        if self._begin.mode == "over":
            return self._result_over(kept, costs)
        cost = _cost([(costs[w.start], (w.end - w.start) / FRAME) for w in kept], quiet)
        rare = any(word.text in self._sentences.skip_words for word in kept)
        rare = rare or is_heard(self._sentences, text_of(kept))
        return _Result(kept, cost + (RARE_COST if rare else 0.0))

    def _result_over(self, words: tuple[Word, ...], costs: dict[int, float]) -> _Result:
        """Words over the device's own speech: no sentence has to be whole, and its pauses are full of echo."""
        frames = [(word.end - word.start) / FRAME for word in words]
        if not words or max(frames) > OVER_LONGEST:
            return _Result(words, math.inf)
        return _Result(whole(words, self._whole, ()), sum(costs[word.start] for word in words) / sum(frames))

    # ------------------------------------------------------------------ vocabulary

    def _pronounceable(self, wake_words: tuple[str, ...]) -> tuple[str, ...]:
        """Teach the decoder the words its dictionary lacks; returns the wake words that it can know.

        A grammar with one unknown word fails as a whole ("Failed to parse").
        """
        missing = [word for word in words_of(self._sentences, wake_words) if not self._knows(word)]
        own = set(words_of(self._sentences))
        for word in missing:
            if word in own:
                raise EngineError(
                    f"PocketSphinx has no pronunciation for {word!r}: add it to the 'pronunciations' of "
                    f"device/ear/sentences/{self._sentences.language}.yaml"
                )
            self._warnings.append(
                f"PocketSphinx cannot pronounce {word!r}: that wake word is not part of its grammar"
            )
        return tuple(wake for wake in wake_words if not set(spoken(wake).split()) & set(missing))

    def _phrases_over(self, words: Words) -> tuple[str, ...]:
        """The few hard words and backchannels that can be pronounced; the file's own pronunciations are added."""
        known = self._decoder.lookup_word
        for word, variants in words.pronunciations.items():
            for phones in variants:
                names = itertools.chain([word], (f"{word}({number})" for number in itertools.count(2)))
                self._decoder.add_word(next(name for name in names if known(name) is None), phones, False)
        return tuple(p for p in words.few if all(known(word) is not None for word in p.split()))

    def _add_remnants(self, wake_words: tuple[str, ...]) -> None:
        """Variants of each wake word that begin in its middle, for audio that does.

        Without them 19 % of commands are right when the audio begins half-way through "alexa", with them 88 %.
        """
        commands = set(words_of(self._sentences))
        for word in {spoken(wake).split()[-1] for wake in wake_words} - commands:
            phones = self._decoder.lookup_word(word).split()
            taken = 1
            for length in range(min(MAX_REMNANT, len(phones) - 1), 1, -1):
                while self._decoder.lookup_word(f"{word}({taken + 1})") is not None:
                    taken += 1
                self._decoder.add_word(f"{word}({taken + 1})", " ".join(phones[-length:]), False)

    def _knows(self, word: str) -> bool:
        if self._decoder.lookup_word(word) is not None:
            return True
        variants = self._sentences.pronunciations.get(word, ())
        for number, phones in enumerate(variants, 1):
            self._decoder.add_word(word if number == 1 else f"{word}({number})", phones, False)
        return bool(variants)
