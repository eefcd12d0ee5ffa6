"""Kokoro as a voice: the neural model through kokoro-onnx, clause by clause.

kokoro-onnx's own stream is cut only after 510 phonemes (30-40 s of speech), so it is given one clause at a time.
Word times come from the model's durations where its export has them, else from the number and kind of phonemes.

How fast it is depends on the machine (real-time factor 2.8-7.6 on a Raspberry Pi 4), so it is spoken through
``SlowVoice``, which keeps phrases and watches its speed. kokoro-onnx phonemizes with a private copy of libespeak-ng, so espeak-ng as a voice beside it is not disturbed.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
import time
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from device.errors import EngineError
from device.mouth.voices.messages import VoiceSettings
from device.mouth.voices.names import not_kokoros
from device.mouth.voices.slow import SlowVoice
from device.mouth.voices.timing import Span, spread, word_spans

DEFAULT_VOICE = "af_heart"
PROCESSING = 1
"""Changes whenever the same text comes to sound otherwise, so that no phrase of before is used."""
_SAMPLES, _SAMPLE_BYTES = 64, 16_384
_FLAG = re.compile(r"\([a-z-]{2,8}\)")
"""espeak-ng's mark of a change of language, "(hi)...(en-us)", which would be read out; no phonemes look like that."""
_PAUSES = ".,;:!?…—"
_PAUSE, _CONSONANT, _VOWEL, _SHORT, _LENGTH, _FINAL = 4.0, 1.0, 1.5, 0.9, 0.7, 0.8
"""How long things last where the model gives no durations: a punctuation mark, a consonant, a vowel, a reduced one, the
length mark behind one, and what is added to each of the last three letters of a clause. Rounded from a fit to the word
times of espeak-ng over 40 clauses: 18 % of all cuts are then wrong by more than half a word, 28 % with all letters alike."""
_REDUCED, _FULL = frozenset("əɐɪᵻʊᵊɚ"), frozenset("aeiouæɑɒɔɛɜʌɨʉAIOQWY")


def make(settings: VoiceSettings) -> SlowVoice:
    """Factory for ``device.engines``."""
    began = time.monotonic()
    voice = KokoroVoice(settings)
    return SlowVoice(voice, settings, time.monotonic() - began)


class KokoroVoice:
    """Synthesises clauses with the model in ``settings.model``; raises ``EngineError``. See ``slow.Synthesiser``."""

    engine = "kokoro"

    def __init__(self, settings: VoiceSettings) -> None:
        model, voices = voice_files(settings.model)
        try:
            import onnxruntime
            from kokoro_onnx import Kokoro
        except ImportError as exc:
            raise EngineError(f"Kokoro needs kokoro-onnx ({exc}); pip install 'earshot[kokoro]'") from exc
        options = onnxruntime.SessionOptions()
        # one core stays free for the ear, and idle workers must not spin on the others
        options.intra_op_num_threads = settings.threads or max(1, len(os.sched_getaffinity(0)) - 1)
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
            self._session = _Session(session)
            self._kokoro = Kokoro.from_session(self._session, str(voices))
        except Exception as exc:  # ONNX Runtime raises its own kinds; whichever, the file is not usable
            raise EngineError(f"Kokoro cannot load {model} with {voices}: {exc}") from exc
        names = self._kokoro.get_voices()
        self.voice = settings.name or (DEFAULT_VOICE if DEFAULT_VOICE in names else names[0])
        if self.voice not in names:
            raise EngineError(not_kokoros(self.voice, voices, names))
        self._language = (
            "en-gb" if self.voice.startswith("b") else "en-us"
        )  # Kokoro's names: bf_, bm_ are British
        self._speed = settings.speed
        self.rate_hz = 24_000
        self.timed: bool = self._kokoro.has_timings
        self.identity = self._identity(model)

    def _identity(self, model: Path) -> str:
        versions = [importlib.metadata.version(name) for name in ("kokoro-onnx", "espeakng-loader")]
        style = hashlib.sha256(self._kokoro.get_voice_style(self.voice).tobytes()).hexdigest()
        return f"kokoro {_sampled_hash(model)} {style} {self.voice} {versions} {PROCESSING}"

    def interrupt(self) -> None:
        """From another thread: what ``synthesise`` computes now is not wanted any more; it raises."""
        self._session.interrupt()

    def synthesise(self, text: str, speed: float | None = None) -> tuple[bytes, list[tuple[Span, Span]]]:
        """``text`` as int16 samples and its words as ``((char, char), (sample, sample))``. ``speed`` None: the settings'.

        Raises ``ValueError`` when nothing in ``text`` can be pronounced.
        """
        self._session.renew()
        phonemes = self._kokoro.tokenizer.phonemize(text, self._language)
        phonemes = " ".join(_FLAG.sub("", phonemes).split())
        sound, rate_hz, timings = self._kokoro.create_timed(
            phonemes,
            self.voice,
            speed=self._speed if speed is None else speed,
            lang=self._language,
            is_phonemes=True,
        )
        self.rate_hz = rate_hz
        pcm = (np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes()
        if timings:
            letters = [
                (round(t.start * rate_hz), round(t.end * rate_hz)) for t in timings if _letter(t.phoneme)
            ]
        else:
            letters = _paced(phonemes, len(sound))
        return pcm, self._place(text, letters)

    def _place(self, text: str, letters: Sequence[Span]) -> list[tuple[Span, Span]]:
        """Give each word of ``text`` its share of the clause's phonemes.

        Words are phonemized one by one to count theirs. Within a sentence some melt ("of the" -> one phoneme
        word) and lose a stress mark, hardly ever a phoneme, so the counts agree but for a scale near 1.
        """
        spans = word_spans(text)
        if not spans or not letters:
            return []
        import phonemizer

        alone = phonemizer.phonemize(
            [text[start:end] for start, end in spans], self._language, preserve_punctuation=True
        )
        counts = [max(1, sum(map(_letter, _FLAG.sub("", phonemes)))) for phonemes in alone]
        placed = []
        for span, (first, after) in spread(spans, counts, 0, len(letters)):
            first = min(first, len(letters) - 1)
            placed.append((span, (letters[first][0], letters[max(first, after - 1)][1])))
        return placed


class _Session:
    """An inference session that can be told to give up; ONNX Runtime looks at the flag between two nodes of the graph."""

    def __init__(self, session: Any) -> None:
        from onnxruntime import RunOptions

        self._session, self._options_of = session, RunOptions
        self.renew()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def interrupt(self) -> None:
        self._options.terminate = True

    def renew(self) -> None:
        """Forget an ``interrupt`` that came when there was nothing to give up any more."""
        self._options = self._options_of()

    def run(self, outputs: Any, inputs: Any) -> Any:
        return self._session.run(outputs, inputs, self._options)


def _letter(phoneme: str) -> bool:
    """A phoneme that takes time; not a space, stress or punctuation mark."""
    return unicodedata.category(phoneme[0])[0] == "L" and phoneme not in "ˈˌ" or phoneme == "ː"


def _paced(phonemes: str, total: int) -> list[Span]:
    """Where each letter of ``phonemes`` lies, going by how long its kind takes."""
    weights = [_duration(phoneme) for phoneme in phonemes.rstrip(_PAUSES)]
    letters = [at for at in range(len(weights)) if _letter(phonemes[at])]
    for at in letters[-3:]:
        weights[at] += _FINAL
    placed = spread([(at, at + 1) for at in range(len(weights))], weights, 0, total)
    return [placed[at][1] for at in letters]


def _duration(phoneme: str) -> float:
    if not _letter(phoneme):
        return _PAUSE if phoneme in _PAUSES else 0.0
    if phoneme == "ː":
        return _LENGTH
    return _SHORT if phoneme in _REDUCED else _VOWEL if phoneme in _FULL else _CONSONANT


def voice_files(model: str) -> tuple[Path, Path]:
    """The ONNX file and the voices file that ``model`` (a folder, or an ONNX file in one) stands for."""
    from device.models import load

    path = Path(model)
    found = load(path.parent if path.suffix == ".onnx" else path) if model else None
    if found is None or found.kind != "kokoro" or found.problem:
        why = found.problem if found and found.problem else "no Kokoro model (*.onnx and voices*.bin) there"
        raise EngineError(f"voice model {model!r}: {why}; `earshot models fetch kokoro` gets one")
    onnx = path if path.suffix == ".onnx" else found.files["model"]
    if not onnx.is_file():
        raise EngineError(f"voice model {model!r}: no such file")
    return onnx, found.files["voices"]


def _sampled_hash(file: Path) -> str:
    """A hash of a file's size and of 1 MB of it: two models differ everywhere, and 310 MB take a Pi seconds."""
    size = file.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with file.open("rb") as opened:
        for number in range(_SAMPLES):
            opened.seek(max(0, size - _SAMPLE_BYTES) * number // (_SAMPLES - 1))
            digest.update(opened.read(_SAMPLE_BYTES))
    return digest.hexdigest()
