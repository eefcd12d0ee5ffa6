"""What a run of the benchmark consists of: who says what to whom, and in which sessions. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from device.bench.turns import sentences as s

Kind = Literal["finished", "hesitation", "ask", "cut_in", "local"]
""""ask": the question whose answer a cut-in cuts."""
Group = Literal["normal", "dangling", "fast", "slow", "recorded", "hesitation", "cut_in", "local"]

FINAL_MS = 300
"""Last sample of speech to the recogniser's final text."""
PARTIAL_MS = 150
"""Last sample of a word to the partial text that has it."""
FIRST_TOKEN_MS = 200
TOKENS_PER_S = 30
FIRST_BYTE_MS = 100
WORD_MS = 300
"""So long each word of an answer sounds."""
FLOOR_MS = FINAL_MS + FIRST_TOKEN_MS + s.FIRST_SENTENCE_WORDS * 1000 / TOKENS_PER_S + FIRST_BYTE_MS
"""What the scripted services alone take from the last sample of speech to the first of the answer, if nothing is guessed
and the voice is given whole sentences."""

SCRIPTED = "scripted"
OWN_VOSK = "vosk-tiny-en"
"""The Vosk model that is part of this project."""

VOICES = ("en-us+f1", "en-gb-scotland", "en-us+m6", "en-gb-x-rp+steph", "en-us+belinda", "en-gb-scotland+m3")
"""espeak-ng's; none is the voice that the device answers with. Its other variants have an echo of 0.13 s added, which would be
taken for the end of what is said."""
NORMAL_WPM, FAST_WPM, SLOW_WPM = 165, 220, 110
PAUSE_MS = (300, 1000)
"""Shortest and longest hesitation."""
CUT_AFTER_MS = (1200, 2600)
"""So long the answer has been audible when somebody cuts in."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One thing that somebody says. ``text`` may have one bar, where ``pause_ms`` of silence are.

    ``wait_ms``: cut-ins only, how long the answer is listened to. ``intent``: local commands only, what they mean.
    ``wav``: a recording that is played in place of speech.
    """

    kind: Kind
    group: Group
    text: str
    voice: str = VOICES[0]
    words_per_minute: int = NORMAL_WPM
    pause_ms: float = 0.0
    wait_ms: float = 0.0
    intent: str = ""
    wav: Path | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """``trials`` one after the other in room ``room``, with speculation or without."""

    room: int
    speculation: bool
    trials: tuple[Trial, ...]
    recogniser: str = SCRIPTED
    """scripted, pocketsphinx, or the name of a Vosk model; the voice is scripted with the first, else espeak-ng."""
    paced: bool = False
    """In real time with engines in processes of their own, or lock-step, where computing takes no time."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the figures depend on but the device itself."""

    seed: int = 0
    quick: bool = False
    speech: tuple[Path, ...] = ()
    """Recordings of people; empty: none."""
    sessions: int = 4
    """For each way of speculating."""

    def trials(self) -> list[Trial]:
        """All that is said in a run, each in another voice than the one before, in a disorder of its own."""
        rng = np.random.default_rng([self.seed, 1])
        share = 3 if self.quick else 1
        made: list[Trial] = []
        for group, texts, rate in (
            ("normal", s.FINISHED, NORMAL_WPM), ("dangling", s.DANGLING, NORMAL_WPM),
            ("fast", s.FAST, FAST_WPM), ("slow", s.SLOW, SLOW_WPM),
        ):  # fmt: skip
            made += [Trial("finished", group, text, words_per_minute=rate) for text in texts[::share]]  # type: ignore[arg-type]
        made += [Trial("local", "local", text, intent=intent) for text, intent in s.LOCAL[::share]]
        for _ in range(1 if self.quick else 2):
            for text in s.HESITATING[:: 2 if self.quick else 1]:
                made.append(Trial("hesitation", "hesitation", text, pause_ms=round(rng.uniform(*PAUSE_MS))))
        for text in s.CUT_INS[::share]:
            made.append(Trial("cut_in", "cut_in", text, wait_ms=round(rng.uniform(*CUT_AFTER_MS))))
        made += [Trial("finished", "recorded", s.RECORDED, wav=path) for path in self.speech]
        first = int(rng.integers(len(VOICES)))
        voiced = [replace(trial, voice=VOICES[(first + k) % len(VOICES)]) for k, trial in enumerate(made)]
        return [voiced[k] for k in rng.permutation(len(voiced))]

    def all_sessions(self) -> Iterator[Session]:
        """The same trials without and with speculation, shared out among the sessions."""
        trials = self.trials()
        for speculation in (False, True):
            for k in range(self.sessions):
                if mine := trials[k :: self.sessions]:
                    yield Session(k, speculation, tuple(mine))

    def own_sessions(self) -> Iterator[Session]:
        """earshot's own recognisers and voice: lock-step, then local commands in real time.

        PocketSphinx understands local commands only, so all that recordings of unknown content show with it is when each of
        them was taken for finished.
        """
        share = 3 if self.quick else 1
        local = [Trial("local", "local", text, intent=intent) for text, intent in s.LOCAL[::share]]
        free = [Trial("finished", "normal", text) for text in s.SMALL_VOCABULARY[::share]]
        recorded = [Trial("finished", "recorded", s.RECORDED, wav=path) for path in self.speech]
        for recogniser, more in (("pocketsphinx", recorded), (OWN_VOSK, free)):
            yield Session(0, True, _voiced(local + more), recogniser)
        for recogniser in ("pocketsphinx", OWN_VOSK):
            yield Session(1, True, _voiced(local), recogniser, paced=True)


def _voiced(trials: list[Trial]) -> tuple[Trial, ...]:
    return tuple(replace(trial, voice=VOICES[k % len(VOICES)]) for k, trial in enumerate(trials))
