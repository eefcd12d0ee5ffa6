"""What the ear and a recogniser engine say to each other through an ``EngineDoor``: picklable values, no behaviour.

::

    to the engine    Begin -> Audio* -> End      one utterance; answered by Partial* and exactly one Final
                     Begin -> Audio* -> Drop     the utterance is not wanted any more; no Final follows
    from the engine  Ready, Partial, Final, Warning     (Partial and Final are the events of device.values)

One utterance is open at a time: a ``Begin`` while another is open drops that one. Messages for an utterance that is
not open (after a restart of the engine, after ``Drop``) are ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from device.values import Final, ListenMode, Partial

MAX_AUDIO_SAMPLES = 320
"""Most samples in one ``Audio``: 20 ms. PocketSphinx holds the GIL for as long as a call takes."""


@dataclass(frozen=True, slots=True)
class RecogniserSettings:
    """What an engine is made from.

    ``wake_words`` may precede a command in the audio (``("alexa",)``); they never appear in a result's text.
    ``model_path`` is the folder of the Vosk model; empty for PocketSphinx, whose model lies in its own package.
    """

    engine: Literal["vosk", "pocketsphinx"]
    model_path: str = ""
    wake_words: tuple[str, ...] = ()
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Begin:
    """Open ``utterance``: its first audio sample lies at capture ``position``.

    Words whose middle lies before capture position ``after`` (the end of the wake word) do not count.
    ``mode`` "commands" listens for the local commands only; "free" takes down anything the engine can.
    """

    utterance: int
    position: int
    after: int
    mode: ListenMode = "free"


@dataclass(frozen=True, slots=True)
class Audio:
    """The next piece of ``utterance``: ``pcm`` is int16 little-endian mono at 16 kHz, at most 20 ms.

    ``position`` is its first sample; consecutive pieces are consecutive. Where frames were missing, leave them out:
    a gap in the positions is taken as lost audio (never send digital silence, it ruins the cepstral mean).
    """

    utterance: int
    position: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class End:
    """No more audio for ``utterance``: answer with its ``Final``."""

    utterance: int


@dataclass(frozen=True, slots=True)
class Drop:
    """Forget ``utterance``; no ``Final`` is wanted."""

    utterance: int


@dataclass(frozen=True, slots=True)
class Ready:
    """The engine is loaded. ``free``: it can take down any sentence, not only commands."""

    engine: str
    free: bool
    load_s: float


@dataclass(frozen=True, slots=True)
class Warning:
    """Something a person should know; the engine goes on (a word it cannot pronounce, lost audio)."""

    text: str


ToEngine = Begin | Audio | End | Drop
FromEngine = Ready | Warning | Partial | Final
