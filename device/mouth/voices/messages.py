"""What walks between the mouth and its voice engine; all picklable.

    mouth -> voice   Speak, Abort
    voice -> mouth   Ready (once, first), then for every Speak: Chunk and SpokenWord, the last Chunk marked ``last``

Sample indexes count from the first sample of their clause, at the rate of the clause's chunks; character offsets
count in ``Speak.text``. Words may come before, between or after the chunks that carry their sound, but always
before the chunk marked ``last``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """What a voice engine is made with. ``threads`` is the intra-op pool of a neural voice, 0 = cores - 1."""

    engine: str
    name: str = ""
    speed: float = 1.0
    model: str = ""
    """Folder of the model, absolute; empty for engines without one."""
    threads: int = 0


@dataclass(frozen=True, slots=True)
class Speak:
    """Synthesise ``text`` as clause number ``clause`` (unique and rising within one mouth)."""

    clause: int
    text: str


@dataclass(frozen=True, slots=True)
class Abort:
    """Forget every ``Speak`` that was sent before this: no more of its chunks are wanted."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The engine can speak."""

    engine: str
    voice: str
    rate_hz: int
    load_s: float
    timed: bool = True
    """Whether word times come from the engine itself rather than from proportions."""


@dataclass(frozen=True, slots=True)
class Warning:
    """Something a person should know, said once; the engine goes on."""

    text: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """The next samples of ``clause``: little-endian int16, mono. A clause that makes no sound is one empty chunk."""

    clause: int
    pcm: bytes
    rate_hz: int
    last: bool


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """The word ``text[char:char + length]`` of ``clause`` sounds from ``sample`` up to ``end``.

    ``end`` is -1 where the engine does not say: then the word lasts until the next one, or to the clause's end.
    """

    clause: int
    char: int
    length: int
    sample: int
    end: int = -1
