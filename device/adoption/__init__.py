"""Room *adoption*: a running device takes another configuration, and listens on meanwhile.

Enters: a ``Config`` that is valid. Leaves: what of it this machine cannot do (``meaning``); then everything that takes time,
made ready (``prepare``); then the same device, by other rules (``Adoption``). Thread: ``meaning`` and ``prepare`` in any but
the ear's, for they read files and load models; ``Adoption`` in the ear's, and no call of it blocks. May import: what it
changes, that is ear, mouth, engines and link, beside values, errors and config; the daemon for its type only.

    Config ─► meaning ─► faults
       └────► prepare ─► Prepared ─┬─ figures, words, volume ─────────────────────────► in force with the next step
              (models, processes)  ├─ wake words: catch up with what was just said ───► in force 90 ms later
                                   └─ engines: the old one works until the new one is ready and nobody needs either
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from device.adoption.adoption import Adoption as Adoption
    from device.adoption.lacking import meaning as meaning
    from device.adoption.lacking import vital as vital
    from device.adoption.prepared import Prepared as Prepared
    from device.adoption.prepared import prepare as prepare

_HOME = {
    "Adoption": "adoption",
    "Prepared": "prepared",
    "prepare": "prepared",
    "meaning": "lacking",
    "vital": "lacking",
}

__all__ = ["Adoption", "Prepared", "meaning", "prepare", "vital"]


def __getattr__(name: str) -> Any:
    """A name on first use: whoever only asks for the meaning of a file needs no wake word."""
    import importlib

    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
