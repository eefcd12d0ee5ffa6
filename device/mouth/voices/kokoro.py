"""Kokoro as a voice: the neural model through kokoro-onnx, clause by clause.

kokoro-onnx's own stream is cut only after 510 phonemes (30-40 s of speech), so it is given one clause at a time.
Word times come from the model's durations where its export has them, else from the number of phonemes.

How fast it is depends on the machine (real-time factor 2.8-7.6 on a Raspberry Pi 4): one short sentence at the
start measures it, and with ``voice.engine = "auto"`` a voice slower than speech hands over to espeak-ng, and says so.
kokoro-onnx phonemizes with a private copy of libespeak-ng, so espeak-ng as a voice beside it is not disturbed.
"""

from __future__ import annotations

import os
import time
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from device.errors import EngineError
from device.mouth.voices.chunks import in_chunks
from device.mouth.voices.messages import Abort, Chunk, Ready, Speak, SpokenWord, VoiceSettings, Warning
from device.mouth.voices.timing import Span, spread, word_spans

DEFAULT_VOICE = "af_heart"
SLOWEST_RTF = 0.8
"""Real-time factor above which speech would have gaps between clauses."""
_WARM_UP = "One moment, I am getting ready to speak."
_PAUSES = ".,;:!?…—"
_PAUSE_WEIGHT = 4.0
"""How long a punctuation mark inside a clause lasts, in phonemes, where the model gives no durations."""


def make(settings: VoiceSettings) -> KokoroVoice:
    """Factory for ``device.engines``."""
    return KokoroVoice(settings)


class KokoroVoice:
    """Speaks clauses with the model in ``settings.model``; raises ``EngineError``."""

    def __init__(self, settings: VoiceSettings) -> None:
        began = time.monotonic()
        model, voices = _files(settings.model)
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
            self._kokoro = Kokoro.from_session(session, str(voices))
        except Exception as exc:  # ONNX Runtime raises its own kinds; whichever, the file is not usable
            raise EngineError(f"Kokoro cannot load {model} with {voices}: {exc}") from exc
        names = self._kokoro.get_voices()
        self.voice = settings.name or (DEFAULT_VOICE if DEFAULT_VOICE in names else names[0])
        if self.voice not in names:
            raise EngineError(f"voice {self.voice!r} is not in {voices}; there are: {', '.join(names)}")
        self._language = (
            "en-gb" if self.voice.startswith("b") else "en-us"
        )  # Kokoro's names: bf_, bm_ are British
        self._speed = settings.speed
        self._unspeakable = 0
        self._rate_hz = 24_000
        self._fallback: Any = None
        self.rtf = self._measure()
        self._announced: list[Ready | Warning] = []
        if self.rtf > SLOWEST_RTF:
            self._too_slow(settings)
        if self._fallback is None:
            ready = Ready(
                "kokoro", self.voice, self._rate_hz, time.monotonic() - began, self._kokoro.has_timings
            )
            self._announced.insert(0, ready)

    def start(self) -> Iterator[Ready | Warning]:
        yield from self._announced

    def preempts(self, message: object) -> bool:
        return isinstance(message, Abort)

    def handle(self, message: Speak | Abort) -> Iterator[Chunk | SpokenWord | Warning]:
        """A clause is synthesised as a whole, then handed over in pieces of 60 ms."""
        if not isinstance(message, Speak):
            return
        if self._fallback is not None:
            yield from self._fallback.handle(message)
            return
        try:
            pcm, words = self.synthesise(message.text)
        except ValueError as exc:  # nothing in it maps to phonemes
            pcm, words = b"", []
            self._unspeakable += 1
            if self._unspeakable == 1:
                yield Warning(f"Kokoro leaves out what it cannot pronounce: {exc}")
        yield from in_chunks(message.clause, pcm, self._rate_hz, words)

    def synthesise(self, text: str) -> tuple[bytes, list[tuple[Span, Span]]]:
        """``text`` as int16 samples and its words as ``((char, char), (sample, sample))``.

        Raises ``ValueError`` when nothing in ``text`` can be pronounced.
        """
        phonemes = " ".join(self._kokoro.tokenizer.phonemize(text, self._language).split())
        sound, rate_hz, timings = self._kokoro.create_timed(
            phonemes, self.voice, speed=self._speed, lang=self._language, is_phonemes=True
        )
        self._rate_hz = rate_hz
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
        counts = [max(1, sum(map(_letter, phonemes))) for phonemes in alone]
        placed = []
        for span, (first, after) in spread(spans, counts, 0, len(letters)):
            first = min(first, len(letters) - 1)
            placed.append((span, (letters[first][0], letters[max(first, after - 1)][1])))
        return placed

    # ------------------------------------------------------------------ fast enough?

    def _measure(self) -> float:
        """Compute time per second of speech, of one sentence after one that pays for the first use."""
        self.synthesise("Hello.")
        began = time.perf_counter()
        pcm, _ = self.synthesise(_WARM_UP)
        return (time.perf_counter() - began) * self._rate_hz * 2 / max(1, len(pcm))

    def _too_slow(self, settings: VoiceSettings) -> None:
        told = f"Kokoro needs {self.rtf:.1f} s for a second of speech on this machine"
        if settings.engine != "auto":
            self._announced.append(Warning(f"{told}: expect gaps (voice.engine = espeak is faster)"))
            return
        from device.mouth.voices.espeak import EspeakVoice

        self._fallback = EspeakVoice(VoiceSettings("espeak", "", settings.speed))
        self._announced += self._fallback.start()
        self._announced.append(Warning(f"{told}: espeak-ng speaks instead (voice.engine = kokoro insists)"))


def _letter(phoneme: str) -> bool:
    """A phoneme that takes time; not a space, stress or punctuation mark."""
    return unicodedata.category(phoneme[0])[0] == "L" and phoneme not in "ˈˌ" or phoneme == "ː"


def _paced(phonemes: str, total: int) -> list[Span]:
    """Where each letter of ``phonemes`` lies if all take equally long."""
    weights = [
        1.0 if _letter(p) else _PAUSE_WEIGHT if p in _PAUSES else 0.0 for p in phonemes.rstrip(_PAUSES)
    ]
    placed = spread([(i, i + 1) for i in range(len(weights))], weights, 0, total)
    return [span for (i, _), span in placed if _letter(phonemes[i])]


def _files(model: str) -> tuple[Path, Path]:
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
