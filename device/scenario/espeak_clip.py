"""``python -m device.scenario.espeak_clip VOICE TEXT``: one espeak-ng clip in a process of its own.

espeak-ng keeps one process-global engine, which belongs to the device's voice; a talker therefore never speaks in
the device's process. Writes the rate as one text line and then int16 little-endian mono samples to standard output.
Exit code 3: there is no such voice (the reason, with what there is, on standard error).
"""

from __future__ import annotations

import ctypes
import os
import sys

from device.mouth.voices.espeak import listed_voices

SYNCHRONOUS, DONT_EXIT, UTF8, NAMES_OK = 2, 0x8000, 1, 0
WORDS_PER_MINUTE, RATE_PARAMETER = 150, 1
"""150 a minute: at this rate every tried voice but one woke the default wake-word model (12 of 13)."""

NO_SUCH_VOICE = 3
"""Exit code."""

_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


def main(arguments: list[str]) -> int:
    import espeakng_loader

    if arguments == ["--version"]:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
        library.espeak_Info.restype = ctypes.c_char_p
        print(library.espeak_Info(None).decode())
        return 0
    voice, text = arguments
    data = espeakng_loader.get_data_path()
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate_hz = library.espeak_Initialize(SYNCHRONOUS, 200, data.encode(), DONT_EXIT)
    if rate_hz <= 0:
        print(f"espeak-ng cannot start with its data in {data}", file=sys.stderr)
        return 1
    try:
        name = _resolve(library, voice, os.path.join(data, "voices", "!v"))
    except LookupError as exc:
        print(exc, file=sys.stderr)
        return NO_SUCH_VOICE
    if library.espeak_SetVoiceByName(name.encode()) != NAMES_OK:
        print(f"espeak-ng refuses its own voice {name!r}", file=sys.stderr)
        return 1
    pieces: list[bytes] = []

    @_CALLBACK
    def keep(wav, count, _events):
        if wav and count > 0:
            pieces.append(ctypes.string_at(wav, 2 * count))
        return 0

    library.espeak_SetSynthCallback(keep)
    library.espeak_SetParameter(RATE_PARAMETER, WORDS_PER_MINUTE, 0)
    raw = text.encode() + b"\0"
    library.espeak_Synth(raw, len(raw), 0, 1, 0, UTF8, None, None)
    sys.stdout.buffer.write(b"%d\n" % rate_hz + b"".join(pieces))
    return 0


def _resolve(library: ctypes.CDLL, voice: str, variants: str) -> str:
    """The engine's own name of ``voice``: a language (``en-us``), a voice name or file, optionally ``+variant``.

    The engine takes an unknown variant silently and does not know every language it lists as a name (``en-gb``).
    """
    base, _, variant = voice.partition("+")
    there = os.listdir(variants)
    if variant and variant not in there:
        raise LookupError(f"no variant {variant!r}; there is: {', '.join(sorted(there))}")
    languages: dict[str, str] = {}
    for language, name, identifier in listed_voices(library):
        for key in (language, name, identifier):
            languages.setdefault(key.casefold(), identifier)
    languages.setdefault("en", languages.get("en-gb", "en"))
    found = languages.get(base.casefold())
    if found is None:
        codes = sorted(key for key in languages if key.startswith("en") and "(" not in key)
        raise LookupError(
            f"no espeak-ng voice {base!r}; English ones: {', '.join(codes)}, each with +variant"
        )
    return f"{found}+{variant}" if variant else found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
