"""The words of a language that take the floor, nod, or mean nothing: data in ``languages/<language>.toml``.

Read once, and handed as a value to whoever needs it: the recogniser listens for them over a reply, the conversation
judges by them.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import field

from device.config.endings import Endings
from device.config.files import syntax_error
from device.errors import ConfigError

__all__ = ["Words", "load_words", "normalise", "parse_words"]

FOLDER = Path(__file__).parent / "languages"
KINDS = ("stop", "wait", "backchannel", "noise")


class Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Phrases by what they do; see ``languages/en.toml``.

    ``unmistakable`` are those of ``stop`` that act even where the device may be hearing itself; ``few`` those of all that
    a recogniser listens for that tells few apart. ``pronunciations``: word to CMU phones, one string a variant.
    ``endings``: what tells whether a sentence has ended.
    """

    stop: tuple[str, ...]
    wait: tuple[str, ...]
    backchannel: tuple[str, ...]
    noise: tuple[str, ...]
    unmistakable: tuple[str, ...]
    few: tuple[str, ...]
    pronunciations: dict[str, tuple[str, ...]] = field(default_factory=dict)
    endings: Endings = field(default_factory=Endings)

    @property
    def over_reply(self) -> tuple[str, ...]:
        """What is worth listening for while the device speaks: hard words and backchannels."""
        return (*self.stop, *self.wait, *self.backchannel)


def normalise(text: str) -> list[str]:
    """``text`` as comparable words: lower case, no punctuation but apostrophes, hyphens split."""
    words = text.lower().replace("-", " ").replace("\u2019", "'").split()
    return [bare for word in words if (bare := word.strip(".,;:!?\"'()…"))]


@functools.cache
def load_words(language: str = "en") -> Words:
    """The words of ``language``. Raises ``ConfigError`` with every problem of a file that is missing or broken."""
    path = FOLDER / f"{language}.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as exc:
        there = ", ".join(sorted(file.stem for file in FOLDER.glob("*.toml")))
        raise ConfigError(str(path), [f"no words for language {language!r}; there are: {there}"]) from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(str(path), [f"cannot be read: {exc}"]) from exc
    return parse_words(text, str(path))


def parse_words(text: str, source: str = "words") -> Words:
    """Words from the text of such a file; ``source`` is for messages. Raises ``ConfigError``."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(source, [syntax_error(text, exc)]) from exc
    try:
        words = msgspec.convert(tables, Words, strict=True)
    except msgspec.ValidationError as exc:
        keys = ", ".join(Words.__struct_fields__)
        raise ConfigError(source, [f"{exc}; the keys are lists of phrases: {keys}"]) from exc
    problems = list(_problems(words))
    if problems:
        raise ConfigError(source, problems)
    return words


def _problems(words: Words) -> Iterator[str]:
    kind_of: dict[tuple[str, ...], str] = {}
    for kind in KINDS:
        for phrase in getattr(words, kind):
            bare = tuple(normalise(phrase))
            if not bare:
                yield f"{kind}: {phrase!r} has no word in it; take it out"
            elif kind_of.setdefault(bare, kind) != kind:
                yield f"{phrase!r} is in both {kind_of[bare]} and {kind}: a phrase does one thing; take it out of one"
    if not words.stop:
        yield "stop = []: without a word for it the device could not be stopped; name at least one"
    for phrase in words.unmistakable:
        if kind_of.get(tuple(normalise(phrase))) != "stop":
            yield f"unmistakable: {phrase!r} is not one of the stop words; add it to stop"
    for phrase in words.few:
        if tuple(normalise(phrase)) not in kind_of:
            yield f"few: {phrase!r} is in no list; add it to stop, wait or backchannel"
