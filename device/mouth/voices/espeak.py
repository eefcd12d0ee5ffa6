"""espeak-ng as a voice: the library through ctypes, its own word and phoneme events as word times.

The library is loaded at run time from the ``espeakng-loader`` wheel (GPL-3, like espeak-ng itself); no code of it
is in this package. Measured on one x86 core: ready in 1 ms, a clause of 12.6 s in 9 ms (RTF 0.0007).

espeak-ng keeps one global engine and one callback per loaded library: one owner, one thread. Flutter makes the
same text up to 10 samples longer or shorter from call to call, so its sound is never compared byte by byte.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator
from typing import ClassVar

from device.errors import EngineError
from device.mouth.voices.chunks import CHUNK_MS, in_chunks
from device.mouth.voices.messages import Abort, Chunk, Ready, Speak, SpokenWord, VoiceSettings
from device.mouth.voices.names import not_espeaks
from device.mouth.voices.timing import Span, from_marks

WORDS_PER_MINUTE = 175
"""espeak-ng's own default; ``speed`` multiplies it."""
DEFAULT_VOICE = "en-us"

_SYNCHRONOUS = 2
_PHONEME_EVENTS, _DONT_EXIT = 0x0001, 0x8000
_RATE = 1
_CHARS_UTF8 = 1
_WORD, _PHONEME = 1, 7


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    """``espeak_EVENT`` of speak_lib.h, API revision 12."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


class _Voice(ctypes.Structure):
    """``espeak_VOICE``."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


def listed_voices(library: ctypes.CDLL) -> list[tuple[str, str, str]]:
    """``(language code, name, identifier)`` of every voice that an initialised espeak-ng lists.

    Not every code is also a name that ``espeak_SetVoiceByName`` takes (``en-gb`` is not).
    """
    library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
    library.espeak_ListVoices.argtypes = [ctypes.c_void_p]
    entries = library.espeak_ListVoices(None)
    found: list[tuple[str, str, str]] = []
    while entries[len(found)]:
        voice = entries[len(found)].contents
        # languages is a list of (priority byte, code, NUL); the first code names the voice
        code = ctypes.string_at(voice.languages + 1)
        found.append((code.decode(), voice.name.decode(), voice.identifier.decode()))
    return found


def make(settings: VoiceSettings) -> EspeakVoice:
    """Factory for ``device.engines``."""
    return EspeakVoice(settings)


class EspeakVoice:
    """Speaks clauses; raises ``EngineError`` for a missing library or an unknown voice.

    Several of them in one process and thread take turns with the one engine there is.
    """

    engine = "espeak"
    _owner: ClassVar[EspeakVoice | None] = None

    def __init__(self, settings: VoiceSettings) -> None:
        began = time.monotonic()
        try:
            import espeakng_loader

            self._library = ctypes.CDLL(espeakng_loader.get_library_path())
            data = espeakng_loader.get_data_path()
        except (ImportError, OSError, RuntimeError) as exc:
            raise EngineError(f"espeak-ng cannot be loaded ({exc}); pip install espeakng-loader") from exc
        library = self._library
        library.espeak_Synth.argtypes = [
            ctypes.c_void_p,
            ctypes.c_size_t,
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_uint,
            ctypes.c_void_p,
            ctypes.c_void_p,
        ]
        self._rate_hz = library.espeak_Initialize(
            _SYNCHRONOUS, CHUNK_MS, str(data).encode(), _PHONEME_EVENTS | _DONT_EXIT
        )
        if self._rate_hz <= 0:
            raise EngineError(f"espeak-ng cannot be started with its data in {data}")
        self.voice = name = settings.name or DEFAULT_VOICE
        # "en-gb" is a language of the voice "en", but no name: espeak_SetVoiceByName refuses it
        self._voice = ("en" if name == "en-gb" else name).encode()
        self._speed = settings.speed
        self._callback = _Callback(self._heard)  # kept: the library holds only the pointer
        if not self._own():
            raise EngineError(not_espeaks(name, self.voices("en")))
        self._begin()
        self._ready = Ready("espeak", name, self._rate_hz, time.monotonic() - began)

    def _own(self) -> bool:
        """Make the one engine of this process ours again; False when it does not know our voice."""
        library = self._library
        if library.espeak_SetVoiceByName(self._voice) != 0:
            return False
        library.espeak_SetSynthCallback(self._callback)
        EspeakVoice._owner = self
        return True

    def voices(self, language: str = "") -> list[str]:
        """Names for ``voice.name`` whose language code begins with ``language``."""
        codes = {code for code, _, _ in listed_voices(self._library)}
        names = {"en" if code == "en-gb" else code for code in codes if code.startswith(language)}
        usable = sorted(n for n in names if self._library.espeak_SetVoiceByName(n.encode()) == 0)
        EspeakVoice._owner = None  # trying them has changed the engine's voice
        return usable

    def start(self) -> Iterator[Ready]:
        yield self._ready

    def preempts(self, message: object) -> bool:
        return isinstance(message, Abort)

    def handle(self, message: Speak | Abort) -> Iterator[Chunk | SpokenWord]:
        """A whole clause is synthesised at once (0.7 ms a second), then handed over in pieces of 60 ms."""
        if not isinstance(message, Speak):
            return
        pcm, words = self.synthesise(message.text, message.speed)
        yield from in_chunks(message.clause, pcm, self._rate_hz, words)

    def synthesise(self, text: str, speed: float | None = None) -> tuple[bytes, list[tuple[Span, Span]]]:
        """``text`` as int16 samples and its words as ``((char, char), (sample, sample))``. ``speed`` None: the settings'."""
        self._begin()
        if EspeakVoice._owner is not self:
            self._own()
        words_per_minute = round(WORDS_PER_MINUTE * (self._speed if speed is None else speed))
        self._library.espeak_SetParameter(_RATE, words_per_minute, 0)
        if any(char.isalnum() for char in text):
            encoded = text.replace("\0", " ").encode() + b"\0"
            self._library.espeak_Synth(encoded, len(encoded), 0, 1, 0, _CHARS_UTF8, None, None)
        total = len(self._pcm) // 2
        if self._sounding is not None:
            self._sounds.append((self._sounding, total))
        return bytes(self._pcm), from_marks(text, self._marks, self._sounds, total)

    # ------------------------------------------------------------------ from the library

    def _begin(self) -> None:
        self._pcm = bytearray()
        self._marks: list[Span] = []
        self._sounds: list[Span] = []
        self._sounding: int | None = None

    def _heard(self, wav: ctypes._Pointer[ctypes.c_short], count: int, events: ctypes.Array[_Event]) -> int:
        if wav and count:
            self._pcm += ctypes.string_at(wav, 2 * count)
        i = 0
        while events[i].type:
            self._note(events[i])
            i += 1
        return 0

    def _note(self, event: _Event) -> None:
        if event.type == _WORD:
            self._marks.append((event.text_position - 1, event.sample))  # the library counts from one
        elif event.type == _PHONEME:
            pause = event.id.string.startswith(b"_")
            if not pause and self._sounding is None:
                self._sounding = event.sample
            elif pause and self._sounding is not None:
                if event.sample > self._sounding:
                    self._sounds.append((self._sounding, event.sample))
                self._sounding = None
