"""Simulated sessions to learn from: playback in a room, behind the canceller, and people who say "stop" or something else
over it, while it is ducked and held as the device would. Everything is random but seeded."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "barge_in"))
import sessions
import voices
from pymicro_features import MicroFrontend

from device.audio import AudioEngine
from device.audio.backends.room import ECHO_DBFS, RoomBackend, RoomSettings
from device.audio.levels import active_rms, db_to_gain, rms_db
from device.audio.room.convolver import convolve
from device.ear.barge_in import BargeInDetector
from device.ear.feed import to_pcm
from device.ear.talker import load_weights
from device.ear.vad import Vad
from device.values import FRAME, RATE_HZ

ROOMS = 200_000
"""First seed of the rooms that are trained on; validation begins at ``VALIDATION``, the bench stays far below."""
VALIDATION = 250_000
SECONDS = 60.0
BEGIN = 5.0
TALKERS = 4
"""Places where somebody stands, in each room."""
OWN = (
    *sessions.REPLIES,
    "The bus stops at the corner, and the last stop is the harbour. It never stops for long.",
    "A stopwatch, a stop sign and a full stop: three things that end something. Stop, said the old man, and they stopped.",
    "The story starts at the top of the stairs, in a shop that sells stamps and steel spoons.",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Said:
    """``text`` was said from frame ``first`` up to ``end`` by ``who``."""

    text: str
    who: str
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Bed:
    """A recorded session without its talkers, though the canceller has heard them: float32 ``rest`` at 16 kHz; ``starts`` of
    the talkers, whom the playback gave way to, or not; ``responses`` from where they stand; ``level`` RMS that they have."""

    rest: np.ndarray
    starts: list[int]
    responses: list[np.ndarray]
    level: float
    heard: Heard


@dataclass(frozen=True, slots=True)
class Heard:
    """What the spotter gets of a session, by 10 ms frame: ``features`` float32 (frames, 40); ``gate``: whether the barge-in
    detector is active or suspects somebody."""

    features: np.ndarray
    gate: np.ndarray
    said: list[Said]
    ser_db: float
    kind: str


def playback(rng: np.random.Generator, kind: str, seconds: float) -> np.ndarray:
    """Replies with short pauses."""
    out, who = [], (str(rng.choice(sessions.OWN_VOICES)),)
    while sum(map(len, out)) < seconds * RATE_HZ:
        if kind == "speech":
            out.append(sessions.voice_clip(rng, OWN, who))
        else:
            out.append((sessions.music if kind == "music" else sessions.tones)(rng, rng.uniform(6, 15)))
        out.append(np.zeros(int(rng.choice([0.1, 0.1, 0.3, 1.0]) * RATE_HZ), np.float32))
    return np.concatenate(out)[: int(seconds * RATE_HZ)]


def record(seed: int, pool: list[voices.Clip], alone: bool = False) -> Bed:
    """One session in a room of its own; ``alone``: nobody talks."""
    rng = np.random.default_rng(seed)
    kind = str(rng.choice(["speech", "speech", "speech", "music", "tones"]))
    ser_db = float(rng.uniform(-10, 8))
    noisy, clumsy = rng.random() < 0.35, rng.random() < 0.3
    room = RoomBackend(RoomSettings(
        rt60_s=float(rng.uniform(0.2, 0.7)), ser_db=ser_db, echo_delay_ms=float(rng.uniform(0, 120)), seed=seed,
        distortion=str(rng.choice(["none", "soft", "soft", "clip"])),
        noise=sessions.hum(rng, 20) if noisy else None, snr_db=float(rng.uniform(6, 25)),
    ))  # fmt: skip
    engine = AudioEngine(room, echo="software", volume=int(rng.integers(50, 95)))
    sound = playback(rng, kind, SECONDS)
    gain = np.ones(len(sound), np.float32)
    near = np.zeros(len(sound) + 20 * RATE_HZ, np.float32)
    said, starts, at = [], [], BEGIN + rng.uniform(0, 2)
    while not alone and at < SECONDS - 3:
        clip = pool[rng.integers(len(pool))]
        spoken = voices.varied(clip, rng)
        start = int(at * RATE_HZ)
        room.say(spoken, start, float(rng.uniform(-3, 3)), int(rng.integers(0, TALKERS)))
        wet = room._clips[-1].samples
        near[start : start + len(wet)] += wet
        said.append(_said(clip, spoken, start))
        starts.append(start)
        if rng.random() < 0.65:
            duck = start + int(rng.uniform(0.06, 0.3) * RATE_HZ)
            over = start + len(spoken) + int(rng.uniform(0.3, 0.7) * RATE_HZ)
            gain[duck:over] = db_to_gain(-18)
            if rng.random() < 0.6:
                gain[duck + int(rng.uniform(0.15, 0.4) * RATE_HZ) : over] = 0
        at += len(spoken) / RATE_HZ + rng.uniform(0.8, 1.8)
    if clumsy:
        for at in rng.uniform(BEGIN, SECONDS - 2, 10):
            room.say(sessions.clatter(rng), int(at * RATE_HZ), float(rng.uniform(-6, 6)), 5)
    engine.mixer.speech.begin(1)
    engine.mixer.speech.write(sound * gain)
    detector, vad, frames, gate = BargeInDetector(0.5, load_weights()), Vad(), [], []
    for _ in range(int(SECONDS * 100)):
        frame = engine.capture()
        engine.render()
        frames.append(frame.clean)
        detector.step(frame, vad.is_speech(to_pcm(frame.clean), rms_db(frame.clean)))
        gate.append(detector.active or detector.suspects)
    clean = np.concatenate(frames)
    responses = [room._talkers[k] for k in sorted(room._talkers) if k < TALKERS]
    heard = Heard(features(clean), np.array(gate), said, ser_db, kind)
    return Bed(clean - near[: len(clean)], starts, responses, db_to_gain(ECHO_DBFS + ser_db), heard)


def other_talkers(bed: Bed, seed: int, pool: list[voices.Clip]) -> Heard:
    """The same session with other people in the place of its talkers, saying other things, louder and softer."""
    rng = np.random.default_rng(seed)
    sound, said = bed.rest.copy(), []
    louder_db = rng.uniform(-4, 6)
    over = 0
    for start in bed.starts:
        if start < over:  # somebody still speaks
            continue
        clip = pool[rng.integers(len(pool))]
        spoken = voices.varied(clip, rng)
        wet = convolve(spoken, bed.responses[rng.integers(len(bed.responses))])
        wet *= np.float32(bed.level * db_to_gain(louder_db + rng.uniform(-3, 3)) / active_rms(wet))
        wet = wet[: len(sound) - start]
        sound[start : start + len(wet)] += wet
        said.append(_said(clip, spoken, start))
        over = start + len(spoken) + RATE_HZ // 3
    return Heard(features(sound), np.ones(len(sound) // FRAME, bool), said, bed.heard.ser_db, bed.heard.kind)


def features(clean: np.ndarray) -> np.ndarray:
    """What the wake words' frontend makes of ``clean``: (frames, 40); zeros where it has none yet."""
    frontend = MicroFrontend()
    rows = [
        frontend.process_samples(to_pcm(clean[at : at + FRAME])).features or [0.0] * 40
        for at in range(0, len(clean) - FRAME + 1, FRAME)
    ]
    return np.array(rows, np.float32)


def _said(clip: voices.Clip, spoken: np.ndarray, start: int) -> Said:
    first, last = voices.edges(spoken)
    return Said(clip.text, clip.who, (start + first) // FRAME, (start + last) // FRAME)
