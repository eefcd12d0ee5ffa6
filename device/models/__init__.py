"""The models room: where model files lie, which are there, and how to get one that is not.

Enters: a model's name.  Leaves: a folder on disk that an engine can load, or one clear error.
Thread: none of its own; ``find``, ``available`` and ``require`` read a few small files and may be called anywhere.
May import: ``device.errors``, ``device.disk`` and the standard library; ``httpx`` and ``rich`` only inside the fetch.

A model is a folder. What it is stands in its ``earshot.toml``; a plain unpacked Vosk model and a folder with
Kokoro's two files are recognised without one. Models marked ``test = true`` are tiny ones made for tests: they
are found by name, never picked.
"""

from device.models.lookup import Model, available, best, find, folders, load, require, state_folder

__all__ = ["Model", "available", "best", "find", "folders", "load", "require", "state_folder"]
