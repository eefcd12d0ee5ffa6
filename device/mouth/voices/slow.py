"""A voice that takes its time, made bearable: phrases kept, its speed watched, a fast voice in its place.

    Speak ──► kept already? ──► Phrases ─────────────┐
                │ no                                  ├──► SpokenWord..., Chunk..., Chunk(last)
                ├──► fast enough? ──► the voice ──────┤
                └──► too slow, "auto" ──► espeak-ng ──┘
    Prepare, Measure: work for idle moments, on the voice itself

It computes in a thread of its own, so that an abort ends it in the middle; so does a clause that somebody waits for, where
what is in work is for an idle moment. The first measurement is a sentence at the start, the next ones are the clauses that it speaks, and while another voice
stands in for it, what ``Measure`` asks for now and then. A change shows with the next reply, never within one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from device.mouth.voices.chunks import in_chunks
from device.mouth.voices.espeak import EspeakVoice
from device.mouth.voices.messages import (
    Abort,
    Chunk,
    Measure,
    Prepare,
    Prepared,
    Ready,
    Speak,
    SpokenWord,
    VoiceSettings,
    VoiceState,
    Warning,
)
from device.mouth.voices.pace import Pace
from device.mouth.voices.phrases import Phrase, Phrases
from device.mouth.voices.timing import Span

REPLIES = 8
"""So many replies may be under way at once, and be spoken with the voice that they began with."""
POLL_S = 0.005
"""How often a computation looks whether it is still wanted."""
WARM_UP = "One moment, I am getting ready to speak."


class Synthesiser(Protocol):
    """A neural voice. ``identity`` changes with all that its sound depends on but text and speed."""

    engine: str
    voice: str
    identity: str
    rate_hz: int
    timed: bool

    def synthesise(self, text: str, speed: float | None = None) -> tuple[bytes, Sequence[tuple[Span, Span]]]:
        """``text`` as int16 samples, and its words as ``((char, char), (sample, sample))``; ValueError for a text
        that cannot be pronounced."""

    def interrupt(self) -> None:
        """From another thread: ``synthesise``, which is under way, is to raise whatever it likes, and soon."""


class _Work:
    """One ``synthesise`` in a thread."""

    def __init__(self, voice: Synthesiser, text: str, speed: float) -> None:
        self._voice, self._text, self._speed = voice, text, speed
        self._done = threading.Event()
        self._made: Any = None
        self._failed: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="synthesis")
        self._thread.start()

    def _run(self) -> None:
        try:
            self._made = self._voice.synthesise(self._text, self._speed)
        except Exception as exc:  # noqa: BLE001  whatever it is, ``result`` raises it where it is waited for
            self._failed = exc
        self._done.set()

    def wait(self, timeout_s: float) -> bool:
        """Sleep until it is done; False after ``timeout_s``."""
        return self._done.wait(timeout_s)

    def end(self) -> None:
        """Give it up if it is not done; returns when nothing computes any more."""
        while not self._done.is_set():
            self._voice.interrupt()  # again and again: it may not have begun
            self._done.wait(POLL_S)
        self._thread.join()

    def result(self) -> tuple[bytes, Sequence[tuple[Span, Span]]]:
        """What ``synthesise`` gave, or raised."""
        if self._failed is not None:
            raise self._failed
        made: tuple[bytes, Sequence[tuple[Span, Span]]] = self._made
        return made


class SlowVoice:
    """The engine around ``voice``, which has taken ``load_s`` to load.

    ``settings.engine`` "auto" lets espeak-ng stand in for it. ``clock`` gives seconds.
    """

    def __init__(
        self,
        voice: Synthesiser,
        settings: VoiceSettings,
        load_s: float,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._voice, self._settings, self._clock = voice, settings, clock
        self._pace = Pace(settings.slowest_rtf)
        self._phrases: Phrases | None = None
        if settings.cache is not None:
            self._phrases = Phrases(voice.identity, Path(settings.cache) if settings.cache else None)
        self._stand_in: EspeakVoice | None = None
        self._stands_in: dict[int, bool] = {}
        self._unspeakable = self._disk_told = False
        self._idle_work = False
        voice.synthesise("Hello.")  # pays for the first use
        began = clock()
        changed = self._note(began, *voice.synthesise(WARM_UP))[1]
        prepares = self._phrases is not None
        ready = Ready(voice.engine, voice.voice, voice.rate_hz, load_s, voice.timed, prepares)
        self._announced = [ready, *self._tell(changed)]

    def start(self) -> Iterator[Ready | VoiceState | Warning]:
        yield from self._announced

    def preempts(self, message: object) -> bool:
        return isinstance(message, Abort) or (self._idle_work and isinstance(message, Speak))

    def handle(
        self, message: Speak | Abort | Prepare | Measure
    ) -> Iterator[Chunk | SpokenWord | VoiceState | Prepared | Warning | None]:
        """A clause is synthesised as a whole, then handed over in pieces of 60 ms."""
        self._idle_work = isinstance(message, Prepare | Measure)
        try:
            yield from self._handle(message)
        finally:
            self._idle_work = False

    def _handle(
        self, message: Speak | Abort | Prepare | Measure
    ) -> Iterator[Chunk | SpokenWord | VoiceState | Prepared | Warning | None]:
        match message:
            case Speak():
                yield from self._speak(message)
            case Prepare(text=text):
                speed = self._speed_of(message)
                phrase = self._kept(text, speed)
                if phrase is None:
                    yield from self._render(text, speed, keep=True)
                else:
                    self._keep(text, speed, phrase, on_disk=True)  # a reply may have said it already
                yield Prepared(text)
            case Measure():
                _, changed = yield from self._timed(WARM_UP, self._settings.speed)
                yield from self._tell(changed)
                yield Prepared("")

    def _speak(self, message: Speak) -> Iterator[Chunk | SpokenWord | VoiceState | Warning | None]:
        if message.reply not in self._stands_in:
            self._stands_in = dict([*self._stands_in.items()][-REPLIES:])
            self._stands_in[message.reply] = self._handed_over
        if self._stands_in[message.reply] if message.reply else self._handed_over:
            yield from self._fast().handle(message)
            return
        speed = self._speed_of(message)
        phrase = self._kept(message.text, speed)
        if phrase is None:
            phrase = yield from self._render(message.text, speed, keep=False)
        yield from in_chunks(message.clause, phrase.pcm, phrase.rate_hz, phrase.words)

    def _speed_of(self, message: Speak | Prepare) -> float:
        return self._settings.speed if message.speed is None else message.speed

    def _kept(self, text: str, speed: float) -> Phrase | None:
        return None if self._phrases is None else self._phrases.get(f"{speed:g}\n{text}")

    def _keep(self, text: str, speed: float, phrase: Phrase, on_disk: bool) -> None:
        if self._phrases is not None:
            self._phrases.put(f"{speed:g}\n{text}", phrase, on_disk)

    def _render(
        self, text: str, speed: float, keep: bool
    ) -> Generator[VoiceState | Warning | None, None, Phrase]:
        """Synthesise and remember ``text``, where ``keep`` on disk; gives the phrase, after what there is to tell."""
        try:
            phrase, changed = yield from self._timed(text, speed)
        except ValueError as exc:  # nothing in it maps to phonemes
            if not self._unspeakable:
                self._unspeakable = True
                yield Warning(f"{self._name} leaves out what it cannot pronounce: {exc}")
            return Phrase(b"", self._voice.rate_hz, ())
        self._keep(text, speed, phrase, keep)
        if self._phrases is not None and self._phrases.problem and not self._disk_told:
            self._disk_told = True
            yield Warning(self._phrases.problem)
        yield from self._tell(changed)
        return phrase

    def _timed(self, text: str, speed: float) -> Generator[None, None, tuple[Phrase, bool]]:
        """``text`` synthesised, and whether that changes what is thought of the voice's speed; None while it computes."""
        began = self._clock()
        work = _Work(self._voice, text, speed)
        try:
            while not work.wait(POLL_S):
                yield None
        finally:
            work.end()
        return self._note(began, *work.result())

    def _note(self, began: float, pcm: bytes, words: Sequence[tuple[Span, Span]]) -> tuple[Phrase, bool]:
        changed = self._pace.note(self._clock() - began, len(pcm) / 2 / self._voice.rate_hz)
        return Phrase(pcm, self._voice.rate_hz, tuple(words)), changed

    # ------------------------------------------------------------------ fast enough?

    @property
    def _name(self) -> str:
        return self._voice.engine.capitalize()

    @property
    def _handed_over(self) -> bool:
        return self._pace.slow and self._settings.engine == "auto"

    def _fast(self) -> EspeakVoice:
        if self._stand_in is None:
            self._stand_in = EspeakVoice(VoiceSettings("espeak", "", self._settings.speed))
        return self._stand_in

    def _tell(self, changed: bool) -> Iterator[VoiceState | Warning]:
        """How fast the voice is now and who speaks the next reply; a warning where that has changed."""
        rtf, reason = self._pace.rtf, ""
        if self._pace.slow:
            reason = f"{self._name} needs {rtf:.1f} s for a second of speech on this machine"
        if self._handed_over:
            speaks = self._fast()
            yield VoiceState(speaks.engine, speaks.voice, rtf, reason)
        else:
            yield VoiceState(self._voice.engine, self._voice.voice, rtf, reason)
        if not changed:
            return
        if self._handed_over:
            yield Warning(f"{reason}: espeak-ng speaks instead (voice.engine = kokoro insists)")
        elif self._pace.slow:
            yield Warning(f"{reason}: expect gaps (voice.engine = espeak is faster)")
        else:
            yield Warning(f"{self._name} is fast enough again: {rtf:.1f} s for a second of speech")
