"""Simulated sessions to learn from: playback in a room, talkers over it, and what the detector's features say.

Everything is random but seeded. Voices, texts, rooms and noises are those of training only: ``earshot bench barge-in`` uses
other ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import soxr

from device.audio import AudioEngine
from device.audio.backends.room import RoomBackend, RoomSettings
from device.audio.levels import active_rms, db_to_gain
from device.ear.residual import FEATURES, Residual
from device.ear.vad import Vad
from device.scenario.talkers import render
from device.values import FRAME, RATE_HZ

ROOMS = 100_000
"""First seed of the rooms that are trained on; validation begins at ``ROOMS + 50_000``, the bench stays far below."""
SECONDS = 75.0
YOUNG = 800
"""The first frames of playback of a session."""
VOICES = (
    "flite:slt", "flite:awb", "flite:kal16",
    "espeak:en-gb", "espeak:en-us+m3", "espeak:en-us+f3", "espeak:en-gb+m7", "espeak:en-us+f1", "espeak:en-us+m1", "espeak:en-gb+f2",
)  # fmt: skip
OWN_VOICES = (
    "espeak:en-us",
    "espeak:en-us",
    "espeak:en-us+f2",
    "espeak:en-gb+m5",
    "flite:slt",
    "flite:kal16",
)
REPLIES = (
    "The ferry leaves at a quarter past seven, and the crossing takes about forty minutes when the sea is calm.",
    "Bread needs flour, water, salt and patience. Let the dough rest overnight, then bake it until the crust sings.",
    "There are three messages for you. The first one came this morning, from a number that I do not know.",
    "In the old days letters were carried on horseback, and a journey of a hundred miles could last four days.",
    "Tomorrow will be windy, with showers in the afternoon and a chance of thunder towards the evening.",
    "I have set the timer to twelve minutes. Shall I also remind you to take the cake out of the oven?",
    "The museum opens at ten, but on Thursdays you can stay until nine at night and it costs only half.",
    "Whales sleep upright, like trees in a forest, and half of the brain stays awake to watch for danger.",
)
SAID = (
    "excuse me, could you say that again", "I would rather hear the news", "turn on the lamp in the hall", "that is enough",
    "please be quiet now", "what did he say", "give me the second one", "hang on a moment", "go back to the beginning",
    "how far is it from here", "my sister will come at eight", "switch off the heating", "not that, the other song",
    "can you make it louder", "add butter and eggs to the list", "wait wait wait", "no no, I said Monday", "stop it",
    "play something else", "who wrote this book", "and what about the children", "I think you are wrong",
    "that's not true at all", "put it on the shelf", "listen", "hold on", "cancel", "stop", "wait", "no",
    "um hum", "uh huh", "yeah", "okay", "right", "I see", "good", "really", "thank you very much", "yes please",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recording:
    """What the engine heard: float32 signals at 16 kHz; ``playing`` and ``erle_db`` per frame; ``near`` the talkers alone,
    ``said`` (first, last sample) of each utterance."""

    mic: np.ndarray
    clean: np.ndarray
    reference: np.ndarray
    playing: np.ndarray
    erle_db: np.ndarray
    near: np.ndarray
    said: list[tuple[int, int]]
    ser_db: float
    kind: str


@dataclass(frozen=True, slots=True)
class Session:
    """``features`` float32 (frames, FEATURES) of the frames with playback, ``label`` of each: 1 talker, 0 none, -1 do not
    count; ``weight``, ``frame`` (its number), ``erle_db``."""

    features: np.ndarray
    label: np.ndarray
    weight: np.ndarray
    frame: np.ndarray
    erle_db: np.ndarray
    onsets: np.ndarray
    ser_db: float
    kind: str


def voice_clip(rng: np.random.Generator, texts: tuple[str, ...], voices: tuple[str, ...]) -> np.ndarray:
    """A clip at -20 dBFS, its pitch and speed changed by up to 12 %."""
    clip = render(str(rng.choice(texts)), str(rng.choice(voices)))
    clip = soxr.resample(clip, RATE_HZ, RATE_HZ * rng.uniform(0.88, 1.12)).astype(np.float32)
    return (clip * (0.1 / active_rms(clip))).astype(np.float32)


def music(rng: np.random.Generator, seconds: float) -> np.ndarray:
    """Chords, a bass and a rattle, at -20 dBFS."""
    beat = int(rng.uniform(0.28, 0.6) * RATE_HZ)
    t = np.arange(beat) / RATE_HZ
    out = []
    for k in range(int(seconds * RATE_HZ) // beat + 1):
        root = 110 * 2 ** (rng.choice([0, 2, 4, 5, 7, 9]) / 12)
        part = np.zeros(beat)
        for ratio in (1, 1.25, 1.5, 2)[: rng.integers(1, 5)]:
            for harmonic in range(1, 9):
                part += np.sin(2 * np.pi * root * ratio * harmonic * t + harmonic) / harmonic ** rng.uniform(
                    0.8, 1.6
                )
        part *= np.exp(-rng.uniform(1, 6) * t)
        rattle = rng.standard_normal(beat) * np.exp(-t * rng.uniform(20, 80)) * (k % 2 + 0.2)
        out.append(part + rattle * np.abs(part).max() * rng.uniform(0.1, 0.8))
    sound = np.concatenate(out)[: int(seconds * RATE_HZ)]
    return (sound * (0.1 / active_rms(sound.astype(np.float32)))).astype(np.float32)


def tones(rng: np.random.Generator, seconds: float) -> np.ndarray:
    """Beeps and arpeggios."""
    n, length = int(seconds * RATE_HZ), int(rng.uniform(0.08, 0.4) * RATE_HZ)
    notes = 440 * 2 ** (rng.choice([0, 3, 5, 7, 10, 12, 15], n // length + 1) / 12)
    gates = rng.random(n // length + 1) < 0.8
    phase = np.cumsum(np.repeat(notes, length)[:n]) * 2 * np.pi / RATE_HZ
    sound = (np.sin(phase) + 0.3 * np.sin(2 * phase)) * np.repeat(gates, length)[:n]
    return (sound * 0.1).astype(np.float32)


def clatter(rng: np.random.Generator) -> np.ndarray:
    """A door, a plate, a cough-like burst: no talker."""
    n = int(rng.uniform(0.05, 0.4) * RATE_HZ)
    t = np.arange(n) / RATE_HZ
    sound = rng.standard_normal(n) * np.exp(-t * rng.uniform(8, 60))
    for _ in range(rng.integers(0, 4)):
        sound += (
            rng.uniform(0.3, 2)
            * np.sin(2 * np.pi * rng.uniform(300, 5000) * t)
            * np.exp(-t * rng.uniform(8, 40))
        )
    return (sound / np.abs(sound).max() * 0.3).astype(np.float32)


def hum(rng: np.random.Generator, seconds: float) -> np.ndarray:
    """A fan or a kettle: coloured noise that swells."""
    n = int(seconds * RATE_HZ)
    spectrum = np.fft.rfft(rng.standard_normal(n))
    f = np.fft.rfftfreq(n, 1 / RATE_HZ)
    spectrum *= 1 / (1 + (f / rng.uniform(200, 3000)) ** 2)
    swell = 1 + 0.5 * np.sin(2 * np.pi * rng.uniform(0.05, 0.5) * np.arange(n) / RATE_HZ)
    return (np.fft.irfft(spectrum, n) * swell).astype(np.float32)


def playback(rng: np.random.Generator, kind: str) -> np.ndarray:
    """Replies of 6 to 20 s with pauses, here and there ducked by 18 dB."""
    out = [np.zeros(int(rng.uniform(6, 9) * RATE_HZ), np.float32)]
    voice = (str(rng.choice(OWN_VOICES)),)
    while sum(map(len, out)) < SECONDS * RATE_HZ:
        seconds = rng.uniform(6, 20)
        if kind == "speech":
            parts = []
            while sum(map(len, parts)) < seconds * RATE_HZ:
                parts.append(voice_clip(rng, REPLIES, voice))
            reply = np.concatenate(parts)
        else:
            reply = (music if kind == "music" else tones)(rng, seconds)
        for _ in range(rng.integers(0, 3)):
            a = rng.integers(0, len(reply))
            reply[a : a + int(rng.uniform(0.3, 1.0) * RATE_HZ)] *= np.float32(db_to_gain(-18))
        out += [reply, np.zeros(int(rng.uniform(0.5, 4) * RATE_HZ), np.float32)]
    return np.concatenate(out)[: int(SECONDS * RATE_HZ)]


def record(seed: int) -> Recording:
    """One session in a room of its own."""
    rng = np.random.default_rng(seed)
    kind = str(rng.choice(["speech", "speech", "speech", "music", "tones"]))
    ser_db = float(rng.uniform(-13, 8))
    noisy, television, clumsy = rng.random() < 0.4, rng.random() < 0.25, rng.random() < 0.3
    room = RoomBackend(RoomSettings(
        rt60_s=float(rng.uniform(0.2, 0.7)), ser_db=ser_db, echo_delay_ms=float(rng.uniform(0, 120)), seed=seed,
        drift_ppm=float(rng.choice([0.0, 0.0, rng.uniform(-100, 100)])),
        distortion=str(rng.choice(["none", "soft", "soft", "clip"])),
        noise=hum(rng, 20) if noisy else None, snr_db=float(rng.uniform(6, 25)),
    ))  # fmt: skip
    engine = AudioEngine(
        room, echo="none" if rng.random() < 0.06 else "software", volume=int(rng.integers(50, 95))
    )
    engine.mixer.speech.begin(1)
    engine.mixer.speech.write(playback(rng, kind))
    near = np.zeros(int((SECONDS + 20) * RATE_HZ), np.float32)
    onsets, at = [], rng.uniform(7, 14)
    while at < SECONDS - 3:
        clip = voice_clip(rng, SAID, VOICES)
        start = int(at * RATE_HZ)
        gain_db = float(rng.uniform(-3, 3))
        room.say(clip, start, gain_db, int(rng.integers(0, 3)))
        wet = room._clips[-1].samples
        near[start : start + len(wet)] += wet
        onsets.append((start, start + len(clip)))
        at += len(clip) / RATE_HZ + rng.uniform(1.2, 4)
    if clumsy:
        for at in rng.uniform(7, SECONDS - 2, 12):
            room.say(clatter(rng), int(at * RATE_HZ), float(rng.uniform(-6, 6)), 5)
    if television:
        at, level_db = 0.1, float(rng.uniform(-20, -10))
        while at < SECONDS:
            clip = voice_clip(rng, REPLIES, ("espeak:en-gb+m7", "flite:awb"))
            room.say(clip, int(at * RATE_HZ), level_db, 9)
            at += len(clip) / RATE_HZ + 0.1
    frames = []
    for _ in range(int(SECONDS * 100)):
        frames.append(engine.capture())
        engine.render()
    signals = {n: np.concatenate([getattr(f, n) for f in frames]) for n in ("mic", "clean", "reference")}
    playing = np.array([f.playing for f in frames])
    erle_db = np.array([f.erle_db for f in frames], np.float32)
    return Recording(
        **signals, playing=playing, erle_db=erle_db, near=near, said=onsets, ser_db=ser_db, kind=kind
    )


def examples(recording: Recording) -> Session:
    """What the detector's features say of ``recording``, and what is true."""
    residual, vad = Residual(), Vad()
    label, weight, firsts = _labels(recording.near, recording.said)
    _forgive(label, recording)
    rows, frames = [], []
    for k, playing in enumerate(recording.playing):
        part = slice(k * FRAME, (k + 1) * FRAME)
        clean, mic, reference = recording.clean[part], recording.mic[part], recording.reference[part]
        if playing:
            # as in use, nothing is learned of a talker who is known; here: with the delay that knowing him takes
            talker = k > 6 and label[k - 6] == 1
            rows.append(residual.playing(k * FRAME, clean, mic, reference, bool(talker)))
            frames.append(k)
        else:
            level_db = 10 * np.log10(float(clean @ clean) / FRAME + 1e-12)
            pcm = (np.clip(clean, -1, 1) * 32767).astype("<i2").tobytes()
            residual.quiet(k * FRAME, clean, mic, reference, vad.is_speech(pcm, level_db))
    number = np.array(frames)
    # the canceller's first seconds are few, and what looks like a talker in them is what the device would stumble over
    weight[number[:YOUNG]] *= 3
    return Session(
        np.array(rows, np.float32).reshape(-1, FEATURES), label[number], weight[number], number,
        recording.erle_db[number], firsts, recording.ser_db, recording.kind,
    )  # fmt: skip


def _forgive(label: np.ndarray, recording: Recording) -> None:
    """A talker 6 dB below what else is in the frame cannot be asked for: -1."""
    n = len(recording.clean) // FRAME
    near = recording.near[: n * FRAME].reshape(n, FRAME)
    rest = recording.clean[: n * FRAME].reshape(n, FRAME) - near
    drowned = (near**2).sum(axis=1) < 0.25 * (rest**2).sum(axis=1)
    label[:n][(label[:n] == 1) & drowned] = -1


def _labels(near: np.ndarray, onsets: list) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per frame 1 where the talker is within 22 dB of his loud parts, -1 in his pauses and in the tail of the room, 0
    elsewhere; the first 120 ms count three times."""
    n = len(near) // FRAME
    level = 10 * np.log10((near[: n * FRAME].reshape(n, FRAME) ** 2).mean(axis=1) + 1e-12)
    label, weight, firsts = np.zeros(n, np.int8), np.ones(n, np.float32), []
    for start, stop in onsets:
        a, b = start // FRAME, stop // FRAME + 1
        loud = np.percentile(level[a:b], 95)
        first = a + int(np.argmax(level[a:b] > loud - 20))
        firsts.append((first, b))
        label[a : b + 40] = -1
        label[first:b][level[first:b] > loud - 22] = 1
        weight[first : first + 12] = 3
    return label, weight, np.array(firsts)
