"""How sentences of a language end, and how they do not: word lists for the endpointing, a table of the words file."""

from __future__ import annotations

import msgspec

__all__ = ["Endings"]


class Endings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Words and phrases by what they tell about a sentence; ``languages/en.toml`` says what each list is for."""

    fillers: tuple[str, ...] = ()
    openers: tuple[str, ...] = ()
    closers: tuple[str, ...] = ()
    dangling: tuple[str, ...] = ()
    finished: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()
    continuable: tuple[str, ...] = ()
    prepositions: tuple[str, ...] = ()
    left_behind: tuple[str, ...] = ()
    stranding: tuple[str, ...] = ()
    stranding_suffixes: tuple[str, ...] = ()
    nouns: tuple[str, ...] = ()
    determiners: tuple[str, ...] = ()
    particles: tuple[str, ...] = ()
    particle_verbs: tuple[str, ...] = ()
    wants_particle: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()
    question_words: tuple[str, ...] = ()
    auxiliaries: tuple[str, ...] = ()
    main_verbs: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    pronouns: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    tens: tuple[str, ...] = ()
    wants_unit: tuple[str, ...] = ()
    clock: tuple[str, ...] = ()
