"""Which voices there are, told from an engine's data alone: a name that nobody knows is refused before any engine is started.

espeak-ng's own list needs its library, one engine a process and none of it in the ear's; its data says the same: a file a
language below ``lang``, with its codes and its name, and a file a variant below ``voices/!v``. Case does not count.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

from device.config.schema import Config
from device.mouth.voices.messages import VoiceSettings


def available_voices(config: Config) -> list[str]:
    """Names for ``voice.name`` that the engine of ``config`` knows for ``device.language``, sorted; none where nobody can tell.

    Raises ``EngineError`` for a model that is not there.
    """
    from device.mouth.voices import choose

    settings = choose(config)[1]
    if settings.model:
        return sorted(_kokoros(settings)[1])
    return _of_language(_espeaks(), config.device.language)


def unknown_voice(settings: VoiceSettings) -> str | None:
    """What is wrong with ``settings.name``, with the names there are; None where it is one, or nobody can tell.

    Raises ``EngineError`` for a model that is not there.
    """
    name = settings.name
    if name and settings.model:
        voices, names = _kokoros(settings)
        return not_kokoros(name, voices, sorted(names)) if names and name not in names else None
    if name:
        known = _espeaks()
        base = name.partition("+")[0].lower()  # a variant that is not there changes nothing
        return not_espeaks(name, _of_language(known, "en")) if known and base not in known else None
    return None


def not_espeaks(name: str, known: list[str]) -> str:
    """The message for a ``name`` that espeak-ng does not know; ``known`` are its names for English."""
    return (
        f"voice {name!r} is not one of espeak-ng's; English: {', '.join(known)} "
        "(and +f1 to +f5, +m1 to +m8 behind)"
    )


def not_kokoros(name: str, voices: Path, known: list[str]) -> str:
    """The same for Kokoro, whose names are in the file ``voices``."""
    return f"voice {name!r} is not in {voices}; there are: {', '.join(known)}"


def _of_language(known: set[str], language: str) -> list[str]:
    """Those that are codes of ``language``; "en-gb" is one of the voice "en", and no name of its own (``espeak``)."""
    codes = {one for one in known if one == language or one.startswith(f"{language}-")}
    return sorted(codes - {"en-gb"})


def _espeaks() -> set[str]:
    """Every name that espeak-ng takes, in lower case."""
    try:
        import espeakng_loader

        return {name.lower() for name in _espeak_names(Path(espeakng_loader.get_data_path()))}
    except (ImportError, OSError, RuntimeError):
        return set()  # the engine itself will say so


def _espeak_names(folder: Path) -> Iterator[str]:
    yield "en-gb"
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


def _kokoros(settings: VoiceSettings) -> tuple[Path, set[str]]:
    """The file of a Kokoro model's voices, and their names."""
    from device.mouth.voices.kokoro import voice_files

    voices = voice_files(settings.model)[1]
    try:
        with zipfile.ZipFile(voices) as archive:
            return voices, {entry.removesuffix(".npy") for entry in archive.namelist()}
    except (OSError, zipfile.BadZipFile):
        return voices, set()  # likewise
