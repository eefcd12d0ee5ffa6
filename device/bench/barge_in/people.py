"""Who speaks over the playback, and what: voices and sentences that nothing was trained or tuned on.

Interruptions of 1.5 s or more, backchannels, "stop" and the wake word. Recordings of people take their place where
folders are given. Noise is a WAV file, or a kitchen that is computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from device.audio.levels import clip_edges, rms_db
from device.audio.wav import read_wav
from device.config import load_words
from device.conversation.words import Judge
from device.ear.feed import to_pcm
from device.ear.recognisers.messages import MAX_AUDIO_SAMPLES, Audio, Begin, End
from device.ear.wake import WakeWords
from device.ear.wake_models import find_word
from device.engines import EngineDoor
from device.errors import AudioError, ScenarioError
from device.scenario import talkers
from device.values import FRAME, RATE_HZ, Final, Partial, samples

Samples = NDArray[np.float32]
Kind = Literal["interruption", "backchannel", "stop", "wake"]

VOICES = ("flite:rms", "en-us+f2", "en-gb+f4", "en-us+m6", "en-gb-scotland", "en-gb-x-rp+f2")
"""Each of them wakes the device when nothing is played. flite's kal does not, and is kal16's speaker besides."""
WAKE_WORD = "alexa"
INTERRUPTIONS = (
    "Could you turn the radio down in the bedroom please",
    "Actually I meant the train on Thursday morning",
    "Sorry, what was the name of that village again",
    "Do we still have any flour in the pantry",
    "I would rather hear the football results now",
    "Hang on a moment, somebody is at the front door",
    "That is not what I wanted to know about Norway",
    "Please put two dozen eggs on my shopping list",
    "How far is it from here to the nearest pharmacy",
    "My sister already told me that one yesterday evening",
    "Let us talk about the holiday in Portugal instead",
    "Which of the two recipes needs less butter",
    "Remind me to water the tomatoes before dinner",
    "Can you look up when the library closes today",
    "We have guests, so make it a short answer",
    "Is there going to be frost in the valley tonight",
)
BACKCHANNELS = ("Um hum.", "Uh huh.", "Yeah.", "Okay.", "Right.", "I see.")
""" "Um hum" is how these voices say mm-hm."""
STOP = "Stop!"
REAL_S = (1.5, 2.5)
"""Of a recording so much is said."""
RUN_UP, FLOOR = samples(1500), 4e-4
"""Room tone (-68 dBFS) before a wake word, without which the model does not answer."""


@dataclass(frozen=True, slots=True)
class Line:
    """Somebody says ``clip`` (float32, 16 kHz, any level)."""

    kind: Kind
    text: str
    voice: str
    clip: Samples


def wavs(folder: Path, option: str) -> list[Path]:
    """The WAV files of ``folder`` in the order of their names. Raises ``AudioError`` when there are none."""
    if not folder.is_dir():
        raise AudioError(f"{option} {folder}: there is no such folder; give one that holds WAV files")
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".wav")
    if not found:
        raise AudioError(f"{option} {folder}: there is no WAV file in it; give a folder with recordings")
    return found


def draw(files: list[Path], count: int, skip: int) -> list[Path]:
    """``count`` of ``files``, those after the first ``skip`` ones, in a fixed disorder; again from the start if few."""
    order = np.random.default_rng(17).permutation(len(files))
    return [files[order[(skip + k) % len(files)]] for k in range(count)]


def recording(path: Path, seconds: float | None = None) -> Samples:
    """The sound of a WAV file from its first speech on, at most ``seconds`` of it."""
    clip = read_wav(path)
    if not np.any(clip):
        raise AudioError(f"{path} is nothing but silence")
    first, last = clip_edges(clip)
    end = last + 1 if seconds is None else min(last + 1, first + int(seconds * RATE_HZ))
    return clip[first:end]


def interruptions(count: int, skip: int, rng: np.random.Generator, folder: Path | None) -> list[Line]:
    if folder is not None:
        files = draw(wavs(folder, "--speech"), count, skip)
        return [Line("interruption", "", path.name, recording(path, rng.uniform(*REAL_S))) for path in files]
    texts = [INTERRUPTIONS[(skip + k) % len(INTERRUPTIONS)] for k in range(count)]
    return [
        _say("interruption", text + ".", VOICES[(skip + k) % len(VOICES)]) for k, text in enumerate(texts)
    ]


def backchannels(count: int, skip: int) -> list[Line]:
    return [
        _say(
            "backchannel",
            BACKCHANNELS[(skip + k) % len(BACKCHANNELS)],
            VOICES[(skip + k + k // 6) % len(VOICES)],
        )
        for k in range(count)
    ]


def stops(count: int, skip: int) -> list[Line]:
    return [_say("stop", STOP, VOICES[(skip + k) % len(VOICES)]) for k in range(count)]


def wake_words(count: int, skip: int, folder: Path | None) -> list[Line]:
    """The wake word by synthetic voices, or the recordings of ``folder`` as they come."""
    if folder is not None:
        return [
            Line("wake", "", path.name, recording(path)) for path in draw(wavs(folder, "--wake"), count, skip)
        ]
    text = WAKE_WORD.capitalize() + "."
    return [_say("wake", text, VOICES[(skip + k) % len(VOICES)]) for k in range(count)]


def wakes(sound: Samples, threshold: float) -> bool:
    """Whether ``sound``, as a microphone hears it when nothing is played, wakes the device."""
    words = WakeWords([find_word(WAKE_WORD)], (threshold, threshold))
    floor = np.random.default_rng(0).normal(0, FLOOR, RUN_UP + len(sound) + RATE_HZ).astype(np.float32)
    floor[RUN_UP : RUN_UP + len(sound)] += sound
    frames = [floor[at : at + FRAME] for at in range(0, len(floor) - FRAME + 1, FRAME)]
    return any(words.step(k * FRAME, to_pcm(frame), rms_db(frame), False) for k, frame in enumerate(frames))


def understands_stop(sound: Samples, recogniser: EngineDoor, utterance: int) -> bool:
    """Whether ``recogniser`` makes "stop" of ``sound``, as a microphone hears it when nothing is played.

    Or another phrase that ends everything: what counts is what happens.
    """
    heard = np.random.default_rng(utterance).normal(0, FLOOR, len(sound) + RATE_HZ).astype(np.float32)
    heard[RATE_HZ // 2 : RATE_HZ // 2 + len(sound)] += sound
    recogniser.send(Begin(utterance, 0, 0, "over"))
    for at in range(0, len(heard) - MAX_AUDIO_SAMPLES + 1, MAX_AUDIO_SAMPLES):
        recogniser.send(Audio(utterance, at, to_pcm(heard[at : at + MAX_AUDIO_SAMPLES])))
    recogniser.send(End(utterance))
    judge = Judge(load_words())
    return any(
        isinstance(told, Partial | Final) and told.accepted and judge(told.text).stop > 0
        for told in recogniser.poll()
        if getattr(told, "utterance", -1) == utterance
    )


def _say(kind: Kind, text: str, voice: str) -> Line:
    clip = talkers.render(text, voice)
    if not np.any(clip):
        raise ScenarioError(f"voice {voice!r} makes no sound of {text!r}")
    return Line(kind, text, voice, clip)


# ---------------------------------------------------------------------- noise


def noise(path: Path | None, rng: np.random.Generator) -> Samples:
    """The background: of a WAV file, or 40 s of a kitchen."""
    if path is None:
        return kitchen(40.0, rng)
    if not path.is_file():
        raise AudioError(f"--noise {path}: there is no such file; give a WAV file")
    sound = read_wav(path)
    if not np.any(sound):
        raise AudioError(f"--noise {path}: it is nothing but silence")
    return sound


def kitchen(seconds: float, rng: np.random.Generator) -> Samples:
    """A fan (low noise with the hum of its motor) and dishes that clatter about once a second."""
    count = int(seconds * RATE_HZ)
    hz = np.fft.rfftfreq(count, 1 / RATE_HZ)
    spectrum = np.fft.rfft(rng.standard_normal(count)) / (1 + (hz / 350) ** 1.2)
    fan = np.fft.irfft(spectrum, count)
    fan /= fan.std()
    t = np.arange(count) / RATE_HZ
    for n, share in ((1, 0.5), (2, 0.3), (4, 0.15)):
        fan += share * np.sin(2 * np.pi * 97 * n * t + rng.uniform(0, 6))
    out = fan.astype(np.float32)
    at = rng.exponential(1.0)
    while at < seconds - 0.5:
        for _ in range(rng.integers(1, 4)):
            ring = np.arange(int(rng.uniform(0.04, 0.3) * RATE_HZ)) / RATE_HZ
            sound = sum(
                rng.uniform(0.3, 1) * np.sin(2 * np.pi * rng.uniform(1200, 5500) * ring) for _ in range(4)
            )
            sound = sound * np.exp(-ring / (ring[-1] / 4)) * rng.uniform(1.0, 5.0)
            first = int(at * RATE_HZ)
            sound = sound[: count - first]
            out[first : first + len(sound)] += sound.astype(np.float32)
            at = min(at + rng.uniform(0.02, 0.15), seconds - 0.5)
        at += rng.exponential(1.0)
    return out
