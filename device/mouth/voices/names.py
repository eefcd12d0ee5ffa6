"""Which voices there are, told from an engine's data alone: a name that nobody knows is refused before any engine is started.

espeak-ng's own list needs its library, one engine a process and none of it in the ear's; its data says the same: a file a
language below ``lang``, with its codes and its name, and a file a variant below ``voices/!v``. Case does not count.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from device.mouth.voices.messages import VoiceSettings


def unknown_voice(settings: VoiceSettings) -> str | None:
    """What is wrong with ``settings.name``, with the names there are; None where it is one, or nobody can tell.

    Raises ``EngineError`` for a model that is not there.
    """
    if not settings.name:
        return None
    return _unknown_to_kokoro(settings) if settings.model else _unknown_to_espeak(settings.name)


def not_espeaks(name: str, known: list[str]) -> str:
    """The message for a ``name`` that espeak-ng does not know; ``known`` are its names for English."""
    return (
        f"voice {name!r} is not one of espeak-ng's; English: {', '.join(known)} "
        "(and +f1 to +f5, +m1 to +m8 behind)"
    )


def not_kokoros(name: str, voices: Path, known: list[str]) -> str:
    """The same for Kokoro, whose names are in the file ``voices``."""
    return f"voice {name!r} is not in {voices}; there are: {', '.join(known)}"


def _unknown_to_espeak(name: str) -> str | None:
    try:
        import espeakng_loader

        folder = Path(espeakng_loader.get_data_path())
        known = {one.lower() for one in _espeak_names(folder)}
    except (ImportError, OSError, RuntimeError):
        return None  # the engine will say so itself
    # a variant that is not there changes nothing
    if not known or name.partition("+")[0].lower() in known:
        return None
    english = {"en" if one == "en-gb" else one for one in known if one == "en" or one.startswith("en-")}
    return not_espeaks(name, sorted(english))


def _espeak_names(folder: Path) -> Iterator[str]:
    yield "en-gb"  # a language of the voice "en" and no name; ours stands for it (``espeak``)
    for kind in (folder / "lang", folder / "voices"):
        for file in kind.rglob("*"):
            if not file.is_file():
                continue
            yield file.name
            yield file.relative_to(kind).as_posix()
            for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
                key, _, value = line.partition(" ")
                if key == "name":
                    yield value.partition("//")[0].strip()
                elif key == "language" and value.split():
                    yield value.split()[0]


def _unknown_to_kokoro(settings: VoiceSettings) -> str | None:
    import zipfile

    from device.mouth.voices.kokoro import voice_files

    _, voices = voice_files(settings.model)
    try:
        with zipfile.ZipFile(voices) as archive:
            known = sorted(entry.removesuffix(".npy") for entry in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return None  # likewise
    return None if settings.name in known else not_kokoros(settings.name, voices, known)
