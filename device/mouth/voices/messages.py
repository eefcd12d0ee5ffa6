"""What walks between the mouth and its voice engine; all picklable.

    mouth -> voice   Speak, Abort; to a voice that ``prepares``, while nobody needs it: Prepare, Measure
    voice -> mouth   Ready (once, first), then for every Speak: Chunk and SpokenWord, the last Chunk marked ``last``;
                     for every Prepare and Measure: Prepared; now and then VoiceState, Warning

Sample indexes count from the first sample of their clause, at the rate of the clause's chunks; character offsets
count in ``Speak.text``. Words may come before, between or after the chunks that carry their sound, but always
before the chunk marked ``last``.
"""

from __future__ import annotations

import math
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
    slowest_rtf: float = math.inf
    """Compute time per second of speech above which the voice is too slow."""
    cache: str | None = None
    """Folder for prepared phrases; "" = in memory only, None = none."""


@dataclass(frozen=True, slots=True)
class Speak:
    """Synthesise ``text`` as clause number ``clause`` (unique and rising within one mouth).

    All clauses of one ``reply`` are spoken with one voice; 0 belongs to none. ``speed``: speaking rate, 1.0 = normal;
    None: the one in the settings.
    """

    clause: int
    text: str
    reply: int = 0
    speed: float | None = None


@dataclass(frozen=True, slots=True)
class Abort:
    """Forget every ``Speak`` that was sent before this: no more of its chunks are wanted."""


@dataclass(frozen=True, slots=True)
class Prepare:
    """Render ``text``, the text of a clause, and keep it: it will be spoken one day, at this ``speed``."""

    text: str
    speed: float | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """Find out how fast the voice is now."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """``Prepare(text)`` is done, or ``Measure`` (then it is empty)."""

    text: str


@dataclass(frozen=True, slots=True)
class Ready:
    """The engine can speak."""

    engine: str
    voice: str
    rate_hz: int
    load_s: float
    timed: bool = True
    """Whether word times come from the engine itself rather than from proportions."""
    prepares: bool = False
    """Whether it is so slow that it should prepare phrases while nobody needs it."""


@dataclass(frozen=True, slots=True)
class VoiceState:
    """``engine`` speaks the next reply, as ``voice``. ``rtf`` is the real-time factor of the configured engine, None where it
    is not measured; ``reason`` tells why that one does not speak, or had better not, empty while all is well."""

    engine: str
    voice: str
    rtf: float | None = None
    reason: str = ""


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
