"""The sound of what is said, and when each word of it sounds.

Synthetic talkers are espeak-ng's: its own word events give the times (to 5 ms where the sound itself shows them), the sound's
edges give the first and the last sample. Where it says two words as one ("of the") they share its time by their letters. Recordings have no known words:
theirs are spread evenly.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device.audio.levels import clip_edges
from device.audio.wav import read_wav
from device.bench.turns.plan import Trial
from device.errors import AudioError
from device.mouth.voices.espeak import WORDS_PER_MINUTE, EspeakVoice
from device.mouth.voices.messages import VoiceSettings
from device.values import RATE_HZ, Word, samples

Samples = NDArray[np.float32]

RECORDING_S = (0.9, 5.0)
"""Shorter and longer ones are left out, as in the harness that other systems run in."""
MOST_RECORDINGS = 40


@dataclass(frozen=True, slots=True)
class Part:
    """``clip`` (float32, 16 kHz) begins and ends on speech; ``words`` lie in it, the last one up to its end."""

    clip: Samples
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Spoken:
    """A whole trial: ``clip`` with its pause, ``words`` with samples of it, and the last sample of each part."""

    clip: Samples
    words: tuple[Word, ...]
    ends: tuple[int, ...]
    starts: tuple[int, ...]


def speak(trial: Trial) -> Spoken:
    """``trial`` as sound. Raises ``EngineError`` for an unknown voice, ``AudioError`` for a recording without sound."""
    if trial.wav is not None:
        parts = [recording(trial.wav, trial.text)]
    else:
        voice = EspeakVoice(VoiceSettings("espeak", trial.voice, trial.words_per_minute / WORDS_PER_MINUTE))
        pieces = trial.text.split("|")
        parts = [_say(voice, piece.strip()) for piece in pieces]
    silence = np.zeros(samples(trial.pause_ms), np.float32)
    sound: list[Samples] = []
    words: list[Word] = []
    starts, ends, at = [], [], 0
    for number, part in enumerate(parts):
        if number:
            sound.append(silence)
            at += len(silence)
        sound.append(part.clip)
        words += [Word(word.text, word.start + at, word.end + at) for word in part.words]
        starts.append(at)
        at += len(part.clip)
        ends.append(at - 1)
    return Spoken(np.concatenate(sound), tuple(words), tuple(ends), tuple(starts))


def _say(voice: EspeakVoice, text: str) -> Part:
    import soxr

    rate_hz = next(iter(voice.start())).rate_hz
    pcm, placed = voice.synthesise(text)
    sound = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
    sound = soxr.resample(sound, rate_hz, RATE_HZ).astype(np.float32)
    first, last = clip_edges(sound)
    scale = RATE_HZ / rate_hz
    words = []
    for number, ((begin, end), (sample, stop)) in enumerate(placed, 1):
        after = last + 1 if number == len(placed) else min(round(stop * scale), last + 1)
        words.append(Word(text[begin:end].lower(), max(round(sample * scale), first) - first, after - first))
    return Part(sound[first : last + 1], tuple(words))


def recording(path: Path, text: str) -> Part:
    """The sound of a WAV file from its first to its last speech, with the words of ``text`` spread over it."""
    sound = read_wav(path)
    if not np.any(sound):
        raise AudioError(f"{path} is nothing but silence")
    first, last = clip_edges(sound)
    clip = np.asarray(sound[first : last + 1], np.float32)
    texts = text.split()
    edges = [round(len(clip) * k / len(texts)) for k in range(len(texts) + 1)]
    return Part(clip, tuple(Word(word, edges[k], edges[k + 1]) for k, word in enumerate(texts)))


def recordings(folder: Path) -> tuple[Path, ...]:
    """The first 40 WAV files of ``folder``, by name, with 0.9 to 5 s of speech. Raises ``AudioError`` without any."""
    if not folder.is_dir():
        raise AudioError(f"--speech {folder}: there is no such folder; give one that holds WAV files")
    found: list[Path] = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() != ".wav" or len(found) == MOST_RECORDINGS:
            continue
        first, last = clip_edges(read_wav(path))
        if RECORDING_S[0] < (last - first) / RATE_HZ < RECORDING_S[1]:
            found.append(path)
    if not found:
        raise AudioError(
            f"--speech {folder}: no WAV file in it has {RECORDING_S[0]:g} to {RECORDING_S[1]:g} s of speech"
        )
    return tuple(found)
