"""Cut anywhere, after anything: the words that are claimed as heard are those that left the loudspeaker, to half a word."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from helpers_mouth import KOKORO_TINY, RecordingDoor, Rig, espeak_door

from device import values as v
from device.engines import InProcessDoor
from device.mouth.heard import SpokenClause
from device.mouth.sound import ClauseSound
from device.mouth.voices import FACTORIES
from device.mouth.voices.messages import VoiceSettings

TEXT = (
    "Well, it is 3.5 miles to the **old** lighthouse, and Dr. Smith (who lives there) has been waiting for us "
    "since half past ten. Nobody knows why; the door is open! I'm told that there are state-of-the-art lamps, "
    "e.g. in the hall. See [the page](https://x.org/a) or ask me again."
)
WORDS = len(TEXT.split())
VOICES = ("espeak", "kokoro-tiny-timed.onnx", "kokoro-tiny-v1.0.onnx")


def voice_door(voice: str) -> InProcessDoor:
    logging.getLogger("phonemizer").setLevel(logging.ERROR)
    if voice == "espeak":
        return espeak_door()
    model = VoiceSettings("kokoro", "", 1.0, str(KOKORO_TINY / voice), 1)
    return InProcessDoor("voice", FACTORIES["kokoro"], model)


class Witness:
    """Knows from the voice's own account, and from what was written to the track, which words sounded."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._writes: list[tuple[int, np.ndarray]] = []
        write = rig.track.write

        def record(samples: np.ndarray) -> None:
            self._writes.append((rig.track.written, samples))
            write(samples)

        rig.track.write = record  # type: ignore[method-assign]

    def clause_starts(self) -> list[int]:
        """Track sample at which the voice began each clause: where its first sound was written, less the silence before
        it."""
        starts = []
        sounds = {number: self._first_samples(number) for number in sorted(self._rig.voice.pcm)}
        for at, samples in self._writes:
            number = min(sounds, default=None)
            if number is None:
                break
            first, heard = (np.flatnonzero(np.abs(sound) > 2e-3) for sound in (sounds[number], samples))
            if not len(first) or not len(heard):
                continue
            missing = int(first[0] - heard[0])
            whole = sounds[number][max(0, missing) :]
            if missing >= 0 and len(samples) >= len(whole) and np.array_equal(samples[: len(whole)], whole):
                starts.append(at - missing)
                del sounds[number]
        return starts

    def _first_samples(self, number: int) -> np.ndarray:
        """What the first chunk of a clause becomes on the track."""
        voice = self._rig.voice
        sound = ClauseSound(voice.rate_hz, self._rig.track.rate_hz)
        pcm = voice.pcm[number]
        step = 2 * (voice.rate_hz * 60 // 1000)
        for at in range(0, len(pcm), step):
            samples = sound.feed(pcm[at : at + step], at + step >= len(pcm))
            if len(samples):
                return samples
        return np.zeros(0, np.float32)

    def sounded(self, until: int, clauses: Sequence[SpokenClause]) -> float:
        """How many written words sounded in the track's first ``until`` samples, the last by the part of it that did.

        ("e.g." is one word on paper and two in the mouth.)
        """
        voice, scale = self._rig.voice, self._rig.track.rate_hz / self._rig.voice.rate_hz
        count = 0.0
        for start, number, spoken in zip(self.clause_starts(), sorted(voice.words), clauses, strict=False):
            assert voice.texts[number] == spoken.clause.text
            for written in spoken.clause.words:
                mine = [word for word in voice.words[number] if written.start <= word.char < written.end]
                begin, end = start + mine[0].sample * scale, start + mine[-1].end * scale
                count += min(1.0, max(0.0, (until - begin) / max(1.0, end - begin)))
        return count


def plain(rig: Rig, rng: random.Random) -> None:
    rig.say(TEXT)
    rig.run_ms(rng.randrange(0, 20_000, 10))


def first_clause(rig: Rig, rng: random.Random) -> None:
    rig.say(TEXT)
    rig.run_ms(rng.randrange(0, 1_500, 10))


def released(rig: Rig, rng: random.Random) -> None:
    rig.do(v.ReplyBegin(1, gated=True), v.ReplyText(1, TEXT), v.ReplyFinish(1))
    rig.run_ms(rng.randrange(0, 500, 10))
    rig.do(v.Release(1))
    rig.run_ms(rng.choice([0, 10, 20, 30, rng.randrange(0, 8_000, 10)]))


def streamed(rig: Rig, rng: random.Random) -> None:
    rig.do(v.ReplyBegin(1))
    for at in range(0, len(TEXT), 6):
        rig.do(v.ReplyText(1, TEXT[at : at + 6]))
        rig.run_ms(30)
    rig.do(v.ReplyFinish(1))
    rig.run_ms(rng.randrange(0, 15_000, 10))


def given_way(rig: Rig, rng: random.Random) -> None:
    """Ducked, held and resumed once or twice; cut while it plays, is ducked, is held, or just after."""
    rig.say(TEXT)
    for _ in range(rng.randint(1, 2)):
        rig.run_ms(rng.randrange(100, 5_000, 10))
        rig.do(v.Duck())
        rig.run_ms(rng.randrange(0, 300, 10))
        if rng.random() < 0.7:
            rig.do(v.Hold())
            rig.run_ms(rng.randrange(0, 600, 10))
        if rng.random() < 0.8:
            rig.do(v.Resume())
            rig.run_ms(rng.choice([0, 10, 50, 200, rng.randrange(0, 4_000, 10)]))


WAYS = (plain, first_clause, released, streamed, given_way)


def cut_error(voice: str, way: Any, seed: int) -> float:
    """Words claimed less words that sounded, after one cut."""
    rng = random.Random(seed)
    rig = Rig(voice=RecordingDoor(voice_door(voice)))
    witness = Witness(rig)
    way(rig, rng)
    if rig.mouth.speaking is None:  # it was over before
        assert rig.of(v.ReplyEnded)[0].words == WORDS
        return 0.0
    clauses = rig.mouth.clauses
    rig.do(v.Cancel(1))
    rig.step()
    [cut] = rig.of(v.ReplyCut)
    assert TEXT.startswith(cut.heard) and len(cut.heard) == cut.chars
    assert cut.words == len(cut.heard.split())
    return cut.words - witness.sounded(rig.track.heard, clauses)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("voice", VOICES)
def test_what_is_claimed_as_heard_is_what_sounded_to_half_a_word(voice: str, way: Any) -> None:
    for seed in range(6):
        assert abs(cut_error(voice, way, seed)) <= 0.51, (voice, way, seed)
