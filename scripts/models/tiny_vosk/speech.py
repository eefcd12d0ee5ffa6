"""Synthetic talkers that tell when they said which phone: espeak-ng by its events, flite by its segment times.

Neither needs forced alignment, and both give labels in one phone set (espeak-ng's IPA names without stress).
"""

from __future__ import annotations

import bisect
import ctypes as C
import functools
import subprocess
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import espeakng_loader
import numpy as np

EVENT_END, EVENT_WORD, EVENT_PHONEME = 0, 1, 7
OUTPUT_SYNCHRONOUS = 2
INIT_PHONEME_EVENTS, INIT_PHONEME_IPA, INIT_DONT_EXIT = 1, 2, 0x8000
CHARS_UTF8, PHONEMES_IN_BRACKETS = 1, 0x100
RATE, VOLUME, PITCH, RANGE = 1, 2, 3, 4

# ARPAbet of flite's voices -> the nearest phone of espeak-ng's en-us.
_PAIRS = """aa=ɑː ae=æ ah=ʌ ao=ɔː aw=aʊ ax=ə axr=ɚ ay=aɪ b=b ch=tʃ d=d dh=ð dx=ɾ eh=ɛ el=əl em=m en=n er=ɚ
    ey=eɪ f=f g=ɡ hh=h hv=h ih=ɪ iy=iː jh=dʒ k=k l=l m=m n=n nx=n ng=ŋ ow=oʊ oy=ɔɪ p=p r=ɹ s=s sh=ʃ t=t th=θ uh=ʊ
    uw=uː v=v w=w y=j z=z zh=ʒ"""
ARPABET = dict(pair.split("=") for pair in _PAIRS.split())


@dataclass
class Spoken:
    """Speech with its labels.

    ``pcm`` is float64 on the int16 scale at ``rate_hz``; ``phones`` are (name, start_s, end_s), an empty name is
    silence; ``per_word`` holds the phones of each word, or is None where the synthesiser does not tell.
    """

    pcm: np.ndarray
    rate_hz: int
    phones: list[tuple[str, float, float]]
    per_word: list[list[str]] | None


class _Id(C.Union):
    _fields_ = [("number", C.c_int), ("name", C.c_char_p), ("string", C.c_char * 8)]


class _Event(C.Structure):
    _fields_ = [
        ("type", C.c_int),
        ("unique_identifier", C.c_uint),
        ("text_position", C.c_int),
        ("length", C.c_int),
        ("audio_position", C.c_int),
        ("sample", C.c_int),
        ("user_data", C.c_void_p),
        ("id", _Id),
    ]


_Callback = C.CFUNCTYPE(C.c_int, C.POINTER(C.c_short), C.c_int, C.POINTER(_Event))


class Espeak:
    """espeak-ng of the espeakng-loader wheel through ctypes. One object per process: the engine is global."""

    def __init__(self) -> None:
        self.lib = C.CDLL(espeakng_loader.get_library_path())
        flags = INIT_PHONEME_EVENTS | INIT_PHONEME_IPA | INIT_DONT_EXIT
        data = str(espeakng_loader.get_data_path()).encode()
        self.rate_hz = self.lib.espeak_Initialize(OUTPUT_SYNCHRONOUS, 0, data, flags)
        if self.rate_hz <= 0:
            raise RuntimeError(f"espeak_Initialize failed: {self.rate_hz}")
        self._keep = _Callback(self._on_audio)
        self.lib.espeak_SetSynthCallback(self._keep)
        self.lib.espeak_Synth.argtypes = [
            C.c_void_p, C.c_size_t, C.c_uint, C.c_int, C.c_uint, C.c_uint, C.c_void_p, C.c_void_p,
        ]  # fmt: skip
        self._pcm: list[np.ndarray] = []
        self._events: list[tuple[str, float, object]] = []

    def _on_audio(self, wav, n: int, events) -> int:
        if n and wav:
            self._pcm.append(np.ctypeslib.as_array(wav, (n,)).copy())
        i = 0
        while events[i].type != EVENT_END:
            e = events[i]
            at_s = e.audio_position / 1000
            if e.type == EVENT_PHONEME:
                self._events.append(("phone", at_s, bytes(e.id.string).decode("utf8", "ignore")))
            elif e.type == EVENT_WORD:
                self._events.append(("word", at_s, e.text_position))
            i += 1
        return 0

    def synth(self, text: str, voice: str = "en-us", rate: int = 175, pitch: int = 50, spread: int = 50):
        """``text`` (``[[...]]`` holds phonemes) as int16 samples at ``rate_hz``, and the events."""
        if self.lib.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice!r}")
        for parameter, value in ((RATE, rate), (PITCH, pitch), (RANGE, spread), (VOLUME, 100)):
            self.lib.espeak_SetParameter(parameter, value, 0)
        self._pcm, self._events = [], []
        raw = text.encode("utf8") + b"\0"
        self.lib.espeak_Synth(raw, len(raw), 0, 1, 0, CHARS_UTF8 | PHONEMES_IN_BRACKETS, None, None)
        return (np.concatenate(self._pcm) if self._pcm else np.zeros(0, np.int16)), self._events

    def say(
        self, spoken: list[str], voice: str, rate: int = 165, pitch: int = 50, spread: int = 50
    ) -> Spoken | None:
        """``spoken``: one text per word. None when espeak-ng speaks before its first word event."""
        pcm, events = self.synth(" ".join(spoken), voice, rate, pitch, spread)
        starts, at = [], 1
        for text in spoken:
            starts.append(at)
            at += len(text) + 1
        phones: list[tuple[str, float, float]] = []
        per_word: list[list[str]] = [[] for _ in spoken]
        word, current = -1, None
        for kind, at_s, payload in events:
            if kind == "word":
                word = bisect.bisect_right(starts, payload) - 1
                continue
            name = payload.replace("ˈ", "").replace("ˌ", "").strip()
            if current is not None:
                phones.append((*current, at_s))
            current = (name, at_s)
            if name:
                if word < 0:
                    return None
                per_word[word].append(name)
        if current is not None:
            phones.append((*current, len(pcm) / self.rate_hz))
        for i in range(len(per_word) - 1, 0, -1):
            if not per_word[
                i
            ]:  # "on the" as one event: nobody can tell whose phones are whose, so neither counts
                per_word[i - 1] = []
        return Spoken(pcm.astype(np.float64), self.rate_hz, phones, per_word)


def flite_say(text: str, voice: str, stretch: float = 1.0, pitch_hz: int = 0) -> Spoken:
    """``text`` by flite's ``voice`` (``slt``, ``rms``, ``awb``, ``kal16``), a child process per call (50 ms)."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "x.wav"
        extra = ["--setf", f"int_f0_target_mean={pitch_hz}"] if pitch_hz else []
        done = subprocess.run(
            ["flite", "-voice", voice, "--setf", f"duration_stretch={stretch}", *extra, "-psdur", "-t", text]
            + ["-o", str(file)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        with wave.open(str(file)) as w:
            rate_hz = w.getframerate()
            pcm = np.frombuffer(w.readframes(w.getnframes()), "<i2").astype(np.float64)
    phones, last = [], 0.0
    for item in done.stdout.split():
        name, end = item.rsplit(":", 1)
        phones.append((ARPABET.get(name, ""), last, float(end)))
        last = float(end)
    return Spoken(pcm, rate_hz, phones, None)


@functools.cache
def flite_pronunciation(text: str) -> tuple[str, ...]:
    """The phones flite gives ``text`` said alone."""
    done = subprocess.run(
        ["flite", "-voice", "slt", "-ps", "-t", text, "-o", "none"],
        check=True,
        capture_output=True,
        text=True,
    )
    return tuple(ARPABET[p] for p in done.stdout.split() if p in ARPABET)
