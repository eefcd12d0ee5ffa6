"""What sounds in one case: the device's own voice all along, and talkers in the last ten seconds.

story ──► mixer, volume 70 ──► room ──► echo ──(+)──► microphone
talkers ────────────────────► room ──► near ───┘          reference: what left the loudspeaker
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from device.audio import AudioEngine, Samples
from device.audio.backends.room import ECHO_DBFS, RoomBackend
from device.audio.levels import active_rms
from device.bench.barge_in.people import INTERRUPTIONS, VOICES
from device.bench.barge_in.playback import STORY
from device.bench.echo.cases import ALONE_S, MOVED_S, TALK_S, Case
from device.mouth.sound import ClauseSound
from device.mouth.voices.espeak import EspeakVoice
from device.mouth.voices.messages import VoiceSettings
from device.scenario import talkers
from device.values import FRAME, RATE_HZ

ALONE, TALK = int(ALONE_S * RATE_HZ), int(TALK_S * RATE_HZ)
PAUSE_S = 0.3
TALKERS_GAP_S = 0.5


@dataclass(frozen=True, slots=True)
class Scene:
    """Float32 arrays at 16 kHz of the same length: ``echo`` (with the noise floor) and ``near`` at the microphone.

    ``near`` is as loud as the echo; ``alone`` samples have no talker.
    """

    reference: Samples
    echo: Samples
    near: Samples
    alone: int = ALONE

    def mic(self, ser_db: float) -> Samples:
        """With talkers ``ser_db`` above the echo."""
        return self.echo + self.near * np.float32(10 ** (ser_db / 20))


def speech(seconds: float, count: int) -> list[Samples]:
    """``count`` pieces of the device's own voice, each ``seconds`` long and of other sentences.

    The first call in a process gives the same samples every time (espeak-ng counts on from clause to clause).
    """
    voice = EspeakVoice(VoiceSettings("espeak"))
    (ready,) = voice.start()
    pause = np.zeros(int(PAUSE_S * RATE_HZ), np.float32)
    pieces: list[Samples] = []
    sentences = itertools.cycle(STORY)
    for _ in range(count):
        parts: list[Samples] = []
        while sum(map(len, parts)) < seconds * RATE_HZ:
            pcm, _words = voice.synthesise(next(sentences))
            parts += [ClauseSound(ready.rate_hz, RATE_HZ).feed(pcm, True), pause]
        pieces.append(np.concatenate(parts)[: int(seconds * RATE_HZ)])
    return pieces


def make(case: Case, seed: int, played: Samples) -> Scene:
    """The scene of ``case`` in room ``seed``; ``played`` is the reply, float32 at 16 kHz."""
    room = RoomBackend(case.settings(seed))
    reference, echo = _play(room, played, int(MOVED_S * RATE_HZ) if case.moved else None, seed)
    level_db = 20 * np.log10(active_rms(echo[:ALONE]))
    near = np.zeros(len(echo), np.float32)
    at = ALONE + int(TALKERS_GAP_S * RATE_HZ)
    for k in itertools.count():
        clip = talkers.render(
            INTERRUPTIONS[(3 * seed + k) % len(INTERRUPTIONS)] + ".", VOICES[(seed + k) % len(VOICES)]
        )
        wet = room.at_microphone(clip, level_db - ECHO_DBFS, k % 2)
        if at + len(wet) > ALONE + TALK:
            break
        near[at : at + len(wet)] += wet
        at += len(clip) + int(TALKERS_GAP_S * RATE_HZ)
    return Scene(reference, echo, near)


def _play(room: RoomBackend, played: Samples, moved_at: int | None, seed: int) -> tuple[Samples, Samples]:
    """Reference and echo of ``played`` as the device's own engine, without a canceller, sees them."""
    engine = AudioEngine(room, echo="none")
    track = engine.mixer.speech
    track.begin(1)
    track.write(played)
    track.finish()
    frames = (ALONE + TALK) // FRAME
    reference, echo = np.zeros((frames, FRAME), np.float32), np.zeros((frames, FRAME), np.float32)
    for k in range(frames):
        if moved_at is not None and k == moved_at // FRAME:
            room.move_loudspeaker(seed + 50)
        frame = engine.capture()
        assert frame is not None
        reference[k], echo[k] = frame.reference, frame.mic
        engine.render()
    return reference.ravel(), echo.ravel()
